"""The simulated prompt cache: whole messages and parts, under one model and one schema."""

from __future__ import annotations

import openai
import pytest

from packer.testing import FaultServer, Inject, ScriptedClient, WireFault
from packer.testing.faults import FaultKind
from schemas.chat import Completion
from tests.packer.testing.test_wires import sdks

SYSTEM = "s" * 100
ITEMS = ["a" * 10, "b" * 20, "c" * 30]


def server() -> FaultServer:
    """Counts characters, as the scripted client does."""
    return FaultServer(ScriptedClient(lambda text: "good"), cache=True)


def form(name: str) -> dict[str, object]:
    schema = {"type": "object", "properties": {name: {"type": "string"}}}
    return {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}


def chat(sdk: openai.OpenAI, *said: str, model: str = "any", name: str = "answer") -> tuple[int, int]:
    """Cached and written tokens of a conversation, the system's part first."""
    roles = ["system", *["user", "assistant"] * len(said)]
    messages = [{"role": role, "content": content} for role, content in zip(roles, said, strict=False)]
    used = sdk.chat.completions.create(model=model, messages=messages, response_format=form(name)).usage
    details = used.prompt_tokens_details
    assert details.cached_tokens + details.cache_write_tokens == used.prompt_tokens
    return details.cached_tokens, details.cache_write_tokens


def test_the_longest_known_prefix_is_cached_and_the_rest_written() -> None:
    with server() as owner, sdks(owner) as sdk:
        assert chat(sdk.openai, SYSTEM, ITEMS[0]) == (0, 110)
        assert chat(sdk.openai, SYSTEM, ITEMS[1]) == (100, 20)
        assert chat(sdk.openai, SYSTEM, ITEMS[1], "yes", ITEMS[2]) == (120, 33)
        assert chat(sdk.openai, SYSTEM, ITEMS[1], "yes", ITEMS[2]) == (153, 0)
        assert chat(sdk.openai, SYSTEM[1:], ITEMS[1]) == (0, 119)  # a prefix ends where a message ends
        assert owner.ledger.cached_tokens == 100 + 120 + 153


def test_another_model_or_schema_is_another_prefix() -> None:
    with server() as owner, sdks(owner) as sdk:
        chat(sdk.openai, SYSTEM, ITEMS[0])
        assert chat(sdk.openai, SYSTEM, ITEMS[0], model="other") == (0, 110)
        assert chat(sdk.openai, SYSTEM, ITEMS[0], name="result") == (0, 110)
        assert chat(sdk.openai, SYSTEM, ITEMS[0]) == (110, 0)


@pytest.mark.parametrize("stream", [False, True])
def test_parts_count_and_anthropic_is_told_in_its_own_words(stream: bool) -> None:
    system = [{"type": "text", "text": "s" * 40}, {"type": "text", "text": "t" * 50}]
    marked = [system[0], {**system[1], "cache_control": {"type": "ephemeral"}}]
    found = []
    with server() as owner, sdks(owner) as sdk:
        for parts, item in ((system, ITEMS[0]), (marked, ITEMS[1]), ([system[0]], ITEMS[1])):
            asked = {
                "model": "m",
                "max_tokens": 9,
                "system": parts,
                "messages": [{"role": "user", "content": item}],
            }
            if stream:
                with sdk.anthropic.messages.stream(**asked) as events:
                    used = events.get_final_message().usage
            else:
                used = sdk.anthropic.messages.create(**asked).usage
            assert used.input_tokens == 0
            found.append((used.cache_read_input_tokens, used.cache_creation_input_tokens))
    # Parts are joined by a line break, which this client counts as well: hence shares, and not sums.
    (first, _), (second, _), (third, _) = found
    assert first == 0
    assert 90 <= second <= 91
    assert third == 40


def test_responses_are_cached_too() -> None:
    found = []
    with server() as owner, sdks(owner) as sdk:
        for item in ITEMS[:2]:
            used = sdk.openai.responses.create(model="m", instructions=SYSTEM, input=item).usage
            found.append(
                (used.input_tokens_details.cached_tokens, used.input_tokens_details.cache_write_tokens)
            )
    assert found == [(0, 110), (100, 20)]


def test_what_never_arrived_is_not_cached() -> None:
    with server() as owner, sdks(owner) as sdk:
        owner.faults.append(WireFault(429))
        with pytest.raises(openai.RateLimitError):
            chat(sdk.openai, SYSTEM, ITEMS[0])
        assert chat(sdk.openai, SYSTEM, ITEMS[0]) == (0, 110)
    table = FaultServer({"Great.": "good"}, inject=Inject(FaultKind.RESET, 1.0), cache=True)
    with table, sdks(table) as sdk:
        with pytest.raises(openai.APIConnectionError):
            chat(sdk.openai, SYSTEM, "Great.")
        assert table.ledger.prompt_tokens == table.ledger.cached_tokens == 0


def test_without_usage_there_is_nothing_to_tell() -> None:
    silent = FaultServer(ScriptedClient(spoil=lambda prompt, text: Completion("hi")), cache=True)
    with silent, sdks(silent) as sdk:
        said = sdk.openai.chat.completions.create(model="m", messages=[{"role": "user", "content": "x"}])
        assert said.usage is None
