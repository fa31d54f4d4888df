"""Bleed in a report: what was promised and what came of it, sizes tried, changes of size, and the audit.

Does not know: how anything was found, or which answers the signals speak of.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from packer.out.board.bleed_words import (
    by_people,
    came_of_it,
    estimated,
    finding_words,
    part_words,
    promise_words,
    rate,
    worth_a_table,
)
from packer.out.board.remedies import ask_singly, smaller_packs
from packer.out.board.worth import dear_packing
from packer.out.report import svg
from packer.out.report.cost import table
from packer.out.report.html import Child, Html, el, join
from packer.out.report.words import data
from schemas.audit import Audit, AuditPart, Estimate
from schemas.calibration import Calibration, Finding, SizeChange, Trial
from schemas.counted import counted
from schemas.record import RunRecord

MOST_PARTS = 60
MOST_TRIALS = MOST_CHANGES = 20
_WORDS = 600
_KINDS = {Finding.KEPT: "good", Finding.BROKEN: "bad", Finding.OPEN: "doubt"}


def bleed_section(record: RunRecord) -> Html | None:
    """The section; None where nothing was promised, audited or changed."""
    found, changes, audit = record.calibration, record.size_changes, record.audit
    if found is None and audit is None and not changes:
        return None
    parts: list[Html] = [el("h2", "Bleed", id="bleed"), _promise(found, changes, audit)]
    if found is not None:
        parts.append(el("p", data(found.words, _WORDS), class_="soft"))
        parts += _trials(found)
    if changes:
        parts += _changes(changes)
    if audit is not None:
        parts += _audit(audit)
    return el("section", *parts, aria_labelledby="bleed")


def bleed_concerns(record: RunRecord) -> list[Child]:
    """What of it is to be known before results are used."""
    found, audit = record.calibration, record.audit
    said: list[Child] = []
    if found is not None:
        told, kind = came_of_it(found, record.size_changes, audit)
        if kind != "good":
            said.append(f"The promise on bleed: {told}. Next time: {ask_singly(record)}.")
    smaller = [each for each in record.size_changes if each.after < each.before]
    if found is None and smaller:
        sizes = f"from {record.size_changes[0].before:,} to {counted(record.size_changes[-1].after, 'item')}"
        why = data(smaller[-1].why, 200)
        least = min(each.after for each in smaller)
        begin = smaller_packs(record, least) if least > 1 else ask_singly(record)
        then = (
            "" if dear_packing(record) else f"To spare what the larger ones cost, give the next run {begin}."
        )
        said.append(
            join([f"Packs were made smaller while the run went on, {sizes}: ", why, f". {then}".rstrip()])
        )
    return said


def _promise(found: Calibration | None, changes: Sequence[SizeChange], audit: Audit | None) -> Html:
    if found is None:
        return el("p", "No limit on bleed was set for this run.")
    told, kind = came_of_it(found, changes, audit)
    return el("p", f"Promised: {promise_words(found)}; ", el("strong", told, class_=kind), ".")


def _trials(found: Calibration) -> list[Html]:
    if not found.trials:
        return []
    shown = found.trials[:MOST_TRIALS]
    loss = found.promise == "max_accuracy_loss"
    scale = 0.0, max(found.ceiling, *(trial.upper for trial in shown))
    lost = "accuracy lost" if loss else "bleed"
    columns = ("size", "wrong, right now" if loss else "differ", f"{lost}, {_from_to(scale)}", "found")
    rows = [_trial(trial, scale, found.ceiling, loss=loss) for trial in shown]
    by = "taken from a profile" if found.from_profile else f"in {counted(found.calls, 'call')}"
    parts = [
        el("h3", f"Sizes tried, {by}"),
        table(columns, rows, label="pack sizes that were tried", kind="sums bleed"),
        el(
            "p",
            f"Bars go from the estimate to the most it can be; the dashed line is what was promised, "
            f"{rate(found.ceiling)}. {_noise(found)}",
            class_="soft",
        ),
    ]
    if len(found.trials) > MOST_TRIALS:
        parts.append(el("p", f"and {counted(len(found.trials) - MOST_TRIALS, 'more size')}", class_="more"))
    return parts


def _trial(trial: Trial, scale: tuple[float, float], ceiling: float, *, loss: bool) -> list[Child]:
    harm, helped = sum(call.harm for call in trial.calls), sum(call.help for call in trial.calls)
    counts = f"{harm:,} and {helped:,}" if loss else f"{trial.differ:,}"
    told = f"{rate(trial.loss)}, at most {rate(trial.upper)}"
    return [
        f"packs of {trial.size:,}",
        f"{counts} of {trial.items:,}",
        _drawn(told, svg.interval(trial.loss, trial.loss, trial.upper, scale, ceiling)),
        el("strong", finding_words(trial), class_=_KINDS[trial.finding]),
    ]


def _noise(found: Calibration) -> str:
    noise = found.noise
    if found.promise == "max_accuracy_loss":
        return "Right and wrong are by the answers people gave."
    if not noise.asked:
        return "The model's own noise was not measured, so that all that differs counts as bleed."
    return (
        f"The model's own noise is taken off: of {counted(noise.asked, 'item')} asked alone twice, "
        f"{noise.differ:,} got two answers."
    )


def _changes(changes: Sequence[SizeChange]) -> list[Html]:
    rows = [el("li", data(str(each), _WORDS)) for each in changes[:MOST_CHANGES]]
    if len(changes) > MOST_CHANGES:
        rows.append(el("li", f"and {counted(len(changes) - MOST_CHANGES, 'more change')}"))
    return [el("h3", "Changes of size while the run went on"), el("ul", *rows, class_="notes")]


@dataclass(frozen=True, slots=True)
class _Row:
    """A rate of the audit; counts are None where they mean nothing."""

    name: Child
    asked: int | None
    hits: int | None
    found: Estimate | None


def _audit(audit: Audit) -> list[Html]:
    parts = [el("h3", "Did neighbours change answers?")]
    parts.append(el("p", data(audit.words, _WORDS)))
    if told := by_people(audit):
        parts.append(el("p", f"{told[0].upper()}{told[1:]}."))
    if not audit.asked:
        return parts
    stand = (
        f"Packed answers were asked again alone; they stand for all {counted(audit.shared, 'packed answer')}."
    )
    parts.append(el("p", stand, class_="soft"))
    if not worth_a_table(audit):
        return parts
    named = (_Row(data(part_words(p.name), 80), p.asked, p.differ, p.packed) for p in _shown(audit))
    parts += _rates([*_whole(audit), *named], rate(audit.confidence), noise=audit.bleed is not None)
    if len(audit.parts) > MOST_PARTS:
        parts.append(el("p", f"and {counted(len(audit.parts) - MOST_PARTS, 'more part')}", class_="more"))
    return parts


def _shown(audit: Audit) -> Sequence[AuditPart]:
    return audit.parts[:MOST_PARTS]


def _whole(audit: Audit) -> Iterable[_Row]:
    """The rates of the whole run, before those of its parts."""
    yield _Row(el("strong", "all audited answers"), audit.asked, audit.differ, audit.packed)
    if audit.twice:
        yield _Row("single answers, asked twice", audit.twice, audit.noise_differ, audit.noise)
    if audit.bleed is not None:
        yield _Row(el("strong", "bleed: the first less the second"), None, None, audit.bleed)
    if audit.harm is not None:
        yield _Row("right alone, wrong packed", audit.harm.asked, None, audit.harm)
    if audit.help is not None:
        yield _Row("wrong alone, right packed", audit.help.asked, None, audit.help)


def _rates(rows: Sequence[_Row], sure: str, *, noise: bool) -> list[Html]:
    scale = _scale([end for row in rows if row.found for end in (row.found.lower, row.found.upper)])
    cells = [[row.name, _counts(row), _share(row.found, scale)] for row in rows]
    head = ("", "differ", f"share, {_from_to(scale)}")
    told = (
        f"Each interval holds with {sure} confidence; of so many, some miss the truth by chance alone. An "
        "answer weighs more the rarer its kind was drawn, and answers of one call count as related: so an "
        "interval can be wide for its count."
    )
    if noise:
        told += " The model's own noise is taken off in the row called bleed only."
    return [
        table(head, cells, label="the audit, by part", kind="sums bleed"),
        el("p", told, class_="soft"),
    ]


def _counts(row: _Row) -> str:
    if row.asked is None:
        return "–"
    return f"{row.asked:,} asked" if row.hits is None else f"{row.hits:,} of {row.asked:,}"


def _share(found: Estimate | None, scale: tuple[float, float]) -> Html | str:
    if found is None:
        return "no interval"
    # A difference below none is none: a share under zero would look like a mistake.
    seen = replace(
        found, value=max(found.value, 0.0), lower=max(found.lower, 0.0), upper=max(found.upper, 0.0)
    )
    return _drawn(estimated(seen), svg.interval(seen.lower, seen.value, seen.upper, scale, None))


def _drawn(told: str, picture: Html) -> Html:
    """Figures, and the same as a bar: beside them, or below where there is no room."""
    return join([el("span", told, class_="told"), " ", picture])


def _from_to(scale: tuple[float, float]) -> str:
    return f"drawn from {rate(scale[0])} to {rate(scale[1])}"


def _scale(ends: Iterable[float]) -> tuple[float, float]:
    """From 0 to the largest."""
    return 0.0, max([0.0, *ends]) or 1.0
