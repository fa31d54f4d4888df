"""Holds a finished run against what its server sold: nothing lost, wrong or doubled, and every token booked.

Does not know: how the run was disturbed.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from packer.run.store.run_file import RunFile
from tests.crash.till import Sold, Till
from tests.crash.work import CONCURRENCY, Outcome, Work, texts_of, truth_of


@dataclass(frozen=True, slots=True)
class Books:
    """What came out of one run.

    Attributes:
        kept_calls: calls whose reply was kept.
        lost_calls: calls that the server sold, and whose reply was not kept: they were paid for twice.
        lost_items: items in them.
        maybe_paid_calls: as the run's ledger lists them.
        failed: inputs without a value, as the server spoiled every answer to them.
        routes: kept calls by rung.
    """

    kept_calls: int
    lost_calls: int
    lost_items: int
    maybe_paid_calls: int
    failed: int
    routes: dict[str, int]


def checked(till: Till, work: Work, outcome: Outcome, *, kills: int) -> Books:
    """Assert what a run promises; give its figures.

    Args:
        till: the server.
        work: as it was given to all processes of the run.
        outcome: of the last one.
        kills: how many processes were killed before.
    """
    assert not outcome.error, f"{outcome.error}: {outcome.message}"
    assert not outcome.message, outcome.message
    texts, truth = texts_of(work.how_many), truth_of(work.how_many)
    failed = _right(outcome, texts, truth)
    with RunFile(Path(work.store), write=False) as file:
        file.check()
        file.head()
        events = list(file.events())
        results = dict(file.results())
        positions = {n: texts[n] for n, _ in enumerate(file.items())}
    assert list(results) == list(range(len(texts))), "each input has one row"
    assert [results[n]["value"] for n in results] == outcome.values
    assert [results[n]["outcome"] for n in results] == outcome.outcomes

    sent = {event.body["n"]: event.body for event in events if event.kind == "sent"}
    assert list(sent) == list(range(1, len(sent) + 1)), "attempts are numbered through"
    back = [event.body for event in events if event.kind == "back"]
    assert len({each["n"] for each in back}) == len(back), "each attempt came back once at most"
    kept: Counter[tuple[frozenset[str], str, tuple[int, int]]] = Counter()
    for each in back:
        reply = each["reply"]
        assert isinstance(reply, dict)
        members = sent[each["n"]]["members"]
        assert isinstance(members, list)
        usage = reply["usage"]
        tokens = usage["input_tokens"], usage["output_tokens"]
        kept[frozenset(positions[n] for n in members), reply["text"], tokens] += 1
    sold = Counter((_texts(each, truth), each.reply, each.tokens) for each in till.sold if not each.probe)
    assert kept <= sold, "a reply was kept that the server never gave"
    lost = sold - kept

    open_ = {n: each for n, each in sent.items() if n not in {b["n"] for b in back}}
    maybe = Counter(frozenset(positions[n] for n in _members(each)) for each in open_.values())
    gone = Counter(texts for texts, _, _ in lost.elements())
    assert gone <= maybe, "a call was sold that stands nowhere in the books"
    assert lost.total() <= CONCURRENCY * kills, f"{lost.total()} calls paid twice after {kills} kills"
    assert lost.total() <= outcome.maybe_paid_calls <= CONCURRENCY * kills
    assert outcome.maybe_paid_calls == len(open_)

    probes = [event.body for event in events if event.kind == "probed"]
    spent = [sum(tokens[at] * n for (_, _, tokens), n in kept.items()) for at in (0, 1)]
    for each in probes:
        reply = each["reply"]
        assert isinstance(reply, dict)
        spent[0] += reply["usage"]["input_tokens"]
        spent[1] += reply["usage"]["output_tokens"]
    assert outcome.tokens == tuple(spent), "the ledger is the sum of what was kept"
    assert outcome.calls == len(sent) + len(probes)
    return Books(
        kept.total(),
        lost.total(),
        sum(len(texts) * n for (texts, _, _), n in lost.items()),
        outcome.maybe_paid_calls,
        failed,
        dict(Counter(str(each["route"]) for each in sent.values())),
    )


def _right(outcome: Outcome, texts: list[str], truth: dict[str, object]) -> int:
    assert len(outcome.values) == len(texts), "nothing is lost"
    failed = 0
    for text, value, word in zip(texts, outcome.values, outcome.outcomes, strict=True):
        if word == "failed":
            assert value is None
            failed += 1
        else:
            assert (word, value) == ("accepted", truth[text]), text
    # Three rungs in a row spoiled is rare; more would be answers thrown away.
    assert failed <= 2, f"{failed} inputs failed"
    return failed


def _members(body: dict[str, object]) -> list[int]:
    members = body["members"]
    assert isinstance(members, list)
    return members


def _texts(sold: Sold, truth: dict[str, object]) -> frozenset[str]:
    return frozenset(text for text in truth if text in sold.asked)
