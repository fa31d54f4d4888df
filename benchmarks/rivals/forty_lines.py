"""The rival to beat: what a careful person writes in an afternoon, given a client.

Opaque ids, a strict id set, an enum, a quote that must stand in its own item and in no other, and single
re-asks for whatever fails. Uses our prompts with ``binding="quote"`` so that both ask the same. Does not
know: sessions, repacks, salvage, or fuzzy matching.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field

from packer import Budget, Item, Layout, Task, plan, render
from schemas.chat import Completion, FinishReason
from schemas.errors import ClientError
from schemas.pack import Pack
from schemas.protocols import Client

LAYOUT = Layout(envelope="array", binding="quote")
TRIES = 3


@dataclass(slots=True)
class Outcome:
    """What came of a run: answers by text, calls, and texts that were asked again."""

    values: dict[str, object] = field(default_factory=dict)
    calls: int = 0
    again: set[str] = field(default_factory=set)
    output_tokens: int = 0


async def run(texts: Sequence[str], task: Task[str], labels: Sequence[str], client: Client) -> Outcome:
    """Ask everything, then whatever failed alone, up to three times."""
    out = Outcome()
    items = [Item(n, text) for n, text in enumerate(texts)]
    for pack in plan(items, task, layout=LAYOUT, budget=Budget(items=20)).packs:
        good = await _ask(pack, labels, client, out)
        for slot in pack.slots:
            text = slot.item.text
            for _ in range(TRIES):
                if text in good:
                    break
                out.again.add(text)
                (alone,) = plan([text], task, layout=LAYOUT).packs
                good |= await _ask(alone, labels, client, out)
        out.values |= good
    return out


async def _ask(pack: Pack[str], labels: Sequence[str], client: Client, out: Outcome) -> dict[str, object]:
    out.calls += 1
    try:
        reply: Completion = await client.complete(render(pack, max_output_tokens=4_000))
        rows = json.loads(reply.text)["results"] if reply.finish_reason is FinishReason.STOP else []
        ids = [row["id"] for row in rows]
    except (ClientError, ValueError, KeyError, TypeError, RecursionError):
        return {}
    out.output_tokens += reply.usage.output_tokens or 0
    texts = {slot.handle: slot.item.text for slot in pack.slots}
    good: dict[str, object] = {}
    for row in rows:
        text, quote, answer = texts.get(row["id"]), row.get("quote"), row.get("answer")
        if text is None or ids.count(row["id"]) > 1 or not isinstance(answer, str) or answer not in labels:
            continue
        others = [each for each in texts.values() if each != text]
        if isinstance(quote, str) and quote and quote in text and not any(quote in each for each in others):
            good[text] = answer
    return good
