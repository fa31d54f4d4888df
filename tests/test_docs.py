"""Every code block of README and docs runs, and every docstring example is true; offline."""

from __future__ import annotations

import doctest
import importlib
import pkgutil
import re
from pathlib import Path

import pytest

import packer
import schemas
import splitter

HOME = Path(__file__).parent.parent
PAGES = [HOME / "README.md", *sorted((HOME / "docs").rglob("*.md"))]
BLOCK = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_code_blocks_run(page: Path) -> None:
    """Asserts inside a block are its claims; a page is read from top to bottom, so its names carry on."""
    names: dict[str, object] = {"__name__": "__docs__"}
    for number, code in enumerate(BLOCK.findall(page.read_text())):
        exec(compile(code, f"{page.name}[{number}]", "exec", dont_inherit=True), names)


def modules() -> list[str]:
    found = []
    for package in (schemas, splitter, packer):
        found += [m.name for m in pkgutil.walk_packages(package.__path__, f"{package.__name__}.")]
    return found


@pytest.mark.parametrize("name", modules())
def test_docstring_examples_are_true(name: str) -> None:
    assert doctest.testmod(importlib.import_module(name)).failed == 0


@pytest.mark.parametrize("name", modules())
def test_every_module_says_what_it_does_not_know(name: str) -> None:
    doc = importlib.import_module(name).__doc__ or ""
    text = " ".join(doc.split())
    is_package = hasattr(importlib.import_module(name), "__path__")
    assert len(doc.partition("\n")[0].split()) >= 3, f"{name} does not begin by saying what it is"
    assert is_package or re.search(r"[Dd]oes not know|knows no|Imported by nothing", text), name
