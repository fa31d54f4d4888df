"""The reply's outer schema: where each handle's answer stands, and what binds it to its item.

Handles come from a fixed pool in a fixed order, so a keyed schema depends on the task, the layout and
the number of seats alone: it is byte-identical for all packs of one size, which is what prompt and
grammar caches need. A list's schema names no handle, so it is byte-identical for all packs of a run,
whatever their size; whether ids are right is for the splitter to see. Lines have no schema: they are for
servers that cannot hold a model to one. Does not know: which item sits behind a handle.
"""

from __future__ import annotations

from collections.abc import Sequence

from schemas.evidence import quoted, with_quotes
from schemas.portable import ANSWER_NAME, closed_object
from schemas.settings import Layout
from schemas.task import Example, Task

RESULTS_KEY = "results"
ID_KEY = "id"
ANSWER_KEY = "answer"
BOUND_WORDS = 3
"""How many of an item's first words ``binding="words"`` asks for."""

BOUND_NAME = "Bound"
"""The definition of an answer together with what binds it to its item."""


def reply_schema(task: Task[object], handles: Sequence[str], layout: Layout) -> dict[str, object]:
    """Build the schema of one whole reply.

    Args:
        task: gives the schema of one answer.
        handles: the pack's handles, in seat order.
        layout: envelope and binding.

    Returns:
        ``{"<handle>": answer, ...}`` (keyed) or ``{"results": [{"id", "answer"}, ...]}`` (array);
        with a binding, ``seal``, ``words`` or ``quote`` comes before ``answer`` so that a model binds
        before it judges. Empty for ``lines``, a single item's too: nothing is constrained.
    """
    if layout.envelope == "lines":
        return {}
    defs: dict[str, object] = {ANSWER_NAME: answer_schema(task)}
    answer: dict[str, object] = {"$ref": f"#/$defs/{ANSWER_NAME}"}
    bound: dict[str, object] = {} if layout.binding == "none" else {layout.binding: {"type": "string"}}
    if layout.envelope == "keyed":
        if bound:
            defs[BOUND_NAME] = closed_object({**bound, ANSWER_KEY: answer})
            answer = {"$ref": f"#/$defs/{BOUND_NAME}"}
        root = closed_object(dict.fromkeys(handles, answer))
    else:
        entry: dict[str, object] = {ID_KEY: {"type": "string"}, **bound}
        entry[ANSWER_KEY] = answer
        defs["Entry"] = closed_object(entry)
        root = closed_object({RESULTS_KEY: {"type": "array", "items": {"$ref": "#/$defs/Entry"}}})
    return {**root, "$defs": defs}


def answer_schema(task: Task[object]) -> dict[str, object]:
    """The schema of one answer as a reply holds it: with quotes where the task asks for them."""
    plain = task.output.portable.answer
    return with_quotes(plain) if task.evidence else plain


def example_answer(task: Task[object], example: Example) -> object:
    """A worked example's answer as a reply holds it."""
    if not task.evidence:
        return example.answer
    return quoted(example.answer, example.text, task.output.portable.answer)
