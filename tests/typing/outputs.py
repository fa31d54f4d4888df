"""Not run: mypy and pyright read it. A task's values have the type that was asked for."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Literal, TypedDict, assert_type

from pydantic import BaseModel

from packer import Example, RunResult, Task, pack_and_run
from packer.testing import ScriptedClient


class Invoice(BaseModel):
    total: float


@dataclass
class Point:
    x: int


class Row(TypedDict):
    name: str


class Mood(Enum):
    UP = "up"


client = ScriptedClient({})

# Labels.
assert_type(Task.classify("x", ["a", "b"]), Task[str])
assert_type(Task.classify("x", ("a", "b"), multi=False), Task[str])
assert_type(Task.classify("x", {"a": "first", "b": "second"}), Task[str])
assert_type(Task.classify("x", ["a", "b"], multi=True), Task[list[str]])
assert_type(Task.classify("x", ["a", "b"], examples=[("t", "a"), Example("u", "b")]), Task[str])

# Types.
assert_type(Task.extract("x", Invoice), Task[Invoice])
assert_type(Task.extract("x", Invoice, evidence=True), Task[Invoice])
assert_type(Task.extract("x", Point), Task[Point])
assert_type(Task.extract("x", Row), Task[Row])
assert_type(Task.extract("x", Mood), Task[Mood])
assert_type(Task.extract("x", int), Task[int])
assert_type(Task.extract("x", str, examples=[("t", "u")]), Task[str])
assert_type(Task.extract("x", list[str]), Task[list[str]])
assert_type(Task.extract("x", dict[str, int]), Task[dict[str, int]])

# What is no class has no type to give back: the value is an object, until the caller looks.
schema: dict[str, object] = {"type": "object", "properties": {"total": {"type": "number"}}}
assert_type(Task.extract("x", schema), Task[object])
wished: Task[Literal["a", "b"]] | Task[object] = Task.extract("x", Literal["a", "b"])

# All the way to the value.
assert_type(pack_and_run(["a"], Task.classify("x", ["a", "b"]), client=client).values, list[str | None])
assert_type(
    pack_and_run(["a"], Task.classify("x", ["a", "b"], multi=True), client=client).values,
    list[list[str] | None],
)
assert_type(pack_and_run(["a"], Task.extract("x", Row), client=client), RunResult[Row])
assert_type(pack_and_run([("id", "a")], Task.extract("x", int), client=client).results[0].value, int | None)
assert_type(pack_and_run(["a"], Task.extract("x", schema), client=client).values, list[object | None])


# A task of any output is a task of objects: helpers can take them all.
def instruction_of(task: Task[object]) -> str:
    return task.instruction


instruction_of(Task.classify("x", ["a", "b"]))
instruction_of(Task.extract("x", Invoice))
