"""The charts of a report: how items ended, which way, how large packs were, what seats and neighbours did.

Where there is too little for a chart, that is said instead. Does not know: how charts are drawn.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from packer.out.board.standing import answers_by_route
from packer.out.report import svg
from packer.out.report.cost import telling, way_words
from packer.out.report.figures import LEAST_ANSWERS, LEAST_PER_SEAT, BySeat, alike, seat_shares, sizes
from packer.out.report.html import Html, el, join
from packer.out.report.svg import Bar, Dot
from packer.out.report.words import ROUTES, cut, data, figure, is_doubtful, money, percent, signal_words
from schemas.counted import counted
from schemas.record import CallState, ItemRecord, ItemState, RunRecord
from schemas.signal import SignalKind, Trust

_KNOWN_ROUTES = ("pack", "repack", "session", "single", "baseline", "probe", "calibration", "audit")


def charts_section(record: RunRecord) -> Html:
    """All charts, and the tests that go with them."""
    charts = (
        _outcomes(record),
        _routes(record),
        _costs(record),
        _sizes(record),
        _seats(record),
        _neighbours(record),
    )
    grid = el("div", *charts, class_="charts")
    head = el("h2", "How it went", id="charts")
    return el("section", head, grid, _tests(record), aria_labelledby="charts")


def _chart(title: str, picture: Html | None, *words: Html | str | None) -> Html:
    said = [el("p", each, class_="soft") for each in words if each is not None]
    return el("figure", el("figcaption", el("h3", title)), picture, *said)


def _outcomes(record: RunRecord) -> Html:
    endings: Counter[tuple[str, str]] = Counter(map(_ending, record.items))
    order = [
        ("accepted, clean", "good"),
        ("accepted, and confirmed", "good"),
        ("accepted, doubtful", "doubt"),
        ("held for a review", "plain"),
        ("failed", "bad"),
        ("in a call now", "quiet"),
        ("not settled yet", "quiet"),
    ]
    total = len(record.items) or 1
    rows = [
        Bar(
            name,
            endings[name, kind],
            f"{endings[name, kind]:,} ({percent(endings[name, kind] / total)})",
            kind,
        )
        for name, kind in order
        if endings[name, kind]
    ]
    return _bars("outcomes", "How items ended", rows, whole=total)


def _bars(
    name: str,
    title: str,
    rows: Sequence[Bar],
    axis: str = "items, and their share of all",
    whole: float | None = None,
) -> Html:
    if not rows:
        return _chart(title, None, "There is nothing to draw yet.")
    told = "; ".join(f"{row.name}: {row.told}" for row in rows)
    return _chart(title, svg.bars(name, title, told, rows, axis=axis, whole=whole))


def _costs(record: RunRecord) -> Html:
    """The ways of asking by money where each is priced, else by tokens of prompt and reply."""
    title = "What one item takes, by way of asking"
    ways = telling(record.comparisons[0].ways) if record.comparisons else ()
    if len(ways) < 2:
        return _chart(title, None, "There is nothing to compare packing with yet.")
    kinds = ["plain" if place == 0 else "quiet" for place in range(len(ways))]
    if all(way.cost_usd is not None for way in ways):
        axis = "money per item, US dollars"
        sums = [(float(way.cost_usd or 0), money(way.cost_usd)) for way in ways]
    elif all(way.input_tokens is not None and way.output_tokens is not None for way in ways):
        axis = "tokens per item, prompt and reply"
        tokens = [(way.input_tokens or 0) + (way.output_tokens or 0) for way in ways]
        sums = [(each, figure(each)) for each in tokens]
    else:
        return _chart(title, None, "Neither money nor tokens are known for all of them.")
    rows = [
        Bar(cut(way_words(way), 60), length, told, kind)
        for way, (length, told), kind in zip(ways, sums, kinds, strict=True)
    ]
    return _bars("costs", title, rows, axis)


def _ending(item: ItemRecord) -> tuple[str, str]:
    if item.state is ItemState.ACCEPTED:
        if is_doubtful(item):
            return "accepted, doubtful", "doubt"
        if item.result is not None and item.result.trust is Trust.CONFIRMED:
            return "accepted, and confirmed", "good"
        return "accepted, clean", "good"
    words = {
        ItemState.HELD: ("held for a review", "plain"),
        ItemState.FAILED: ("failed", "bad"),
        ItemState.IN_FLIGHT: ("in a call now", "quiet"),
    }
    return words.get(item.state, ("not settled yet", "quiet"))


def _routes(record: RunRecord) -> Html:
    title = "Which kind of call gave the answers"
    settled = answers_by_route(record)
    total = settled.total() or 1
    rows = [
        Bar(_route_name(route), count, f"{count:,} ({percent(count / total)})", _kind(route))
        for route, count in sorted(settled.items(), key=lambda each: -each[1])
    ]
    return _bars("routes", title, rows, "answers, and their share of all", settled.total())


def _route_name(route: str) -> str:
    return f"{route}: {ROUTES[route]}" if route in ROUTES else route


def _kind(route: str) -> str:
    return route if route in _KNOWN_ROUTES else "other"


def _sizes(record: RunRecord) -> Html:
    title = "Size of packs over time"
    found = sizes(record)
    if not found:
        return _chart(title, None, "No call was sent.")
    dots = [
        Dot(
            (point.first + point.last) / 2,
            point.mean,
            point.least,
            point.most,
            _kind(point.route),
            bool(point.failed),
        )
        for point in found
    ]
    failed = sum(call.state is CallState.FAILED for call in record.calls)
    routes = Counter(call.route for call in record.calls)
    kinds = [_kind(route) for route in routes]
    largest = max(point.most for point in found)
    told = (
        f"{counted(len(record.calls), 'call')}, the largest with {counted(largest, 'item')}; the first hold "
        f"{found[0].mean:.3g} on average, the last {found[-1].mean:.3g}; {failed:,} failed"
    )
    picture = svg.points(
        "sizes",
        title,
        told,
        dots,
        x_axis="calls in the order of sending",
        y_axis="items in a call",
        last_x=len(record.calls),
    )
    signs = [join([svg.key(kind), f" {kind} "]) for kind in dict.fromkeys(kinds)]
    if failed:
        signs.append(join([svg.key("failed"), " failed "]))
    legend = el("p", *(el("span", sign, class_="sign") for sign in signs), class_="legend")
    each = max(point.last - point.first + 1 for point in found)
    joined = f"Each point stands for {each:,} calls: their mean, with a line from smallest to largest."
    drawn = join([picture, legend])
    return _chart(title, drawn, joined if each > 1 else None)


def _seats(record: RunRecord) -> Html:
    found = seat_shares(record)
    title = "Does the position in the call matter?"
    if not found:
        told = (
            f"Too little to say: it takes {LEAST_ANSWERS} answers from calls of two or more items, and two "
            f"positions with {LEAST_PER_SEAT} each."
        )
        return _chart(title, None, told)
    first = found[0]
    fewest = min(first.counts)
    labels = first.name != "not taken as clean"
    what = "share of each answer" if labels else "share of items not taken as clean"
    picture = svg.columns(
        "seats",
        title,
        "; ".join(_seat_words(row) for row in found),
        [
            (f"{cut(row.name, 30)} · {percent(row.overall)} on the whole", row.shares, row.overall)
            for row in found
        ],
        ticks=first.seats,
        x_axis="position in the call, the first is 1",
        y_axis=what,
    )
    caution = (
        f"The dashed line is the share over all positions. The thinnest rests on {counted(fewest, 'answer')}"
        + ("; with so few, columns differ by chance alone." if fewest < 30 else ".")
    )
    return _chart(title, picture, caution, _test(record, SignalKind.POSITION_DRIFT))


def _seat_words(row: BySeat) -> str:
    shares = ", ".join(
        f"position {seat} {percent(share)}" for seat, share in zip(row.seats, row.shares, strict=True)
    )
    return f"{cut(row.name, 60)}: {shares}; on the whole {percent(row.overall)}"


def _neighbours(record: RunRecord) -> Html:
    title = "Do answers follow their neighbours?"
    found = alike(record)
    if not found:
        told = (
            f"Too little to say: it takes {LEAST_ANSWERS} answers with a neighbour before them, from a set "
            "of labels of which two occur at least."
        )
        return _chart(title, None, told)
    expected = found[0].expected
    words = "; ".join(f"{each.apart} apart: {percent(each.equal)} of {each.pairs:,} pairs" for each in found)
    picture = svg.columns(
        "neighbours",
        title,
        f"{words}; expected {percent(expected)}",
        [(f"expected {percent(expected)} (dashed)", [each.equal for each in found], expected)],
        ticks=[str(each.apart) for each in found],
        x_axis="places apart in the same call, 1 is the one before",
        y_axis="share of pairs with equal answers",
    )
    previous = found[0]
    said = (
        f"An answer equals the one right before it in {percent(previous.equal)} of "
        f"{previous.pairs:,} pairs; from the shares of the answers alone {percent(expected)} are expected."
    )
    return _chart(title, picture, said, _test(record, SignalKind.NEIGHBOUR_COPY))


def _test(record: RunRecord, kind: SignalKind) -> Html | None:
    trend = next((each for each in record.trends if each.kind is kind and each.p_value is not None), None)
    if trend is None or trend.p_value is None:
        return None
    return join(["Exact test: ", data(trend.detail)])


def _tests(record: RunRecord) -> Html | None:
    """The tests that belong to no chart of their own."""
    drawn = (SignalKind.POSITION_DRIFT, SignalKind.NEIGHBOUR_COPY)
    rows = [
        el(
            "li",
            el("strong", signal_words(trend.kind)),
            ": ",
            data(trend.detail, 400),
        )
        for trend in record.trends[:8]
        if trend.kind not in drawn or trend.p_value is None
    ]
    if not rows:
        return None
    return el("div", el("h3", "Other tests over the whole run"), el("ul", *rows, class_="notes"))
