"""Options that commands share: one name, one help text, one range each.

Does not know: commands.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from schemas.guard import Unproven
from schemas.review import OnReject, SampledBy
from schemas.settings import Binding, Strategy

Input = Annotated[
    Path, typer.Argument(metavar="INPUT", help="A .csv (with header), .jsonl or .parquet file.")
]
Instruction = Annotated[str, typer.Option("--instruction", help="What is asked of each item.")]
Labels = Annotated[str, typer.Option("--labels", help="Label names, comma-separated: a,b,c.")]
Multi = Annotated[bool, typer.Option("--multi", help="Let an item have several labels, or none.")]
Model = Annotated[
    str,
    typer.Option("--model", help="local, local/smollm2, openai/NAME, openai-responses/NAME, anthropic/NAME."),
]
TextField = Annotated[str | None, typer.Option("--text-field", help="Which field holds the text.")]
IdField = Annotated[
    str | None, typer.Option("--id-field", help="Which field holds the id; else the row's number.")
]
PackItems = Annotated[int, typer.Option("--items-per-pack", min=1, help="Most items in one call.")]
HowAsked = Annotated[
    Strategy, typer.Option("--strategy", help="pack; session (one item a turn); single; auto: the cheapest.")
]
Bound = Annotated[Binding, typer.Option("--binding", help="What a reply repeats of an item: seal is proof.")]
Outage = Annotated[
    float, typer.Option("--outage", min=0, help="Seconds to wait for a provider that is down.")
]
Rpm = Annotated[int | None, typer.Option("--rpm", min=1, help="Most calls a minute.")]
Tpm = Annotated[int | None, typer.Option("--tpm", min=1, help="Most tokens a minute, both ways together.")]
Concurrency = Annotated[int, typer.Option("--concurrency", min=1, help="Most calls at once.")]
Deadline = Annotated[float | None, typer.Option("--deadline", min=0, help="Seconds the run may take.")]
MaxCalls = Annotated[int | None, typer.Option("--max-calls", min=1, help="Most calls the run may send.")]
MaxCost = Annotated[str | None, typer.Option("--max-cost", help="Most USD the run may spend, as 1.50.")]
Seed = Annotated[int, typer.Option("--seed", help="Same seed, same prompts.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print a summary as JSON on standard output.")]
RunPath = Annotated[Path, typer.Argument(metavar="RUN", help="The run's file, as --store named it.")]
StorePath = Annotated[
    Path | None, typer.Option("--store", help="Keep the run in this file; the same again goes on with it.")
]
How = Annotated[
    Literal["calls", "batch"],
    typer.Option("--via", help="calls: ask live; batch: the provider's batch jobs, half price, up to a day."),
]
Poll = Annotated[float, typer.Option("--poll", min=0, help="Seconds between two looks at batch jobs.")]
NoWait = Annotated[
    bool, typer.Option("--no-wait", help="Hand batch jobs over and leave; packsplit resume collects them.")
]
NoTexts = Annotated[bool, typer.Option("--no-texts", help="Keep no input text in the store.")]
CachePath = Annotated[
    Path | None, typer.Option("--cache", help="A file of accepted answers that all runs may share.")
]
RunName = Annotated[str | None, typer.Option("--name", help="The run's name; else made of task and day.")]
BaselineItems = Annotated[
    int, typer.Option("--baseline", min=0, help="Items asked alone first, to measure what packing saves.")
]
GroupField = Annotated[
    str | None, typer.Option("--group-by", help="A field; items share calls only within its value.")
]
ReviewSample = Annotated[
    int, typer.Option("--review", min=0, help="Hold all results until so many answers were looked at.")
]
ReviewBy = Annotated[SampledBy, typer.Option("--review-by", help="random, stratified or doubtful.")]
WhenRejected = Annotated[
    OnReject,
    typer.Option("--on-reject", help="again: ask all items of its call anew, packed smaller; stop: end."),
]
Reviewer = Annotated[
    str, typer.Option("--reviewer", help="Kept beside each decision; else the account's name.")
]
Failures = Annotated[
    Path | None, typer.Option("--failures", help="A .jsonl file of rows without a value, to be run again.")
]
WindowItems = Annotated[
    int | None,
    typer.Option(
        "--window", min=1, help="Read, ask and write so many rows at a time: files larger than memory."
    ),
]
AuditShare = Annotated[
    float,
    typer.Option("--audit", min=0, max=1, help="Share of packed answers to ask again alone and compare."),
]
MaxBleed = Annotated[
    float | None,
    typer.Option(
        "--max-bleed", min=0, max=0.5, help="Promise: packing changes at most this share of answers."
    ),
]
MaxLoss = Annotated[
    float | None,
    typer.Option(
        "--max-accuracy-loss",
        min=0,
        max=0.5,
        help="Promise: packing costs at most this share of right answers; needs --gold.",
    ),
]
GoldFile = Annotated[
    Path | None, typer.Option("--gold", help="A .csv, .jsonl or .parquet file: texts with people's answers.")
]
GoldField = Annotated[str, typer.Option("--gold-field", help="Which field of --gold holds the answer.")]
Confidence = Annotated[
    float, typer.Option("--confidence", min=0.5, max=1, help="How sure a promise must be, as 0.95.")
]
ProfileFile = Annotated[
    Path | None, typer.Option("--profile", help="Keep what was tried for a promise here; go by it next time.")
]
WhenUnproven = Annotated[
    Unproven,
    typer.Option("--unproven", help="Where nothing can be proven: single asks all alone; pack packs."),
]
