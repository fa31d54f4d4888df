"""What a whole job takes, asked one way or another: calls, tokens, and money where there is a price.

Nothing is left out that a way brings with it: calls for items whose packed answer is no good, audits,
canaries, the proof that a promise is kept, and a prompt cache that is filled before it is read. Does not
know: which way is taken, or where its figures come from.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from schemas.ways import Circumstances, Part, Proof, Prospect, WayName


@dataclass(frozen=True, slots=True)
class _Calls:
    """Calls of one prefix that read, write or ignore a cache."""

    prefix_tokens: float
    read_share: float = 0.0
    cached: bool = False

    def part(self, name: str, calls: float, own_tokens: float, output_tokens: float) -> Part:
        """So many calls, with what their prompts hold beside the prefix, and their replies, altogether."""
        prefixes = calls * self.prefix_tokens
        read = prefixes * self.read_share
        return Part(
            name,
            calls,
            round(prefixes + own_tokens),
            round(read),
            round(prefixes - read) if self.cached else 0,
            round(output_tokens),
        )


class Bill:
    """The ways of asking one job."""

    def __init__(self, of: Circumstances) -> None:
        self._of = of

    def plain(self) -> Prospect:
        """One call an item; nothing is read from a cache."""
        why = "" if self._uncached(self._of.single_prefix_tokens) else "the provider caches these prompts"
        singles = self._singles("singles", self._of.items, _Calls(self._of.single_prefix_tokens))
        return self._prospect("single", 1, (singles,), why)

    def warm(self) -> Prospect:
        """One call an item; all but the first find the shared part in the cache."""
        why = self._uncached(self._of.single_prefix_tokens)
        return self._prospect("single, warm cache", 1, (self._all_alone(self._of.items),), why)

    def session(self) -> Prospect:
        """One turn an item."""
        # Without earlier turns a turn is a single call in all but name; with them it is a way to bleed.
        of = self._of
        promised = of.kept_sizes is not None or of.proof is not None
        why = "earlier turns are a way to bleed, and nothing proves the promise" if promised else ""
        calls = self._calls(of.items, of.single_prefix_tokens)
        turns = self._singles("turns", of.items, calls, more_tokens=of.carried_tokens)
        return self._prospect("session", 1, (turns,), why if of.carried_tokens else "")

    def packed(self, size: int) -> Prospect:
        """Packs of ``size`` of the job's items; canaries sit beside them."""
        proof, why = self._proof(size)
        if proof is None:
            return self._prospect("pack", size, self._packs(size, self._of.items, 0.0), why)
        done = min(proof.singles, self._of.items)
        alone = float(done + min(proof.again, done))
        rest = self._of.items - done
        parts = self._packs(size, rest, alone, proof)
        if proof.kept_chance < 1:
            kept = [_scaled(part, proof.kept_chance) for part in parts if part.name != "proof"]
            proving = [part for part in parts if part.name == "proof"]
            instead = _scaled(self._all_alone(rest, before=alone), 1 - proof.kept_chance)
            parts = (*kept, *proving, instead)
        return self._prospect("pack", size, parts, why)

    def _packs(self, size: int, items: int, alone: float, proof: Proof | None = None) -> tuple[Part, ...]:
        """Packs for the items, and all that comes with them; ``alone`` single calls are the proof's."""
        of = self._of
        full, odd = divmod(items, size)
        packs = full + (odd > 0)
        tried = [] if proof is None else [(trial, min(n, of.items)) for trial, n in proof.tried]
        trials = [(trial, n, -(-n // trial)) for trial, n in tried]

        further = of.fallback_calls * (full * size * of.falling_back(size) + odd * of.falling_back(odd))
        audits = items * of.audit_share * (1 + of.audit_twice_share)
        single = self._calls(alone, of.single_prefix_tokens, by_chance=further + audits)
        seats = packs * of.canaries
        canary_tokens = of.item_tokens if of.canary_tokens is None else of.canary_tokens

        parts = [
            self._pack_calls("packs", size, packs, items, packs + _like(size, trials, of)),
            Part(
                "canaries",
                0.0,
                round(seats * (canary_tokens + of.marker_tokens)),
                output_tokens=round(seats * of.packed_answer_tokens),
            ),
            self._singles("further calls", further, single),
            self._singles("audits", audits, single),
        ]
        if proof is not None:
            parts.append(self._singles("proof", alone, single))
            for trial, n, calls in trials:
                mates = _like(trial, trials, of) + packs * (trial == size or not of.seat_prefix_tokens)
                parts.append(self._pack_calls("proof", trial, calls, n, mates))
        return tuple(part for part in parts if part.calls or part.input_tokens)

    def _proof(self, size: int) -> tuple[Proof | None, str]:
        """What has to be proven before packs of this size are sent, and why they cannot be."""
        of = self._of
        if of.kept_sizes is not None and size in of.kept_sizes:
            return None, ""
        if of.proof is None:
            return None, "" if of.kept_sizes is None else f"packs of {size} are not known to keep the promise"
        if size not in of.proof.sizes:
            return of.proof, f"packs of {size} are not among those that are tried"
        if of.proof.singles > of.items:
            needs = f"a proof takes {of.proof.singles:,} items asked alone"
            return of.proof, f"{needs}, and there are {of.items:,}"
        return of.proof, ""

    def _pack_calls(self, name: str, size: int, packs: int, items: int, sharing: int) -> Part:
        """So many packs; ``sharing`` calls have their prefix in common, these among them."""
        of = self._of
        own = items * (of.item_tokens + of.marker_tokens) + packs * of.pack_end_tokens
        replies = items * of.packed_answer_tokens + packs * of.pack_answer_end_tokens
        prefix_tokens = of.pack_prefix_tokens + size * of.seat_prefix_tokens
        return self._calls(sharing, prefix_tokens).part(name, packs, own, replies)

    def _all_alone(self, items: int, *, before: float = 0.0) -> Part:
        calls = self._calls(items + before, self._of.single_prefix_tokens)
        return self._singles("singles", items, calls)

    def _singles(self, name: str, calls: float, of_kind: _Calls, *, more_tokens: float = 0.0) -> Part:
        of = self._of
        own = of.item_tokens + of.single_end_tokens + more_tokens
        return of_kind.part(name, calls, calls * own, calls * of.single_answer_tokens)

    def _calls(self, certain: float, prefix_tokens: float, *, by_chance: float = 0.0) -> _Calls:
        """Calls of one prefix: those that find the cache empty write it, most of the others read it."""
        calls = certain + by_chance
        if self._uncached(prefix_tokens):
            return _Calls(prefix_tokens)
        # Of calls that are only expected, there may be none: then nobody fills the cache (Poisson).
        cold = min(certain, self._of.cold_calls)
        if missing := self._of.cold_calls - cold:
            cold += missing * (1 - math.exp(-by_chance / missing))
        late = max(0.0, calls - cold)
        return _Calls(prefix_tokens, late * self._of.hit_share / calls if calls else 0.0, cached=True)

    def _uncached(self, prefix_tokens: float) -> str:
        """Why a prefix is not read from a cache; empty when it is."""
        if not self._of.caches:
            return "this model's prompts are not cached"
        if prefix_tokens < self._of.cached_from_tokens:
            return f"the {prefix_tokens:,.0f} tokens that single calls share are too few for a prompt cache"
        return ""

    def _prospect(self, name: WayName, size: int, parts: tuple[Part, ...], why_not: str) -> Prospect:
        parts = tuple(replace(part, usd=self._usd(part)) for part in parts)
        money = [part.usd for part in parts if part.usd is not None]
        return Prospect(
            name,
            size,
            sum(part.calls for part in parts),
            sum(part.input_tokens for part in parts),
            sum(part.cached_tokens for part in parts),
            sum(part.written_tokens for part in parts),
            sum(part.output_tokens for part in parts),
            None if self._of.prices is None else sum(money, Decimal(0)),
            not why_not,
            why_not,
            parts,
        )

    def _usd(self, part: Part) -> Decimal | None:
        if self._of.prices is None:
            return None
        usd = self._of.prices.cost_usd(
            part.input_tokens, part.cached_tokens, part.written_tokens, part.output_tokens
        )
        return usd if self._of.batch_share is None else usd * self._of.batch_share


def _like(size: int, trials: Sequence[tuple[int, int, int]], of: Circumstances) -> int:
    """Calls of trials whose prefix is that of packs of this size: all, unless seats are part of it."""
    return sum(calls for trial, _, calls in trials if trial == size or not of.seat_prefix_tokens)


def _scaled(part: Part, share: float) -> Part:
    return Part(
        part.name,
        part.calls * share,
        round(part.input_tokens * share),
        round(part.cached_tokens * share),
        round(part.written_tokens * share),
        round(part.output_tokens * share),
    )
