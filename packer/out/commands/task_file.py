"""A task in a JSON file: what is asked, and what an answer must be.

    {"instruction": "Sentiment of a review.", "labels": ["good", "bad"], "multi": false}
    {"instruction": "Number and total.", "schema": {"type": "object", ...}, "evidence": false}

Labels can be an object of label and meaning; both kinds take ``"examples": [[text, answer], ...]``. Nothing
in the file is run. Does not know: what the task is used for.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from packer.out.commands.near import did_you_mean, near_file
from schemas.errors import BadTask, UsageError
from schemas.task import Example, Task

LARGEST_BYTES = 10_000_000
_KEYS = ("instruction", "labels", "multi", "schema", "evidence", "examples")


def read_task(path: Path) -> Task[object]:
    """Read a task.

    Raises:
        UsageError: no such file, or one that describes no task; names the file and the key.
    """
    body = _object(path)
    if unknown := [key for key in body if key not in _KEYS]:
        raise UsageError(
            f"{path}: {unknown[0]!r} is no key of a task file; its keys are {', '.join(map(repr, _KEYS))}."
            f"{did_you_mean(unknown[0], _KEYS)}"
        )
    labels, schema = body.get("labels"), body.get("schema")
    if (labels is None) == (schema is None):
        raise UsageError(
            f"{path}: give either 'labels' (a list, or an object of label and meaning) or 'schema' (a JSON "
            f"schema of one answer), {'not both' if labels is not None else 'as neither is there'}."
        )
    instruction = body.get("instruction")
    if not isinstance(instruction, str):
        raise UsageError(f"{path}: 'instruction' must be a text that says what is asked of each item.")
    for flag, beside in (("multi", "labels"), ("evidence", "schema")):
        if not isinstance(body.get(flag, False), bool):
            raise UsageError(f"{path}: {flag!r} must be true or false.")
        if flag in body and body.get(beside) is None:
            raise UsageError(f"{path}: {flag!r} goes with {beside!r}; leave it out.")
    examples = _examples(path, body.get("examples", []))
    try:
        if labels is None:
            if not isinstance(schema, dict):
                raise UsageError(f"{path}: 'schema' must be a JSON schema, as an object.")
            return Task.extract(instruction, schema, examples=examples, evidence=body.get("evidence") is True)
        names = _labels(path, labels)
        if body.get("multi") is True:
            return Task.classify(instruction, names, multi=True, examples=examples)
        return Task.classify(instruction, names, examples=examples)
    except BadTask as error:
        raise UsageError(f"{path}: {error}") from None


def _object(path: Path) -> dict[str, object]:
    if path.is_dir():
        raise UsageError(f"{str(path)!r} is a folder; a task file is one JSON object.")
    if not path.is_file():
        raise UsageError(f"There is no task file {str(path)!r}.{near_file(path)}")
    if path.suffix.lower() in (".csv", ".jsonl", ".parquet"):
        raise UsageError(f"{str(path)!r} looks like rows; a task file is one JSON object, in a .json file.")
    try:
        if path.stat().st_size > LARGEST_BYTES:
            raise UsageError(f"{path} is no task file: it has more than {LARGEST_BYTES:,} bytes.")
        found = json.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror or error}.") from None
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{path} is not JSON: {error}.") from None
    if not isinstance(found, dict):
        raise UsageError(f"{path} holds a {type(found).__name__}; a task file is one JSON object.")
    return found


def _labels(path: Path, labels: object) -> list[str] | Mapping[str, str]:
    if isinstance(labels, list) and all(isinstance(each, str) for each in labels):
        return labels
    if isinstance(labels, dict) and all(isinstance(each, str) for each in labels.values()):
        return labels
    raise UsageError(f"{path}: 'labels' must be a list of texts, or an object of label and meaning.")


def _examples(path: Path, examples: object) -> list[Example]:
    if not isinstance(examples, list):
        raise UsageError(f"{path}: 'examples' must be a list of [text, answer] pairs.")
    made = []
    for number, pair in enumerate(examples):
        if not (isinstance(pair, list) and len(pair) == 2 and isinstance(pair[0], str)):
            raise UsageError(f"{path}: 'examples' entry {number} (counted from 0) is no [text, answer] pair.")
        made.append(Example(pair[0], pair[1]))
    return made
