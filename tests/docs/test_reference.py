"""The API reference names every public name exactly once, where it is, and each says what it is."""

from __future__ import annotations

import importlib
import inspect
import re
from collections import Counter

import pytest

import packer
import packer.clients
import packer.testing
import splitter
from schemas import errors
from tests.docs.pages import DOCS

DIRECTIVE = re.compile(r"^::: (\S+)$", re.MULTILINE)
PAGES = sorted((DOCS / "reference").glob("*.md"))
SHOWN = [name for page in PAGES for name in DIRECTIVE.findall(page.read_text())]


def thing(path: str) -> object:
    """What stands at a dotted path."""
    module, _, name = path.rpartition(".")
    found: object = getattr(importlib.import_module(module), name)
    return found


@pytest.mark.parametrize("path", SHOWN)
def test_what_the_reference_names_is_there_and_says_what_it_is(path: str) -> None:
    found = thing(path)
    if inspect.isclass(found) or callable(found):
        said = inspect.getdoc(found) or ""
        assert len(said.split()) > 2, f"{path} has no docstring of its own"
        assert not said.startswith(f"{path.rpartition('.')[2]}("), f"{path} has a generated docstring"


def test_nothing_is_shown_twice() -> None:
    assert [path for path, times in Counter(SHOWN).items() if times > 1] == []
    assert [n for n, times in Counter(map(id, map(thing, SHOWN))).items() if times > 1] == []


@pytest.mark.parametrize(
    "module", [packer, splitter, packer.testing, packer.clients], ids=lambda m: m.__name__
)
def test_every_public_name_is_in_the_reference_once(module: object) -> None:
    shown = Counter(id(thing(path)) for path in SHOWN)
    names: list[str] = module.__all__  # type: ignore[attr-defined]
    assert [name for name in names if shown[id(getattr(module, name))] != 1] == []


def test_every_error_is_in_the_reference_once() -> None:
    tree = [
        f"{errors.__name__}.{name}"
        for name, kind in vars(errors).items()
        if isinstance(kind, type) and issubclass(kind, errors.PacksplitError)
    ]
    assert [name for name in tree if SHOWN.count(name) != 1] == []


def test_every_page_of_the_reference_is_in_the_site() -> None:
    site = (DOCS.parent / "mkdocs.yml").read_text()
    assert [page.name for page in PAGES if f"reference/{page.name}" not in site] == []
