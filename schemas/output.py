"""What one answer must be: a label, several labels, or a value of the caller's own type.

An output knows three things: the JSON schema of one answer (the caller's, in full), the
portable form of it that vendors can constrain a reply to, and how to turn one answer's
JSON into the caller's value. Does not know: prompts, packs, models, or other items.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

from schemas.absent import Absent
from schemas.errors import BadTask
from schemas.labels import ManyLabels as ManyLabels
from schemas.labels import Mismatch as Mismatch
from schemas.labels import OneLabel as OneLabel
from schemas.labels import cut
from schemas.labels import labels_from as labels_from
from schemas.portable import Portable, portable
from schemas.sure import Sure, keys_in, sure_of

if TYPE_CHECKING:
    from jsonschema.protocols import Validator
    from pydantic import TypeAdapter

T_co = TypeVar("T_co", covariant=True)
T = TypeVar("T")


class Unsure(Exception):
    """The quick way cannot tell whether an answer fits: ask ``decode``."""


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


@dataclass(slots=True)
class AllFit:
    """Values of which each surely fits its schema, and none nests deeper than a portable one does.

    Attributes:
        values: without the nulls that mean "not there".
        keys: how many keys they have, or fewer: those that were easy to count.
    """

    values: list[object]
    keys: int


@dataclass(frozen=True, eq=False)
class SchemaOutput:
    """A JSON value described by the caller's own JSON schema.

    Attributes:
        schema: the caller's schema (draft 2020-12 unless it says otherwise).
    """

    schema: Mapping[str, object]

    def __getstate__(self) -> dict[str, object]:
        return {"schema": self.schema}  # what it has worked out is made again where it is read

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

    @cached_property
    def _absent(self) -> Absent:
        return Absent(self.schema)

    @cached_property
    def _sure(self) -> Sure | None:
        return sure_of(self.schema)

    @cached_property
    def shallow(self) -> bool:
        """True when what ``decode_plain`` lets pass nests no deeper than the portable schema."""
        return self._sure is not None and self._sure.shallow

    @property
    def drops(self) -> bool:
        """True when a null in an answer may mean "not there"."""
        return self._absent.drops

    def decode_plain(self, answer: object) -> object:
        """Do what ``decode`` does for an answer that surely fits, fast.

        Args:
            answer: as a strict JSON parser gives it: finite numbers, no key twice.

        Raises:
            Unsure: it may fit, or may not.
        """
        value = self._absent.dropped(answer)
        if self._sure is None or not self._sure.fits(value):
            raise Unsure
        return value

    def decode_all(self, answers: list[object], *, nulls: bool) -> AllFit | None:
        """Do what ``decode`` does for answers that surely fit, all of them at once.

        Args:
            answers: as a strict JSON parser gives them; here, numbers may have lost digits and objects a key
                that was written twice.
            nulls: False when there is no null in them that may mean "not there".

        Returns:
            The values; None when one may not fit, or holds a huge number.
        """
        sure = self._sure
        if sure is None or sure.all_fit is None:
            return None
        values = [self._absent.dropped(answer) for answer in answers] if nulls else answers
        try:
            if not sure.all_fit(values):
                return None
        except ValueError:
            return None  # deeper than this validator goes: the slow one says what is wrong
        return AllFit(values, 0 if sure.objects is None else keys_in(values, sure.objects))

    def decode(self, answer: object) -> object:
        """Check against the full schema; optional fields that came back as null are left out."""
        from jsonschema.exceptions import best_match

        value = self._absent.dropped(answer)
        errors = self._validator.iter_errors(value)  # type: ignore[arg-type]  # any decoded JSON is fine here
        if (error := best_match(errors)) is not None:
            raise Mismatch(f"{error.json_path}: {cut(error.message)}")
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

    @cached_property
    def _absent(self) -> Absent:
        return Absent(self.schema)

    @property
    def shallow(self) -> bool:
        """False: a type may take values of any depth."""
        return False

    def decode_plain(self, answer: object) -> T:
        """Do what ``decode`` does for an answer that surely fits, fast.

        Args:
            answer: as a strict JSON parser gives it: finite numbers, no key twice.

        Raises:
            Unsure: it may fit, or may not.
        """
        try:
            import orjson
        except ImportError:
            raise Unsure from None
        try:
            return self.adapter.validate_json(orjson.dumps(self._absent.dropped(answer)), strict=True)
        except (ValueError, TypeError, RecursionError):
            raise Unsure from None

    def decode(self, answer: object) -> T:
        """Build the value; the type's own validators run, and no "1" passes for 1."""
        from pydantic import ValidationError

        try:
            text = json.dumps(self._absent.dropped(answer))
            return self.adapter.validate_json(text, strict=True)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            place = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in first["loc"])
            raise Mismatch(f"${place}: {cut(first['msg'])}") from None
        except (ValueError, TypeError, RecursionError) as error:
            raise Mismatch(cut(f"{type(error).__name__}: {error}")) from None

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
            f"describe: {cut(str(error).splitlines()[0])}"
        ) from error
    return TypedOutput(adapter, schema)
