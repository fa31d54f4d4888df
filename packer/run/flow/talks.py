"""Sessions of a run: who waits for a turn, which conversations are under way, and what comes next in each.

Does not know: why an item is asked here, or what its answer leads to.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from packer.render import render
from packer.run.flow.ask import Ask, Reply, Rules
from packer.run.flow.story import Open
from packer.seat import alone, seeded
from packer.session import Turn, carried, turn
from schemas.chat import Completion, Message
from schemas.pack import Pack
from schemas.route import Route

T = TypeVar("T")

SESSION_ITEMS = 16
"""Items of one session at most: its turns wait for each other, so long sessions make long runs."""


@dataclass(slots=True)
class _Session(Generic[T]):
    """A conversation under way."""

    id: str
    items: int
    waiting: deque[Open[T]]
    own_words: bool
    turns: list[Turn] = field(default_factory=list)


@dataclass(slots=True)
class Talks(Generic[T]):
    """All sessions of one run.

    Attributes:
        rules: what the run allows.
        name: gives a new call its name.
        noted: is told of every pack.
    """

    rules: Rules
    name: Callable[[str], str]
    noted: Callable[[Pack[T]], None]
    _waiting: dict[str | None, list[Open[T]]] = field(default_factory=dict)
    _under_way: dict[str, _Session[T]] = field(default_factory=dict)
    _begun: int = 0
    _many: bool = False

    def wait(self, items: Sequence[Open[T]]) -> None:
        """Let items wait for a turn."""
        for each in items:
            members = self._waiting.setdefault(each.group, [])
            members.append(each)
            self._many = self._many or len(members) >= SESSION_ITEMS

    def ready(self, least: int) -> list[Ask[T]]:
        """Open sessions for those who wait, where so many at least are of one group."""
        asks: list[Ask[T]] = []
        if least >= SESSION_ITEMS and not self._many:  # asked after each reply, however many groups there are
            return asks
        self._many = False
        for members in self._waiting.values():
            while len(members) >= least:
                asks.append(self._start(members[:SESSION_ITEMS], self.name("session"), own_words=False))
                del members[:SESSION_ITEMS]
        return asks

    def begin(self, items: Sequence[Open[T]]) -> Ask[T]:
        """Open a session in which items are asked in their own words, as single calls are."""
        # Named apart from what rejections lead to: these open in the plan's order, whatever happens between.
        self._begun += 1
        return self._start(items, f"talk{self._begun}", own_words=True)

    def own_words(self, ask: Ask[T]) -> bool:
        """Whether the ask was a turn worded as a single call."""
        return ask.session is not None and ask.session.startswith("talk")

    def following(self, ask: Ask[T], reply: Reply, *, answered: bool) -> list[Ask[T]]:
        """The next turn after this one, if it was one and there is a next."""
        if ask.session is None:
            return []
        session = self._under_way[ask.session]
        keep = self.rules.fallback.carry_turns
        if keep and isinstance(reply, Completion) and answered:
            (tokens,) = self.rules.markers.count([reply.text])
            size = tokens + ask.pack.slots[0].size_tokens
            session.turns.append(Turn(ask.prompt.messages[-1], Message("assistant", reply.text), size))
            del session.turns[:-keep]
        if not session.waiting:
            del self._under_way[session.id]
            return []
        return [self._turn(session)]

    def worded_as_pack(self, name: str, each: Open[T]) -> Pack[T]:
        """One item, asked as a pack asks."""
        random = seeded(self.rules.seed, name, [each.item.text])
        return turn(name, each.task, each.item, each.tokens, self.rules.layout, random)

    def _start(self, items: Sequence[Open[T]], name: str, *, own_words: bool) -> Ask[T]:
        session = _Session(name, len(items), deque(items), own_words)
        self._under_way[session.id] = session
        return self._turn(session)

    def _turn(self, session: _Session[T]) -> Ask[T]:
        each = session.waiting.popleft()
        if session.own_words:
            pack = alone(each.task, each.item, each.tokens, self.rules.layout)
        else:
            pack = self.worded_as_pack(f"{session.id}:{each.item.id}", each)
        rules = self.rules
        cap = rules.allowance.max_output_tokens(1)
        room = rules.allowance.input_tokens - rules.fixed_tokens - each.tokens - cap
        history = carried(session.turns, rules.fallback.carry_turns, room)
        self.noted(pack)
        prompt = render(pack, max_output_tokens=cap, history=history)
        return Ask(pack, prompt, Route.SESSION, session.id, session.items)
