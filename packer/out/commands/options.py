"""Options that commands share: one name, one meaning, one range and one group in the help each.

Does not know: commands.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Annotated, Literal, get_args

import typer

from packer.out.commands.help_page import GROUPS
from schemas.settings import MOST_ITEMS_PER_PACK, Binding, Strategy

INPUT, ASKED, PACKS, LIMITS, KEPT, PROMISES, REVIEW, OUTPUT = GROUPS

PROVIDERS = ("openai", "openai-responses", "anthropic")
MODELS = ("local", "local/qwen-0.5b", "local/smollm2", *(f"{each}/" for each in PROVIDERS))
"""What --model is completed to; those that end in a slash want a name behind it."""


def a_number(value: float | None) -> float | None:
    """Refuse what counts as a number to a computer and to nobody else."""
    if value is not None and not math.isfinite(value):
        raise typer.BadParameter(f"{value} is not a number that can be used.")
    return value


def model_names(incomplete: str) -> list[str]:
    """For the shell's completion."""
    return [name for name in MODELS if name.startswith(incomplete)]


def one_of(choices: object) -> str:
    """Choices as the help shows them."""
    return "|".join(map(str, get_args(choices)))


Input = Annotated[
    Path,
    typer.Argument(
        metavar="INPUT", help="A .csv (with header), .jsonl or .parquet file.", rich_help_panel=INPUT
    ),
]
RunPath = Annotated[
    Path,
    typer.Argument(metavar="RUN", help="The run's file, as --store named it.", rich_help_panel=INPUT),
]
TextField = Annotated[
    str | None,
    typer.Option(
        "--text-field",
        metavar="FIELD",
        help="Which field holds the text; else text, or the only one.",
        rich_help_panel=INPUT,
    ),
]
IdField = Annotated[
    str | None,
    typer.Option(
        "--id-field",
        metavar="FIELD",
        help="Which field holds the id; else id, or the row's number.",
        rich_help_panel=INPUT,
    ),
]
GroupField = Annotated[
    str | None,
    typer.Option(
        "--group-by",
        metavar="FIELD",
        help="Items share calls only where this field is the same.",
        rich_help_panel=INPUT,
    ),
]
FirstItems = Annotated[
    int | None,
    typer.Option(
        "--items", metavar="N", min=1, help="Take the first so many rows only.", rich_help_panel=INPUT
    ),
]

TaskFile = Annotated[
    Path | None,
    typer.Option(
        "--task",
        metavar="FILE",
        help="A JSON file: instruction, and labels or a JSON schema; instead of the three below.",
        rich_help_panel=ASKED,
    ),
]
Instruction = Annotated[
    str | None,
    typer.Option("--instruction", metavar="TEXT", help="What is asked of each item.", rich_help_panel=ASKED),
]
Labels = Annotated[
    str | None,
    typer.Option("--labels", metavar="A,B,C", help="Label names, comma-separated.", rich_help_panel=ASKED),
]
Multi = Annotated[
    bool,
    typer.Option("--multi", help="Let an item have several labels, or none.", rich_help_panel=ASKED),
]
Model = Annotated[
    str,
    typer.Option(
        "--model",
        metavar="NAME",
        help="local, local/qwen-0.5b, local/smollm2, openai/NAME, openai-responses/NAME or anthropic/NAME.",
        autocompletion=model_names,
        rich_help_panel=ASKED,
    ),
]

PackItems = Annotated[
    int,
    typer.Option(
        "--items-per-pack",
        metavar="N",
        min=1,
        max=MOST_ITEMS_PER_PACK,
        help="Most items in one call.",
        rich_help_panel=PACKS,
    ),
]
HowAsked = Annotated[
    Strategy,
    typer.Option(
        "--strategy",
        metavar=one_of(Strategy),
        help="pack; session: one item a turn; single: one a call; auto: the cheapest.",
        rich_help_panel=PACKS,
    ),
]
Bound = Annotated[
    Binding,
    typer.Option(
        "--binding",
        metavar=one_of(Binding),
        help="What a reply repeats of an item: seal is proof.",
        rich_help_panel=PACKS,
    ),
]
How = Annotated[
    Literal["calls", "batch"],
    typer.Option(
        "--via",
        metavar="calls|batch",
        help="calls: ask live; batch: the provider's batch jobs, half price, up to a day.",
        rich_help_panel=PACKS,
    ),
]
Seed = Annotated[
    int,
    typer.Option("--seed", metavar="N", help="Same seed, same packs and prompts.", rich_help_panel=PACKS),
]
BaselineItems = Annotated[
    int,
    typer.Option(
        "--baseline",
        metavar="N",
        min=0,
        help="Items asked alone first, to measure what packing saves.",
        rich_help_panel=PACKS,
    ),
]
WindowItems = Annotated[
    int | None,
    typer.Option(
        "--window",
        metavar="N",
        min=1,
        help="Read, ask and write so many rows at a time: files larger than memory.",
        rich_help_panel=PACKS,
    ),
]

Rpm = Annotated[
    int | None,
    typer.Option("--rpm", metavar="N", min=1, help="Most calls a minute.", rich_help_panel=LIMITS),
]
Tpm = Annotated[
    int | None,
    typer.Option(
        "--tpm",
        metavar="N",
        min=1,
        help="Most tokens a minute, both ways together.",
        rich_help_panel=LIMITS,
    ),
]
Concurrency = Annotated[
    int,
    typer.Option("--concurrency", metavar="N", min=1, help="Most calls at once.", rich_help_panel=LIMITS),
]
Deadline = Annotated[
    float | None,
    typer.Option(
        "--deadline",
        metavar="SECONDS",
        min=0,
        help="How long all of it may take.",
        callback=a_number,
        rich_help_panel=LIMITS,
    ),
]
MaxCalls = Annotated[
    int | None,
    typer.Option(
        "--max-calls", metavar="N", min=1, help="Most calls that may be sent.", rich_help_panel=LIMITS
    ),
]
MaxCost = Annotated[
    str | None,
    typer.Option(
        "--max-cost", metavar="USD", help="Most that may be spent, as 1.50.", rich_help_panel=LIMITS
    ),
]
Outage = Annotated[
    float,
    typer.Option(
        "--outage",
        metavar="SECONDS",
        min=0,
        help="How long to wait for a provider that is down.",
        callback=a_number,
        rich_help_panel=LIMITS,
    ),
]

StorePath = Annotated[
    Path | None,
    typer.Option(
        "--store",
        metavar="FILE",
        help="Keep the run in this file; the same again goes on with it.",
        rich_help_panel=KEPT,
    ),
]
Poll = Annotated[
    float,
    typer.Option(
        "--poll",
        metavar="SECONDS",
        min=0,
        help="Time between two looks at batch jobs.",
        callback=a_number,
        rich_help_panel=KEPT,
    ),
]
NoWait = Annotated[
    bool,
    typer.Option(
        "--no-wait",
        help="Hand batch jobs over and leave; packsplit resume collects them.",
        rich_help_panel=KEPT,
    ),
]
NoTexts = Annotated[
    bool, typer.Option("--no-texts", help="Keep no input text in the store.", rich_help_panel=KEPT)
]
CachePath = Annotated[
    Path | None,
    typer.Option(
        "--cache",
        metavar="FILE",
        help="A file of accepted answers that all runs may share.",
        rich_help_panel=KEPT,
    ),
]
RunName = Annotated[
    str | None,
    typer.Option(
        "--name", metavar="TEXT", help="The run's name; else made of task and day.", rich_help_panel=KEPT
    ),
]
