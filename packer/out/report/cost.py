"""Cost before and after: packing beside the other ways of asking, and the ledger of all calls.

Does not know: how the figures were won.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from packer.out.board.worth import packing_worth
from packer.out.report.html import Child, Html, el
from packer.out.report.words import ROUTES, cut, data, duration, figure, money
from schemas.comparison import Comparison, Way
from schemas.counted import counted
from schemas.ledger import Baseline, Ledger, RouteSum
from schemas.record import CallState, RunRecord

MOST_GROUPS = 20
MOST_CALLS_NAMED = 30
MOST_ERRORS = 10
_WAYS = (
    "way",
    "money per item",
    "calls per item",
    "tokens in",
    "of them cached",
    "tokens out",
    "seconds per item",
    "items per hour",
)
_SUMS = ("", "money", "calls", "tokens in", "of them cached", "tokens out")
_NOTHING = ("0", "$0", "unknown", "–")


def cost_section(record: RunRecord) -> Html:
    """Comparisons overall and by group, then sums by route, overheads, failed and maybe paid calls."""
    parts: list[Html] = [el("h2", "Cost before and after", id="cost")]
    if not record.comparisons:
        told = "still running" if record.running else "no comparison was kept"
        parts.append(el("p", f"What other ways of asking would have cost is not known: {told}."))
    alone = next((way for each in record.comparisons if each.group is None for way in each.ways[1:2]), None)
    alone = alone if alone is not None and alone.measured and alone.items else None
    overall = [each for each in record.comparisons if each.group is None]
    grouped = [each for each in record.comparisons if each.group is not None]
    for each in overall:
        parts += [el("p", _said(each)), _ways(each, "all items")]
    if grouped:
        parts.append(el("h3", "By group"))
        parts += [
            el("details", el("summary", _said(each)), _ways(each, "one group"))
            for each in grouped[:MOST_GROUPS]
        ]
    if len(grouped) > MOST_GROUPS:
        parts.append(el("p", f"and {counted(len(grouped) - MOST_GROUPS, 'more group')}", class_="more"))
    parts += [el("h3", "What the calls took"), _ledger(record.ledger, alone), *_notes(record.ledger, alone)]
    parts += [part for part in (_maybe_paid(record), _errors(record)) if part is not None]
    return el("section", *parts, aria_labelledby="cost")


def table(
    columns: Iterable[str],
    rows: Iterable[Iterable[Child]],
    *,
    label: str,
    kind: str | None = None,
) -> Html:
    """A table that scrolls inside its own box; the first column names the rows.

    Args:
        columns: their heads.
        rows: their cells.
        label: what the table is, for those who cannot see it.
        kind: ``sums`` for a table of figures, ``log`` for one of words; None for neither.
    """
    head = el("thead", el("tr", *(el("th", each, scope="col") for each in columns)))
    body = []
    for row in rows:
        first, *cells = row
        body.append(el("tr", el("th", first, scope="row"), *(el("td", cell) for cell in cells)))
    # Focus, so that the box can be scrolled with the keyboard.
    inner = el("table", head, el("tbody", *body), class_=kind)
    return el("div", inner, class_="scroll", role="region", aria_label=label, tabindex=0)


def _said(each: Comparison) -> Html:
    found = packing_worth(each)
    return el(
        "span",
        el("strong", "All items" if each.group is None else data(each.group, 120)),
        ": packing was ",
        el("strong", data(found.figure, 80), class_=found.kind),
        " ",
        data(found.beside, 200),
        ". ",
        el("span", data(each.verdict.partition(": ")[2] or each.verdict, 400), class_="soft"),
    )


def _ways(each: Comparison, whose: str) -> Html:
    rows = [_way(way) for way in telling(each.ways)]
    return _filled(_WAYS, rows, label=f"ways of asking, {whose}")


def telling(ways: Sequence[Way]) -> list[Way]:
    """The ways that tell something: not those of which nothing is known beyond what the single calls say."""
    first = ways[:2]
    return [*first, *(way for way in ways[2:] if way.cached_tokens or _own_price(way, first))]


def _own_price(way: Way, first: Sequence[Way]) -> bool:
    return way.cost_usd is not None and all(way.cost_usd != each.cost_usd for each in first[1:])


def way_words(way: Way) -> str:
    """A way, as one reads it: the run took more than packs; only the sample asked alone is left out."""
    return "this run: packs, further calls, audit" if way.name == "packed" else way.name


def _filled(columns: Sequence[str], rows: Sequence[Sequence[Child]], *, label: str) -> Html:
    """A table of figures without the columns that say nothing in any row."""
    kept = [
        place
        for place in range(len(columns))
        if place == 0 or any(str(row[place]) not in _NOTHING for row in rows)
    ]
    shown = [[row[place] for place in kept] for row in rows]
    return table([columns[place] for place in kept], shown, label=label, kind="sums")


def _way(way: Way) -> list[Child]:
    how = "measured" if way.measured else "worked out"
    name = el(
        "span", data(way_words(way), 80), el("span", f" {how}, {counted(way.items, 'item')}", class_="soft")
    )
    return [
        name,
        money(way.cost_usd),
        figure(way.calls),
        figure(way.input_tokens),
        figure(way.cached_tokens),
        figure(way.output_tokens),
        figure(way.seconds),
        _two_digits(way.items_per_hour),
    ]


def _two_digits(number: float | None) -> str:
    """Of a rate that nobody knows better."""
    return figure(number if not number else float(f"{number:.1e}"))


def _ledger(ledger: Ledger, alone: Way | None) -> Html:
    rows = [_sum(_named(name), each) for name, each in ledger.routes.items()]
    whole = RouteSum(ledger.calls, ledger.usage, ledger.cost_usd)
    rows.append(_sum(el("strong", "all calls"), whole))
    rows.append(_sum("charged to items", ledger.charged, shared=True))
    rows += [
        _sum(el("span", "overhead: ", _named(name)), each, shared=True)
        for name, each in ledger.overheads.items()
    ]
    base = ledger.baseline
    rows.append(_foretold(base) if alone is None else _at_the_price_of(alone, base.calls))
    return _filled(_SUMS, rows, label="what the calls took, by kind")


def _foretold(base: Baseline) -> list[Child]:
    name = el("span", "one call per item", el("span", " predicted", class_="soft"))
    return [name, "–", figure(base.calls), figure(base.input_tokens), "–", figure(base.output_tokens)]


def _at_the_price_of(alone: Way, calls: int) -> list[Child]:
    """One call per item, each taking what the measured ones took."""
    measured = f" at what the {counted(alone.items, 'measured single')} took"
    tokens = [
        None if each is None else round(each * calls)
        for each in (alone.input_tokens, alone.cached_tokens, alone.output_tokens)
    ]
    return [
        el("span", "one call per item", el("span", measured, class_="soft")),
        money(None if alone.cost_usd is None else alone.cost_usd * calls),
        figure(calls),
        *map(figure, tokens),
    ]


def _named(name: str) -> Html:
    told = f" {ROUTES[name]}" if name in ROUTES else ""
    return el("span", data(name, 60), el("span", told, class_="soft"))


def _sum(name: Child, each: RouteSum, *, shared: bool = False) -> list[Child]:
    """One row; what is a share of calls has no calls of its own unless the ledger says so."""
    used = each.usage
    return [
        name,
        money(each.cost_usd),
        "–" if shared and not each.calls else figure(each.calls),
        figure(used.input_tokens),
        figure(used.cached_tokens),
        figure(used.output_tokens),
    ]


def _notes(ledger: Ledger, alone: Way | None) -> list[Html]:
    notes: list[Html] = []
    if ledger.price_source:
        notes.append(el("li", "Prices: ", data(ledger.price_source)))
    if ledger.unpriced_calls:
        told = f"{counted(ledger.unpriced_calls, 'call')} of unknown cost: the sums of money leave them out."
        notes.append(el("li", told))
    if ledger.unmetered_calls:
        told = counted(ledger.unmetered_calls, "reply", "replies")
        notes.append(el("li", f"{told} came without usage: the sums of tokens leave them out."))
    if alone is not None:
        base = ledger.baseline
        told = f"{figure(base.input_tokens)} tokens in, {figure(base.output_tokens)} out"
        notes.append(
            el("li", f"One call per item was predicted before the run at {told}; measured ones differ.")
        )
    return [el("ul", *notes, class_="notes")] if notes else []


def _maybe_paid(record: RunRecord) -> Html | None:
    calls = record.maybe_paid
    count = max(len(calls), record.ledger.maybe_paid_calls)
    if not count:
        return None
    most = record.ledger.maybe_paid_usd
    worth = f"at most {money(most)} in all" if most is not None else "how much is not known"
    lead = el(
        "p",
        f"{counted(count, 'call')} may have been paid for without a reply to show for it ({worth}): sent by "
        "a process that ended before it kept the reply. The sums above leave them out; the provider's bill "
        "decides.",
    )
    rows: list[list[Child]] = [
        [
            data(call.name, 80),
            data(call.route, 40),
            counted(len(call.members), "item"),
            ", ".join(cut(str(member), 40) for member in call.members[:6])
            + (f" and {len(call.members) - 6:,} more" if len(call.members) > 6 else ""),
        ]
        for call in calls[:MOST_CALLS_NAMED]
    ]
    parts = [el("h3", "Maybe paid"), lead]
    if rows:
        parts.append(table(("call", "kind", "size", "items"), rows, label="calls that were maybe paid"))
    if len(calls) > MOST_CALLS_NAMED:
        parts.append(el("p", f"and {counted(len(calls) - MOST_CALLS_NAMED, 'more call')}", class_="more"))
    return el("div", *parts)


def _errors(record: RunRecord) -> Html | None:
    failed = [call for call in record.calls if call.state is CallState.FAILED]
    if not failed:
        return None
    took = sum(call.took_s or 0.0 for call in failed)
    errors = Counter(call.error or "no reason kept" for call in failed)
    rows: list[list[Child]] = [
        [f"{count:,}", data(error)] for error, count in errors.most_common(MOST_ERRORS)
    ]
    lead = f"{counted(len(failed), 'call')} came back with an error instead of a reply"
    parts = [
        el("h3", "Failed calls"),
        el("p", f"{lead}; they took {duration(took)}." if took else f"{lead}."),
        table(("times", "error"), rows, label="errors of failed calls"),
    ]
    if len(errors) > MOST_ERRORS:
        parts.append(el("p", f"and {counted(len(errors) - MOST_ERRORS, 'other error')}", class_="more"))
    return el("div", *parts)
