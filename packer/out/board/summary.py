"""What a command says of a plan or a run: in words, and as JSON.

Does not know: commands, or where it is said.
"""

from __future__ import annotations

from pathlib import Path

from packer.cost.expect import Expected
from packer.out.board.bleed_words import bleed_lines
from packer.out.board.plain import LONGEST, plain
from packer.out.board.worth import money, packing_worth
from packer.plan import Plan
from schemas.comparison import Comparison
from schemas.counted import counted
from schemas.result import Outcome, RunResult
from schemas.settings import Strategy
from schemas.ways import Choice
from schemas.written import written
from splitter.null import RARE


def told(done: RunResult[object], *, asked: Strategy | None = None) -> str:
    """The ledger, what became of a promise, and what was seen of bleed.

    Args:
        done: the run.
        asked: the strategy that was asked for; None where nobody says.
    """
    lines = [str(done.ledger), *(_compared(each) for each in done.comparisons)]
    if asked == "auto":
        lines.append(f"strategy: auto came to {done.strategy}")
    bleed = bleed_lines(done.calibration, done.size_changes, done.audit)
    lines += [f"{name}: {plain(words, LONGEST)}" for name, words in bleed]
    if done.doubtful:
        lines.append(f"{len(done.doubtful)} answers are doubtful; the results say why (column signals)")
    trends = [each for each in done.trends if each.p_value is not None and each.p_value <= RARE]
    lines += [plain(each.detail, LONGEST) for each in trends]
    return "\n".join(lines)


def run_summary(done: RunResult[object], out: Path | None) -> dict[str, object]:
    """A run as JSON: how items ended, what it took, and where results are."""
    ledger = done.ledger
    return {
        "items": len(done),
        **{str(outcome): done.outcomes.get(outcome, 0) for outcome in Outcome},
        "calls": ledger.calls,
        "failed_calls": ledger.failed_calls,
        "cost_usd": None if ledger.cost_usd is None else str(ledger.cost_usd),
        "price_source": ledger.price_source,
        "input_tokens": ledger.usage.input_tokens,
        "cached_tokens": ledger.usage.cached_tokens,
        "output_tokens": ledger.usage.output_tokens,
        "one_by_one": {
            "calls": ledger.baseline.calls,
            "input_tokens": ledger.baseline.input_tokens,
            "output_tokens": ledger.baseline.output_tokens,
        },
        "routes": {
            name: {
                "calls": each.calls,
                "input_tokens": each.usage.input_tokens,
                "cached_tokens": each.usage.cached_tokens,
                "output_tokens": each.usage.output_tokens,
            }
            for name, each in ledger.routes.items()
        },
        "doubtful": len(done.doubtful),
        "reply_signals": {str(kind): n for kind, n in done.reply_signals.items()},
        "trends": {str(each.kind): {"p_value": each.p_value, "detail": each.detail} for each in done.trends},
        "elapsed_s": round(done.elapsed_s, 3),
        "model": done.model,
        "counter": done.counter,
        "stopped": done.stopped,
        "name": done.name,
        "gate": done.gate,
        "comparisons": [written(each) for each in done.comparisons],
        "strategy": done.strategy,
        "calibration": written(done.calibration),
        "size_changes": written(done.size_changes),
        "audit": written(done.audit),
        "out": None if out is None else str(out),
    }


def _compared(each: Comparison) -> str:
    return str(each) if each.group is None else f"group {plain(each.group)}: {each.verdict}"


def plan_told(made: Plan[object], profile: Path | None = None) -> str:
    """A plan in words: what it takes beside one call an item, one conclusion, and what it rests on.

    Args:
        made: the plan.
        profile: where a run looks for what was tried before; None without.
    """
    lines = [*_beside(made), _concluded(made), f"worst case: {_worst(made)}"]
    trial = made.trial
    if trial.items and not made.not_worth:
        sizes = ", ".join(map(str, trial.sizes))
        lines.append(f"promise: tried first on {trial.items:,} items, asked alone and by packs of {sizes}")
    if trial.sizes and profile is not None and profile.exists():
        lines.append(f"profile: {plain(str(profile))} is read when the run begins; it may spare the trial")
    lines += [plain(f"advice: {each}", LONGEST) for each in made.advice]
    packed = made.forecast.packed
    rests = plain(packed.rests_on, LONGEST)
    lines.append(
        f"predicted, nothing was asked: tokens counted by {plain(made.counter)}, reply tokens assume {rests}"
    )
    return "\n".join(lines)


