"""What really binds: ways of packing the same items, held against the same model's own single answers.

    python -m benchmarks.binding --model local --data tweets [--items 96] [--only "keyed" "array" ...]

Every way of asking is a run of its own with a store of its own (under the cache folder), so that hours of
model time survive any interruption: the same command goes on. Ways that the product does not offer (a seal
behind the text, marks between words) are made by rewording its prompts. Does not know: which way is best.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from importlib.metadata import version
from pathlib import Path
from random import Random
from typing import Any

from benchmarks import heading
from benchmarks.data import CACHE, SOURCES, Labelled
from benchmarks.predict import ADDRESS, PRICE
from packer import Budget, Fallback, Guard, Layout, RunResult, Task, pack_and_run
from packer.audit.equal import fields, same
from packer.clients.local import LocalModel
from packer.sampling import bad_share
from schemas.chat import Completion, Message, Prompt
from schemas.settings import Strategy

RESULTS = Path(__file__).parent / "results"
SEED = 7
ONCE = Fallback(repacks=0, session=False, single=False)
"""A way is judged by what its first reply says; what the ladder mends belongs to the ladder."""
LABELS = ("positive", "neutral", "negative")
LETTERS = {"A": "positive", "B": "neutral", "C": "negative"}

Change = Callable[[Prompt], Prompt]


@dataclass(frozen=True, slots=True)
class Way:
    """One way of asking.

    Attributes:
        layout: as the product has it.
        size: items a pack; 1 is one item in the packs' words.
        strategy: ``single`` is the reference.
        change: rewords a prompt; None leaves it.
        examples: worked examples in the prompt.
        letters: labels are letters, explained.
        marked: words of items are joined by a mark instead of spaces (datamarking).
        against: the single way it is held against.
    """

    layout: Layout = field(default_factory=Layout)
    size: int = 10
    strategy: Strategy = "pack"
    change: Change | None = None
    examples: int = 0
    letters: bool = False
    marked: bool = False
    against: str = "single"


def _user(prompt: Prompt, text: str, system: str | None = None) -> Prompt:
    first = prompt.messages[0] if system is None else replace(prompt.messages[0], content=system)
    return replace(prompt, messages=(first, *prompt.messages[1:-1], Message("user", text)))


def seal_behind(prompt: Prompt) -> Prompt:
    """``(417)`` after the item's text instead of before it."""
    system, user = prompt.messages[0].content, prompt.messages[-1].content
    block = re.compile(r"^(\[\w+\] item_\d+) \((\d+)\): (.*?)(?=\n\[)", re.DOTALL | re.MULTILINE)
    moved = block.sub(r"\1: \3 (\2)", user)
    told = system.replace(
        "After the tag stands the item's seal in round brackets",
        "At the item's end stands its seal in round brackets",
    )
    return _user(prompt, moved, told)


def echo_behind(prompt: Prompt) -> Prompt:
    """The echo after the answer instead of before it."""
    schema = json.loads(json.dumps(prompt.reply_schema))
    bound = schema["$defs"]["Bound"]
    echo = next(name for name in bound["properties"] if name != "answer")
    bound["properties"] = {"answer": bound["properties"]["answer"], echo: bound["properties"][echo]}
    bound["required"] = ["answer", echo]
    system = prompt.messages[0].content
    told = re.sub(rf'\{{("{echo}":"<{echo}>"),("answer":.*?)\}}', r"{\2,\1}", system)
    return replace(prompt, reply_schema=schema, messages=(Message("system", told), *prompt.messages[1:]))


def asked_behind(prompt: Prompt) -> Prompt:
    """The instruction once more, behind the items."""
    question = prompt.messages[0].content.split("\n\nThe user message")[0]
    return _user(prompt, f"{prompt.messages[-1].content}\n{question}\n")


def asked_beside(prompt: Prompt) -> Prompt:
    """The question in short beside each item."""
    question = prompt.messages[0].content.split("\n")[0]
    user = re.sub(r"(?m)^(\[\w+\] item_\d+): ", rf"\1: {question} Text: ", prompt.messages[-1].content)
    return _user(prompt, user)


def bare(prompt: Prompt) -> Prompt:
    """No nonce: ``item_1: text``."""
    return _user(prompt, re.sub(r"(?m)^\[\w+\] (item_\d+|end)", r"\1", prompt.messages[-1].content))


def _items(prompt: Prompt) -> list[tuple[str, str]]:
    """Tags and texts of a packed prompt."""
    parts = re.split(r"(?m)^\[\w+\] (item_\d+: |end$)", prompt.messages[-1].content)[1:-2]
    return [(tag[:-2], text[:-1]) for tag, text in zip(parts[::2], parts[1::2], strict=True)]


_FRAME = "Each item follows a code in brackets and its tag."


def quoted(prompt: Prompt) -> Prompt:
    """No nonce, texts as JSON strings: ``item_1: "text"``."""
    user = "".join(f"{tag}: {json.dumps(text, ensure_ascii=False)}\n" for tag, text in _items(prompt))
    told = "Each item stands on a line of its own, in quotation marks behind its tag."
    return _user(prompt, user, prompt.messages[0].content.replace(_FRAME, told))


