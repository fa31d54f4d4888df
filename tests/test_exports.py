"""The public surface: what is promised is there, sorted, and importing it stays light."""

from __future__ import annotations

import inspect
import subprocess
import sys
from pathlib import Path

import pytest

import packer
import packer.testing
import splitter
from packer import pack_and_run, pack_and_run_async, pack_and_stream


@pytest.mark.parametrize("module", [packer, splitter, packer.testing], ids=lambda m: m.__name__)
def test_all_is_sorted_and_true(module: object) -> None:
    names = module.__all__  # type: ignore[attr-defined]
    assert list(names) == sorted(names)
    assert all(hasattr(module, name) for name in names)


def test_the_three_doors_take_the_same_options() -> None:
    wanted = list(inspect.signature(pack_and_run).parameters.values())
    assert list(inspect.signature(pack_and_run_async).parameters.values()) == wanted
    streamed = list(inspect.signature(pack_and_stream).parameters.values())
    assert [each.name for each in streamed[len(wanted) :]] == ["window", "on_window"]
    # It takes any input that the others take, and async ones.
    assert streamed[0].annotation == f"{wanted[0].annotation} | AsyncIterable[ItemLike]"
    assert streamed[1 : len(wanted)] == wanted[1:]


def test_importing_packer_loads_no_provider_and_no_heavy_library() -> None:
    heavy = (
        "openai",
        "anthropic",
        "tiktoken",
        "jsonschema",
        "pydantic",
        "rich",
        "typer",
        "xllamacpp",
        "numpy",
    )
    script = f"import sys, packer; print([name for name in {heavy!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_foreign_schemas_module_is_named_in_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "schemas.py").write_text("")
    home = Path(packer.__file__).parent.parent
    script = f"import sys; sys.path[:0] = [{str(tmp_path)!r}, {str(home)!r}]; import packer"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("ImportError: packsplit needs its own package 'schemas'")
    assert str(tmp_path / "schemas.py") in last
    assert "rename" in last


def test_typed_packages_say_so() -> None:
    home = Path(packer.__file__).parent.parent
    assert all((home / name / "py.typed").is_file() for name in ("packer", "splitter", "schemas"))
