"""One item to look at: its reason, its text and answer with suspicious pieces marked, and its neighbours.

Does not know: which items are shown, or how evidence was found.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from packer.out.board.remedies import for_item
from packer.out.board.state_bar import in_words
from packer.out.report.html import Html, el
from packer.out.report.marks import Span, marked, occurrences
from packer.out.report.words import as_text, cut, data, model_answer, percent, signal_words
from schemas.counted import counted
from schemas.evidence import Match, Quote
from schemas.item import ItemId
from schemas.record import CallRecord, ItemRecord, ItemState
from schemas.signal import Signal, SignalKind

MOST_NEIGHBOURS = 8
_NUMBERS = (SignalKind.MISBOUND, SignalKind.SHIFT)
"""Their evidence is a marker, which tells nobody anything."""
_NEIGHBOUR_CHARACTERS = 280
_ANSWER_CHARACTERS = 500
DETAIL_CHARACTERS = 400
_MOST_TRACES = 8
_MOST_QUOTES = 12


def advice(item: ItemRecord) -> Html | None:
    """What may help where it failed; None where nothing is known to."""
    told = for_item(item)
    return el("span", f" {told}", class_="soft") if told else None


def item_card(item: ItemRecord, calls: Mapping[str, CallRecord], by_id: Mapping[ItemId, ItemRecord]) -> Html:
    """One item with all that is known of why to look at it.

    Args:
        item: failed or doubtful.
        calls: of the run, by name.
        by_id: its items.
    """
    result = item.result
    signals = sorted(result.signals, key=lambda each: -each.strength) if result else []
    call = calls.get(result.call) if result and result.call else None
    failed = item.state is ItemState.FAILED
    badge = el("span", "failed" if failed else "doubtful", class_="badge bad" if failed else "badge doubt")
    route = f"{result.route} call" if result and result.route else "no call"
    told = [route, counted(item.attempts, "attempt")]
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
        detail = cut(result.reason.detail, DETAIL_CHARACTERS)
        parts.append(
            el(
                "p",
                el("strong", in_words(result.reason.fault)),
                ": ",
                data(detail, 600),
                advice(item),
                class_="reason",
            )
        )
    if signals and failed and item.attempts > 1:
        parts.append(el("p", "Seen in one of its attempts, those in packs included:", class_="soft"))
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
    if not text:
        return el("p", "(empty)", class_="soft")
    telling = [signal for signal in signals[:_MOST_TRACES] if signal.kind not in _NUMBERS]
    found = [span for signal in telling for span in occurrences(signal.evidence, text)]
    return el("div", marked(text, [*spans, *found], most=most), class_="text", dir="auto")


def _answer(answer: object, signals: Sequence[Signal]) -> Html:
    return _text(as_text(answer), signals, most=_ANSWER_CHARACTERS)


def _signals(signals: Sequence[Signal]) -> Html | None:
    if not signals:
        return None
    rows = [
        el(
            "li",
            el("strong", signal_words(each.kind)),
            " (certain): " if each.strength >= 1 else f" ({percent(each.strength)} sure): ",
            data(each.detail, DETAIL_CHARACTERS),
            *(_shown_piece(each.evidence) if each.kind not in _NUMBERS else ()),
        )
        for each in signals[:_MOST_TRACES]
    ]
    if len(signals) > _MOST_TRACES:
        rows.append(el("li", f"and {counted(len(signals) - _MOST_TRACES, 'more trace')}"))
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
                else [el("span", f" ({in_words(each.match)})", class_="soft")]
            ),
        )
        for each in quotes[:_MOST_QUOTES]
    ]
    if len(quotes) > _MOST_QUOTES:
        rows.append(el("li", f"and {counted(len(quotes) - _MOST_QUOTES, 'more quote')}"))
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
        label = counted(len(others), f"{more}neighbour")
        parts.append(el("details", el("summary", f"{label} in the same call"), *folded))
    return el("div", *parts, class_="neighbours") if parts else None


def _neighbour(other: ItemRecord, signals: Sequence[Signal], *, pointed: bool) -> Html:
    answer = model_answer(other.result) if other.result else None
    told = "mixed up with" if pointed else "neighbour"
    return el(
        "div",
        el("div", el("span", told, class_="badge"), " ", data(other.id, 120), class_="label"),
        el(
            "div",
            _text(other.text, signals, most=_NEIGHBOUR_CHARACTERS),
            _answer(answer, signals) if answer is not None else el("p", "no answer", class_="soft"),
            class_="pair",
        ),
        class_="foreign",
    )
