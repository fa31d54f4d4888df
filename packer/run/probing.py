"""Finds out, before a run is planned, what its server can be held to, and keeps the books of those calls.

Does not know: how a server is probed, or what follows from it for the plan.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal

from packer.clients.choose import Chosen
from packer.clients.constrain import PROBE_TOKENS, before_probe
from packer.pacing import Need
from packer.run.flow.ask import Reply
from packer.run.live.tally import Tally
from packer.run.store.run_file import RunFile
from schemas.chat import Completion, Prompt
from schemas.errors import ClientError
from schemas.settings import Layout


@dataclass(frozen=True, slots=True)
class Probes:
    """The calls that it took to find out.

    Attributes:
        most: the most that one of them can use.
        replies: what came back, with what it cost; an error where a process died over it.
        spent_usd: what they cost, at most.
    """

    most: Need
    replies: tuple[tuple[Reply, Decimal | None], ...] = ()
    spent_usd: Decimal = Decimal(0)

    @property
    def used(self) -> list[Need]:
        """What this process's own calls used."""
        return [self.most.used(reply.usage) for reply, _ in self.replies if isinstance(reply, Completion)]


def no_probes(chosen: Chosen) -> Probes:
    """Where the answer is known already."""
    return Probes(Need(PROBE_TOKENS, chosen.reply_cap(Prompt((), {}, PROBE_TOKENS))))


async def held_to(
    chosen: Chosen, layout: Layout, tally: Tally, file: RunFile | None
) -> tuple[Layout, Probes]:
    """The layout with an envelope that the provider can be held to.

    Args:
        chosen: who is asked.
        layout: as wanted.
        tally: takes the calls into the books.
        file: where it is written down before they are sent; None writes nothing down.
    """
    probes = no_probes(chosen)
    died = 0 if file is None else file.looks
    before = before_probe.set(file.looking) if file is not None else None
    try:
        envelope, used = await chosen.envelope(layout.envelope)
    finally:
        if before is not None:
            before_probe.reset(before)
    lost = ClientError("its process ended before the run began")
    replies: list[tuple[Reply, Decimal | None]] = [(lost, None)] * died
    replies += [(Completion("", usage=usage), tally.prices.live_usd(usage)) for usage in used]
    for reply, cost_usd in replies:
        tally.book("probe", reply, cost_usd, need=probes.most)
    most_usd = tally.prices.most_usd(probes.most.input_tokens, probes.most.output_tokens) or Decimal(0)
    spent_usd = sum((most_usd if usd is None else usd for _, usd in replies), Decimal(0))
    return replace(layout, envelope=envelope), replace(probes, replies=tuple(replies), spent_usd=spent_usd)
