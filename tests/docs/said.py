"""What the code can say: sentences in its literals, with ``...`` where something is filled in."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache

from schemas import errors
from tests.docs.pages import HOME

GAP = "..."
_ROOMS = ("schemas", "splitter", "packer")
_TOLD = {
    name
    for name, kind in vars(errors).items()
    if isinstance(kind, type) and issubclass(kind, errors.RunError)
} | {"Reason", "Signal", "_refuse"}
"""Calls whose sentence a user meets in a result, a signal, or as what went wrong in the world."""

SENTENCES = (
    "packer/run/proof/promise_words.py",
    "packer/run/flow/sizing.py",
    "packer/run/live/spending.py",
    "packer/audit/report.py",
)
"""Files that make nothing but sentences for users."""


@cache
def _trees() -> dict[str, ast.Module]:
    files = (path for room in _ROOMS for path in sorted((HOME / room).rglob("*.py")))
    return {
        str(path.relative_to(HOME)): ast.parse(path.read_text())
        for path in files
        if "testing" not in path.parts
    }


@cache
def literals() -> frozenset[str]:
    """All literals of the code but docstrings and the like; f-strings with their gaps."""
    return frozenset(text for tree in _trees().values() for text in _literals(tree))


@cache
def told() -> frozenset[tuple[str, str]]:
    """The sentences of results, signals and world errors, each with the place that says it."""
    found: set[tuple[str, str]] = set()
    for where, tree in _trees().items():
        if where in SENTENCES:
            found |= {(where, text) for text in _literals(tree)}
        for scope in ast.walk(tree):
            if not isinstance(scope, ast.Module | ast.FunctionDef | ast.AsyncFunctionDef):
                continue
            calls = [
                each for each in ast.walk(scope) if isinstance(each, ast.Call) and _called(each) in _TOLD
            ]
            # What a module's own names hold says nothing of a function's.
            names = _assigned(scope) if calls and not isinstance(scope, ast.Module) else {}
            for call in calls:
                for given in call.args:
                    found |= {(f"{where}:{call.lineno}", text) for text in _texts(given, names)}
    return frozenset(found)


def pieces(text: str) -> list[str]:
    """What stands between the gaps of a sentence."""
    return [each.strip() for each in text.split(GAP) if any(letter.isalpha() for letter in each)]


def _called(call: ast.Call) -> str:
    return call.func.id if isinstance(call.func, ast.Name) else getattr(call.func, "attr", "")


def _assigned(function: ast.AST) -> dict[str, list[ast.expr]]:
    """What a function's own names may hold."""
    found: dict[str, list[ast.expr]] = {}
    for node in ast.walk(function):
        target = node.targets[0] if isinstance(node, ast.Assign) else getattr(node, "target", None)
        if isinstance(node, ast.Assign | ast.AugAssign) and isinstance(target, ast.Name):
            found.setdefault(target.id, []).append(node.value)
    return found


def _texts(node: ast.expr, names: dict[str, list[ast.expr]]) -> Iterator[str]:
    if isinstance(node, ast.Name):
        for value in names.get(node.id, []):
            yield from _texts(value, {})
    elif isinstance(node, ast.IfExp):
        yield from _texts(node.body, names)
        yield from _texts(node.orelse, names)
    else:
        text = _text(node)
        if text is not None:
            yield text


def _text(node: ast.expr) -> str | None:
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else None
    if isinstance(node, ast.JoinedStr):
        return "".join(str(part.value) if isinstance(part, ast.Constant) else GAP for part in node.values)
    return None


def _literals(tree: ast.AST) -> Iterator[str]:
    quiet = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    inner: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            inner |= {id(part) for part in node.values}
        if isinstance(node, ast.Constant | ast.JoinedStr) and id(node) not in quiet | inner:
            text = _text(node)
            if text is not None:
                yield text
