"""What one answer must be: a label, several labels, or a value of the caller's own type.

An output knows three things: the JSON schema of one answer (the caller's, in full), the
portable form of it that vendors can constrain a reply to, and how to turn one answer's
JSON into the caller's value. Does not know: prompts, packs, models, or other items.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

from schemas.errors import BadTask
from schemas.portable import Portable, portable, without_absent

if TYPE_CHECKING:
    from jsonschema.protocols import Validator
    from pydantic import TypeAdapter

T_co = TypeVar("T_co", covariant=True)
T = TypeVar("T")

MULTI_LABEL_KEY = "labels"


class Mismatch(ValueError):
    """An answer that is not a value of the output; the message says where and why."""


class Output(Protocol[T_co]):
    """The shape of one answer."""

    @property
    def schema(self) -> Mapping[str, object]:
        """The full JSON schema of one answer, checked on our side."""
        ...

    @property
    def portable(self) -> Portable:
        """The part of the schema that every vendor's constrained decoding accepts."""
        ...

    def decode(self, answer: object) -> T_co:
        """Turn one answer's JSON into the caller's value.

        Raises:
            Mismatch: the answer does not fit; says where and why.
        """
        ...

    def encode(self, value: object) -> object:
        """Turn a caller's example value into the JSON that a model would write.

        Raises:
            Mismatch: the value is not one of this output.
        """
        ...


@dataclass(frozen=True)
class OneLabel:
    """Exactly one of a closed set of labels.

    Attributes:
        labels: the label names, in the caller's order.
    """

    labels: tuple[str, ...]

    @cached_property
    def schema(self) -> Mapping[str, object]:
        """An enum of the label names."""
        return {"type": "string", "enum": list(self.labels)}

    @cached_property
    def portable(self) -> Portable:
        """The enum, or a plain string where there are more labels than vendors take."""
        return portable(self.schema)

    @cached_property
    def _by_folded(self) -> dict[str, str | None]:
        return _fold_labels(self.labels)

    def decode(self, answer: object) -> str:
        """Return the label; case and outer white space are forgiven where that is unambiguous."""
        return _as_label(answer, self.labels, self._by_folded)

    def encode(self, value: object) -> object:
        """Return the label as it is written in a reply."""
        return self.decode(value)


@dataclass(frozen=True)
class ManyLabels:
    """Any number of a closed set of labels, none included.

    Attributes:
        labels: the label names, in the caller's order.
    """

    labels: tuple[str, ...]

    @cached_property
    def schema(self) -> Mapping[str, object]:
        """A list of label names."""
        return {"type": "array", "items": {"type": "string", "enum": list(self.labels)}}

    @cached_property
    def portable(self) -> Portable:
        """The list, or a list of plain strings where there are more labels than vendors take."""
        return portable(self.schema)

    @cached_property
    def _by_folded(self) -> dict[str, str | None]:
        return _fold_labels(self.labels)

    def decode(self, answer: object) -> list[str]:
        """Return the labels in the task's order, each once."""
        if not isinstance(answer, list | tuple):
            raise Mismatch(f"expected a list of labels, got {_shown(answer)}")
        found = {_as_label(each, self.labels, self._by_folded) for each in answer}
        return [label for label in self.labels if label in found]

    def encode(self, value: object) -> object:
        """Return the labels as they are written in a reply."""
        return self.decode(value)


@dataclass(frozen=True, eq=False)
class SchemaOutput:
    """A JSON value described by the caller's own JSON schema.

    Attributes:
        schema: the caller's schema (draft 2020-12 unless it says otherwise).
    """

    schema: Mapping[str, object]

    @cached_property
    def portable(self) -> Portable:
        """The schema without the constraints that vendors refuse."""
        return portable(self.schema)

    @cached_property
    def _validator(self) -> Validator:
        from jsonschema import Draft202012Validator
        from jsonschema.validators import validator_for

        kind = validator_for(dict(self.schema), default=Draft202012Validator)
        return kind(dict(self.schema), format_checker=kind.FORMAT_CHECKER)

    def decode(self, answer: object) -> object:
        """Check against the full schema; optional fields that came back as null are left out."""
        from jsonschema.exceptions import best_match

        value = without_absent(answer, self.schema)
        errors = self._validator.iter_errors(value)  # type: ignore[arg-type]  # any decoded JSON is fine here
        if (error := best_match(errors)) is not None:
            raise Mismatch(f"{error.json_path}: {_cut(error.message)}")
        return value

    def encode(self, value: object) -> object:
        """Return the value, checked."""
        return self.decode(value)


