"""Hooks of the documentation's build: what stands outside ``docs/`` and belongs to the site is brought in.

Pages link to results as they lie in the repository (``../benchmarks/results/cost.md``), so that a link works
in a checkout, too; in the site they stand under ``results/``. Does not know: what any page says.
"""

from __future__ import annotations

import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

HOME = Path(__file__).parent.parent
RESULTS = HOME / "benchmarks" / "results"
LINK = re.compile(r"(?<=\]\()(?:\.\./)+benchmarks/results/(?=[\w.]+\))")
FIRST_LINE = re.compile(r"\A`(?P<command>[^`\n]+)`$", re.MULTILINE)


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the results' tables and pictures, and the changelog."""
    for each in sorted(RESULTS.iterdir()):
        if each.suffix in (".md", ".png"):
            files.append(File.generated(config, f"results/{each.name}", abs_src_path=str(each)))
    files.append(File.generated(config, "changelog.md", abs_src_path=str(HOME / "CHANGELOG.md")))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Point links at results to where they stand in the site; give a page of results its title."""
    src = page.file.src_uri
    if src.startswith("results/"):
        made_by = FIRST_LINE.match(markdown)
        return f"# {page.file.name}\n\n{markdown}" if made_by else markdown
    return LINK.sub("../" * src.count("/") + "results/", markdown)
