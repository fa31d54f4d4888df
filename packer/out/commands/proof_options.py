"""Options of promises and audits, for the commands that share them.

Does not know: commands.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from packer.out.commands.options import PROMISES, a_number, one_of
from schemas.guard import Unproven

AuditShare = Annotated[
    float,
    typer.Option(
        "--audit",
        metavar="SHARE",
        min=0,
        max=1,
        help="Share of packed answers to ask again alone and compare, as 0.05.",
        callback=a_number,
        rich_help_panel=PROMISES,
    ),
]
MaxBleed = Annotated[
    float | None,
    typer.Option(
        "--max-bleed",
        metavar="SHARE",
        min=0,
        max=0.5,
        help="Promise: packing changes at most this share of answers, as 0.02.",
        callback=a_number,
        rich_help_panel=PROMISES,
    ),
]
MaxLoss = Annotated[
    float | None,
    typer.Option(
        "--max-accuracy-loss",
        metavar="SHARE",
        min=0,
        max=0.5,
        help="Promise instead: packing costs at most this share of right answers; needs people's answers.",
        callback=a_number,
        rich_help_panel=PROMISES,
    ),
]
GoldFile = Annotated[
    Path | None,
    typer.Option(
        "--gold",
        metavar="FILE",
        help="A .csv, .jsonl or .parquet file: texts with people's answers.",
        rich_help_panel=PROMISES,
    ),
]
GoldField = Annotated[
    str | None,
    typer.Option(
        "--gold-field",
        metavar="FIELD",
        help="Which field holds people's answers; else label, or one column for each field of an answer.",
        rich_help_panel=PROMISES,
    ),
]
Confidence = Annotated[
    float,
    typer.Option(
        "--confidence",
        metavar="SHARE",
        min=0.5,
        max=1,
        help="How sure a promise must be, as 0.95.",
        callback=a_number,
        rich_help_panel=PROMISES,
    ),
]
ProfileFile = Annotated[
    Path | None,
    typer.Option(
        "--profile",
        metavar="FILE",
        help="Keep what was tried for a promise here; run goes by it next time.",
        rich_help_panel=PROMISES,
    ),
]
WhenUnproven = Annotated[
    Unproven,
    typer.Option(
        "--unproven",
        metavar=one_of(Unproven),
        help="Where nothing can be proven: single asks all alone; pack packs.",
        rich_help_panel=PROMISES,
    ),
]
