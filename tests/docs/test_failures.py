"""The failure catalogue is complete and true: no kind without a row, no sentence that nobody says."""

from __future__ import annotations

import re
from enum import StrEnum

import pytest

from packer.out.commands import app
from schemas import errors
from schemas.advice import Topic
from schemas.calibration import Finding
from schemas.errors import ClientError, PacksplitError
from schemas.guard import Guard
from schemas.result import Outcome
from schemas.review import Gate
from schemas.signal import SignalKind, Trust
from schemas.verdict import Cause, Fault
from tests.docs.pages import DOCS, anchors, spans, tables
from tests.docs.said import literals, pieces, told

TEXT = (DOCS / "failures.md").read_text()
TABLES = list(tables(TEXT))
ROWS = [row for table in TABLES for row in table]
MIN_LETTERS = 2
FEW_WORDS = 3
"""A piece of a sentence of fewer words may be anybody's."""


def named(column: str) -> set[str]:
    """The words of the catalogue's tables in the column of that name."""
    return {span for row in ROWS if column in row for span in spans(row[column])}


@pytest.mark.parametrize(
    ("kinds", "column"),
    [
        (Outcome, "outcome"),
        (Trust, "trust"),
        (Cause, "cause"),
        (SignalKind, "kind"),
        (Finding, "finding"),
        (Topic, "topic"),
        (Gate, "gate"),
    ],
    ids=lambda each: each if isinstance(each, str) else each.__name__,
)
def test_every_kind_has_its_row_and_no_row_is_of_a_kind_that_is_gone(
    kinds: type[StrEnum], column: str
) -> None:
    assert named(column) == {each.value for each in kinds}


@pytest.mark.parametrize("fault", list(Fault))
def test_every_fault_has_a_heading_and_its_cause_beneath(fault: Fault) -> None:
    assert fault.value in anchors(TEXT)
    section = TEXT.split(f"\n### {fault.value}\n")[1].split("\n#")[0]
    assert f"Cause `{fault.cause.value}`" in section


def test_every_error_has_its_row_and_no_row_is_of_an_error_that_is_gone() -> None:
    tree = {
        name
        for name, kind in vars(errors).items()
        if isinstance(kind, type) and issubclass(kind, PacksplitError)
    }
    rows = {span for row in ROWS if "exit code" in row for span in spans(row["error"])}
    of_calls = {row["error"].strip("`"): row["code"].strip("`") for row in ROWS if "goes on" in row}
    assert rows | set(of_calls) == tree
    assert of_calls == {name: getattr(errors, name).code for name in of_calls}
    assert set(of_calls) == {name for name in tree if issubclass(getattr(errors, name), ClientError)}


def test_every_exit_code_has_its_row() -> None:
    codes = {
        value
        for name, value in vars(app).items()
        if name.isupper() and isinstance(value, int) and name != "LONGEST"
    }
    rows = {int(row["code"]) for row in ROWS if set(row) == {"code", "means"}}
    assert rows == {0, *codes}


def test_every_sentence_of_the_catalogue_is_said_by_the_code() -> None:
    said = "\n".join(literals())
    wanted = {span for row in ROWS for span in spans(row.get("reads", "")) if " " in span}
    assert len(wanted) > 100
    assert [
        (span, piece) for span in sorted(wanted) for piece in pieces(span) if not _is_said(piece, said)
    ] == []


def test_every_sentence_of_the_code_is_in_the_catalogue() -> None:
    shown = " ".join(TEXT.split())
    sentences = told()
    assert len(sentences) > 100
    lost = [
        (where, piece)
        for where, text in sorted(sentences)
        for piece in pieces(" ".join(text.split()))
        if len(re.findall(r"\w+", piece)) >= FEW_WORDS and piece.strip(" .,:;()'") not in shown
    ]
    assert lost == []


def _is_said(piece: str, said: str, *, parts: int = 3) -> bool:
    """Whether one literal holds a piece; or a few do, where one is filled into the other."""
    bare = piece.strip(" .,:;()")
    if bare in said or parts == 1:
        return bare in said and len(bare) > (0 if parts == 3 else MIN_LETTERS)
    words = bare.split(" ")
    # Parts of a few letters are said by anybody.
    return any(
        len(" ".join(words[:at])) > MIN_LETTERS
        and " ".join(words[:at]) in said
        and _is_said(" ".join(words[at:]), said, parts=parts - 1)
        for at in range(len(words) - 1, 0, -1)
    )


def test_what_signals_lead_to_is_what_the_guard_does_by_default() -> None:
    defaults = {
        row["kind"].strip("`"): row["by default"] for row in ROWS if "by default" in row and "do" in row
    }
    of_kind = {SignalKind(kind): told_of for kind, told_of in defaults.items()}
    assert {kind for kind, told_of in of_kind.items() if told_of.startswith("rejects")} == Guard().reject
    # The audit marks doubtful by itself.
    doubts = {kind for kind, told_of in of_kind.items() if told_of == "doubt"}
    assert doubts == Guard().doubt | {SignalKind.AUDIT}
