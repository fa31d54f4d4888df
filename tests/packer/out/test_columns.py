"""Columns of answers: which type a schema gives them, and what stands in their cells."""

from __future__ import annotations

from enum import Enum
from typing import Literal

import pytest
from pydantic import BaseModel

from packer.out.tables.columns import Kind, fields_of, fitted, kind_of
from schemas.output import output_for


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


class Inner(BaseModel):
    n: int


class Other(BaseModel):
    text: str


@pytest.mark.parametrize(
    ("shape", "kind"),
    [
        (str, Kind.TEXT),
        (int, Kind.INTEGER),
        (float, Kind.NUMBER),
        (bool, Kind.BOOLEAN),
        (Literal["a", "b"], Kind.TEXT),
        (Literal[1, 2], Kind.INTEGER),
        (Literal["a"], Kind.TEXT),
        (Colour, Kind.TEXT),
        (int | None, Kind.INTEGER),
        (int | float, Kind.NUMBER),
        (int | str, Kind.TEXT),
        (list[str], Kind.TEXTS),
        (list[Colour], Kind.TEXTS),
        (list[int], Kind.TEXT),
        (list[int | str], Kind.TEXT),
        (list[list[str]], Kind.TEXT),
        ({"type": ["integer", "null"]}, Kind.INTEGER),
        ({"type": ["integer", "number"]}, Kind.NUMBER),
        ({"enum": [True, False, None]}, Kind.BOOLEAN),
        ({"enum": ["a", 1]}, Kind.TEXT),
    ],
)
def test_a_columns_kind_is_the_schemas(shape: object, kind: Kind) -> None:
    schema = output_for(shape).schema
    assert kind_of(schema, schema) is kind
    assert fields_of(schema) is None


def test_fields_are_found_behind_references_and_choices() -> None:
    optional = output_for(Inner | None).schema
    assert fields_of(optional) == {"n": Kind.INTEGER}
    assert fields_of(output_for(Inner | Other).schema) is None
    tree = {"$defs": {"t": {"$ref": "#/$defs/t"}}, "$ref": "#/$defs/t"}
    assert kind_of(tree, tree) is Kind.TEXT


@pytest.mark.parametrize(
    ("values", "kind", "wanted"),
    [
        ([3.0, None], Kind.INTEGER, (Kind.INTEGER, [3, None])),
        ([3.5], Kind.INTEGER, (Kind.TEXT, ["3.5"])),
        ([True], Kind.INTEGER, (Kind.TEXT, ["true"])),
        ([1, 2.5], Kind.NUMBER, (Kind.NUMBER, [1.0, 2.5])),
        ([10**400], Kind.NUMBER, (Kind.TEXT, [str(10**400)])),
        ([["a", 1]], Kind.TEXTS, (Kind.TEXT, ['["a", 1]'])),
        ([{"a": "é"}, "b"], Kind.TEXT, (Kind.TEXT, ['{"a": "é"}', "b"])),
    ],
)
def test_cells_are_of_their_columns_kind_or_all_are_text(
    values: list[object], kind: Kind, wanted: tuple[Kind, list[object]]
) -> None:
    assert fitted(values, kind) == wanted
