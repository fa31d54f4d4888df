"""No link leads nowhere: relative ones to a file and heading that exist, others to a well-formed address."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from tests.docs.pages import DOCS, HOME, RESULTS, anchors, links, name_of, text_pages, urls

HOST = re.compile(r"[a-z0-9-]+(\.[a-z0-9-]+)*\.[a-z]{2,}")


@cache
def anchors_of(page: Path) -> frozenset[str]:
    return frozenset(anchors(page.read_text()))


@pytest.mark.parametrize("page", text_pages(), ids=name_of)
def test_links_lead_somewhere(page: Path) -> None:
    assert [why for link in links(page.read_text()) if (why := wrong_with(link, page))] == []


@pytest.mark.parametrize("page", text_pages(), ids=name_of)
def test_addresses_are_well_formed(page: Path) -> None:
    assert [why for url in urls(page.read_text()) if (why := wrong_with_url(url))] == []


def wrong_with(link: str, page: Path) -> str:
    """Why a link leads nowhere; empty when it leads somewhere."""
    if re.match(r"[a-z][a-z0-9+.-]*:", link):
        return "" if link.startswith("mailto:") else wrong_with_url(link)
    name, _, anchor = link.partition("#")
    if name.startswith("/"):
        return f"{link}: relative links only, or the site and the repository lead to different places"
    target = page.parent / unquote(name) if name else page
    if not target.exists():
        return f"{link}: there is no {target}"
    if not target.resolve().is_relative_to(HOME):
        return f"{link}: outside the repository"
    inside = DOCS if page.is_relative_to(DOCS) else HOME
    # docs/hooks.py takes the results along, but no anchors in them.
    if not target.resolve().is_relative_to(inside) and (anchor or target.resolve().parent != RESULTS):
        return f"{link}: outside docs/, so nowhere on the site"
    if anchor and target.suffix == ".md" and unquote(anchor) not in anchors_of(target.resolve()):
        return f"{link}: {target.name} has no heading #{anchor}"
    return ""


def wrong_with_url(url: str) -> str:
    """Why an address cannot be one; empty when it can."""
    parts = urlsplit(url)
    if parts.hostname in ("localhost", "127.0.0.1"):
        return ""
    if parts.scheme != "https":
        return f"{url}: https, please"
    if parts.hostname is None or not HOST.fullmatch(parts.hostname):
        return f"{url}: no host"
    return f"{url}: a space or a quote" if re.search(r"[\s\"'<>]", url) else ""


@pytest.mark.parametrize(
    "link", ["nowhere.md", "store.md#nothing", "#nothing", "http://example.org", "https://", "/store.md"]
)
def test_a_link_that_leads_nowhere_is_seen(link: str, tmp_path: Path) -> None:
    assert wrong_with(link, DOCS / "bleed.md")


def test_what_is_no_link_is_not_taken_for_one() -> None:
    text = '```md\n[a](gone.md)\n```\n`[b](gone.md)` and [c [d]](there.md "title") ![e](f.png)\n[g]: h.md\n'
    assert links(text) == ["there.md", "f.png", "h.md"]


def test_anchors_are_those_of_the_site_and_of_the_repository() -> None:
    text = "# What `a_b` is, and why\n\n```sh\n# none\n```\n## Twice\n## Twice\n### Own {#mine}\n"
    assert anchors(text) == {"what-a_b-is-and-why", "twice", "twice-1", "twice_1", "mine", "own"}
