"""What an item costs, all-in: calls, tokens, money and time; ours, one call per item, and other packers.

    python -m benchmarks.cost [--items 300] [--rounds 3] [--arms "packsplit single" sammo] [--out DIR]

Writes cost.md, cost.json and cost.png. Every arm asks the same texts of its own ``FaultServer``, which counts
by one ledger and makes the same faults at the same rates; re-asks, audits and fallbacks are in every figure.
openaivec, ondine and SAMMO run in environments of their own, made once in the cache folder.
Does not know: how anybody packs or checks, or what a real model would answer.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from decimal import Decimal
from importlib.metadata import version
from itertools import product
from pathlib import Path
from random import Random
from statistics import median

from benchmarks.data import CACHE, Labelled, addresses, prices, reviews, sentiments
from packer import Budget, Layout, Limits, Task, Trust, pack_and_run
from packer.cost.prices import Prices
from packer.render import compact
from packer.testing import FaultKind, FaultServer, Inject
from packer.testing.loopback import WireFault
from packer.testing.reader import Request
from packer.testing.wires import SeenRequest, tokens_of
from schemas.settings import Strategy
from schemas.usage import Usage

HOME = Path(__file__).parent
MODEL = "gpt-6-luna"
MODELS = ("gpt-6-luna", "gpt-5-mini", "claude-sonnet-5-5")
RIVALS = {"openaivec": "2.9.3", "ondine": "2.1.1", "sammo": "0.3.3"}
FAULTS = (0.0, 0.01)
LEAST_CACHED, CACHE_STEP = 1_024, 128
"""As OpenAI documents its prompt cache; the fault server itself caches prefixes of any length."""
GUIDE_TOKENS, PATTERN_TOKENS, TEXT_TOKENS = 2_000, 1_500, 400
SEED = 0
RIVAL_PACK = {"labels": 20, "guide": 20, "fields": 10}
INSTALL_TIMEOUT_S, RUN_TIMEOUT_S = 900, 120
IMPORTS = {
    "openaivec": ("openai", "openaivec", "tiktoken"),
    "ondine": ("pandas", "ondine.adapters.unified_litellm_client", "instructor.processing.response"),
    "sammo": ("sammo.instructions", "sammo.extractors", "sammo.runners"),
}
OFFLINE = {"LITELLM_LOCAL_MODEL_COST_MAP": "True"}  # or it asks the network for prices when it is imported
# Importing one of them takes up to ten seconds of processor time, so each is imported once and every run is
# a fork. Reads a command line as JSON, runs it, says so.
FORKER = """
import importlib, json, os, runpy, sys
for name in json.loads(sys.argv[1]):
    importlib.import_module(name)
out = os.dup(1)
os.dup2(2, 1)
for line in sys.stdin:
    child = os.fork()
    if not child:
        sys.argv = json.loads(line)
        try:
            runpy.run_path(sys.argv[0], run_name="__main__")
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    os.write(out, b"done\\n")
"""

LABELS = ("positive", "neutral", "negative")
LONG_LABELS = {
    "positive": "positive: pleased with what the text is about",
    "neutral": "neutral: states things without a leaning",
    "negative": "negative: displeased with what the text is about",
}
FIELDS: dict[str, object] = {
    "type": "object",
    "properties": {
        "address": {"type": ["string", "null"]},
        "number": {"type": ["string", "null"]},
        "street": {"type": ["string", "null"]},
        "place": {"type": ["string", "null"]},
        "state": {"type": ["string", "null"]},
        "zip": {"type": ["string", "null"]},
        "price": {"type": ["string", "null"]},
        "amount": {"type": ["number", "null"]},
        "currency": {"type": ["string", "null"]},
    },
    "required": ["address", "number", "street", "place", "state", "zip", "price", "amount", "currency"],
    "additionalProperties": False,
}


@dataclass(frozen=True, slots=True)
class Case:
    """One task over real texts; with what the other libraries are told of it."""

    key: str
    title: str
    task: Task[object]
    items: Sequence[Labelled]
    labels: Sequence[str] = ()

    @property
    def answers(self) -> dict[str, object]:
        """The script: each text's human answer."""
        return {each.text: each.gold for each in self.items}


@dataclass(frozen=True, slots=True)
class Arm:
    """One way to ask; a rival's when it has no strategy."""

    name: str
    strategy: Strategy | None = "pack"
    pack: int = 10
    layout: Layout = field(default_factory=Layout)


