"""Options of what becomes of results: their file, what is printed, and the review they wait for.

Does not know: commands.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from packer.out.commands.options import OUTPUT, REVIEW, one_of
from schemas.review import OnReject, SampledBy

Out = Annotated[
    Path,
    typer.Option(
        "--out",
        metavar="FILE",
        help="Where results go: .jsonl, .csv or .parquet.",
        rich_help_panel=OUTPUT,
    ),
]
Failures = Annotated[
    Path | None,
    typer.Option(
        "--failures",
        metavar="FILE",
        help="A .jsonl file of rows without a value, to be run again.",
        rich_help_panel=OUTPUT,
    ),
]
AsJson = Annotated[
    bool,
    typer.Option(
        "--json", help="Print one JSON object on standard output, and nothing else.", rich_help_panel=OUTPUT
    ),
]
ReviewSample = Annotated[
    int,
    typer.Option(
        "--review",
        metavar="N",
        min=0,
        help="Hold all results until so many answers were looked at.",
        rich_help_panel=REVIEW,
    ),
]
ReviewBy = Annotated[
    SampledBy,
    typer.Option(
        "--review-by",
        metavar=one_of(SampledBy),
        help="How those answers are drawn.",
        rich_help_panel=REVIEW,
    ),
]
WhenRejected = Annotated[
    OnReject,
    typer.Option(
        "--on-reject",
        metavar=one_of(OnReject),
        help="again: ask all items of its call anew, packed smaller; stop: end.",
        rich_help_panel=REVIEW,
    ),
]
Reviewer = Annotated[
    str,
    typer.Option(
        "--reviewer",
        metavar="NAME",
        help="Kept beside each decision; else the account's name.",
        rich_help_panel=REVIEW,
    ),
]
Decisions = Annotated[
    Path | None,
    typer.Option(
        "--decisions",
        metavar="FILE",
        help="A .jsonl file instead of questions: one object with id, ruling, value, reason a line.",
        rich_help_panel=REVIEW,
    ),
]
