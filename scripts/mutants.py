"""What mutmut found: a table by file and what each survivor changed; or a draw of mutants to run.

    python -m scripts.mutants                # after `make mutants`
    python -m scripts.mutants --draw 100 --seed 8 splitter/bleed/

Reads ``mutants/``, which mutmut writes. A draw names mutants that have no result yet and change more than the
words of a message, for ``make mutants ONLY=``. Does not know: how mutants are made or run (mutmut), or which
survivors have an answer (docs/mutants.md).
"""

from __future__ import annotations

import argparse
import ast
import difflib
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from random import Random

_Function = ast.FunctionDef | ast.AsyncFunctionDef

HOME = Path(__file__).parent.parent / "mutants"
STATES = ("killed", "timed out", "survived", "no tests")
_ENDS: Mapping[int, str] = {
    0: "survived",
    **dict.fromkeys((5, 33), "no tests"),
    **dict.fromkeys((-24, 24, 36, 152, 255), "timed out"),
}
"""mutmut's exit codes; any other is a kill."""


@dataclass(frozen=True, slots=True)
class Mutant:
    """One change of one function.

    Attributes:
        name: mutmut's name for it.
        file: the file it is in, from the root of the project.
        state: one of ``STATES``; None when it was not run.
    """

    name: str
    file: str
    state: str | None


def mutants(*, under: str = "") -> Iterator[Mutant]:
    """All mutants there are, in the order of files.

    Args:
        under: how the file's name must begin.
    """
    for path in sorted(HOME.rglob("*.py.meta")):
        file = path.relative_to(HOME).as_posix().removesuffix(".meta")
        if file.startswith(under):
            for name, code in json.loads(path.read_text())["exit_code_by_key"].items():
                yield Mutant(name, file, None if code is None else state(code))


def state(code: int) -> str:
    """How a run ended that has this exit code."""
    return _ENDS.get(code, "killed")


def table(every: Sequence[Mutant]) -> str:
    """A row of Markdown for each file, and one for all."""
    rows = [f"| file | mutants | run | {' | '.join(STATES)} |", "|---" * (3 + len(STATES)) + "|"]
    files = sorted({each.file for each in every})
    for title, among in [
        *((file, [each for each in every if each.file == file]) for file in files),
        ("all", every),
    ]:
        counts = Counter(each.state for each in among if each.state is not None)
        cells = [len(among), counts.total(), *(counts[name] for name in STATES)]
        rows.append(f"| {title} | {' | '.join(map(str, cells))} |")
    return "\n".join(rows)


class Both:
    """A file as mutmut wrote it: for each mutant the function before and after.

    Args:
        code: its text.
    """

    def __init__(self, code: str) -> None:
        self._functions = {
            node.name: node
            for node in ast.walk(ast.parse(code))
            if isinstance(node, _Function) and "__mutmut_" in node.name
        }

    def changed(self, mutant: Mutant) -> str:
        """The lines that a mutant changes, before and after."""
        before, after = (ast.unparse(node).splitlines()[1:] for node in self._of(mutant))
        lines = difflib.unified_diff(before, after, n=0, lineterm="")
        return "\n".join(line for line in lines if line[:1] in "+-" and line[:3] not in ("+++", "---"))

    def only_words(self, mutant: Mutant) -> bool:
        """Whether it changes nothing but texts of several words, which are for people."""
        before, after = (
            [ast.dump(_Wordless().visit(deepcopy(each))) for each in node.body] for node in self._of(mutant)
        )
        return before == after

    def _of(self, mutant: Mutant) -> tuple[_Function, _Function]:
        name = mutant.name.rpartition(".")[2]
        return self._functions[f"{name.rpartition('__mutmut_')[0]}__mutmut_orig"], self._functions[name]


class _Wordless(ast.NodeTransformer):
    """Takes texts of several words away."""

    def visit_Constant(self, node: ast.Constant) -> ast.Constant:
        """Such a text becomes an empty one."""
        return ast.Constant("") if isinstance(node.value, str) and " " in node.value else node


def main() -> None:
    """Print the draw, or the table and the survivors."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("under", nargs="?", default="", help="how a file's name begins")
    parser.add_argument(
        "--draw", type=int, metavar="N", help="print so many names not run yet, drawn by chance"
    )
    parser.add_argument("--seed", type=int, default=0)
    told = parser.parse_args()
    every = list(mutants(under=told.under))
    if not every:
        raise SystemExit(f"{HOME} holds no mutants of {told.under or 'anything'}; run: make mutants")
    both = {file: Both((HOME / file).read_text()) for file in {each.file for each in every}}
    if told.draw is not None:
        left = [each for each in every if each.state is None]
        Random(told.seed).shuffle(left)
        print(*islice((each.name for each in left if not both[each.file].only_words(each)), told.draw))
        return
    print(table(every))
    for each in every:
        if each.state in ("survived", "no tests"):
            print(f"\n{each.name}: {each.state}\n{both[each.file].changed(each)}")


if __name__ == "__main__":
    main()
