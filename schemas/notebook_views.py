"""What notebooks show of runs, ledgers, reviews, audits, calibrations and evaluations.

What happened and what it cost comes first, then what to look at; what is not known says so. Wall seconds are
left out. Does not know: how HTML is written, or what packs are.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain

from schemas.audit import Audit, Estimate
from schemas.calibration import Calibration
from schemas.counted import counted
from schemas.evaluation import Evaluation, SizeMeasured, Spending
from schemas.ledger import Ledger, RouteSum
from schemas.notebook import MOST_ROWS, Cell, table, view, words
from schemas.result import ItemResult, Outcome, RunResult
from schemas.review import Gate, Review, Sheet, ToReview
from schemas.signal import Trust

RESULT_HEAD = ("item", "value", "outcome", "why", "route", "calls")


def run_view(run: RunResult[object]) -> str:
    """A run: how its items ended, what it cost, and first the items to look at."""
    ended = ", ".join(f"{count:,} {outcome}" for outcome, count in sorted(run.outcomes.items()))
    odd = [each for each in run.results if _is_odd(each)]
    shown = chain(odd, (each for each in run.results if not _is_odd(each)))
    look = "Every item has its answer."
    if odd:
        look = f"{counted(len(odd), 'item')} to look at, first in the table."
    return view(
        f"{counted(len(run), 'item')}: {ended or 'none'}",
        words(run.stopped and f"Ended early: {run.stopped}", strong=True),
        words(_GATES.get(run.gate), strong=True),
        words(_cost(run.ledger, run.model)),
        words(*(each.verdict for each in run.comparisons[:1])),
        words(*(each.words for each in (run.calibration, run.audit) if each is not None)),
        words(*(str(each) for each in run.advice[:3])),
        words(look if run.results else None),
        table(RESULT_HEAD, map(_result, shown), total=len(run), texts=5),
    )


def ledger_view(ledger: Ledger) -> str:
    """A ledger: what calls took beside one call an item, then by kind of call."""
    used, base = ledger.usage, ledger.baseline
    rows: list[tuple[Cell, ...]] = [
        ("calls", ledger.calls, base.calls, _ratio(ledger.calls, base.calls)),
        ("input tokens", used.input_tokens, base.input_tokens, _ratio(used.input_tokens, base.input_tokens)),
        ("of them cached", used.cached_tokens, "", ""),
        (
            "output tokens",
            used.output_tokens,
            base.output_tokens,
            _ratio(used.output_tokens, base.output_tokens),
        ),
        ("USD", ledger.cost_usd, "", ""),
    ]
    routes = [_route(name, each) for name, each in ledger.routes.items()]
    return view(
        f"{counted(ledger.calls, 'call')}, {_usd(ledger)}",
        table(("", "packed", "one by one, predicted", "ratio"), rows),
        table(("kind of call", "calls", "tokens in", "cached", "out", "USD"), routes)
        if len(routes) > 1
        else "",
        words(*_left_out(ledger)),
    )


def sheet_view(sheet: Sheet) -> str:
    """A sheet: the answers that wait for a reviewer."""
    return view(
        f"{counted(len(sheet.items), 'answer')} to review ({sheet.stage} sheet of {sheet.run!r})",
        words(f"{sheet.answered:,} of {counted(sheet.total, 'input')} have an answer so far."),
        table(
            ("item", "text", "answer", "route", "trust", "traces", "beside"),
            map(_to_review, sheet.items),
            total=len(sheet.items),
            texts=7,
        ),
    )


def review_view(review: Review) -> str:
    """A decision."""
    rows: list[tuple[Cell, ...]] = [("the model's answer", _value(review.before))]
    if review.after is not None:
        rows.append(("corrected", review.after))
    rows += [("why", review.reason)] if review.reason else []
    said = f"{review.ruling} of item {review.item_id} by {review.by or 'unknown'}, {review.at}"
    return view(said, table(("", ""), rows, texts=2))


def audit_view(audit: Audit) -> str:
    """An audit: its finding, then by part."""
    rows = [(each.name, each.asked, each.differ, _share(each.packed)) for each in audit.parts]
    return view(
        f"Audit: {audit.differ:,} of {audit.asked:,} packed answers differ from single ones",
        words(audit.words),
        table(("part", "asked again", "differ", "share [interval]"), rows),
    )


def calibration_view(calibration: Calibration) -> str:
    """A calibration: what is done, then each size that was tried."""
    rows = [
        (f"packs of {each.size}", str(each.finding), each.items, each.differ, _percent(each.upper))
        for each in calibration.trials
    ]
    promise = f"{calibration.promise}={calibration.ceiling:g}"
    done = "all items are asked alone"
    if calibration.size is not None:
        done = f"packs of {calibration.size}{'' if calibration.proven else ', which is not proven'}"
    return view(
        f"{promise}: {done}",
        words(calibration.words),
        table(("", promise, "compared", "differ", "at most"), rows, texts=2),
    )


def evaluation_view(found: Evaluation) -> str:
    """An evaluation: what to do, then alone beside each size."""
    right = None if found.alone_right is None else found.alone_right / max(found.labelled, 1)
    noise = "not asked twice" if found.noise_rate is None else f"{_share(found.noise_rate)} twice"
    rows: list[tuple[Cell, ...]] = [
        ("alone", found.items, found.alone_lost, noise, "", _right(right), *_spent(found.alone))
    ]
    rows += map(_size, found.sizes)
    return view(
        found.words or f"{counted(found.items, 'item')} evaluated",
        words(found.stopped and f"Ended early: {found.stopped}", strong=True),
        words(
            f"{counted(found.items, 'item')} by {found.model}, alone and packed; tokens, calls, USD an item."
        ),
        table(
            ("", "items", "no value", "differ", "bleed", "right", "tokens in", "out", "calls", "USD"), rows
        ),
        words(*(each.words for each in found.sizes[:MOST_ROWS])),
    )


_GATES = {
    Gate.WAITING: "Held until a reviewer has looked at a sample.",
    Gate.REJECTED: "A reviewer rejected the sample.",
}


def _is_odd(result: ItemResult[object]) -> bool:
    return result.outcome is not Outcome.ACCEPTED or result.trust is Trust.DOUBTFUL


def _result(each: ItemResult[object]) -> tuple[Cell, ...]:
    why = str(each.reason) if each.reason is not None else ""
    if not why and each.trust is Trust.DOUBTFUL:
        why = f"doubtful: {', '.join(dict.fromkeys(str(signal.kind) for signal in each.signals))}"
    if not why and each.same_as is not None:
        why = f"same text as {each.same_as}"
    has = each.outcome in (Outcome.ACCEPTED, Outcome.HELD)
    value = _value(each.value) if has else ""
    return str(each.item_id), value, str(each.outcome), why, str(each.route or ""), each.attempts


def _to_review(each: ToReview) -> tuple[Cell, ...]:
    traces = ", ".join(dict.fromkeys(str(signal.kind) for signal in each.signals))
    beside = ", ".join(str(other.item_id) for other in each.neighbours)
    return str(each.item_id), each.text, _value(each.answer), each.route, str(each.trust), traces, beside


def _route(name: str, each: RouteSum) -> tuple[Cell, ...]:
    used = each.usage
    return name, each.calls, used.input_tokens, used.cached_tokens, used.output_tokens, each.cost_usd


def _size(of: SizeMeasured) -> tuple[Cell, ...]:
    right = None if of.accuracy is None else of.accuracy.packed_right / max(of.accuracy.labelled, 1)
    told = (f"packs of {of.size}", of.items, of.lost, _share(of.difference), _share(of.bleed), _right(right))
    return (*told, *_spent(of.repaired_spending))


def _spent(of: Spending) -> tuple[Cell, ...]:
    return _mean(of.input_tokens), _mean(of.output_tokens), f"{of.calls:.2f}", of.cost_usd


def _left_out(ledger: Ledger) -> Iterator[str]:
    """What the sums do not hold."""
    if ledger.failed_calls:
        yield f"{counted(ledger.failed_calls, 'call')} failed."
    if ledger.unmetered_calls:
        yield f"{counted(ledger.unmetered_calls, 'call')} came without usage; the token sums leave them out."
    if ledger.unpriced_calls and ledger.cost_usd is not None:
        yield f"{counted(ledger.unpriced_calls, 'call')} of unknown cost left out of the USD."
    if ledger.maybe_paid_calls:
        most = (
            "an unknown amount"
            if ledger.maybe_paid_usd is None
            else f"{ledger.maybe_paid_usd:.6f} USD at most"
        )
        yield f"{counted(ledger.maybe_paid_calls, 'call')} sent and never answered may be billed ({most})."
    if ledger.price_source:
        yield f"Prices: {ledger.price_source}"


def _cost(ledger: Ledger, model: str) -> str:
    used = ledger.usage
    calls = f"{counted(ledger.calls, 'call')} of {model} (one by one: {ledger.baseline.calls:,})"
    return (
        f"{calls}, tokens: {_number(used.input_tokens)} in, {_number(used.output_tokens)} out; {_usd(ledger)}"
    )


def _usd(ledger: Ledger) -> str:
    return "cost unknown" if ledger.cost_usd is None else f"{ledger.cost_usd:.6f} USD"


def _value(value: object) -> object:
    """An answer may be null, which is not the same as not known."""
    return "null" if value is None else value


def _number(value: int | None) -> str:
    return "unknown" if value is None else f"{value:,}"


def _mean(value: float | None) -> str:
    return "unknown" if value is None else f"{value:,.1f}"


def _right(rate: float | None) -> str:
    return "no labels" if rate is None else _percent(rate)


def _percent(rate: float) -> str:
    return f"{rate:.1%}"


def _share(of: Estimate | None) -> str:
    return "unknown" if of is None else of.percent


def _ratio(packed: int | None, single: int | None) -> str:
    return "unknown" if packed is None or not single else f"{packed / single:.2f}x"
