"""Cost before and after: packing beside the other ways of asking, and the ledger of all calls.

Does not know: how the figures were won.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from packer.out.report.html import Child, Html, el
from packer.out.report.words import ROUTES, amount, cut, data, duration, figure, money
from schemas.comparison import Comparison, Way
from schemas.ledger import Ledger, RouteSum
from schemas.record import CallState, RunRecord

MOST_GROUPS = 20
MOST_CALLS_NAMED = 30
MOST_ERRORS = 10
_WAYS = (
    "way",
    "calls per item",
    "tokens in",
    "of them cached",
    "tokens out",
    "money per item",
    "seconds of calls",
    "items per hour",
)
_SUMS = ("", "calls", "tokens in", "of them cached", "tokens out", "money")


def cost_section(record: RunRecord) -> Html:
    """Comparisons overall and by group, then sums by route, overheads, failed and maybe paid calls."""
    parts: list[Html] = [el("h2", "Cost before and after", id="cost")]
    if not record.comparisons:
        told = "still running" if record.running else "no comparison was kept"
        parts.append(el("p", f"What other ways of asking would have cost is not known: {told}."))
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
        parts.append(el("p", f"and {amount(len(grouped) - MOST_GROUPS, 'more group')}", class_="more"))
    parts += [el("h3", "What the calls took"), _ledger(record.ledger), *_notes(record.ledger)]
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
    ratio = "not known how many times" if each.ratio is None else f"{each.ratio:.2f} times"
    kind = {True: "good", False: "bad", None: "soft"}[each.paid]
    return el(
        "span",
        el("strong", "All items" if each.group is None else data(each.group, 120)),
        ": packing took ",
        el("strong", ratio, class_=kind),
        " what single calls take. ",
        data(each.verdict, 400),
    )


def _ways(each: Comparison, whose: str) -> Html:
    return table(_WAYS, (_way(way) for way in each.ways), label=f"ways of asking, {whose}", kind="sums")


def _way(way: Way) -> list[Child]:
    how = "measured" if way.measured else "worked out"
    name = el("span", data(way.name, 80), el("span", f" {how}, {amount(way.items, 'item')}", class_="soft"))
    return [
        name,
        figure(way.calls),
        figure(way.input_tokens),
        figure(way.cached_tokens),
        figure(way.output_tokens),
        money(way.cost_usd),
        figure(way.seconds),
        figure(way.items_per_hour),
    ]


def _ledger(ledger: Ledger) -> Html:
    rows = [_sum(_named(name), each) for name, each in ledger.routes.items()]
    whole = RouteSum(ledger.calls, ledger.usage, ledger.cost_usd)
    rows.append(_sum(el("strong", "all calls"), whole))
    rows.append(_sum("charged to items", ledger.charged, shared=True))
    rows += [
        _sum(el("span", "overhead: ", _named(name)), each, shared=True)
        for name, each in ledger.overheads.items()
    ]
    base = ledger.baseline
    rows.append(
        [
            el("span", "one call per item", el("span", " predicted", class_="soft")),
            figure(base.calls),
            figure(base.input_tokens),
            "–",
            figure(base.output_tokens),
            "–",
        ]
    )
    return table(_SUMS, rows, label="what the calls took, by kind", kind="sums")


def _named(name: str) -> Html:
    told = f" {ROUTES[name]}" if name in ROUTES else ""
    return el("span", data(name, 60), el("span", told, class_="soft"))


def _sum(name: Child, each: RouteSum, *, shared: bool = False) -> list[Child]:
    """One row; what is a share of calls has no calls of its own unless the ledger says so."""
    used = each.usage
    return [
        name,
        "–" if shared and not each.calls else figure(each.calls),
        figure(used.input_tokens),
        figure(used.cached_tokens),
        figure(used.output_tokens),
        money(each.cost_usd),
    ]


def _notes(ledger: Ledger) -> list[Html]:
    notes: list[Html] = []
    if ledger.price_source:
        notes.append(el("li", "Prices: ", data(ledger.price_source)))
    if ledger.unpriced_calls:
        told = f"{amount(ledger.unpriced_calls, 'call')} of unknown cost: the sums of money leave them out."
        notes.append(el("li", told))
    if ledger.unmetered_calls:
        told = amount(ledger.unmetered_calls, "reply", "replies")
        notes.append(el("li", f"{told} came without usage: the sums of tokens leave them out."))
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
        f"{amount(count, 'call')} may have been paid for without a reply to show for it ({worth}): sent by a "
        "process that ended before it kept the reply. The sums above leave them out; the provider's bill "
        "decides.",
    )
    rows: list[list[Child]] = [
        [
            data(call.name, 80),
            data(call.route, 40),
            amount(len(call.members), "item"),
            ", ".join(cut(str(member), 40) for member in call.members[:6])
            + (f" and {len(call.members) - 6:,} more" if len(call.members) > 6 else ""),
        ]
        for call in calls[:MOST_CALLS_NAMED]
    ]
    parts = [el("h3", "Maybe paid"), lead]
    if rows:
        parts.append(table(("call", "kind", "size", "items"), rows, label="calls that were maybe paid"))
    if len(calls) > MOST_CALLS_NAMED:
        parts.append(el("p", f"and {amount(len(calls) - MOST_CALLS_NAMED, 'more call')}", class_="more"))
    return el("div", *parts)


def _errors(record: RunRecord) -> Html | None:
    failed = [call for call in record.calls if call.state is CallState.FAILED]
    if not failed:
        return None
    took = sum(call.took_s or 0.0 for call in failed)
    counted = Counter(call.error or "no reason kept" for call in failed)
    rows: list[list[Child]] = [
        [f"{count:,}", data(error)] for error, count in counted.most_common(MOST_ERRORS)
    ]
    lead = f"{amount(len(failed), 'call')} came back with an error instead of a reply"
    parts = [
        el("h3", "Failed calls"),
        el("p", f"{lead}; they took {duration(took)}." if took else f"{lead}."),
        table(("times", "error"), rows, label="errors of failed calls"),
    ]
    if len(counted) > MOST_ERRORS:
        parts.append(el("p", f"and {amount(len(counted) - MOST_ERRORS, 'other error')}", class_="more"))
    return el("div", *parts)


def _error(error: str, count: int) -> list[Child]:
    return [f"{count:,}", data(error)]
