"""What one call per item would take, predicted from the same texts and answers.

Does not know: what the packed run really took, except as the scale a provider's own counts give.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from itertools import repeat
from random import Random

from packer.render import compact, single_system
from schemas.ledger import Baseline
from schemas.pack import SINGLE_HANDLE
from schemas.protocols import TokenCounter
from schemas.task import Task

MOST_COUNTED = 10_000
"""Of more different answers than this, so many, drawn by lot, are counted for all."""


def predict(
    task: Task[object], text_tokens: Collection[int], reply_tokens_per_item: int, counter: TokenCounter
) -> Baseline:
    """Predict before any call.

    Args:
        task: its single system part is sent with every call.
        text_tokens: one count per distinct text that will be asked.
        reply_tokens_per_item: planned reply tokens.
        counter: counts the system part.
    """
    (system,) = counter.count_batch([single_system(task)])
    calls = len(text_tokens)
    return Baseline(calls, calls * system + sum(text_tokens), calls * reply_tokens_per_item)


def settle(
    planned: Baseline,
    answers: Sequence[object],
    counter: TokenCounter,
    *,
    counted_input_tokens: int,
    metered_input_tokens: int | None,
) -> Baseline:
    """Sharpen the prediction once answers and metered usage are known.

    Args:
        planned: the prediction from before the run.
        answers: the answers as JSON, one per item that was asked and answered, in an order that does not
            depend on the run.
        counter: the run's counter.
        counted_input_tokens: what the counter made of the prompts that were sent.
        metered_input_tokens: what the provider made of the same prompts; None when not reported.

    Returns:
        Input tokens scaled as the provider counts, output tokens as these answers would cost alone.
    """
    scale = (
        metered_input_tokens / counted_input_tokens if metered_input_tokens and counted_input_tokens else 1.0
    )
    predicted = None if planned.input_tokens is None else round(planned.input_tokens * scale)
    if not answers:
        return Baseline(planned.calls, predicted, None)
    labels = Counter(answer for answer in answers if isinstance(answer, str))
    others = [answer for answer in answers if not isinstance(answer, str)]
    if len(labels) + len(others) > MOST_COUNTED:
        # By lot: inputs may alternate, and even distances would see one kind only.
        answers = Random("baseline").sample(list(answers), MOST_COUNTED)
        labels, others = Counter(), list(answers)
    # A label is counted once, however often it was given.
    replies = [compact({SINGLE_HANDLE: answer}) for answer in (*labels, *others)]
    times = (*labels.values(), *repeat(1, len(others)))
    written = sum(tokens * each for tokens, each in zip(counter.count_batch(replies), times, strict=True))
    return Baseline(planned.calls, predicted, round(written * planned.calls / len(answers)))
