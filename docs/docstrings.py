"""A griffe extension: a docstring's ``Example:`` is read as the section ``Examples:``, ``Example::`` as code.

Our docstrings have one example each and say so; griffe knows the plural only and takes a doctest for prose.
Does not know: what a docstring says.
"""

from __future__ import annotations

import re

from griffe import Extension, Object

ONE = re.compile(r"^(?P<margin> *)Example:$", re.MULTILINE)
LITERAL = re.compile(r"^(?P<margin> *)Example::\n\n(?P<code>(?:(?P=margin) +.*\n?|\n)+)", re.MULTILINE)


def _fenced(found: re.Match[str]) -> str:
    margin = found["margin"]
    return f"{margin}Example\n\n{margin}```py\n{_dedented(found['code'], margin)}\n{margin}```\n"


def _dedented(code: str, margin: str) -> str:
    deeper = f"{margin}    "
    return "\n".join(margin + line.removeprefix(deeper) for line in code.rstrip().split("\n"))


class OneExample(Extension):
    """Makes ``Example:`` a section that griffe knows."""

    def on_object(self, *, obj: Object, **_: object) -> None:
        """Rewrite one docstring before it is parsed."""
        if obj.docstring is not None:
            plural = ONE.sub(r"\g<margin>Examples:", obj.docstring.value)
            obj.docstring.value = LITERAL.sub(_fenced, plural)
