"""What all windows of a run came to, as one summary in words and as JSON; no result is kept.

Does not know: how windows are read or asked, or where results go.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar

from packer.out.board.plain import LONGEST, plain
from packer.out.board.summary import run_summary, told
from packer.out.commands.open_items import SHOWN
from schemas.audit import Audit
from schemas.result import ItemResult, Outcome, RunResult
from schemas.settings import Strategy

T = TypeVar("T")


@dataclass(slots=True)
class WindowSums:
    """Sums over windows.

    Attributes:
        items: inputs so far.
        outcomes: how they ended.
        doubtful: accepted values that a person may want to look at.
        failed: the first few inputs that ended without a value.
        windows: each window's own summary.
        total: the run as a whole, without its results: a single window's as it is, of several the sums.
    """

    items: int = 0
    outcomes: Counter[Outcome] = field(default_factory=Counter)
    doubtful: int = 0
    failed: list[ItemResult[object]] = field(default_factory=list)
    windows: list[dict[str, object]] = field(default_factory=list)
    total: RunResult[object] | None = None
    _audits: list[Audit] = field(default_factory=list)

    @property
    def stopped(self) -> str | None:
        """Why the run ended early; None when it did not."""
        return None if self.total is None else self.total.stopped

    def add(self, done: RunResult[object]) -> None:
        """A window is over."""
        self.items += len(done)
        self.outcomes += done.outcomes
        self.doubtful += len(done.doubtful)
        failed = (each for each in done if each.outcome is Outcome.FAILED)
        self.failed += [each for each, _ in zip(failed, range(SHOWN - len(self.failed)), strict=False)]
        self.windows.append({"window": len(self.windows) + 1, **run_summary(done, None)})
        self._audits += [] if done.audit is None else [replace(done.audit, parts=())]
        last = replace(done, results=(), reviews=(), advice=())
        self.total = last if self.total is None else _joined(self.total, last)

    def summary(self, out: Path) -> dict[str, object]:
        """The whole as JSON; figures that cannot be added up stand with each window."""
        assert self.total is not None  # noqa: S101  # a run has one window at least
        counts = {str(outcome): self.outcomes.get(outcome, 0) for outcome in Outcome}
        whole = run_summary(self.total, out)
        return {**whole, "items": self.items, **counts, "doubtful": self.doubtful, "windows": self.windows}

    def told(self, asked: Strategy) -> str:
        """The whole in words."""
        assert self.total is not None  # noqa: S101  # as above
        lines = [told(self.total, asked=asked)]
        if self.doubtful:
            lines.append(f"{self.doubtful:,} answers are doubtful; the results say why (column signals)")
        if len(self.windows) > 1:
            lines.append(f"{self.items:,} items in {len(self.windows):,} windows")
            lines += self._audited()
            lines += self._promised()
        return "\n".join(lines)

    def _audited(self) -> list[str]:
        if not self._audits:
            return []
        shared, asked, differ, twice, noise = (
            sum(getattr(each, name) for each in self._audits)
            for name in ("shared", "asked", "differ", "twice", "noise_differ")
        )
        return [
            f"audit: of {shared:,} packed answers {asked:,} were asked again alone, and {differ:,} differ; "
            f"of {twice:,} asked alone twice {noise:,} differ (bounds for each window: --json)"
        ]

    def _promised(self) -> list[str]:
        kept = [
            (each["window"], words["words"])
            for each in self.windows
            if isinstance(words := each["calibration"], dict) and words.get("words")
        ]
        lines = [f"promise, window {n}: {plain(str(words), LONGEST)}" for n, words in kept[:SHOWN]]
        return [*lines, *([f"... and {len(kept) - SHOWN} more: --json"] if len(kept) > SHOWN else [])]


def _joined(before: RunResult[object], now: RunResult[object]) -> RunResult[object]:
    """Two parts of one run; what is estimated of each of them is not carried over."""
    signals = Counter(before.reply_signals)
    signals.update(now.reply_signals)
    return replace(
        before,
        ledger=before.ledger.plus(now.ledger),
        model=now.model or before.model,
        elapsed_s=before.elapsed_s + now.elapsed_s,
        stopped=now.stopped,
        reply_signals=dict(signals),
        trends=(),
        comparisons=(),
        audit=None,
        calibration=None,
        size_changes=(),
    )
