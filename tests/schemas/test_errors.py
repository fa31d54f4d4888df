"""Errors that go from one process to another."""

from __future__ import annotations

import copy
import pickle

import pytest

from packer import Task
from schemas import errors
from schemas.errors import (
    AccessDenied,
    MissingExtra,
    PacksplitError,
    RateLimited,
    RunChanged,
    SchemaNotPortable,
    UsageError,
)

MADE: tuple[PacksplitError, ...] = (
    UsageError("plain"),
    SchemaNotPortable("$.a", "it is no schema"),
    RunChanged("run.db", ("seed", "task")),
    MissingExtra("audit", "numpy"),
    RateLimited("slow", provider="openai", retry_after_s=2.0, status=429),
    AccessDenied("no key", transient=False),
)


@pytest.mark.parametrize("error", MADE, ids=lambda error: type(error).__name__)
def test_an_error_comes_out_of_a_pickle_as_it_went_in(error: PacksplitError) -> None:
    for made in (pickle.loads(pickle.dumps(error)), copy.copy(error)):
        assert type(made) is type(error)
        assert str(made) == str(error)
        assert vars(made) == vars(error)


def test_every_kind_of_error_is_in_the_tree_that_the_module_shows() -> None:
    kinds = [
        each
        for each in vars(errors).values()
        if isinstance(each, type) and each.__module__ == errors.__name__
    ]
    assert errors.__doc__ is not None
    assert all(kind.__name__ in errors.__doc__ for kind in kinds)


def test_a_task_that_was_used_can_be_sent_too() -> None:
    task = Task.extract("x", {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]})
    assert task.output.decode({"a": 1}) == {"a": 1}
    again = pickle.loads(pickle.dumps(task))
    assert again.output.decode({"a": 2}) == {"a": 2}
    assert again.fingerprint == task.fingerprint
