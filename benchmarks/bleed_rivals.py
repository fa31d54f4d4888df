"""The same traps for openaivec and ondine, each in its own environment, and for us, over one real wire.

    python -m benchmarks.bleed_rivals --openaivec PYTHON --ondine PYTHON [--items 400]

PYTHON is the interpreter of an environment that holds that library (benchmarks/rivals/README.md). All talk
to ``packer.testing.FaultServer``, which finds the items in anybody's prompt. Does not know: how any of
them checks replies.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from benchmarks import heading
from benchmarks.bleed_traps import LABELS, MOVING, PACK, TASK, injected, label
from benchmarks.data import sentiments
from benchmarks.rivals import speak
from packer import Budget, Layout, Limits, Trust, pack_and_run
from packer.testing import FaultKind, FaultServer, Inject, Moves
from packer.testing.faults import WIRE, Written

KINDS = (
    None,
    FaultKind.DROP,
    FaultKind.DUPLICATE,
    FaultKind.EXTRA,
    FaultKind.FOREIGN_ID,
    FaultKind.RENUMBER,
    FaultKind.REORDER,
    FaultKind.SWAP,
    FaultKind.SHIFT,
    FaultKind.COPY_NEIGHBOUR,
    FaultKind.UNKNOWN_LABEL,
    FaultKind.DUPLICATE_KEYS,
    FaultKind.PROSE,
    FaultKind.FENCE,
    FaultKind.TRUNCATE,
    FaultKind.REFUSAL,
    FaultKind.RATE_LIMIT,
    FaultKind.SERVER_ERROR,
)
RUN_TIMEOUT_S = 240


def struck(kind: FaultKind | None, moves: Moves) -> Sequence[Inject]:
    """Faults of items at 5%; a run has few calls, so faults of calls at 20%."""
    inject = injected(kind, moves, 1)
    if inject is None:
        return ()
    return (replace(inject, rate=0.2) if inject.per == "call" or kind in WIRE else inject,)


def written_for(body: Mapping[str, object], entries: Sequence[Written]) -> str:
    """The reply in the shape that the asking library parses."""
    seats = [(entry.handle, str(entry.answer)) for entry in entries]
    if "input" in body:
        return speak.write_openaivec(seats)
    return speak.write_ondine(seats, plain=speak.is_plain_ondine(dict(body)))


def wrapped(body: Mapping[str, object], chat: Mapping[str, object]) -> Mapping[str, object]:
    """The Responses API's body for those who asked there."""
    if "input" not in body:
        return chat
    choices = chat["choices"]
    assert isinstance(choices, list)
    message = choices[0]["message"] if choices else {"content": "", "refusal": None}
    finish: speak.Finish = "refusal" if message["refusal"] else "stop" if choices else "content_filter"
    if choices and choices[0]["finish_reason"] == "length":
        finish = "length"
    return speak.responses_body(message["content"] or message["refusal"] or "", finish=finish)


def rival(name: str, python: str, texts: Sequence[str], server: FaultServer) -> list[object]:
    """Run one library's script; a value per text, None where it has none."""
    with tempfile.TemporaryDirectory() as folder:
        given, out = Path(folder) / "items.json", Path(folder) / "out.json"
        given.write_text(
            json.dumps({"instruction": "Sentiment of a text.", "labels": LABELS, "texts": texts})
        )
        command = [python, f"benchmarks/rivals/run_{name}.py", "--url", server.url, "--items", str(given)]
        command += ["--out", str(out), "--pack", str(PACK), *(["--each-pack"] if name == "openaivec" else [])]
        subprocess.run(command, check=False, timeout=RUN_TIMEOUT_S, capture_output=True)
        found = json.loads(out.read_text())["values"] if out.is_file() else []
    return [*found, *[None] * (len(texts) - len(found))]


def ours(texts: Sequence[str], server: FaultServer, layout: Layout) -> list[object]:
    """Our own run; marked answers count as not given."""
    from openai import OpenAI

    with OpenAI(base_url=server.url, api_key="none") as sdk:
        run = pack_and_run(
            texts,
            TASK,
            client=sdk,
            model="any",
            layout=layout,
            budget=Budget(items=PACK),
            limits=Limits(concurrency=4),
        )
    return [result.value if result.trust is Trust.CLEAN else None for result in run]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--openaivec", default="")
    parser.add_argument("--ondine", default="")
    parser.add_argument("--items", type=int, default=400)
    args = parser.parse_args()
    texts = [each.text for each in sentiments() if 20 <= len(each.text) <= 200][: args.items]
    arms = ["packsplit", "packsplit, seal"]
    arms += [name for name in ("openaivec", "ondine") if getattr(args, name)]
    heading("bleed_rivals", arguments="--openaivec PYTHON --ondine PYTHON")
    print(f"{len(texts)} real texts, packs of {PACK}; 5% of items struck, or 20% of calls\n")
    print("| fault | " + " | ".join(f"{arm}: silent / none / calls" for arm in arms) + " |")
    print("|---" * (len(arms) + 1) + "|")
    packs = -(-len(texts) // PACK)
    for kind in KINDS:
        for moves in Moves if kind in MOVING else (Moves.ENTRY,):
            cells = []
            for arm in arms:
                foreign = arm in ("openaivec", "ondine")
                server = FaultServer(
                    {text: label(text) for text in texts},
                    inject=struck(kind, moves),
                    writer=written_for if foreign else None,
                    wrap=wrapped if foreign else None,
                )
                with server:
                    if foreign:
                        values = rival(arm, getattr(args, arm), texts, server)
                    else:
                        layout = Layout(binding="seal" if "seal" in arm else "none")
                        values = ours(texts, server, layout)
                pairs = list(zip(texts, values, strict=True))
                silent = sum(value is not None and value != label(text) for text, value in pairs)
                none = sum(value is None for value in values)
                cells.append(f"{silent} / {none} / {server.ledger.calls / packs:.2f}x")
            told = f"{kind or 'none'}{f', {moves} moves' if kind in MOVING else ''}"
            print(f"| {told} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