def as_json(prompt: Prompt) -> Prompt:
    """Items as one JSON object, in the form of the reply."""
    rows = [f"{json.dumps(tag)}:{json.dumps(text, ensure_ascii=False)}" for tag, text in _items(prompt)]
    told = "They are one JSON object, each under its tag."
    return _user(prompt, "{\n" + ",\n".join(rows) + "\n}", prompt.messages[0].content.replace(_FRAME, told))


def apart(prompt: Prompt) -> Prompt:
    """An empty line between items."""
    return _user(prompt, re.sub(r"(?m)^(\[\w+\] )(?!item_1:)", r"\n\1", prompt.messages[-1].content))


KEYED = Layout()
ARRAY = Layout(envelope="array")
WAYS: dict[str, Way] = {
    "single": Way(strategy="single"),
    "single again": Way(strategy="single"),
    "keyed": Way(),
    "keyed, 5": Way(size=5),
    "array": Way(ARRAY),
    "array, 5": Way(ARRAY, 5),
    "keyed, 20": Way(size=20),
    "keyed, 2": Way(size=2),
    "keyed, 3": Way(size=3),
    "packed words, 1": Way(size=1),
    "seal": Way(Layout(binding="seal")),
    "array, seal": Way(Layout(envelope="array", binding="seal")),
    "words": Way(Layout(binding="words")),
    "quote": Way(Layout(binding="quote")),
    "seal behind the text": Way(Layout(binding="seal"), change=seal_behind),
    "seal behind the answer": Way(Layout(binding="seal"), change=echo_behind),
    "words behind the answer": Way(Layout(binding="words"), change=echo_behind),
    "asked again behind the items": Way(change=asked_behind),
    "asked beside each item": Way(change=asked_beside),
    "items apart": Way(change=apart),
    "no nonce": Way(change=bare),
    "no nonce, quoted": Way(change=quoted),
    "items as JSON": Way(change=as_json),
    "items as JSON, 5": Way(size=5, change=as_json),
    "no nonce, quoted, 5": Way(size=5, change=quoted),
    "6 examples, single": Way(strategy="single", examples=6),
    "6 examples": Way(examples=6, against="6 examples, single"),
    "6 examples, 5": Way(examples=6, size=5, against="6 examples, single"),
    "letters, single": Way(strategy="single", letters=True),
    "letters": Way(letters=True, against="letters, single"),
    "marked, single": Way(strategy="single", marked=True),
    "marked": Way(marked=True, against="marked, single"),
    "keyed, 40": Way(size=40),
}
EXTRACTION = (
    *("single", "keyed", "array", "keyed, 5", "keyed, 20", "seal", "words", "quote", "seal behind the text"),
    *("asked beside each item", "6 examples, single", "6 examples", "packed words, 1", "keyed, 2"),
    *("marked, single", "marked", "seal behind the answer", "array, seal", "keyed, 40"),
)


class Reworded:
    """A client that changes prompts on their way."""

    def __init__(self, inner: LocalModel, change: Change) -> None:
        self.inner, self.change = inner, change
        self.name, self.provider, self.max_retries = inner.name, inner.provider, inner.max_retries
        self.context_tokens, self.concurrency = inner.context_tokens, inner.concurrency

    async def facts(self) -> Any:
        """The model's."""
        return await self.inner.facts()

    def counter(self) -> Any:
        """The model's."""
        return self.inner.counter()

    async def complete(self, prompt: Prompt) -> Completion:
        """Ask in other words; single prompts stay as they are."""
        return await self.inner.complete(self.change(prompt) if prompt.items > 1 else prompt)


def drawn(data: str, items: int) -> tuple[list[Labelled], list[Labelled]]:
    """Items and worked examples, labels in equal parts, by the seed."""
    every = sorted(SOURCES[data](), key=lambda each: hashlib.sha256(each.text.encode()).digest())
    random = Random(SEED)
    by_label: dict[str, list[Labelled]] = {}
    for each in every:
        if len(each.text) <= 400:
            by_label.setdefault(str(each.gold) if isinstance(each.gold, str) else "", []).append(each)
    rows = [random.sample(by_label[label], len(by_label[label])) for label in sorted(by_label)]
    dealt = [each for turn in zip(*rows, strict=False) for each in turn]
    return dealt[6 : 6 + items], dealt[:6]


def task_of(data: str, way: Way, examples: Sequence[Labelled]) -> Task[Any]:
    """The task, worded alike for single and packed."""
    shown = [(_text(each.text, way), _gold(each.gold, way)) for each in examples[: way.examples]]
    mark = ' In the items "^" stands between words instead of a space.' if way.marked else ""
    if data in ("tweets", "reviews"):
        what = "tweet" if data == "tweets" else "review"
        labels = LABELS if data == "tweets" else ("positive", "negative")
        told = f"Sentiment of a {what}: how does its author feel?{mark}"
        if way.letters:
            named = {letter: label for letter, label in LETTERS.items() if label in labels}
            return Task.classify(told, named, examples=shown)
        return Task.classify(told, labels, examples=shown)
    if data == "addresses":
        told = f"The parts of a US address, as written; null for a part that is not there.{mark}"
        return Task.extract(told, ADDRESS, examples=shown)
    told = f"The price: its amount as a number and its currency as written; null if none is written.{mark}"
    return Task.extract(told, PRICE, examples=shown)