def _beside(made: Plan[object]) -> list[str]:
    packed, alone = made.forecast.packed, made.forecast.alone
    rows = [("calls", f"{made.calls:,}", f"{alone.calls:,}")]
    if made.trial.items and not made.not_worth:
        rows.append(("  to try sizes, up to", f"{made.trial.most_calls:,}", ""))
    rows.append(("input tokens", f"{packed.input_tokens:,}", f"{alone.input_tokens:,}"))
    if alone.schema_tokens:
        rows.append(("  schemas, estimated", f"{packed.schema_tokens:,}", f"{alone.schema_tokens:,}"))
    rows.append(("reply tokens, expected", f"{packed.output_tokens:,}", f"{alone.output_tokens:,}"))
    if packed.cost_usd is not None and alone.cost_usd is not None:
        rows.append(("money, expected", money(packed.cost_usd), money(alone.cost_usd)))
    return [
        f"{len(made.items):,} items: {alone.calls:,} to ask, {len(made.same_as):,} repeated texts, "
        f"{len(made.refused):,} refused",
        f"{'':<22}{'packed':>12} {'one by one':>12}",
        *(f"{name:<22}{mine:>12} {theirs:>12}".rstrip() for name, mine, theirs in rows),
    ]


def _concluded(made: Plan[object]) -> str:
    """Whether to pack, in one sentence: by money where there is a price, else by what prices usually are."""
    kinds = (
        (len(made.packs), "pack"),
        (len(made.sample), "single call to measure with"),
        (made.audits, "audit"),
    )
    told = [counted(count, what) for count, what in kinds if count]
    parts = f" ({', '.join(told)})" if made.strategy == "pack" and len(told) > 1 else ""
    calls = f"{counted(made.calls, 'call')}{parts} instead of {made.forecast.alone.calls:,}"
    if made.not_worth:
        items = len(made.seating.text_tokens)
        needs = f"the promise needs about {made.trial.needed:,} audits for {items:,} items"
        return f"{needs}; {plain(made.not_worth, LONGEST)}"
    found, choice = made.comparison, made.choice
    if found is not None and found.paid is not None:
        return f"{calls}: {packing_worth(found)}"
    if choice is None:
        return f"{calls}: {packing_worth(found)}" if found is not None else calls
    how = (
        ""
        if made.forecast.packed.cost_usd is not None
        else "; give plan and run a --model with a price to see money"
    )
    return f"{calls}: {plain(choice.words, LONGEST)}{how}"


def _worst(made: Plan[object]) -> str:
    told = counted(made.worst_case_calls, "call")
    if made.strategy != "pack":
        return f"{told}, retries left out"
    return f"{told}, if no pack can be used and each item is asked again in smaller ones and then alone"


def plan_summary(made: Plan[object]) -> dict[str, object]:
    """A plan as JSON."""
    return {
        "items": len(made.items),
        "repeated_texts": len(made.same_as),
        "refused": {str(result.item_id): str(result.reason) for result in made.refused},
        "calls": made.calls,
        "worst_case_calls": made.worst_case_calls,
        "input_tokens": made.input_tokens,
        "reply_tokens": made.reply_tokens,
        "one_by_one": {
            "calls": made.baseline.calls,
            "input_tokens": made.baseline.input_tokens,
            "reply_tokens": made.baseline.output_tokens,
        },
        "counter": made.counter,
        "strategy": made.strategy,
        "audits": made.audits,
        "trial": _trial(made),
        "planner": None if made.choice is None else _choice(made.choice),
        "forecast": {
            "packed": _expected(made.forecast.packed),
            "one_by_one": _expected(made.forecast.alone),
            "rests_on": made.forecast.packed.rests_on,
            "verdict": made.comparison.verdict if made.comparison is not None else None,
        },
        "advice": [
            {"topic": str(each.topic), "pack": each.pack, "detail": each.detail, "items": list(each.items)}
            for each in made.advice
        ],
    }


def _expected(calls: Expected) -> dict[str, object]:
    return {
        "calls": calls.calls,
        "input_tokens": calls.input_tokens,
        "cached_tokens": calls.cached_tokens,
        "schema_tokens": calls.schema_tokens,
        "output_tokens": calls.output_tokens,
        "cost_usd": None if calls.cost_usd is None else str(calls.cost_usd),
    }


def _trial(made: Plan[object]) -> dict[str, object] | None:
    trial = made.trial
    if not trial.sizes:
        return None
    return {
        "sizes": list(trial.sizes),
        "items": trial.items,
        "twice": trial.twice,
        "needed": trial.needed,
        "most_calls": trial.most_calls if trial.items else 0,
        "pays": bool(trial.items) and not made.not_worth,
        "why_not": made.not_worth or None,
    }


def _choice(choice: Choice) -> dict[str, object]:
    return {
        "strategy": choice.strategy,
        "size": choice.size,
        "certain": choice.certain,
        "assumed": choice.assumed or None,
        "words": choice.words,
    }
