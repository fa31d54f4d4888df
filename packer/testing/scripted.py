"""A client that answers from a script: a function of the text, a table, or whole replies.

It reads the prompt as a model would, finds the items between their markers, and writes a perfect
reply in the envelope that was asked for; faults are scripted as whole replies. A prompt that the
script does not cover raises. Does not know: tasks; it sees prompts only.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from packer.render import packed_reply
from packer.tokens import Utf8Bound
from schemas.chat import Completion, Prompt
from schemas.envelope import RESULTS_KEY
from schemas.errors import ClientError, UnscriptedPrompt
from schemas.pack import SINGLE_HANDLE
from schemas.protocols import TokenCounter
from schemas.settings import Layout
from schemas.usage import Usage

Answers = Callable[[str], object] | Mapping[str, object]
"""Each text's answer as JSON; a text that a mapping lacks is unscripted."""

Spoiler = Callable[[Prompt, str], "str | Completion | ClientError"]
"""Sees the perfect reply to a prompt and says what comes back instead."""

_MARK = re.compile(r"\[([a-z]{14})\] (\w+)(?: \(([a-z]{4})\))?: ")


@dataclass(frozen=True, slots=True)
class Shown:
    """One item as a prompt shows it.

    Attributes:
        handle: its tag.
        text: its text.
        seal: its seal; None without.
    """

    handle: str
    text: str
    seal: str | None = None


def items_of(prompt: Prompt) -> list[Shown]:
    """Find the items in a prompt's last message, as a careful reader would.

    The first marker gives the nonce; only markers with that nonce count, whatever texts contain.
    """
    content = prompt.messages[-1].content
    first = _MARK.match(content)
    if first is None or SINGLE_HANDLE in _properties(prompt):
        return [Shown(SINGLE_HANDLE, content)]
    nonce = re.escape(first[1])
    pieces = re.split(rf"(?:^|\n)\[{nonce}\] (?:(\w+)(?: \(([a-z]{{4}})\))?: |end\n$)", content)
    shown = []
    for at in range(1, len(pieces) - 3, 3):
        handle, seal, text = pieces[at : at + 3]
        shown.append(Shown(handle, text, seal))
    return shown


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
        shown = items_of(prompt)
        if self._answers is None:
            return ""
        answers = {each.handle: self._answer(each.text) for each in shown}
        array = RESULTS_KEY in _properties(prompt)
        sealed = any(each.seal is not None for each in shown)
        layout = Layout(envelope="array" if array else "keyed", binding="seal" if sealed else "none")
        return packed_reply(answers, layout, {each.handle: each.seal for each in shown})

    def _answer(self, text: str) -> object:
        if isinstance(self._answers, Mapping):
            if text not in self._answers:
                raise UnscriptedPrompt(f"The script has no answer for the text {text[:80]!r}.")
            return self._answers[text]
        assert self._answers is not None  # noqa: S101  # _perfect has looked
        return self._answers(text)


def _properties(prompt: Prompt) -> Mapping[str, object]:
    found = prompt.reply_schema.get("properties")
    return found if isinstance(found, Mapping) else {}
