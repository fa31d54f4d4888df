"""The example notebook is what its cells make, valid, and free of this machine."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from scripts.run_notebook import Notebook, executed, read, written

FILE = Path(__file__).parent.parent / "examples" / "notebook.ipynb"


def test_the_committed_notebook_is_what_its_cells_make() -> None:
    assert written(executed(read(FILE))) == FILE.read_text(encoding="utf-8"), (
        "run: python scripts/run_notebook.py examples/notebook.ipynb"
    )


def test_it_is_a_notebook_of_format_4_5() -> None:
    """What the format's schema asks of the cells that there are."""
    notebook = read(FILE)
    assert (notebook["nbformat"], notebook["nbformat_minor"]) == (4, 5)
    ids = [cell["id"] for cell in notebook["cells"]]
    assert len(set(ids)) == len(ids)
    assert all(re.fullmatch(r"[a-zA-Z0-9-_]{1,64}", each) for each in ids)
    for cell in notebook["cells"]:
        keys = {"cell_type", "id", "metadata", "source"}
        assert set(cell) == (keys | {"outputs", "execution_count"} if cell["cell_type"] == "code" else keys)
        for output in cell.get("outputs", []):
            stream = {"output_type", "name", "text"}
            assert set(output) in (stream, {"output_type", "data", "metadata", "execution_count"})


def test_it_is_also_one_by_the_formats_own_schema() -> None:
    nbformat = pytest.importorskip("nbformat")
    assert nbformat.validator.isvalid(read(FILE))
    nbformat.validate(read(FILE))  # says what is wrong


def test_nothing_of_this_machine_is_in_it() -> None:
    text = FILE.read_text(encoding="utf-8")
    assert not re.search(
        r"/(home|tmp|work|Users)/|\d\d:\d\d:\d\d|20\d\d-\d\d-\d\d|0x[0-9a-f]{6,}|seconds=", text
    )


def test_a_cell_shows_what_it_prints_and_its_last_expression_and_an_error_is_raised() -> None:
    def of(*sources: str) -> Notebook:
        cells = [{"cell_type": "code", "metadata": {}, "source": [each]} for each in sources]
        return {"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}  # type: ignore[typeddict-item]

    one, two, three = executed(of("n = 2\nprint(n)\nn + 1", "n = n * 2", "None"))["cells"]
    assert [each["output_type"] for each in one["outputs"]] == ["stream", "execute_result"]
    assert one["outputs"][1]["data"] == {"text/plain": ["3"]}
    assert two["outputs"] == three["outputs"] == []
    with pytest.raises(ZeroDivisionError):
        executed(of("1 / 0"))
