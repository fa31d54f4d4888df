"""Holds a finished run by batch jobs against its server: nothing lost, wrong, handed over twice or unbooked.

Does not know: how the run was disturbed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from packer.testing import FaultServer, SeenJob
from tests.crash.work import Outcome, Work, texts_of, truth_of


@dataclass(frozen=True, slots=True)
class BatchBooks:
    """What came out of one run.

    Attributes:
        jobs: handed over.
        lines: calls in them.
        twice: calls that were handed over more than once.
        failed: inputs without a value, as the server spoiled every answer to them.
    """

    jobs: int
    lines: int
    twice: int
    failed: int


def handed_over(jobs: Sequence[SeenJob]) -> Counter[str]:
    """How often each call was handed over, by the name that the run gave it."""
    return Counter(each for job in jobs if job.state != "refused" for each in job.custom_ids)


def batch_checked(server: FaultServer, work: Work, outcome: Outcome) -> BatchBooks:
    """Assert what a run promises; give its figures."""
    assert not outcome.error, f"{outcome.error}: {outcome.message}"
    assert not outcome.message, outcome.message
    texts, truth = texts_of(work.how_many), truth_of(work.how_many)
    assert len(outcome.values) == len(texts), "nothing is lost"
    failed = outcome.outcomes.count("failed")
    for text, value, word in zip(texts, outcome.values, outcome.outcomes, strict=True):
        assert (word, value) in (("accepted", truth[text]), ("failed", None)), text
    jobs = server.jobs
    calls = handed_over(jobs)
    twice = calls.total() - len(calls)
    assert not twice, f"{twice} calls were handed over twice"
    told = f"{outcome.calls} calls in the books, {calls.total()} handed over"
    assert outcome.calls == calls.total(), told
    assert not outcome.maybe_paid_calls
    sold = server.ledger.prompt_tokens, server.ledger.completion_tokens
    assert outcome.tokens == sold, f"the run's books say {outcome.tokens}, the server's {sold}"
    return BatchBooks(len(jobs), calls.total(), twice, failed)
