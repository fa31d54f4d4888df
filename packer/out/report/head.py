"""The head of a report: what happened, what it cost, and what to look at before the results are used.

Does not know: the details below it.
"""

from __future__ import annotations

from packer.out.board.bleed_words import bleed_told
from packer.out.board.next_step import next_step, stopped_words
from packer.out.board.remedies import (
    MAYBE_PAID,
    ask_singly,
    audit_more,
    for_doubtful,
    for_failed,
    open_items,
)
from packer.out.board.standing import Standing, outcome, shared_answers, standing
from packer.out.board.worth import (
    answered,
    dear_packing,
    packing_worth,
    rests_on,
    usd_of_the_rest,
    usd_per_answer,
)
from packer.out.report.bleed import bleed_concerns
from packer.out.report.html import Child, Html, el, join
from packer.out.report.review import reviewed_share
from packer.out.report.words import STATES, data, duration, figure, is_doubtful, money, percent
from schemas.counted import counted
from schemas.record import ItemState, RunRecord
from schemas.review import Gate
from splitter.null import RARE


def head_section(record: RunRecord) -> Html:
    """Name, verdict, concerns and key figures."""
    return el(
        "header",
        el("p", "packsplit · report of a run", class_="kicker"),
        el("h1", data(record.name, 120)),
        el("p", verdict(record), class_="verdict"),
        el("p", _state(record), el("span", "Review: ", _gate(record)), class_="state"),
        _figures(record),
        _concerns(record),
        _facts(record),
        class_="top",
    )


def verdict(record: RunRecord) -> str:
    """What happened, in one plain sentence that holds nothing but figures.

    Example: "49 of 60 items have an accepted answer, 4 of them doubtful; 3 failed, 2 are held for a review."
    """
    states, total = record.states, len(record.items)
    accepted = states[ItemState.ACCEPTED]
    doubtful = sum(is_doubtful(item) and item.state is ItemState.ACCEPTED for item in record.items)
    if accepted == total and total:
        said = "The one item has" if total == 1 else f"All {total:,} items have"
    else:
        said = f"{accepted:,} of {counted(total, 'item')} {'has' if accepted == 1 else 'have'}"
    said += " an accepted answer"
    if doubtful:
        said += f", {doubtful:,} of them doubtful"
    rest = []
    if states[ItemState.FAILED]:
        rest.append(f"{states[ItemState.FAILED]:,} failed")
    if held := states[ItemState.HELD]:
        rest.append(f"{held:,} {'is' if held == 1 else 'are'} held for a review")
    if flying := states[ItemState.IN_FLIGHT]:
        rest.append(f"{flying:,} {'is' if flying == 1 else 'are'} in a call now")
    if queued := states[ItemState.QUEUED]:
        rest.append(f"{queued:,} {'is' if queued == 1 else 'are'} not settled yet")
    return f"{said}; {', '.join(rest)}." if rest else f"{said}."


def _state(record: RunRecord) -> Html:
    """In the words that the terminal has for it."""
    told, kind = outcome(record)
    head = el("strong", f"{told[0].upper()}{told[1:]}", class_=None if kind == "plain" else kind)
    if record.running:
        return el("span", head, _why(record.owner))
    if jobs := record.jobs_open:
        return el("span", head, f": {counted(len(jobs), 'batch job')} under way")
    if record.stopped is not None and record.gate is not Gate.WAITING:
        return el("span", head, _why(stopped_words(record.stopped)))
    return el("span", head, ": run it again to go on" if standing(record) is Standing.OPEN else None)


def _why(told: str) -> Html | None:
    return join([": ", data(told)]) if told else None


def _gate(record: RunRecord) -> Html:
    words = {
        Gate.NONE: el("span", "none asked for"),
        Gate.WAITING: el("strong", "held: waiting for a review", class_="doubt"),
        Gate.PASSED: el("strong", "passed", class_="good"),
        Gate.REJECTED: el("strong", "held: refused in review", class_="bad"),
    }
    return words[record.gate]


def _facts(record: RunRecord) -> Html:
    started = record.created_at.replace("T", " ").removesuffix("+00:00").removesuffix("Z")
    facts: list[tuple[str, Child]] = [
        ("Model", data(record.model, 120)),
        ("Started", join([data(started, 30), " UTC"])),
        ("Took", _took(record)),
        ("Asked", data(record.instruction, 600)),
    ]
    return el("dl", *(el("div", el("dt", name), el("dd", told)) for name, told in facts), class_="facts")


def _took(record: RunRecord) -> str:
    sent = [call.sent_at_s for call in record.calls if call.sent_at_s is not None]
    if not sent:
        return "nothing was sent"
    ends = [call.sent_at_s + (call.took_s or 0) for call in record.calls if call.sent_at_s is not None]
    return f"{duration(max(ends) - min(sent))} from first call to last reply"


