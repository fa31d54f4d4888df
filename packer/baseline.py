"""What one call per item would take, predicted from the same texts and answers.

Does not know: what the packed run really took, except as the scale a provider's own counts give.
"""

from __future__ import annotations

from collections.abc import Sequence

from packer.render import compact, single_system
from schemas.ledger import Baseline
from schemas.pack import SINGLE_HANDLE
from schemas.protocols import TokenCounter
from schemas.task import Task


def predict(
    task: Task[object], text_tokens: Sequence[int], reply_tokens_per_item: int, counter: TokenCounter
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
        answers: the answers as JSON, one per item that was asked and answered.
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
    written = sum(counter.count_batch([compact({SINGLE_HANDLE: answer}) for answer in answers]))
    return Baseline(planned.calls, predicted, round(written * planned.calls / len(answers)))