def _text(text: str, way: Way) -> str:
    return "^".join(text.split()) if way.marked else text


def _gold(gold: object, way: Way) -> Any:
    if way.letters:
        return next(letter for letter, label in LETTERS.items() if label == gold)
    return gold


def ask(model: LocalModel, data: str, name: str, items: int) -> RunResult[Any]:
    """One way, asked or taken from its store."""
    way = WAYS[name]
    texts, examples = drawn(data, items)
    home = CACHE / "binding" / model.name.replace("/", "-") / data
    home.mkdir(parents=True, exist_ok=True)
    return pack_and_run(
        [_text(each.text, way) for each in texts],
        task_of(data, way, examples),
        client=model if way.change is None else Reworded(model, way.change),
        strategy=way.strategy,
        budget=Budget(items=way.size),
        layout=way.layout,
        fallback=ONCE,
        guard=Guard(reject=frozenset(), doubt=frozenset()),
        store=home / f"{name.replace(' ', '_').replace(',', '')}-{items}.run",
        seed=SEED,
    )


def row(
    data: str,
    model: str,
    name: str,
    run: RunResult[Any],
    alone: RunResult[Any],
    gold: Sequence[object],
) -> dict[str, Any]:
    """What one way came to."""
    way = WAYS[name]
    values, others = run.values, alone.values
    if way.letters:
        values, others = ([LETTERS.get(str(each)) for each in side] for side in (values, others))
    same_ = [same(a, b) for a, b in zip(values, others, strict=True)]
    right = [same(a, g) for a, g in zip(values, gold, strict=True)]
    was = [same(b, g) for b, g in zip(others, gold, strict=True)]
    differing = [differs for a, b in zip(values, others, strict=True) for differs in fields(a, b).values()]
    used, n = run.ledger.usage, len(values)
    return {
        "data": data,
        "model": model,
        "way": name,
        "items": n,
        "calls": run.ledger.calls,
        "same": sum(same_),
        "right": sum(right),
        "single_right": sum(was),
        "worse": sum(w and not r for r, w in zip(right, was, strict=True)),
        "better": sum(r and not w for r, w in zip(right, was, strict=True)),
        "none": sum(each is None for each in values),
        "fields_same": 1 - sum(differing) / len(differing) if differing else None,
        "in": round((used.input_tokens or 0) / n, 1),
        "out": round((used.output_tokens or 0) / n, 1),
    }


def table(rows: Sequence[dict[str, Any]]) -> str:
    """Rows as a table: a way's agreement with its own single answers, and how often each is right."""
    lines = [
        "| model | data | way | same as alone | right | alone | worse / better | none | tokens in | out |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for each in sorted(rows, key=lambda each: (each["data"], each["model"], list(WAYS).index(each["way"]))):
        n = each["items"]
        found = bad_share(each["same"], n)
        lines.append(
            f"| {each['model']} | {each['data']} | {each['way']} | {each['same']} of {n} "
            f"({found.lower:.0%}-{found.upper:.0%}) | {each['right']} | {each['single_right']} | "
            f"{each['worse']} / {each['better']} | {each['none']} | {each['in']} | {each['out']} |"
        )
    return "\n".join(lines)


def keep(found: dict[str, Any]) -> None:
    """Add a row to the results, in place of an earlier one of the same way."""
    path = RESULTS / "binding.json"
    body = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {"rows": []}
    names = ("model", "data", "way", "items")
    rows = [each for each in body["rows"] if any(each[name] != found[name] for name in names)]
    body = {"packsplit": version("packsplit"), "seed": SEED, "rows": [*rows, found]}
    path.write_text(json.dumps(body, indent=1) + "\n", encoding="utf-8")
    heading = (
        "`python -m benchmarks.binding`, bounds are 95% each way, exact, as if items were independent.\n\n"
    )
    (RESULTS / "binding.md").write_text(heading + table(body["rows"]) + "\n", encoding="utf-8")


def main() -> None:
    """Ask, and print rows as they come."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="local")
    parser.add_argument("--data", nargs="+", default=["tweets"])
    parser.add_argument("--items", type=int, default=96)
    parser.add_argument("--only", nargs="+")
    args = parser.parse_args()
    model = LocalModel(args.model)
    heading("binding")
    try:
        for data in args.data:
            texts, _ = drawn(data, args.items)
            gold = [each.gold for each in texts]
            names = args.only or (list(WAYS) if data in ("tweets", "reviews") else list(EXTRACTION))
            for name in names:
                run = ask(model, data, name, args.items)
                alone = ask(model, data, WAYS[name].against, args.items)
                found = row(data, args.model, name, run, alone, gold)
                keep(found)
                print(json.dumps(found), flush=True)
    finally:
        model.close()


if __name__ == "__main__":
    main()
