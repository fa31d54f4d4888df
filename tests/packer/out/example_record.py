"""A run's record as an example: 60 reviews, everything that can happen to an item, a call or a reviewer.

``example_record()`` is the full one; ``clean_record()`` has nothing to complain of; ``large_record(n)`` is
long.
Every record is the same each time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from random import Random

from schemas.advice import Advice, Topic
from schemas.audit import Audit, AuditPart, Estimate
from schemas.calibration import Calibration, Finding, Noise, SizeChange, Trial, TrialCall
from schemas.comparison import Comparison, Way
from schemas.evidence import Match, Quote
from schemas.item import ItemId
from schemas.ledger import Baseline, Ledger, RouteSum
from schemas.record import CallRecord, CallState, ItemRecord, ItemState, RunRecord
from schemas.result import ItemResult, Outcome
from schemas.review import Gate, Review, Ruling, Stage
from schemas.route import Route
from schemas.signal import Signal, SignalKind, Trend, Trust
from schemas.usage import Usage
from schemas.verdict import Fault, Reason

STARTED_S = 1_764_000_000.0
_GOOD = (
    "The {thing} arrived a day early and works as described. Would buy it again.",
    "Great value: the {thing} is sturdy and the manual is clear.",
    "My daughter loves the {thing}. Support answered within an hour.",
    "Third {thing} from this shop, and again no complaints.",
)
_BAD = (
    "The {thing} stopped charging after a week and nobody answers my mails.",
    "Arrived broken. The box of the {thing} was crushed on one side.",
    "The {thing} is much smaller than in the picture. I want my money back.",
    "Loud, hot and slow: the {thing} is the worst I have had.",
)
_MIXED = (
    "The {thing} is fine, nothing special. Delivery took two weeks.",
    "Good {thing}, bad packaging. Undecided whether to keep it.",
)
_THINGS = ("kettle", "headset", "lamp", "keyboard", "bike light", "rucksack", "scale", "router", "grinder")
_QUOTED = {
    "positive": ("works as described", "Great value", "loves", "no complaints"),
    "negative": ("stopped charging", "Arrived broken", "much smaller", "the worst"),
    "neutral": ("nothing special", "Undecided"),
}


def example_record() -> RunRecord:
    """All kinds of ends: accepted, doubtful, confirmed, corrected, held, failed, queued."""
    items = _plain_items(60)
    calls = _calls([item.id for item in items])
    items = _settled(items, calls)
    for number, change in _CHANGES.items():
        items[number] = change(items[number], items)
    for number in (57, 58, 59):
        items[number] = replace(items[number], state=ItemState.QUEUED, result=None, attempts=0)
    return RunRecord(
        name="reviews-2026-11",
        path="runs/reviews-2026-11.sqlite",
        model="openai/gpt-4.1-mini",
        instruction="Sentiment of a product review, with the words that show it.",
        created_at="2025-11-24T16:00:00+00:00",
        items=tuple(items),
        calls=tuple(calls),
        ledger=_ledger(calls, 57),
        gate=Gate.WAITING,
        reviews=_reviews(),
        stopped="the ceiling of 0.02 USD was reached (Limits.max_cost_usd)",
        comparisons=_comparisons(),
        trends=_trends(),
        advice=_advice(),
        audit=_audit(),
        calibration=_calibration(),
        size_changes=(
            SizeChange(10, 5, "26 audits while running show that at least 6.2% of the answers differ"),
            SizeChange(5, 1, "11 of the last 12 packed answers could not be used"),
        ),
    )


def clean_record() -> RunRecord:
    """A complete run without a failure, a doubt, a price, a comparison or a reviewer."""
    items = _plain_items(8)
    calls = [_call("pack-1", "pack", [item.id for item in items], 0)]
    return RunRecord(
        name="small",
        path="runs/small.sqlite",
        model="local",
        instruction="Sentiment of a product review.",
        created_at="2025-11-24T16:00:00+00:00",
        items=tuple(_settled(items, calls)),
        calls=tuple(calls),
        ledger=Ledger(
            1, 0, 0, Usage(640, 0, 80), Baseline(8, 1_900, 88), price_source="no price is known for 'local'"
        ),
    )


def large_record(count: int) -> RunRecord:
    """A long run: packs of 20, one item in fifty failed, one in twenty doubtful with two neighbours named."""
    items = _plain_items(count)
    packs = [items[start : start + 20] for start in range(0, count, 20)]
    calls = [
        _call(f"pack-{place}", "pack", [each.id for each in pack], place) for place, pack in enumerate(packs)
    ]
    settled = _settled(items, calls)
    for number in range(0, count - 2, 20):
        others = (settled[number + 1].id, settled[number + 2].id)
        settled[number] = _doubtful(
            settled[number], SignalKind.NEIGHBOUR_COPY, "the same words", "value", others
        )
    for number in range(7, count, 50):
        settled[number] = _failed(settled[number], Fault.BLEED, "its quote stands in a neighbour")
    base = example_record()
    return replace(base, items=tuple(settled), calls=tuple(calls), ledger=_ledger(calls, count), stopped=None)


def _plain_items(count: int) -> list[ItemRecord]:
    random = Random("example")
    items = []
    for number in range(count):
        texts = random.choices((_GOOD, _BAD, _MIXED), (5, 4, 2))[0]
        text = random.choice(texts).format(thing=random.choice(_THINGS))
        group = "shop" if number % 3 else "app"
        items.append(ItemRecord(f"rev-{number + 1:03}", text, ItemState.QUEUED, group))
    return items


def _calls(ids: Sequence[ItemId]) -> list[CallRecord]:
    """Packs that grow, a failed one, smaller and smaller repacks, a session, singles, a probe, a baseline."""
    calls = [_call("probe-1", "probe", [], 0)]
    calls += [_call(f"baseline-{n}", "baseline", [each], n) for n, each in enumerate(ids[:2], 1)]
    start, clock = 2, 4
    for number, size in enumerate((8, 10, 12, 14), 1):
        name = f"pack-{number}"
        members = list(ids[start : start + size])
        if number == 3:
            lost = _call(name, "pack", members, clock)
            told = "the provider answered 503: overloaded, try again later"
            calls.append(replace(lost, state=CallState.FAILED, usage=Usage(), cost_usd=None, error=told))
        calls.append(_call(name, "pack", members, clock + 1))
        start, clock = start + size, clock + 2
    for number, size in enumerate((5, 3, 2), 1):
        calls.append(_call(f"repack-{number}", "repack", list(ids[start : start + size]), clock + number))
        start += size
    calls.append(_call("session-1", "session", [ids[56]], clock + 5))
    calls.append(_call("single-1", "single", [ids[20]], clock + 6))
    lost = _call("single-2", "single", [ids[57]], clock + 7)
    calls.append(replace(lost, state=CallState.MAYBE_PAID, took_s=None, usage=Usage(), cost_usd=None))
    return calls


def _call(name: str, route: str, members: Sequence[ItemId], at: int) -> CallRecord:
    size = len(members)
    usage = Usage(310 + 38 * size, 256 if at > 2 else 0, 14 + 11 * size)
    cost = Decimal(usage.input_tokens or 0) * Decimal("0.0000004") + Decimal(
        usage.output_tokens or 0
    ) * Decimal("0.0000016")
    return CallRecord(
        name, route, tuple(members), CallState.ANSWERED, STARTED_S + 3 * at, 0.6 + 0.12 * size, usage, cost
    )


def _settled(items: Sequence[ItemRecord], calls: Sequence[CallRecord]) -> list[ItemRecord]:
    by_item = {member: call for call in calls if call.state is CallState.ANSWERED for member in call.members}
    settled = []
    for item in items:
        call = by_item.get(item.id)
        label = _label(item.text or "")
        route = Route(call.route) if call and call.route in set(Route) else Route.SINGLE
        result = ItemResult(
            item.id,
            Outcome.ACCEPTED,
            label,
            route,
            attempts=1,
            usage=Usage(69, 20, 13),
            quotes=_quotes(item.text or "", label),
            call=call.name if call else "",
            cost_usd=Decimal("0.000048"),
        )
        settled.append(replace(item, state=ItemState.ACCEPTED, result=result, attempts=1))
    return settled


def _label(text: str) -> str:
    for label, words in _QUOTED.items():
        if any(word in text for word in words):
            return label
    return "positive" if "arrived a day early" in text or "sturdy" in text else "negative"


def _quotes(text: str, label: str) -> tuple[Quote, ...]:
    for word in _QUOTED[label]:
        start = text.find(word)
        if start >= 0:
            return (Quote("value", word, Match.EXACT, start, start + len(word)),)
    return ()


def _failed(item: ItemRecord, fault: Fault, detail: str, signals: tuple[Signal, ...] = ()) -> ItemRecord:
    assert item.result is not None
    result = replace(
        item.result,
        outcome=Outcome.FAILED,
        value=None,
        reason=Reason(fault, detail),
        signals=signals,
        quotes=(),
        attempts=3,
    )
    return replace(item, state=ItemState.FAILED, result=result, attempts=3)


def _doubtful(
    item: ItemRecord,
    kind: SignalKind,
    detail: str,
    evidence: str,
    others: tuple[ItemId, ...] = (),
    strength: float = 0.6,
) -> ItemRecord:
    assert item.result is not None
    signal = Signal(kind, detail, strength, evidence, (item.id, *others))
    return replace(item, result=replace(item.result, trust=Trust.DOUBTFUL, signals=(signal,)))


def _bleeding(item: ItemRecord, items: list[ItemRecord]) -> ItemRecord:
    """Three tries, each with the words of the item two seats on."""
    other = replace(items[22], text="The lamp is the worst: it flickers, and the shade fell off on day two.")
    items[22] = other
    told = f"the quote for 'value' stands in {other.id}, not in this item"
    trace = Signal(
        SignalKind.FOREIGN_EVIDENCE, told, 1.0, "it flickers, and the shade fell off", (item.id, other.id)
    )
    return _failed(
        item, Fault.BLEED, f"three answers in a row quoted another item; last {other.id}", (trace,)
    )


def _ungrounded(item: ItemRecord, _: list[ItemRecord]) -> ItemRecord:
    quote = Quote("value", "refund was denied twice", Match.NOT_FOUND)
    changed = _doubtful(item, SignalKind.UNGROUNDED, "the quote for 'value' is in no item", quote.text)
    assert changed.result is not None
    return replace(changed, result=replace(changed.result, quotes=(quote,)))


def _copied(item: ItemRecord, items: list[ItemRecord]) -> ItemRecord:
    other = replace(
        items[15], text="Ordered the 42 cm rucksack, got the small one. Much smaller than it says."
    )
    items[15] = other
    long = replace(
        item, text=f"{item.text} " + "We have used it on every trip since May. " * 30 + "It is 42 cm high."
    )
    return _doubtful(
        long, SignalKind.FOREIGN_VALUE, f"42 cm also stands in {other.id}", "42 cm", (other.id,), 0.7
    )


def _arabic(item: ItemRecord, _: list[ItemRecord]) -> ItemRecord:
    assert item.result is not None
    item = replace(item, result=replace(item.result, value="positive", quotes=()))
    changed = replace(item, text="المصباح ممتاز ووصل بسرعة. ‏(5/5) <b>great</b> \u202egnp.exe")
    return _doubtful(changed, SignalKind.SECOND_LOOK, "asked again it got another label", "negative", (), 0.5)


def _held(item: ItemRecord, _: list[ItemRecord]) -> ItemRecord:
    assert item.result is not None
    return replace(item, state=ItemState.HELD, result=replace(item.result, outcome=Outcome.HELD))


def _confirmed(item: ItemRecord, _: list[ItemRecord]) -> ItemRecord:
    assert item.result is not None
    return replace(item, result=replace(item.result, trust=Trust.CONFIRMED))


def _corrected(item: ItemRecord, _: list[ItemRecord]) -> ItemRecord:
    assert item.result is not None
    return replace(item, result=replace(item.result, value="neutral", review=_reviews()[2]))


_CHANGES = {
    20: _bleeding,
    31: lambda item, _: _failed(
        item, Fault.TRUNCATED, "the reply ended at its cap of 120 tokens, three times"
    ),
    44: lambda item, _: _failed(item, Fault.CALL_FAILED, "the provider answered 503 three times"),
    5: _ungrounded,
    12: _copied,
    27: _arabic,
    40: lambda item, _: _doubtful(item, SignalKind.UNBOUND, "the answer repeats nothing of its item", ""),
    50: _held,
    51: _held,
    33: _confirmed,
    8: _corrected,
}


def _reviews() -> tuple[Review, ...]:
    def one(
        number: int, ruling: Ruling, minute: int, reason: str, before: str, after: str | None = None
    ) -> Review:
        at = f"2025-11-24T16:{minute:02}:00+00:00"
        return Review(f"rev-{number:03}", Stage.FIRST, ruling, "Ada", at, reason, before, after)

    return (
        one(4, Ruling.APPROVE, 4, "", "positive"),
        one(6, Ruling.APPROVE, 4, "clear", "negative"),
        one(9, Ruling.CORRECT, 5, "praises and complains in one breath", "positive", "neutral"),
        one(21, Ruling.REJECT, 6, "these are another customer's words", "negative"),
        one(11, Ruling.APPROVE, 7, "", "negative"),
    )


def _ledger(calls: Sequence[CallRecord], items: int) -> Ledger:
    """The sums of the calls, to the token and the cent; a tenth of each pack went to canaries."""
    sent = [call for call in calls if call.state is not CallState.MAYBE_PAID]
    routes = {
        name: _sum([call for call in sent if call.route == name])
        for name in dict.fromkeys(c.route for c in sent)
    }
    whole, pack = _sum(sent), routes["pack"]
    tenth = Usage(
        *(
            None if each is None else each // 10
            for each in (pack.usage.input_tokens, 0, pack.usage.output_tokens)
        )
    )
    overheads = {"canary": RouteSum(0, tenth, (pack.cost_usd or Decimal(0)) / 10)}
    if "probe" in routes:
        overheads["probe"] = routes["probe"]
    rest = [
        (-(o.usage.input_tokens or 0), -(o.usage.cached_tokens or 0), -(o.usage.output_tokens or 0))
        for o in overheads.values()
    ]
    used = (whole.usage.input_tokens or 0, whole.usage.cached_tokens or 0, whole.usage.output_tokens or 0)
    charged = Usage(*(sum(column) for column in zip(used, *rest, strict=True)))
    overhead_usd = sum((each.cost_usd or Decimal(0) for each in overheads.values()), Decimal(0))
    lost = len(calls) - len(sent)
    return Ledger(
        calls=whole.calls,
        failed_calls=sum(call.state is CallState.FAILED for call in sent),
        unmetered_calls=0,
        usage=whole.usage,
        baseline=Baseline(items, 348 * items, 25 * items),
        routes=routes,
        cost_usd=whole.cost_usd,
        price_source="genai-prices 0.2, openai, gpt-4.1-mini",
        charged=RouteSum(0, charged, (whole.cost_usd or Decimal(0)) - overhead_usd),
        overheads=overheads,
        maybe_paid_calls=lost,
        maybe_paid_usd=Decimal("0.000371") * lost if lost else None,
    )


def _sum(calls: Sequence[CallRecord]) -> RouteSum:
    usage, cost = Usage(), Decimal(0)
    for call in calls:
        usage = usage.plus_known(call.usage)
        cost += call.cost_usd or 0
    return RouteSum(len(calls), usage, cost)


def _comparisons() -> tuple[Comparison, ...]:
    def ways(items: int, worse: float) -> tuple[Way, ...]:
        one = Decimal(str(worse))
        return (
            Way(
                "packed",
                True,
                items,
                0.23 * worse,
                104 * worse,
                40.4,
                14.1,
                Decimal("0.0000642") * one,
                0.31,
                11_600,
            ),
            Way("singles", True, items, 1, 348, 0, 25, Decimal("0.000179"), 0.72, 5_000),
            Way("singles, warm cache", False, items, 1, 348, 256, 25, Decimal("0.000102"), 0.7, 5_100),
            Way("singles, batch price", False, items, 1, 348, 0, 25, Decimal("0.0000895")),
        )

    return (
        Comparison(
            ways(57, 1),
            0.36,
            True,
            "Packing paid: 64% cheaper than single calls, 37% cheaper than with a warm cache.",
        ),
        Comparison(ways(38, 0.9), 0.32, True, "Packing paid.", "shop"),
        Comparison(
            ways(19, 1.7), 0.61, False, "Packing cost more than single calls with a warm cache.", "app"
        ),
    )


def _trends() -> tuple[Trend, ...]:
    copy = "answers equal their neighbour's in 41% of pairs where chance gives 40%"
    drift = (
        "the first seat holds 'neutral' more often than the others: in 50% of calls where chance gives 22%"
    )
    return (
        Trend(SignalKind.NEIGHBOUR_COPY, 0.41, 0.4, 0.44, 54, copy),
        Trend(SignalKind.POSITION_DRIFT, 0.5, 0.22, 0.008, 54, drift),
        Trend(
            SignalKind.POLARITY_PULL,
            0.02,
            0.01,
            0.3,
            54,
            "labels within a call are as mixed as chance makes them",
        ),
        Trend(SignalKind.DISCOUNTED, None, None, None, 12, "Too little to test: 12 answers."),
    )


def _advice() -> tuple[Advice, ...]:
    return (
        Advice(
            Topic.UNEVEN,
            True,
            "One text is 12 times as long as the median; it gets a pack of its own.",
            ("rev-013",),
        ),
        Advice(
            Topic.DEPENDENT,
            False,
            "two texts refer to each other ('see my review above'): ask them alone.",
            ("rev-041", "rev-042"),
        ),
    )


def _calibration() -> Calibration:
    def calls(size: int, *differ: int) -> tuple[TrialCall, ...]:
        return tuple(TrialCall(size, each) for each in differ)

    return Calibration(
        "max_bleed",
        0.05,
        0.95,
        (
            Trial(5, calls(5, *[0] * 16), Finding.KEPT, -0.012, 0.031, -0.08),
            Trial(10, calls(10, *[0, 0, 1, 0, 0, 0, 0, 0]), Finding.KEPT, 0.004, 0.049, -0.07),
            Trial(20, calls(20, 2, 1), Finding.OPEN, 0.066, 0.14, 0.002, whole=False),
        ),
        Noise(20, 1),
        10,
        True,
        131,
        words="packs of 10: of 80 items asked packed and alone 1 differ, so max_bleed=0.05 holds (4.9% at "
        "most); packs of 20 may cost up to 14% of the answers.",
    )


def _audit() -> Audit:
    def share(value: float, lower: float, upper: float, asked: int) -> Estimate:
        return Estimate(value, lower, upper, asked)

    return Audit(
        shared=51,
        asked=26,
        differ=4,
        twice=8,
        noise_differ=1,
        unanswered=1,
        bleed=share(0.029, -0.21, 0.19, 26),
        packed=share(0.154, 0.061, 0.335, 26),
        noise=share(0.125, 0.022, 0.47, 8),
        at_most=0.32,
        harm=share(0.1, 0.018, 0.4, 10),
        help=share(0.0, 0.0, 0.278, 10),
        parts=(
            AuditPart("route: pack", 22, 2, share(0.091, 0.025, 0.278, 22)),
            AuditPart("route: repack", 4, 2, share(0.5, 0.15, 0.85, 4)),
            AuditPart("seat: first quarter", 7, 0, share(0.0, 0.0, 0.354, 7)),
            AuditPart("seat: last quarter", 6, 2, share(0.333, 0.097, 0.7, 6)),
            AuditPart("items: 10", 12, 1, share(0.083, 0.015, 0.354, 12)),
            AuditPart("flagged", 5, 2, share(0.4, 0.118, 0.769, 5)),
            AuditPart("not flagged", 21, 2, share(0.095, 0.027, 0.289, 21)),
            AuditPart("field: value", 26, 4, None),
        ),
        words="26 asked again, 4 differ; 8 asked alone twice, 1 differs: no bleed beyond the model's own "
        "noise is shown; up to 19 of 100 answers could be changed by packing. So few say little. 1 drawn got "
        "no single answer.",
    )
