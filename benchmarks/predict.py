"""What a plan predicts, held against what was billed: calls, prompt and reply tokens.

    python -m benchmarks.predict                    # the fault server, by its own ledger, with the openai SDK
    python -m benchmarks.predict --model local      # a real model on this machine, by its server's own counts
    python -m benchmarks.predict --draws 2000       # how well a few examples foretell the length of answers

Answers of the fault server are the data's human labels, so what replies take is what right answers take. It
counts words alone: what a plan reckons for chat templates and the ends of replies is taken off there, and
the share of it is shown. A real model is asked for a part of the items (``--items``).
Does not know: how a plan predicts.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from random import Random
from statistics import fmean

from openai import OpenAI

from benchmarks import heading
from benchmarks.data import SOURCES, Labelled
from packer import Fallback, Layout, Task, pack_and_run, plan
from packer.clients.local import LocalModel
from packer.cost.expect import Expected
from packer.render import compact
from packer.testing import FaultServer
from packer.tokens import counter_for
from schemas.settings import Strategy

ONCE = Fallback(repacks=0, session=False, single=False)
EXAMPLES, SEED = 8, 0
SINGLES, SOME, LONGEST = 1_000, 2_000, 400
UNEVEN = {"neutral": "neutral, or it cannot be told from the text alone"}
ADDRESS = {
    "type": "object",
    "properties": {
        name: {"anyOf": [{"type": "string"}, {"type": "null"}]}
        for name in ("number", "street", "place", "state", "zip")
    },
    "required": ["number", "street", "place", "state", "zip"],
    "additionalProperties": False,
}
PRICE = {
    "type": "object",
    "properties": {
        "amount": {"type": "number"},
        "currency": {"anyOf": [{"type": "string"}, {"type": "null"}]},
    },
    "required": ["amount", "currency"],
    "additionalProperties": False,
}


@dataclass(frozen=True, slots=True)
class Case:
    """A task over one of the data sets, in one way of asking."""

    name: str
    task: Task[object]
    items: Sequence[Labelled]
    strategy: Strategy = "pack"
    layout: Layout = field(default_factory=Layout)


def cases() -> Iterator[Case]:
    """Classification and extraction, with and without worked examples, in the envelopes there are."""
    labels = ["positive", "neutral", "negative"]
    sentiment = Task.classify("Sentiment of a text: how does its author feel?", labels)
    texts = SOURCES["sentiments"]()
    yield Case("sentiments", sentiment, texts)
    yield Case("sentiments", sentiment, texts[:SINGLES], "single")
    uneven = Task.classify("Sentiment of a text.", [UNEVEN.get(label, label) for label in labels])
    named = [Labelled(each.text, UNEVEN.get(str(each.gold), each.gold)) for each in texts[:SOME]]
    yield Case("sentiments, one long label", uneven, named)
    yield Case("sentiments, array", sentiment, texts[:SOME], layout=Layout(envelope="array"))
    yield Case("sentiments, seal", sentiment, texts[:SOME], layout=Layout(binding="seal"))
    yield Case("sentiments, lines", sentiment, texts[:SOME], layout=Layout(envelope="lines"))
    for name, words, schema in (
        ("addresses", "Parts of a US address, as written.", ADDRESS),
        ("prices", "The price and its currency as written.", PRICE),
    ):
        every = [Labelled(each.text, _as_json(each.gold)) for each in SOURCES[name]()]
        Random(SEED).shuffle(every)
        shown, rest = [(each.text, each.gold) for each in every[:EXAMPLES]], every[EXAMPLES:]
        learned, told = Task.extract(words, schema, examples=shown), f"{name}, {EXAMPLES} examples"
        yield Case(told, learned, rest)
        yield Case(told, learned, rest, "single")
        yield Case(f"{told}, evidence", Task.extract(words, schema, examples=shown, evidence=True), rest)
        yield Case(f"{name}, no example", Task.extract(words, schema), rest)


def _as_json(gold: object) -> object:
    if isinstance(gold, dict) and "amount" in gold:
        return {**gold, "amount": float(str(gold["amount"]))}
    return gold


def line(*cells: object) -> None:
    """One line of a table."""
    print("|", " | ".join(str(cell) for cell in cells), "|", flush=True)


def off(predicted: float, billed: float) -> str:
    """How far a prediction is off."""
    return f"{predicted:,.0f} / {billed:,.0f} ({predicted / billed - 1:+.1%})"


def row(
    case: Case, expected: Expected, calls: int, sent: int, replied: int, *, again: int | None, words: bool
) -> None:
    """Predicted and billed."""
    into, out = expected.input_tokens, expected.output_tokens
    if words:
        into, out = into - expected.template_tokens, out - expected.end_tokens
    told = f"{expected.calls:,} / {calls:,}"
    more = "-" if again is None else f"{again:,}"
    line(
        case.name,
        case.strategy,
        told,
        off(into, sent),
        off(out, replied),
        off(into + out, sent + replied),
        more,
    )


def on_the_fault_server(case: Case) -> None:
    """Everything is answered right; what is asked again all the same is the bleed detectors' doing."""
    truth = {each.text: each.gold for each in case.items}
    made = plan(truth, case.task, model="any", layout=case.layout, strategy=case.strategy)
    for fallback in (ONCE, Fallback()):
        with (
            FaultServer(truth, constrained=case.layout.envelope != "lines") as server,
            OpenAI(base_url=server.url, api_key="none") as sdk,
        ):
            pack_and_run(
                truth,
                case.task,
                client=sdk,
                model="any",
                layout=case.layout,
                strategy=case.strategy,
                fallback=fallback,
            )
            # The call that finds out what the server can be held to is not about items.
            served = [each for each in server.ledger.served if each.texts]
            if fallback is ONCE:
                billed = (
                    len(served),
                    sum(each.prompt_tokens for each in served),
                    sum(each.completion_tokens for each in served),
                )
        if case.strategy == "single":
            break
    again = len(served) - billed[0]
    row(case, made.forecast.packed, *billed, again=again, words=True)