@dataclass(frozen=True, eq=False)
class TypedOutput(Generic[T]):
    """A value of a Python type that pydantic can describe: model, dataclass, ``int``, ``Literal`` ...

    Attributes:
        adapter: pydantic's view of the type.
        schema: the JSON schema that pydantic derives from it.
    """

    adapter: TypeAdapter[T]
    schema: Mapping[str, object] = field(repr=False)

    @cached_property
    def portable(self) -> Portable:
        """The derived schema without the constraints that vendors refuse."""
        return portable(self.schema)

    def decode(self, answer: object) -> T:
        """Build the value; the type's own validators run, and no "1" passes for 1."""
        from pydantic import ValidationError

        try:
            text = json.dumps(without_absent(answer, self.schema))
            return self.adapter.validate_json(text, strict=True)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            place = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in first["loc"])
            raise Mismatch(f"${place}: {_cut(first['msg'])}") from None
        except (ValueError, TypeError, RecursionError) as error:
            raise Mismatch(_cut(f"{type(error).__name__}: {error}")) from None

    def encode(self, value: object) -> object:
        """Return the value as JSON; an instance of the type and plain JSON are both accepted."""
        try:
            plain = json.loads(self.adapter.dump_json(value, by_alias=True, warnings="error"))  # type: ignore[arg-type]  # checked by decode, two lines down
        except Exception:  # dump_json raises many kinds for a foreign value; decode names the fault
            plain = value
        self.decode(plain)
        return plain


def output_for(shape: object) -> SchemaOutput | TypedOutput[object]:
    """Choose the output for what a caller gave: a JSON schema as a mapping, or a type.

    Raises:
        BadTask: the mapping is not a JSON schema, or pydantic cannot describe the type.
        SchemaNotPortable: no vendor could constrain a reply to it.
    """
    made = _schema_output(shape) if isinstance(shape, Mapping) else _typed_output(shape)
    _ = made.portable  # refuse now, not at the first call
    return made


def labels_from(labels: Sequence[str] | Mapping[str, str]) -> tuple[str, ...]:
    """Check label names.

    Raises:
        BadTask: fewer than two, not strings, empty, or not distinct.
    """
    if isinstance(labels, str):
        raise BadTask(f"labels is one string ({labels!r}); pass a list of label names.")
    names = tuple(labels)
    for name in names:
        if not isinstance(name, str) or not name.strip():
            raise BadTask(f"A label is {name!r}: labels are non-empty strings.")
        if any(0xD800 <= ord(letter) <= 0xDFFF for letter in name):
            raise BadTask(f"The label {name!r} holds a lone surrogate, which no reply can carry.")
    if len(names) < 2:
        raise BadTask(f"A classification needs at least two labels, got {list(names)!r}.")
    if len(set(names)) != len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise BadTask(f"The label {twice!r} occurs twice.")
    return names


def _schema_output(schema: Mapping[str, object]) -> SchemaOutput:
    from jsonschema import Draft202012Validator
    from jsonschema.exceptions import SchemaError
    from jsonschema.validators import validator_for

    try:
        validator_for(dict(schema), default=Draft202012Validator).check_schema(dict(schema))
    except SchemaError as error:
        raise BadTask(
            f"The output is not a valid JSON schema: at {error.json_path}, {error.message}"
        ) from None
    return SchemaOutput(schema)


def _typed_output(shape: object) -> TypedOutput[object]:
    from pydantic import TypeAdapter
    from pydantic.errors import PydanticUserError

    try:
        adapter: TypeAdapter[object] = TypeAdapter(shape)  # type: ignore[arg-type]  # a wrong shape raises below
        schema = adapter.json_schema()
    except (PydanticUserError, TypeError, NameError, SyntaxError) as error:
        raise BadTask(
            f"The output {shape!r} is neither a JSON schema (a mapping) nor a type that pydantic can "
            f"describe: {_cut(str(error).splitlines()[0])}"
        ) from error
    return TypedOutput(adapter, schema)


def _fold_labels(labels: tuple[str, ...]) -> dict[str, str | None]:
    folded: dict[str, str | None] = {}
    for label in labels:
        key = label.strip().casefold()
        folded[key] = None if key in folded else label
    return folded


def _as_label(answer: object, labels: tuple[str, ...], by_folded: Mapping[str, str | None]) -> str:
    if isinstance(answer, str):
        if answer in labels:
            return answer
        if (label := by_folded.get(answer.strip().casefold())) is not None:
            return label
    raise Mismatch(f"{_shown(answer)} is not one of the labels")


def _shown(value: object) -> str:
    return _cut(repr(value), 80)


def _cut(text: str, limit: int = 200) -> str:
    return text if len(text) <= limit else text[: limit - 1] + "…"