SINGLE, SESSION = "packsplit single", "packsplit session"
ARMS = (
    Arm(SINGLE, "single"),
    Arm(SESSION, "session"),
    *(Arm(f"packsplit, packs of {n}", pack=n) for n in (10, 20, 40)),
    *(Arm(f"packsplit, packs of {n}, seal", pack=n, layout=Layout(binding="seal")) for n in (10, 20, 40)),
    *(Arm(name, None) for name in RIVALS),
)
WARM, PLAIN = f"{SINGLE}, warm cache", f"{SINGLE}, no cache"


@dataclass(slots=True)
class Cost:
    """All rounds of one arm over one case at one rate of faults; tokens and money are an item's mean.

    Attributes:
        calls: an item's share of the calls, retries included.
        prompt_tokens: as the server counted.
        cached_tokens: of these, read from the cache where a provider would have cached that much.
        reply_tokens: as the server counted.
        schema_tokens: of the schemas sent along, which the server does not count.
        usd: by model, with a prompt cache and without.
        span_s: seconds an item from the first request to the last reply, each round.
        right: share of items with the human's answer.
        silent: wrong answers that nothing marks, all rounds.
        marked: wrong answers that are marked as doubtful, all rounds.
        missing: items without an answer, all rounds.
        asked: items, all rounds.
        faults: faults that the server really made, all rounds.
        error: what the library said, or why there is nothing.
    """

    case: str
    arm: str
    rate: float
    calls: float = 0.0
    prompt_tokens: float = 0.0
    cached_tokens: float = 0.0
    reply_tokens: float = 0.0
    schema_tokens: float = 0.0
    usd: dict[str, tuple[Decimal, Decimal]] = field(default_factory=dict)
    span_s: list[float] = field(default_factory=list)
    right: float = 0.0
    silent: int = 0
    marked: int = 0
    missing: int = 0
    asked: int = 0
    faults: int = 0
    error: str = ""


class Clocked(FaultServer):
    """The fault server with a watch: the same one for every arm, whatever a library does around its calls."""

    first_s: float | None = None
    last_s = 0.0

    def reply(self, seen: SeenRequest) -> WireFault:
        """What goes out, and when."""
        if self.first_s is None:
            self.first_s = time.perf_counter()
        sent = super().reply(seen)
        self.last_s = time.perf_counter()
        return sent


