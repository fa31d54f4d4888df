"""What calls to one model cost: at the caller's own price, else at genai-prices' for its provider.

A model nobody has a price for is unpriced (None), never free and never priced like one of a similar name.
Does not know: which calls were made, service tiers, or what the provider will bill.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal
from typing import TYPE_CHECKING

from schemas.facts import Price
from schemas.usage import FIELDS, Usage

if TYPE_CHECKING:
    from genai_prices.types import PriceCalculation

_PROVIDERS = {
    "openai": "openai",
    "openai-responses": "openai",
    "anthropic": "anthropic",
    "azure": "azure",
}
# What a batch job costs of the listed price, as the providers' own pages say (2026-11):
# platform.openai.com/docs/guides/batch, platform.claude.com/docs/en/build-with-claude/batch-processing.
# Azure has batch prices for deployments of a kind of their own, which a model's name does not show.
_BATCH_SHARE = {"openai": Decimal("0.5"), "anthropic": Decimal("0.5")}
# Names that only these two give. The rest of OpenAI's list ("ada", "moderation") may be anybody's.
_FAMILIES = (("anthropic", re.compile(r"claude-")), ("openai", re.compile(r"(?:ft:)?(?:gpt-|o\d|chat)")))
# Open weights: the list prices them as some host does, which says nothing of the host that is asked.
_OPEN_WEIGHTS = re.compile(r"gpt-oss")
_DATED = re.compile(r"[-@](?:20\d{2}-\d{2}-\d{2}|20\d{6}|latest)$")


class Prices:
    """The price of one run's calls.

    Attributes:
        source: where the price comes from, or that there is none.
        provider: who is asked: ``openai``, ``anthropic``, ``azure``; empty for anybody else.
        batched: whether the run's own calls go as lines of batch jobs, which have a price of their own.
        known: whether there is a price.
    """

    def __init__(
        self, model: str, *, provider: str = "", override: Price | None = None, batched: bool = False
    ) -> None:
        """Find the price once, so that a run has one price from start to end.

        Args:
            model: the name as it is sent, with or without a provider's prefix.
            provider: who is asked: ``openai``, ``anthropic`` or ``azure``. Empty goes by the model's name;
                any other is a host without a known price.
            override: the caller's own price; it is believed before any list.
            batched: the run's own calls go as lines of batch jobs.
        """
        self.batched: bool = batched
        self.provider: str
        self.source: str
        self._price: Callable[[Usage], Decimal | None] | None = None
        self._batch_share: Decimal | int | None = None
        name, self.provider = _asked(model, provider)
        if override is not None:
            self._price, self.source = override.cost_usd, "given by the caller"
            self._batch_share = override.batch_share
        elif (found := _found(name, self.provider)) is not None:
            from genai_prices import __version__

            self._price, self.source = _by_list(found), f"genai-prices {__version__}"
            self._batch_share = _BATCH_SHARE.get(self.provider)
        else:
            self.source = f"no price is known for {model!r}"
        if batched and self._price is not None:
            share = "no batch price is known" if self._batch_share is None else f"batch: {self._batch_share}x"
            self.source = f"{self.source} ({share})"

    @property
    def known(self) -> bool:
        """Whether there is a price."""
        return self._price is not None and (not self.batched or self._batch_share is not None)

    def cost_usd(self, usage: Usage) -> Decimal | None:
        """What one of the run's calls costs; None when unpriced, or when its tokens are not known.

        Give it whole calls, not sums or shares: the size of the one prompt decides which step of the price
        applies to it.
        """
        return self.batch_usd(usage) if self.batched else self.live_usd(usage)

    def live_usd(self, usage: Usage) -> Decimal | None:
        """What one call's usage costs outside batch jobs; None as above."""
        if self._price is None or usage.input_tokens is None or usage.output_tokens is None:
            return None
        # A count below zero is a provider's mistake; a bill made from it would be ours.
        if min(usage.input_tokens, usage.output_tokens, usage.cached_tokens or 0, _written(usage)) < 0:
            return None
        return self._price(usage)

    def batch_usd(self, usage: Usage) -> Decimal | None:
        """What one call's usage costs in a provider's batch job; None when that has no known price."""
        cost_usd = self.live_usd(usage)
        return None if cost_usd is None or self._batch_share is None else cost_usd * self._batch_share

    def even_usd(self, usage: Usage, calls: int, *, batch: bool = False) -> Decimal | None:
        """What so many calls cost, of nearly one size, that come to this usage; None when that is not known.

        Args:
            usage: the sum of all calls.
            calls: how many.
            batch: at the price of batch jobs.
        """
        price = self.batch_usd if batch else self.live_usd
        total_usd = Decimal(0)
        for count, each in _evenly(usage, calls):
            if (cost_usd := price(each)) is None:
                return None
            total_usd += count * cost_usd
        return total_usd

    def most_usd(self, input_tokens: int, output_tokens: int) -> Decimal | None:
        """Most that one call within these tokens can cost, whatever is cached; None when unpriced."""
        # The cost is linear in how the prompt divides, so one of the undivided prompts costs most. Prices
        # rise with the prompt's size, so no shorter prompt costs more.
        ways = (
            Usage(input_tokens, cached, output_tokens, written)
            for cached, written in ((0, 0), (input_tokens, 0), (0, input_tokens))
        )
        return max((cost for way in ways if (cost := self.cost_usd(way)) is not None), default=None)


