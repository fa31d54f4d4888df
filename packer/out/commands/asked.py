"""What a command was given, as the engine takes it: the task, the rows, ceilings, a review gate.

Does not know: commands, or what becomes of any of it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from itertools import chain, islice
from pathlib import Path

from packer.out.commands.looked_at import check_field, file_rows, text_field_of
from packer.out.commands.near import did_you_mean
from packer.out.commands.options import PROVIDERS
from packer.out.commands.task_file import read_task
from packer.out.tables.rows import with_texts
from schemas.errors import BadTask, UsageError
from schemas.review import OnReject, ReviewGate, SampledBy
from schemas.settings import Limits
from schemas.task import Task

Row = Mapping[str, object]

ADDRESSES = {
    "openai": "OPENAI_BASE_URL",
    "openai-responses": "OPENAI_BASE_URL",
    "anthropic": "ANTHROPIC_BASE_URL",
}
"""Where the environment says another server is to be asked."""


@dataclass(frozen=True, slots=True)
class Rows:
    """A file's rows and which of their fields mean what.

    Attributes:
        source: the file.
        each: the rows, read as they are needed, once.
        text_field: which field holds the text; None where there is no row.
        id_field: which field holds the id; None for ``id``, else the row's number.
        group_by: which field names the group; None mixes all.
        most: so many rows are taken; None takes all.
    """

    source: Path
    each: Iterator[Row]
    text_field: str | None = None
    id_field: str | None = None
    group_by: str | None = None
    most: int | None = None

    def again(self) -> Iterator[Row]:
        """The same rows once more, as they stand in the file."""
        return islice(file_rows(self.source), self.most)


def task_of(file: Path | None, instruction: str | None, labels: str | None, multi: bool) -> Task[object]:
    """The task: from its file, or a classification by labels that stand between commas.

    Raises:
        UsageError: both, neither or half of one was given, or no task can be made of it.
    """
    here = {"--instruction": instruction is not None, "--labels": labels is not None, "--multi": multi}
    if file is not None:
        if given := [name for name, is_given in here.items() if is_given]:
            raise UsageError(
                f"--task {str(file)!r} says what is asked, and so does {given[0]}: give one of the two."
            )
        return read_task(file)
    if instruction is None and labels is None:
        raise UsageError(
            "Nothing says what is asked: give --instruction and --labels, or --task FILE (which can ask for "
            "fields too)."
        )
    if instruction is None:
        raise UsageError("--labels says what may be answered, and nothing what is asked: give --instruction.")
    if labels is None:
        raise UsageError(
            "--instruction says what is asked, and nothing what may be answered: give --labels a,b,c; to "
            "have fields extracted, give a --task FILE with a schema."
        )
    if not instruction.strip():
        raise UsageError("--instruction is empty: say in a sentence what is asked of each item.")
    names = [name.strip() for name in labels.split(",") if name.strip()]
    try:
        if multi:
            return Task.classify(instruction, names, multi=True)
        return Task.classify(instruction, names)
    except BadTask as error:
        raise UsageError(f"--labels {labels!r}: {error}") from None


def rows_of(
    source: Path,
    text_field: str | None,
    id_field: str | None,
    group_by: str | None = None,
    most: int | None = None,
) -> Rows:
    """A file's rows, and the fields of their texts, ids and groups.

    Raises:
        UsageError: the file cannot be read, or its first row has no such field.
    """
    rows = islice(file_rows(source), most)
    first = next(rows, None)
    if first is None:
        return Rows(source, iter(()))
    text = text_field_of(source, first, text_field)
    check_field(first, id_field, "--id-field")
    check_field(first, group_by, "--group-by")
    return Rows(source, with_texts(chain([first], rows), text), text, id_field, group_by, most)


def checked_model(name: str) -> str:
    """The model's name, if somebody could be asked by it.

    Raises:
        UsageError: no provider is known by that name.
    """
    provider, slash, model = name.partition("/")
    if provider == "local" or (provider in PROVIDERS and model):
        _check_address(ADDRESSES.get(provider, ""))
        return name
    near = ""
    if slash and model:
        near = did_you_mean(name, [f"{each}/{model}" for each in (*PROVIDERS, "local")])
    elif name and not slash:
        near = did_you_mean(name, ["local"]) or f" Did you mean 'openai/{name}'?"
    raise UsageError(
        f"No model is known as {name!r}: write --model local, openai/NAME, openai-responses/NAME or "
        f"anthropic/NAME.{near} A server that speaks OpenAI's protocol is asked as openai/NAME, with "
        "OPENAI_BASE_URL set to its address."
    )


def _check_address(variable: str) -> None:
    """A mistyped address looks like a provider that is down, for which a run waits."""
    address = os.environ.get(variable, "")
    if address and not address.startswith(("http://", "https://")):
        raise UsageError(
            f"{variable} is {address!r}, which is no address: it begins with http:// or https://."
        )


def limits_of(
    *,
    model: str,
    rpm: int | None,
    tpm: int | None,
    concurrency: int,
    deadline: float | None,
    max_calls: int | None,
    max_cost: str | None,
    outage: float,
) -> Limits:
    """The ceilings of a command's options.

    Raises:
        UsageError: an amount of money that is none, or no time at all.
    """
    if deadline == 0:
        raise UsageError(
            "--deadline 0 leaves no time for any call: give the seconds that all of it may take."
        )
    if max_cost is not None and model.partition("/")[0] == "local":
        raise UsageError(
            f"--max-cost {max_cost}: {model!r} runs on this machine and has no price; --max-calls and "
            "--deadline hold it."
        )
    return Limits(
        rpm=rpm,
        tpm=tpm,
        concurrency=concurrency,
        deadline_s=deadline,
        max_cost_usd=money_of(max_cost),
        max_calls=max_calls,
        outage_s=outage,
    )


def money_of(given: str | None) -> Decimal | None:
    """USD, exactly.

    Raises:
        UsageError: it is no amount above zero.
    """
    if given is None:
        return None
    try:
        amount = Decimal(given.strip().removeprefix("$"))
    except InvalidOperation:
        amount = Decimal("NaN")
    if not amount.is_finite() or amount <= 0:
        raise UsageError(f"--max-cost {given!r} is no amount of USD above zero; write it as 1.50.")
    return amount


def gate_of(sample: int, by: SampledBy, on_reject: OnReject, store: Path | None) -> ReviewGate | None:
    """A gate that waits for ``packsplit review``; None for none.

    Raises:
        UsageError: there is no store in which it could wait.
    """
    if not sample:
        return None
    if store is None:
        raise UsageError(
            "--review waits for `packsplit review RUN`, which needs the run in a file: give --store."
        )
    return ReviewGate(sample, by=by, on_reject=on_reject)