def cases(count: int) -> list[Case]:
    """Short labels; labels behind a long guide; fields out of long texts. Their texts are all different."""
    random = Random(SEED)
    pool = [each for each in sentiments() if 20 <= len(each.text) <= 200]
    random.shuffle(pool)
    short = pool[:count]
    task = Task.classify("Sentiment of a text: how does its author feel?", LABELS)
    longer = joined(pool[count:], count, 92)
    used = {part for each in longer for part in each.text.split("\n")}
    guide = [each for each in pool[count:] if each.text not in used]
    long_task = Task.classify(guide_of(guide), list(LONG_LABELS.values()))
    named = [Labelled(each.text, LONG_LABELS[str(each.gold)]) for each in longer]
    found, pattern = documents(count // 2, random)
    fields = Task.extract(pattern, FIELDS)
    return [
        Case("labels", "short labels behind a short instruction", task, short, LABELS),
        Case(
            "guide",
            "labels behind 2,000 tokens of instruction",
            long_task,
            named,
            tuple(LONG_LABELS.values()),
        ),
        Case("fields", "nine fields out of 400 tokens, instruction of 1,500", fields, found),
    ]


def joined(pool: Sequence[Labelled], count: int, least_tokens: int) -> list[Labelled]:
    """Texts of one label put together until they are long enough."""
    made: list[Labelled] = []
    open_parts: dict[object, list[str]] = {}
    sizes = dict.fromkeys(LABELS, 0)
    for each, tokens in zip(pool, tokens_of(*(each.text for each in pool)), strict=True):
        open_parts.setdefault(each.gold, []).append(each.text)
        sizes[str(each.gold)] += tokens
        if sizes[str(each.gold)] >= least_tokens:
            made.append(Labelled("\n".join(open_parts.pop(each.gold)), each.gold))
            sizes[str(each.gold)] = 0
        if len(made) == count:
            break
    return made


def guide_of(examples: Sequence[Labelled]) -> str:
    """An instruction of about 2,000 tokens: rules, and rated examples that are nobody's item."""
    lines = [
        "Sentiment of a text: how does its author feel about what it is about?",
        "Judge the author, not the people quoted. Irony counts as what is meant. A report of bad news is "
        "neutral where the author takes no side. Weak praise is praise; a complaint about one detail of "
        "something liked is not displeasure.",
        "Examples, rated by about twenty people each:",
    ]
    size = sum(tokens_of(*lines))
    for each in examples:
        lines.append(f"{each.text} => {LONG_LABELS[str(each.gold)]}")
        size += tokens_of(lines[-1])[0] + 1
        if size >= GUIDE_TOKENS:
            break
    return "\n".join(lines)


def documents(count: int, random: Random) -> tuple[list[Labelled], str]:
    """Real sentences around a real address and a real price; and an instruction with examples of others."""
    full = [each for each in addresses() if isinstance(each.gold, dict) and None not in each.gold.values()]
    priced = [
        each
        for each in prices()
        if isinstance(each.gold, dict) and each.gold["currency"] and each.gold["currency"] in each.text
    ]
    sentences = [
        each.text for each in (*reviews(), *sentiments()) if not set(each.text) & set("0123456789$€£")
    ]
    for pool in (full, priced):
        random.shuffle(pool)
    random.shuffle(sentences)
    sizes = dict(zip(sentences, tokens_of(*sentences), strict=True))
    left = iter(sentences)

    def document(number: int, tokens: int) -> Labelled:
        place, price = full[number % len(full)], priced[number % len(priced)]
        assert isinstance(place.gold, dict)
        assert isinstance(price.gold, dict)
        said = f"Address: {place.text}", f"Price: {price.text}"
        size = sum(tokens_of(*said))
        parts: list[str] = []
        while size < tokens:
            parts.append(next(left))
            size += sizes[parts[-1]] + 1
        for each in said:
            parts.insert(random.randrange(len(parts) + 1), each)
        stated = {"address": place.text, **place.gold, "price": price.text.strip(), **price.gold}
        order = FIELDS["required"]
        assert isinstance(order, list)
        return Labelled("\n".join(parts), {name: stated[name] for name in order})

    lines = [
        "The address and the price that the text states, whole and in parts; as it states them. Examples:"
    ]
    number = 0
    while sum(tokens_of(*lines)) < PATTERN_TOKENS:
        shown = document(number, 60)
        lines.append(f"{shown.text}\n=> {compact(shown.gold)}")
        number += 1
    return [document(number + each, TEXT_TOKENS) for each in range(count)], "\n\n".join(lines)


def faults(case: Case, rate: float, seed: int) -> tuple[Inject, ...]:
    """A lost entry, one lost with the later ones closing ranks, two swapped, one unusable; equal parts."""
    unusable = FaultKind.UNKNOWN_LABEL if case.labels else FaultKind.WRONG_TYPE
    kinds = (FaultKind.DROP, FaultKind.RENUMBER, FaultKind.SWAP, unusable)
    return tuple(Inject(kind, rate=rate / len(kinds), seed=seed) for kind in kinds) if rate else ()


def interpreter(name: str) -> str:
    """The Python of a library's own environment, made when it is not there.

    Raises:
        OSError: it cannot be installed here.
    """
    home = CACHE / "rivals" / f"{name}-{RIVALS[name]}"
    python = home / "bin" / "python"
    ready = home / "ready"
    if not ready.is_file():
        try:
            subprocess.run([sys.executable, "-m", "venv", str(home)], check=True, timeout=INSTALL_TIMEOUT_S)
            pip = [str(python), "-m", "pip", "install", "--quiet", f"{name}=={RIVALS[name]}"]
            subprocess.run(pip, check=True, timeout=INSTALL_TIMEOUT_S, capture_output=True)
        except (subprocess.SubprocessError, OSError) as error:
            raise OSError(
                f"{name} {RIVALS[name]} cannot be installed here: {type(error).__name__}"
            ) from error
        ready.touch()
    return str(python)


ABOUT = f"""All figures are an item's mean over all rounds, and all-in: whatever was asked again or checked
counts. Tokens are the server's own count. `cached`: as its simulated prompt cache says, from cold, in steps
of {CACHE_STEP} tokens from {LEAST_CACHED:,} on. `schema`: what the reply schemas that were sent along would
add where a provider bills them; it is not in the money. Money: with that cache for every arm, except in
`{PLAIN}`. The tokens are the same for all models; only the prices differ.

`time`: from the first request to the last reply, as a share of singles; the median of the rounds (sessions
are asked once), one call at a time, on a loopback server that answers at once, on a shared machine. It is
noisy, and compares overhead: with a real model, calls and reply tokens decide.

`right`: the human's answer. `silent`: wrong, and nothing marks it. `marked`: wrong, but marked as doubtful.
`none`: no answer. Faults: lost entries, entries lost with the later ones closing ranks, two entries swapped,
unusable answers; in equal parts, drawn by item, the same rates for all. A single call cannot swap;
packsplit's singles are asked once, so a bad answer stays missing.
"""


class Rival:
    """One library in its own environment, imported once; a context manager."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.script = HOME / "rivals" / f"run_{name}.py"
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> Rival:
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is not None:
            self._process.communicate(timeout=RUN_TIMEOUT_S)

    def run(self, case: Case, url: str) -> tuple[list[object], str]:
        """A value per text, None where it has none; and its complaint, or why it was not run."""
        if not case.labels and '"fields"' not in self.script.read_text(encoding="utf-8"):
            return [], f"not run: {self.script.name} asks for labels only"
        given: dict[str, object] = {
            "instruction": case.task.instruction,
            "texts": [each.text for each in case.items],
            **({"labels": list(case.labels)} if case.labels else {"fields": FIELDS}),
        }
        with tempfile.TemporaryDirectory() as folder:
            asked, out = Path(folder) / "items.json", Path(folder) / "out.json"
            asked.write_text(json.dumps(given), encoding="utf-8")
            command = [str(self.script), "--url", url, "--items", str(asked), "--out", str(out)]
            command += ["--pack", str(RIVAL_PACK[case.key]), "--model", MODEL]
            command += ["--max-seconds", str(RUN_TIMEOUT_S)]
            # Kinder than one call over the whole column: a pack that stays bad takes no other with it.
            command += ["--each-pack"] if self.name == "openaivec" else []
            try:
                self._told(command)
            except OSError as error:
                return [], f"not run: {error}"
            if not out.is_file():
                return [None] * len(case.items), "it wrote no result"
            told = json.loads(out.read_text(encoding="utf-8"))
        return [*told["values"], *[None] * (len(case.items) - len(told["values"]))], told["error"] or ""

    def _told(self, command: Sequence[str]) -> None:
        if self._process is None:
            self._process = subprocess.Popen(
                [interpreter(self.name), "-c", FORKER, json.dumps(IMPORTS[self.name])],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env={**os.environ, **OFFLINE},
                text=True,
            )
        talk = self._process
        assert talk.stdin is not None
        assert talk.stdout is not None
        try:
            print(json.dumps(command), file=talk.stdin, flush=True)
            said = talk.stdout.readline()
        except BrokenPipeError:
            said = ""
        if not said:
            raise OSError(f"{self.name} {RIVALS[self.name]} cannot be imported in its environment")


def ours(arm: Arm, case: Case, server: FaultServer, seed: int) -> list[tuple[object, bool]]:
    """Our own run: values, and whether nothing marks them."""
    from openai import OpenAI

    assert arm.strategy is not None
    with OpenAI(base_url=server.url, api_key="none") as sdk:
        run = pack_and_run(
            [each.text for each in case.items],
            case.task,
            client=sdk,
            model=MODEL,
            strategy=arm.strategy,
            budget=Budget(items=arm.pack),
            layout=arm.layout,
            limits=Limits(concurrency=1),
            seed=seed,
        )
    return [(result.value, result.trust is Trust.CLEAN) for result in run]


def measure(arm: Arm, case: Case, rate: float, rounds: int, rival: Rival | None) -> Cost:
    """All rounds of one arm."""
    cost = Cost(case.key, arm.name, rate)
    money: dict[str, list[Decimal]] = {model: [Decimal(0), Decimal(0)] for model in MODELS}
    n = len(case.items) * rounds
    for number in range(rounds):
        seed = SEED + number
        server = Clocked(case.answers, inject=faults(case, rate, seed), cache=True)
        with server:
            if rival is not None:
                values, error = rival.run(case, server.url)
                answers = [(value, True) for value in values]
                cost.error = cost.error or error
            else:
                answers = ours(arm, case, server, seed)
        if not answers:
            return cost
        add(cost, case, answers)
        served = server.ledger.served
        cost.calls += len(served) / n
        cost.faults += sum(server.ledger.faults.values())
        cost.schema_tokens += schema_tokens(server.requests) / n
        if server.first_s is not None:
            cost.span_s.append((server.last_s - server.first_s) / len(case.items))
        usages = [(each.prompt_tokens, cached(each.cached_tokens), each.completion_tokens) for each in served]
        shared = max((part for _, part, _ in usages), default=0)
        for sent, read, replied in usages:
            cost.prompt_tokens += sent / n
            cost.cached_tokens += read / n
            cost.reply_tokens += replied / n
            # What a call did not find of the part that calls share, it writes; nothing else is worth writing.
            written = max(0, min(shared, sent) - read)
            for model, sums in money.items():
                price = Prices(model)
                warm = price.cost_usd(Usage(sent, read, replied, written))
                plain = price.cost_usd(Usage(sent, 0, replied))
                assert warm is not None
                assert plain is not None
                sums[0] += warm
                sums[1] += plain
    cost.usd = {model: (warm / n, plain / n) for model, (warm, plain) in money.items()}
    cost.right /= n
    return cost


def add(cost: Cost, case: Case, answers: Sequence[tuple[object, bool]]) -> None:
    """Count one round's answers."""
    cost.asked += len(case.items)
    for each, (value, clean) in zip(case.items, answers, strict=True):
        cost.right += value == each.gold
        cost.missing += value is None
        cost.silent += value is not None and value != each.gold and clean
        cost.marked += value is not None and value != each.gold and not clean


def cached(tokens: int) -> int:
    """What a provider would have read from its cache of so long a prefix."""
    return tokens // CACHE_STEP * CACHE_STEP if tokens >= LEAST_CACHED else 0


def schema_tokens(requests: Sequence[Mapping[str, object]]) -> int:
    """Tokens of all schemas that were sent."""
    texts = [compact(Request.of_body(body).schema) for body in requests]
    counts = dict(zip(unique := sorted(set(texts)), tokens_of(*unique), strict=True)) if texts else {}
    return sum(counts[text] for text in texts)


def rows_of(costs: Sequence[Cost], case: str, rate: float) -> list[Cost]:
    """One table's rows."""
    return [each for each in costs if each.case == case and each.rate == rate]


def table(costs: Sequence[Cost], case: str, rate: float) -> list[str]:
    """One case at one rate of faults."""
    rows = rows_of(costs, case, rate)
    base = next((each for each in rows if each.arm == SINGLE), None)
    heads = [
        f"{model}: $ per 1,000 (of plain / of warm singles)" if model == MODEL else model for model in MODELS
    ]
    lines = [
        "| arm | calls | prompt tokens | cached | reply | schema | "
        + " | ".join(heads)
        + " | time | right | silent | marked | none |",
        "|---" * (11 + len(MODELS)) + "|",
    ]
    for row in rows:
        if not row.usd:
            lines.append(f"| {row.arm} | {row.error} " + "| - " * (9 + len(MODELS)) + "|")
            continue
        names = ((PLAIN, True), (WARM, False)) if row.arm == SINGLE else ((row.arm, False),)
        for name, plain in names:
            cells = [
                f"{row.calls:.3f}",
                f"{row.prompt_tokens:.0f}",
                "-" if plain else f"{row.cached_tokens:.0f}",
                f"{row.reply_tokens:.1f}",
                f"{row.schema_tokens:.0f}",
                *(money(row, base, model, plain) for model in MODELS),
                ratio(row, base),
                f"{100 * row.right:.2f}% of {row.asked:,}",
                *(str(each) for each in (row.silent, row.marked, row.missing)),
            ]
            lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return lines


def money(row: Cost, base: Cost | None, model: str, plain: bool) -> str:
    """Dollars of 1,000 items, and their share of what singles cost."""
    usd = row.usd[model][plain]
    if base is None:
        return f"{1_000 * usd:.4f}"
    warm, bare = base.usd[model]
    return f"{1_000 * usd:.4f} ({usd / bare:.3f} / {usd / warm:.3f})"


def ratio(row: Cost, base: Cost | None) -> str:
    """Time an item, against singles of the same run."""
    if base is None or not row.span_s or not base.span_s:
        return "-"
    return f"{median(row.span_s) / median(base.span_s):.2f}"


def plain_table(costs: Sequence[Cost], case: str, rate: float) -> list[str]:
    """The same money where nothing is cached, for anybody."""
    rows = [row for row in rows_of(costs, case, rate) if row.usd]
    base = next((row for row in rows if row.arm == SINGLE), None)
    lines = ["| arm | " + " | ".join(MODELS) + " |", "|---" * (1 + len(MODELS)) + "|"]
    for row in rows:
        cells = [
            f"{1_000 * row.usd[model][1]:.4f}"
            + ("" if base is None else f" ({row.usd[model][1] / base.usd[model][1]:.3f})")
            for model in MODELS
        ]
        lines.append(f"| {row.arm} | " + " | ".join(cells) + " |")
    return lines


def goal(costs: Sequence[Cost]) -> list[str]:
    """Whether packs cost at most 0.12 of plain and 0.65 of warm singles, with 1% of answers bad."""
    rows = rows_of(costs, "guide", FAULTS[-1])
    base = next((row for row in rows if row.arm == SINGLE), None)
    if base is None:
        return []
    lines = [
        "Billed with the cache: against plain singles (0.12 at most), against warm singles (0.65 at most); "
        "in brackets: without any cache, against plain singles.\n",
        "| arm | " + " | ".join(MODELS) + " |",
        "|---" * (1 + len(MODELS)) + "|",
    ]
    for row in rows:
        if not row.usd or row.arm in (SINGLE, SESSION):
            continue
        cells = []
        for model in MODELS:
            of_plain, of_warm = (row.usd[model][0] / base.usd[model][each] for each in (1, 0))
            bare = row.usd[model][1] / base.usd[model][1]
            met = of_plain <= Decimal("0.12") and of_warm <= Decimal("0.65")
            cells.append(f"{of_plain:.3f}, {of_warm:.3f} ({bare:.3f}) {'met' if met else 'missed'}")
        lines.append(f"| {row.arm} | " + " | ".join(cells) + " |")
    return lines


def page(costs: Sequence[Cost], found: Sequence[Case], facts: Mapping[str, object]) -> str:
    """All tables, with what they rest on."""
    lines = [
        f"`{facts['command']}`\n",
        f"{facts['told']}\n",
        ABOUT,
    ]
    for case in found:
        texts = tokens_of(*(each.text for each in case.items))
        head = tokens_of(case.task.instruction)[0]
        answers = tokens_of(
            *(compact(each.gold) if not case.labels else str(each.gold) for each in case.items)
        )
        lines.append(f"## {case.title[0].upper()}{case.title[1:]}\n")
        lines.append(
            f"{len(case.items)} items of {sum(texts) / len(texts):.0f} tokens, instruction of {head:,}, "
            f"answers of {sum(answers) / len(answers):.0f}; others pack {RIVAL_PACK[case.key]}.\n"
        )
        for rate in FAULTS:
            rows = rows_of(costs, case.key, rate)
            lines.append(f"### {rate:.0%} of answers faulty\n")
            lines += [*table(costs, case.key, rate), ""]
            lines += [f"{row.arm}: {row.error}\n" for row in rows if row.error and row.usd]
        lines.append(f"Nothing cached, {FAULTS[-1]:.0%} faulty: $ per 1,000 items (of plain singles)\n")
        lines += [*plain_table(costs, case.key, FAULTS[-1]), ""]
        if case.key == "guide":
            lines += [f"### Goal, at {FAULTS[-1]:.0%} faulty\n", *goal(costs), ""]
    return "\n".join(lines) + "\n"


def draw(costs: Sequence[Cost], found: Sequence[Case], path: Path) -> None:
    """Money an item against warm singles, and right answers, at the higher rate of faults."""
    import matplotlib as mpl  # type: ignore[import-not-found,unused-ignore]  # only the bench extra has it

    mpl.use("Agg")
    from matplotlib import pyplot as plt  # type: ignore[import-not-found,unused-ignore]  # as above

    figure, axes = plt.subplots(1, len(found), figsize=(5.8 * len(found), 5.4))
    for case, axis in zip(found, axes, strict=True):
        rows = [row for row in rows_of(costs, case.key, FAULTS[-1]) if row.usd]
        base = next((row for row in rows if row.arm == SINGLE), None)
        if base is None:
            continue
        warm = float(base.usd[MODEL][0])
        bars = [(PLAIN, float(base.usd[MODEL][1]) / warm, base)]
        bars += [(WARM if row is base else row.arm, float(row.usd[MODEL][0]) / warm, row) for row in rows]
        colours = [
            "#c9722b" if row.arm in RIVALS else "#1f6f5c" if " of " in row.arm else "#9aa5b1"
            for _, _, row in bars
        ]
        drawn = axis.barh([name for name, _, _ in bars], [value for _, value, _ in bars], color=colours)
        told = [
            f"{value:.2f}   {row.silent} wrong, {row.missing} missing"
            if row.silent + row.missing
            else f"{value:.2f}"
            for _, value, row in bars
        ]
        axis.bar_label(
            drawn, told, fontsize=7, padding=3, bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.8}
        )
        axis.axvline(1.0, color="#444444", linewidth=0.8, linestyle=":")
        axis.invert_yaxis()
        axis.set_xlim(0, 1.5 * max(value for _, value, _ in bars))
        axis.set_xlabel(f"money an item, singles with a prompt cache = 1 ({MODEL})", fontsize=8)
        axis.set_title(
            f"{case.title}\n{FAULTS[-1]:.0%} of answers faulty, {base.asked:,} items asked", fontsize=9
        )
        axis.tick_params(labelsize=8)
        axis.spines[["top", "right"]].set_visible(False)
    figure.tight_layout()
    figure.savefig(path, dpi=110)


