"""A client that answers from a script: a function of the text, a table, or whole replies.

It reads the prompt as a model would, finds the items between their markers, and writes a perfect
reply in the envelope that was asked for; faults are scripted as whole replies. A prompt that the
script does not cover raises. Does not know: tasks; it sees prompts only.
"""

from __future__ import annotations

from collections.abc import Callable

from packer.testing.faults import Written
from packer.testing.faulty import Answers, scripted_answer
from packer.testing.reader import items_of, told_in
from packer.testing.scripted_batches import ScriptedBatches
from packer.testing.shape import answer_in, bound, shape_of, written
from packer.tokens import Utf8Bound
from schemas.chat import Completion, Prompt
from schemas.errors import ClientError
from schemas.protocols import TokenCounter
from schemas.usage import Usage

Spoiler = Callable[[Prompt, str], "str | Completion | ClientError"]
"""Sees the perfect reply to a prompt and says what comes back instead."""


class ScriptedClient:
    """A ``Client`` without a model.

    Example:
        >>> from packer import Task, pack_and_run
        >>> from packer.testing import ScriptedClient
        >>> client = ScriptedClient({"2 + 2": 4})
        >>> pack_and_run(["2 + 2"], Task.extract("The sum.", int), client=client).values
        [4]
    """

    def __init__(
        self, answers: Answers | None = None, *, spoil: Spoiler | None = None, name: str = "scripted"
    ) -> None:
        """Script the answers.

        Args:
            answers: each text's answer; None when ``spoil`` writes every reply.
            spoil: replaces the perfect reply: another text, a completion, or an error to raise.
            name: shown as the model's name.
        """
        self._answers = answers
        self._spoil = spoil
        self.name = name
        self.context_tokens: int | None = None
        self.concurrency: int | None = None
        self.prompts: list[Prompt] = []
        self.provider_jobs = ScriptedBatches(self)

    def batches(self) -> ScriptedBatches:
        """Batch jobs, in memory: ``provider_jobs`` scripts and shows them."""
        return self.provider_jobs

    def counter(self) -> TokenCounter | None:
        """Bytes: the same count on every machine."""
        return Utf8Bound()

    async def complete(self, prompt: Prompt) -> Completion:
        """Answer from the script.

        Raises:
            UnscriptedPrompt: the script has no answer for a text.
            ClientError: scripted by ``spoil``.
        """
        self.prompts.append(prompt)
        reply: str | Completion | ClientError = self._perfect(prompt)
        if self._spoil is not None:
            assert isinstance(reply, str)  # noqa: S101  # a perfect reply is text
            reply = self._spoil(prompt, reply)
        if isinstance(reply, ClientError):
            raise reply
        if isinstance(reply, Completion):
            return reply
        sent = sum(len(message.content) for message in prompt.messages)
        return Completion(reply, usage=Usage(sent, 0, len(reply)), model=self.name)

    def _perfect(self, prompt: Prompt) -> str:
        answers = self._answers
        if answers is None:
            return ""
        shown = items_of(prompt)
        shape = shape_of(prompt.reply_schema, [each.handle for each in shown], told_in(prompt))
        return written(
            shape,
            [
                Written(
                    s.handle,
                    s.text,
                    bound(shape, s.text, s.seal),
                    answer_in(shape, scripted_answer(answers, s.text), s.text),
                )
                for s in shown
            ],
        )
