"""The reply's outer schema: where each handle's answer stands, and where its seal.

Handles come from a fixed pool in a fixed order, so the schema depends on the task, the layout and
the number of seats alone: it is byte-identical for all packs of one size, which is what prompt and
grammar caches need. Does not know: which item sits behind a handle.
"""

from __future__ import annotations

from collections.abc import Sequence

from schemas.portable import ANSWER_NAME
from schemas.settings import Layout
from schemas.task import Task

RESULTS_KEY = "results"
ID_KEY = "id"
SEAL_KEY = "seal"
ANSWER_KEY = "answer"


def reply_schema(task: Task[object], handles: Sequence[str], layout: Layout) -> dict[str, object]:
    """Build the schema of one whole reply.

    Args:
        task: gives the schema of one answer.
        handles: the pack's handles, in seat order.
        layout: envelope and binding.

    Returns:
        ``{"<handle>": answer, ...}`` (keyed) or ``{"results": [{"id", "answer"}, ...]}`` (array);
        with seals, ``seal`` comes before ``answer`` so that a model binds before it judges.
    """
    defs: dict[str, object] = {ANSWER_NAME: task.output.portable.answer}
    answer: dict[str, object] = {"$ref": f"#/$defs/{ANSWER_NAME}"}
    sealed = layout.binding == "seal"
    if layout.envelope == "keyed":
        if sealed:
            defs["Sealed"] = _closed({SEAL_KEY: {"type": "string"}, ANSWER_KEY: answer})
            answer = {"$ref": "#/$defs/Sealed"}
        root = _closed(dict.fromkeys(handles, answer))
    else:
        entry: dict[str, object] = {ID_KEY: {"type": "string", "enum": list(handles)}}
        if sealed:
            entry[SEAL_KEY] = {"type": "string"}
        entry[ANSWER_KEY] = answer
        defs["Entry"] = _closed(entry)
        root = _closed({RESULTS_KEY: {"type": "array", "items": {"$ref": "#/$defs/Entry"}}})
    return {**root, "$defs": defs}


def _closed(properties: dict[str, object]) -> dict[str, object]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }
