"""What to look at: the failed items by their reason, then the doubtful ones; what is many is folded away.

Does not know: what is shown of one item, or how its evidence was found.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

from packer.out.board.state_bar import in_words
from packer.out.report.card import DETAIL_CHARACTERS, advice, item_card
from packer.out.report.cost import table
from packer.out.report.html import Child, Html, el
from packer.out.report.words import data, is_doubtful, signal_words
from schemas.counted import counted
from schemas.item import ItemId
from schemas.record import CallRecord, ItemRecord, ItemState, RunRecord

MOST_ITEMS = 200
MOST_BYTES = 600_000
"""Of HTML in this section: long texts in large packs end it before ``MOST_ITEMS`` are reached."""
OPEN_CARDS = 3
"""Items shown with all their evidence; more are folded away."""
MOST_ROWS = 20


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
    parts: list[Html] = []
    cards, room = _cards(failed_shown, calls, by_id, MOST_BYTES)
    if failed:
        parts += [el("h3", f"Failed: {counted(len(failed), 'item')}"), _why(failed)]
        parts += [*_by_reason(failed, failed_shown[: len(cards)], cards), *_left(failed, cards)]
    cards, room = _cards(doubtful_shown, calls, by_id, room)
    if doubtful:
        parts += [el("h3", f"Doubtful: {counted(len(doubtful), 'item')}"), _traces(doubtful)]
        parts += [*_folded(cards, "more doubtful item"), *_left(doubtful, cards)]
    marked = any(f'class="{kind}"' in part.source for part in parts for kind in ("quote", "trace"))
    return el("section", head, *parts, _legend() if marked else None, aria_labelledby="look")


def _left(items: Sequence[ItemRecord], cards: Sequence[Html]) -> list[Html]:
    left = len(items) - len(cards)
    where = "packsplit export lists them all"
    told = f"and {counted(left, 'more item')} like these; {where}."
    return [el("p", told, class_="more")] if left else []


def _by_reason(
    failed: Sequence[ItemRecord], shown: Sequence[ItemRecord], cards: Sequence[Html]
) -> list[Html]:
    """Items that failed for one reason as a table, their cards folded away; the others by themselves."""
    totals = Counter(map(_reason, failed))
    groups: dict[tuple[str, str], list[tuple[ItemRecord, Html]]] = defaultdict(list)
    for item, each in zip(shown, cards, strict=True):
        groups[_reason(item)].append((item, each))
    parts = [_group_of(totals[reason], some) for reason, some in groups.items() if totals[reason] > 1]
    alone = [each for reason, some in groups.items() if totals[reason] == 1 for _, each in some]
    return [*parts, *_folded(alone, "more failed item")]


def _group_of(total: int, some: Sequence[tuple[ItemRecord, Html]]) -> Html:
    first = some[0][0]
    fault, detail = _reason(first)
    rows: list[list[Child]] = [
        [
            data(item.id, 80),
            f"{item.attempts:,}",
            "the run keeps no texts"
            if item.text is None
            else data(item.text, 120)
            if item.text
            else "(empty)",
        ]
        for item, _ in some[:MOST_ROWS]
    ]
    folded = el(
        "details", el("summary", "each with its attempts and its evidence"), *(each for _, each in some)
    )
    return el(
        "div",
        el(
            "p",
            el("strong", counted(total, "item")),
            ": ",
            el("strong", in_words(fault), class_="bad"),
            ": " if detail else None,
            data(detail, DETAIL_CHARACTERS),
            advice(first),
        ),
        table(
            ("item", "attempts", "its text"), rows, label="items that failed for one reason", kind="failed"
        ),
        el("p", f"and {total - len(rows):,} more", class_="more") if total > len(rows) else None,
        folded,
        class_="group",
    )


def _folded(cards: Sequence[Html], what: str) -> list[Html]:
    """The first cards, and the rest folded away."""
    rest = cards[OPEN_CARDS:]
    label = el("summary", counted(len(rest), what))
    return [*cards[:OPEN_CARDS], *([el("details", label, *rest)] if rest else [])]


def _cards(
    items: Sequence[ItemRecord],
    calls: Mapping[str, CallRecord],
    by_id: Mapping[ItemId, ItemRecord],
    room: int,
) -> tuple[list[Html], int]:
    cards: list[Html] = []
    for item in items:
        card = item_card(item, calls, by_id)
        room -= len(card.source.encode())
        if room < 0:
            break
        cards.append(card)
    return cards, max(room, 0)


def _legend() -> Html:
    return el(
        "p",
        el("mark", "quoted", class_="quote"),
        " words an answer rests on, in the item's own text. ",
        el("mark", "suspicious", class_="trace"),
        " what a check found, wherever it occurs: in the item, in its answer, or in a neighbour.",
        class_="soft",
    )


def _why(failed: Sequence[ItemRecord]) -> Html:
    faults = Counter(_fault(item) for item in failed)
    return el(
        "p", "Why: ", ", ".join(f"{in_words(fault)} {count:,}" for fault, count in faults.most_common()), "."
    )


def _traces(doubtful: Sequence[ItemRecord]) -> Html:
    kinds = Counter(
        kind for item in doubtful if item.result for kind in {signal.kind for signal in item.result.signals}
    )
    told = ", ".join(f"{signal_words(kind)} {count:,}" for kind, count in kinds.most_common())
    return el(
        "p", f"Accepted, but marked suspicious: {told}." if told else "Accepted, but marked as doubtful."
    )


def _reason(item: ItemRecord) -> tuple[str, str]:
    return _fault(item), item.result.reason.detail if item.result and item.result.reason else ""


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