def kept_row(cost: Cost) -> dict[str, object]:
    """One row as JSON; money as text, since it is exact."""
    row: dict[str, object] = {
        name: round(value, 6) if isinstance(value, float) else value for name, value in asdict(cost).items()
    }
    row["usd"] = {
        model: {"cache": f"{warm:.9f}", "no_cache": f"{plain:.9f}"}
        for model, (warm, plain) in cost.usd.items()
    }
    row["span_s"] = [round(each, 6) for each in cost.span_s]
    return row


def main() -> None:
    """Run all arms, and write the three files."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--items", type=int, default=300)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--arms", nargs="+", choices=[arm.name for arm in ARMS], metavar="ARM")
    parser.add_argument("--out", type=Path, default=HOME / "results")
    args = parser.parse_args()
    start = time.perf_counter()
    found = cases(args.items)
    costs = []
    with ExitStack() as stack:
        rivals = {name: stack.enter_context(Rival(name)) for name in RIVALS}
        for case, rate, arm in product(found, FAULTS, ARMS):
            if not args.arms or arm.name in args.arms:
                begun_s = time.perf_counter()
                rounds = 1 if arm.name == SESSION else args.rounds
                costs.append(measure(arm, case, rate, rounds, rivals.get(arm.name)))
                spent_s = time.perf_counter() - begun_s
                print(f"{case.key}, {rate:.0%}, {arm.name}: {spent_s:.1f} s", file=sys.stderr)
    facts: dict[str, object] = {
        "command": " ".join(["python -m benchmarks.cost", *sys.argv[1:]]),
        "date": time.strftime("%Y-%m-%d"),
        "versions": {
            **{name: version(name) for name in ("packsplit", "genai-prices", "openai")},
            **RIVALS,
            "python": platform.python_version(),
        },
        "cores": os.cpu_count(),
        "machine": platform.machine(),
        "seeds": [SEED + number for number in range(args.rounds)],
        "models": {model: Prices(model).source for model in MODELS},
        "seconds": round(time.perf_counter() - start),
    }
    versions = facts["versions"]
    assert isinstance(versions, dict)
    told = ", ".join(f"{name} {number}" for name, number in versions.items())
    facts["told"] = (
        f"{told}; {facts['cores']} cores {facts['machine']}, {facts['date']}; seeds {facts['seeds']}; "
        f"prices of that date's genai-prices for {', '.join(MODELS)}; {facts['seconds']} s in all."
    )
    args.out.mkdir(parents=True, exist_ok=True)
    (args.out / "cost.md").write_text(page(costs, found, facts), encoding="utf-8")
    whole = {**facts, "rows": [kept_row(each) for each in costs]}
    (args.out / "cost.json").write_text(json.dumps(whole, indent=1) + "\n", encoding="utf-8")
    draw(costs, found, args.out / "cost.png")


if __name__ == "__main__":
    main()