def _concerns(record: RunRecord) -> Html:
    states = record.states
    doubtful = sum(map(is_doubtful, record.items))
    found: list[Child] = []
    if record.gate is Gate.WAITING:
        found.append("A reviewer has to look first, at the sample of the next step.")
    if record.gate is Gate.REJECTED:
        found.append("A reviewer refused the answers: none is given out. Their reasons stand below.")
    if states[ItemState.FAILED]:
        found.append(
            f"{counted(states[ItemState.FAILED], 'item')} failed and {_has(states[ItemState.FAILED])}. "
            + for_failed(record)
        )
    if doubtful:
        found.append(
            f"{counted(doubtful, 'answer')} in doubt, for traces of neighbours or of damage. "
            + for_doubtful(doubtful)
        )
    if count := max(len(record.maybe_paid), record.ledger.maybe_paid_calls):
        found.append(f"{counted(count, 'call')} may have been paid for without a reply. {MAYBE_PAID}")
    if count := record.unsettled:
        rest = usd_of_the_rest(record)
        cost = "" if rest is None else f"; they would take about {money(rest)} more"
        found.append(f"{counted(count, 'item')} not settled yet{cost}. {open_items(record)}".rstrip())
    if told := dear_packing(record):
        found.append(told)
    found += bleed_concerns(record)
    found += [
        join(
            [
                "A test over the whole run: ",
                data(trend.detail),
                f". Compare: {ask_singly(record)}.",
            ]
        )
        for trend in record.trends[:8]
        if trend.p_value is not None and trend.p_value <= RARE
    ]
    if any(not advice.pack for advice in record.advice):
        found.append(
            "Before the first call it was advised not to pack some of these: see below. "
            f"Next time: {ask_singly(record)}."
        )
    step = _next(record)
    tested, kind = _bleed(record)
    if not found:
        told = "No failures, no doubtful answers, nothing left to pay."
        return el("div", el("p", el("strong", told), f" {tested}".rstrip()), step, class_=f"calm {kind}")
    title = el("h2", "Before you use these results", id="before")
    kind = "bad" if states[ItemState.FAILED] or record.gate is Gate.REJECTED else "doubt"
    found += [tested] if tested else []
    listed = el("ol", *(el("li", each) for each in found))
    return el("section", title, listed, step, class_=f"concerns {kind}")


def _next(record: RunRecord) -> Html | None:
    step = next_step(record, on_page=True)
    if step is None:
        place = next((each for each in record.begun_with if each.startswith("--out=")), "")
        kept = place.removeprefix("--out=")
        return (
            el("p", "The results are in ", el("code", data(kept, 400)), ".", class_="next") if kept else None
        )
    if step.in_python:
        return el("p", "Next: in your Python script, ", data(step.line, 700), _note(step.note), class_="next")
    return el("p", "Next: ", el("code", data(step.line, 700)), _note(step.note), class_="next")


def _note(told: str) -> str:
    return f" ({told})" if told else ""


def _bleed(record: RunRecord) -> tuple[str, str]:
    """The sentence, and what to do where it leaves doubt; nothing where no answer came from a shared call."""
    if not shared_answers(record):
        return "", "good"
    told, kind = bleed_told(record.calibration, record.audit)
    return f"{told} {_surer(record)}".rstrip() if kind == "doubt" else told, kind


def _surer(record: RunRecord) -> str:
    more = audit_more(record)
    return f"To be surer, give another run {more}." if more else ""


def _has(count: int) -> str:
    return "has no answer" if count == 1 else "have no answer"


def _figures(record: RunRecord) -> Html:
    ledger, total = record.ledger, len(record.items)
    used = ledger.usage
    states = [f"{count:,} {STATES[state]}" for state in STATES if (count := record.states[state])]
    done = answered(record)
    calls = [f"{ledger.calls / done:.2f} per answered item"] if done else []
    if ledger.failed_calls:
        calls.append(f"{ledger.failed_calls:,} failed")
    tokens = [f"{figure(used.input_tokens)} in", f"{figure(used.output_tokens)} out"]
    if used.cached_tokens and used.input_tokens:
        tokens.insert(1, f"{percent(used.cached_tokens / used.input_tokens)} of it cached")
    known = [each for each in (used.input_tokens, used.output_tokens) if each is not None]
    cells = [
        _figure("Items", f"{total:,}", *states),
        _figure("Money", *_money(record)),
        _figure("Calls", f"{ledger.calls:,}", *calls),
        _figure("Tokens", figure(sum(known)) if known else "unknown", *tokens),
        _packing(record),
    ]
    if record.reviews:
        rate = f"{sum(each.bad for each in record.reviews):,} of {len(record.reviews):,}"
        cells.append(_figure("Wrong in review", rate, str(reviewed_share(record))))
    return el("dl", *cells, class_="figures")


def _figure(name: str, large: Child, *small: Child, kind: str = "") -> Html:
    notes = [el("dd", each, class_="soft") for each in small]
    return el("div", el("dt", name), el("dd", large, class_=f"large {kind}".rstrip()), *notes)


def _money(record: RunRecord) -> list[Child]:
    ledger = record.ledger
    said: list[Child] = []
    if ledger.cost_usd is None:
        said += ["unknown", data(ledger.price_source or "no reply came whose usage could be priced", 160)]
    else:
        at_least = "at least " if ledger.unpriced_calls else ""
        said.append(f"{at_least}{money(ledger.cost_usd)}")
        if (each := usd_per_answer(record)) is not None:
            said.append(f"{money(each)} per answered item")
    if ledger.unpriced_calls and ledger.cost_usd is not None:
        said.append(f"{counted(ledger.unpriced_calls, 'call')} of unknown cost left out")
    if ledger.maybe_paid_calls:
        most = ledger.maybe_paid_usd
        said.append("and maybe more" if most is None else f"and maybe up to {money(most)} more")
    return said


def _packing(record: RunRecord) -> Html:
    if not record.comparisons:
        why = "nothing to compare with yet" if record.running else "no comparison was kept"
        return _figure("Packing", "unknown", why)
    found = packing_worth(record.comparisons[0])
    return _figure(
        "Packing",
        found.figure,
        data(found.beside, 160),
        *([basis] if (basis := rests_on(record.comparisons[0])) else []),
        kind=found.kind,
    )
