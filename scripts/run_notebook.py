"""Run a notebook's cells from top to bottom, in one namespace, and write what they show into its file.

    python scripts/run_notebook.py examples/notebook.ipynb

Without Jupyter, so that it needs nothing and every run writes the same bytes: no times, no versions.
Does not know: widgets, magics, or pictures.
"""

from __future__ import annotations

import ast
import io
import json
import sys
from contextlib import redirect_stdout
from pathlib import Path
from typing import TypedDict


class Cell(TypedDict, total=False):
    """A cell as the file holds it (nbformat 4.5)."""

    cell_type: str
    id: str
    metadata: dict[str, object]
    source: list[str]
    execution_count: int | None
    outputs: list[dict[str, object]]


class Notebook(TypedDict):
    """A notebook as the file holds it."""

    cells: list[Cell]
    metadata: dict[str, object]
    nbformat: int
    nbformat_minor: int


def read(path: Path) -> Notebook:
    """Read a notebook's file."""
    found: Notebook = json.loads(path.read_text(encoding="utf-8"))
    return found


def written(notebook: Notebook) -> str:
    """The file's content, in the form that Jupyter writes."""
    return json.dumps(notebook, indent=1, ensure_ascii=False, sort_keys=True) + "\n"


def executed(notebook: Notebook) -> Notebook:
    """The same notebook with its outputs as they are now; an error in a cell is raised.

    Example::

        assert written(executed(read(path))) == path.read_text()
    """
    names: dict[str, object] = {"__name__": "__notebook__"}
    cells, count = [], 0
    for number, cell in enumerate(notebook["cells"]):
        if cell["cell_type"] == "code":
            count += 1
            outputs = _outputs("".join(cell["source"]), names, f"cell {number}", count)
            cell = {**cell, "execution_count": count, "outputs": outputs}
        cells.append({**cell, "id": f"cell-{number:02}"})
    return {**notebook, "cells": cells, "nbformat": 4, "nbformat_minor": 5}  # type: ignore[typeddict-item]  # as above


def _outputs(source: str, names: dict[str, object], place: str, count: int) -> list[dict[str, object]]:
    """What one cell prints, and what its last expression shows."""
    tree = ast.parse(source, place)
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    said, value = io.StringIO(), None
    with redirect_stdout(said):
        exec(compile(tree, place, "exec"), names)  # noqa: S102  # our own notebook
        if isinstance(last, ast.Expr):
            value = eval(compile(ast.Expression(last.value), place, "eval"), names)  # noqa: S307  # as above
    outputs: list[dict[str, object]] = []
    if said.getvalue():
        outputs.append({"output_type": "stream", "name": "stdout", "text": _lines(said.getvalue())})
    if value is not None:
        html = getattr(value, "_repr_html_", None)
        # What shows itself as HTML may hold wall seconds in its text form.
        data = {"text/plain": _lines(repr(value) if html is None else f"<{type(value).__name__}>")}
        if html is not None:
            data["text/html"] = _lines(html())
        shown = {"output_type": "execute_result", "data": data, "metadata": {}, "execution_count": count}
        outputs.append(shown)
    return outputs


def _lines(text: str) -> list[str]:
    return text.splitlines(keepends=True)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("say which notebook: python scripts/run_notebook.py examples/notebook.ipynb")
    file = Path(sys.argv[1])
    file.write_text(written(executed(read(file))), encoding="utf-8")
    print(f"{file}: run and written")