def _written(usage: Usage) -> int:
    return usage.cache_write_tokens or 0


def _evenly(usage: Usage, calls: int) -> list[tuple[int, Usage]]:
    """A sum as calls that differ by one token at most: how many there are of each size."""
    if calls < 1:
        return []
    totals = [getattr(usage, name) for name in FIELDS]
    odd = {total % calls for total in totals if total is not None}
    ends = sorted({*odd, calls} - {0})
    sizes, start = [], 0
    for end in ends:
        parts = [None if total is None else total // calls + (start < total % calls) for total in totals]
        sizes.append((end - start, Usage(*parts)))
        start = end
    return sizes


def _asked(model: str, provider: str) -> tuple[str, str]:
    """The model's bare name, and who is asked; empty for nobody whose prices are known."""
    name, named = model.strip().lower(), ""
    prefix, slash, rest = name.partition("/")
    if slash and prefix in _PROVIDERS:
        name, named = rest, prefix
    asked = provider.strip().lower() or named
    if not asked and not _OPEN_WEIGHTS.match(name):
        asked = next((each for each, family in _FAMILIES if family.match(name)), "")
    return name, _PROVIDERS.get(asked, "")


def _found(name: str, provider: str) -> PriceCalculation | None:
    if not provider or _OPEN_WEIGHTS.match(name):
        return None
    found = _listed(name, provider)
    if found is None or name.startswith("ft:"):
        return found
    # Some entries take any name that begins like theirs, so a stranger's suffix shows which ones do;
    # behind those only a snapshot's date is let through.
    loose = _listed(f"{name}-stranger", provider)
    is_loose = loose is not None and loose.model.id == found.model.id
    return None if is_loose and _undated(name) != _undated(found.model.id) else found


def _undated(name: str) -> str:
    return _DATED.sub("", name)


def _listed(name: str, provider: str) -> PriceCalculation | None:
    from genai_prices import Usage as Listed
    from genai_prices import calc_price

    try:
        found = calc_price(Listed(input_tokens=0, output_tokens=0), name, provider_id=provider)
    except LookupError:
        return None
    # Speech, images and embeddings have prices of other kinds; a chat would come out free.
    price = found.model_price
    return None if price.input_mtok is None or price.output_mtok is None else found


def _by_list(found: PriceCalculation) -> Callable[[Usage], Decimal]:
    from genai_prices import Usage as Listed

    def cost_usd(usage: Usage) -> Decimal:
        read, written = usage.cached_tokens or 0, _written(usage)
        listed = Listed(
            # genai-prices counts as we do, parts within the whole, and refuses parts that exceed it; a
            # provider that reports such is charged for the parts.
            input_tokens=max(usage.input_tokens or 0, read + written),
            cache_read_tokens=read,
            cache_write_tokens=written,
            output_tokens=usage.output_tokens,
        )
        return found.model_price.calc_price(listed)["total_price"]

    return cost_usd