def on_a_real_model(case: Case, name: str, items: int) -> None:
    """What the model answers is its own affair; each item is asked once."""
    texts = [each.text for each in case.items if len(each.text) < LONGEST][:items]
    model = LocalModel(name)
    try:
        made = plan(
            texts,
            case.task,
            model="local",
            counter=model.counter(),
            layout=case.layout,
            strategy=case.strategy,
        )
        run = pack_and_run(
            texts,
            case.task,
            client=model,
            layout=case.layout,
            strategy=case.strategy,
            fallback=ONCE,
        )
    finally:
        model.close()
    used = run.ledger.usage
    billed = (run.ledger.calls, used.input_tokens or 0, used.output_tokens or 0)
    row(case, made.forecast.packed, *billed, again=None, words=False)


def draws(rounds: int) -> None:
    """Examples by chance: their mean answer, and the same made longer as the texts are longer."""
    counter = counter_for("gpt-4o")
    line("data", "examples", "mean answer: RMS error", "within 5%", "scaled by text: RMS error", "within 5%")
    line(*["---"] * 6)
    for name in ("addresses", "prices"):
        every = [Labelled(each.text, _as_json(each.gold)) for each in SOURCES[name]()]
        texts = counter.count_batch([each.text for each in every])
        whole = counter.count_batch([compact(each.gold) for each in every])
        bare = counter.count_batch([compact(_bare(each.gold)) for each in every])
        text_mean, true_mean = fmean(texts), fmean(whole)
        for examples in (3, 8, 20):
            plain, scaled = [], []
            for number in range(rounds):
                drawn = Random(number).sample(range(len(every)), examples)
                answer, text = fmean(whole[i] for i in drawn), fmean(texts[i] for i in drawn)
                copied = (answer - fmean(bare[i] for i in drawn)) / text
                plain.append(answer / true_mean - 1)
                scaled.append((answer + copied * (text_mean - text)) / true_mean - 1)
            line(name, examples, *_errors(plain), *_errors(scaled))


def _bare(gold: object) -> object:
    if isinstance(gold, dict):
        return {name: "" if isinstance(each, str) else each for name, each in gold.items()}
    return gold


def _errors(each: Sequence[float]) -> tuple[str, str]:
    return f"{fmean(x * x for x in each) ** 0.5:.1%}", f"{fmean(abs(x) < 0.05 for x in each):.0%}"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", help="local, local/qwen-0.5b or local/smollm2; none asks the fault server")
    parser.add_argument("--items", type=int, default=40, help="how many a real model is asked for")
    parser.add_argument("--draws", type=int, help="draw examples so often, and ask nobody")
    args = parser.parse_args()
    heading("predict")
    if args.draws:
        draws(args.draws)
        return
    print("predicted / billed, and how far the prediction is off\n")
    line("data and task", "way", "calls", "prompt tokens", "reply tokens", "all tokens", "asked again")
    line(*["---"] * 7)
    for case in cases():
        if not args.model:
            on_the_fault_server(case)
        elif case.layout == Layout() and not case.task.evidence:
            on_a_real_model(case, args.model, args.items)


if __name__ == "__main__":
    main()
