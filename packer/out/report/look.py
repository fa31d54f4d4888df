"""What to look at: failed and doubtful items with their reason, their evidence, and who shared their call.

Does not know: how evidence was found, or what should be done about an item.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

from packer.out.report.html import Html, el
from packer.out.report.marks import Span, marked, occurrences
from packer.out.report.words import amount, as_text, cut, data, is_doubtful, model_answer, percent, spoken
from schemas.evidence import Match, Quote
from schemas.item import ItemId
from schemas.record import CallRecord, ItemRecord, ItemState, RunRecord
from schemas.signal import Signal

MOST_ITEMS = 200
MOST_BYTES = 700_000
"""Of HTML in this section: long texts in large packs end it before ``MOST_ITEMS`` are reached."""
MOST_NEIGHBOURS = 8
_NEIGHBOUR_CHARACTERS = 280
_ANSWER_CHARACTERS = 500
_DETAIL_CHARACTERS = 400
_MOST_TRACES = 8
_MOST_QUOTES = 12


def look_section(record: RunRecord) -> Html:
    """The section, with a plain word where there is nothing to look at."""
    failed = _spread([item for item in record.items if item.state is ItemState.FAILED])
    doubtful = sorted((item for item in record.items if is_doubtful(item)), key=lambda item: -_strength(item))
    head = el("h2", "What to look at", id="look")
    if not failed and not doubtful:
        told = "No item failed, and no accepted answer is doubtful."
        return el("section", head, el("p", told), aria_labelledby="look")
    half = MOST_ITEMS // 2
    failed_shown = failed[: max(half, MOST_ITEMS - len(doubtful))]
    doubtful_shown = doubtful[: MOST_ITEMS - len(failed_shown)]
    calls = {call.name: call for call in record.calls}
    by_id = {item.id: item for item in record.items}
    room = MOST_BYTES
    parts: list[Html] = []
    for title, lead, items, total in (
        ("Failed", _why(failed), failed_shown, len(failed)),
        ("Doubtful", _traces(doubtful), doubtful_shown, len(doubtful)),
    ):
        if not total:
            continue
        cards, room = _cards(items, calls, by_id, room)
        parts += [el("h3", f"{title}: {amount(total, 'item')}"), lead, *cards]
        if total > len(cards):
            where = "packsplit export lists them all"
            parts.append(
                el("p", f"and {amount(total - len(cards), 'more item')} like these; {where}.", class_="more")
            )
    return el("section", head, _legend(), *parts, aria_labelledby="look")


def _cards(
    items: Sequence[ItemRecord],
    calls: Mapping[str, CallRecord],
    by_id: Mapping[ItemId, ItemRecord],
    room: int,
) -> tuple[list[Html], int]:
    cards: list[Html] = []
    for item in items:
        card = _card(item, calls, by_id)
        room -= len(card.source.encode())
        if room < 0:
            break
        cards.append(card)
    return cards, max(room, 0)


def _card(item: ItemRecord, calls: Mapping[str, CallRecord], by_id: Mapping[ItemId, ItemRecord]) -> Html:
    result = item.result
    signals = sorted(result.signals, key=lambda each: -each.strength) if result else []
    call = calls.get(result.call) if result and result.call else None
    failed = item.state is ItemState.FAILED
    badge = el("span", "failed" if failed else "doubtful", class_="badge bad" if failed else "badge doubt")
    route = f"{result.route} call" if result and result.route else "no call"
    told = [route, amount(item.attempts, "attempt")]
    head = el(
        "header",
        badge,
        el("h4", data(item.id, 120))
        if item.group is None
        else el("h4", data(item.id, 120), _group(item.group)),
        el("span", " · ".join(told), class_="soft"),
    )
    parts: list[Html | None] = [head]
    if result and result.reason:
        detail = cut(result.reason.detail, _DETAIL_CHARACTERS)
        parts.append(
            el("p", el("strong", spoken(result.reason.fault)), ": ", data(detail, 600), class_="reason")
        )
    parts += [_signals(signals), _own(item, signals), _quotes(result.quotes if result else ())]
    parts.append(_neighbours(item, signals, call, by_id))
    return el("article", *parts, class_="item")


def _group(group: str) -> Html:
    return el("span", " in ", data(group, 80), class_="soft")


def _own(item: ItemRecord, signals: Sequence[Signal]) -> Html:
    quotes = item.result.quotes if item.result else ()
    spans = [Span(q.start, q.end, "quote") for q in quotes if q.start is not None and q.end is not None]
    answer = model_answer(item.result) if item.result else None
    cells = [_labelled("its text", _text(item.text, signals, spans))]
    if answer is not None:
        cells.append(_labelled("its answer", _answer(answer, signals)))
    return el("div", *cells, class_="pair own")


def _labelled(label: str, content: Html) -> Html:
    return el("div", el("div", label, class_="label"), content)


def _text(text: str | None, signals: Sequence[Signal], spans: Sequence[Span] = (), most: int = 900) -> Html:
    if text is None:
        return el("p", "the run keeps no texts", class_="soft")
    found = [span for signal in signals[:_MOST_TRACES] for span in occurrences(signal.evidence, text)]
    return el("div", marked(text, [*spans, *found], most=most), class_="text", dir="auto")


def _answer(answer: object, signals: Sequence[Signal]) -> Html:
    return _text(as_text(answer), signals, most=_ANSWER_CHARACTERS)


def _signals(signals: Sequence[Signal]) -> Html | None:
    if not signals:
        return None
    rows = [
        el(
            "li",
            el("strong", spoken(each.kind)),
            " (proof): " if each.strength >= 1 else f" ({percent(each.strength)} sure): ",
            data(each.detail, _DETAIL_CHARACTERS),
            *_shown_piece(each.evidence),
        )
        for each in signals[:_MOST_TRACES]
    ]
    if len(signals) > _MOST_TRACES:
        rows.append(el("li", f"and {amount(len(signals) - _MOST_TRACES, 'more trace')}"))
    return el("ul", *rows, class_="traces")


def _shown_piece(evidence: str) -> list[Html]:
    return [el("span", ": "), el("mark", el("bdi", cut(evidence, 200)), class_="trace")] if evidence else []


def _quotes(quotes: Sequence[Quote]) -> Html | None:
    if not quotes:
        return None
    rows = [
        el(
            "li",
            data(each.field, 80),
            " rests on ",
            el("q", data(each.text, 300)),
            *(
                [el("strong", " which is not in its text", class_="bad")]
                if each.match is Match.NOT_FOUND
                else [el("span", f" ({spoken(each.match)})", class_="soft")]
            ),
        )
        for each in quotes[:_MOST_QUOTES]
    ]
    if len(quotes) > _MOST_QUOTES:
        rows.append(el("li", f"and {amount(len(quotes) - _MOST_QUOTES, 'more quote')}"))
    return el("ul", *rows, class_="quotes")


def _neighbours(
    item: ItemRecord,
    signals: Sequence[Signal],
    call: CallRecord | None,
    by_id: Mapping[ItemId, ItemRecord],
) -> Html | None:
    """Those that a trace points to stand open, the others of the call are folded away."""
    named = [other for signal in signals for other in signal.items if other != item.id and other in by_id]
    members = [other for other in (call.members if call else ()) if other != item.id and other in by_id]
    pointed = list(dict.fromkeys(named))[:MOST_NEIGHBOURS]
    seen = set(pointed)
    others = [other for other in members if other not in seen]
    parts: list[Html] = [_neighbour(by_id[other], signals, pointed=True) for other in pointed]
    if others:
        room = max(0, MOST_NEIGHBOURS - len(pointed))
        folded = [_neighbour(by_id[other], signals, pointed=False) for other in others[:room]]
        if len(others) > room:
            folded.append(el("p", f"and {len(others) - room:,} more", class_="more"))
        more = "other " if pointed else ""
        label = amount(len(others), f"{more}neighbour")
        parts.append(el("details", el("summary", f"{label} in the same call"), *folded))
    return el("div", *parts, class_="neighbours") if parts else None


def _neighbour(other: ItemRecord, signals: Sequence[Signal], *, pointed: bool) -> Html:
    answer = model_answer(other.result) if other.result else None
    told = "a trace points to this neighbour" if pointed else "neighbour"
    return el(
        "div",
        el("div", el("span", "foreign", class_="badge"), f" {told}: ", data(other.id, 120), class_="label"),
        el(
            "div",
            _text(other.text, signals, most=_NEIGHBOUR_CHARACTERS),
            _answer(answer, signals) if answer is not None else el("p", "no answer", class_="soft"),
            class_="pair",
        ),
        class_="foreign",
    )


def _legend() -> Html:
    return el(
        "p",
        el("mark", "quoted", class_="quote"),
        " words an answer rests on, in the item's own text. ",
        el("mark", "trace", class_="trace"),
        " what a check found suspicious, wherever it occurs: in the item, in its answer, or in a neighbour.",
        class_="soft",
    )


def _why(failed: Sequence[ItemRecord]) -> Html:
    counted = Counter(_fault(item) for item in failed)
    return el(
        "p", "Why: ", ", ".join(f"{spoken(fault)} {count:,}" for fault, count in counted.most_common()), "."
    )


def _traces(doubtful: Sequence[ItemRecord]) -> Html:
    counted = Counter(
        kind for item in doubtful if item.result for kind in {signal.kind for signal in item.result.signals}
    )
    told = ", ".join(f"{spoken(kind)} {count:,}" for kind, count in counted.most_common())
    return el("p", f"Accepted, but with traces: {told}." if told else "Accepted, but marked as doubtful.")


def _fault(item: ItemRecord) -> str:
    return str(item.result.reason.fault) if item.result and item.result.reason else "no reason kept"


def _strength(item: ItemRecord) -> float:
    return max((signal.strength for signal in item.result.signals), default=0.0) if item.result else 0.0


def _spread(failed: Sequence[ItemRecord]) -> list[ItemRecord]:
    """Each kind of fault in turn, so that a common one does not hide the others behind the cap."""
    kinds: dict[str, list[ItemRecord]] = defaultdict(list)
    for item in failed:
        kinds[_fault(item)].append(item)
    ranked = [(place, item) for kind in kinds.values() for place, item in enumerate(kind)]
    return [item for _, item in sorted(ranked, key=lambda each: each[0])]
