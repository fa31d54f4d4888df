"""The fault server: what it does to a reply is what its ledger says, on a real wire and off it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator

import openai
import pytest

from packer import (
    Budget,
    Completion,
    FinishReason,
    Layout,
    Outcome,
    Task,
    UsageError,
    pack_and_run,
    plan,
    render,
)
from packer.testing import FaultKind, FaultServer, FaultyClient, Inject, Moves, items_of
from packer.testing.faults import WHOLE_REPLY, WIRE
from schemas.errors import ClientError, UnscriptedPrompt
from schemas.settings import Envelope
from tests.strategies import LABELS, SENTIMENT

TEXTS = [f"Remark number {n}, made on day {n % 7}." for n in range(60)]
TRUTH = {text: LABELS[n % 3] for n, text in enumerate(TEXTS)}
OFF_WIRE = [kind for kind in FaultKind if kind not in WIRE]
HARMLESS = {FaultKind.REORDER, FaultKind.PROSE, FaultKind.FENCE, FaultKind.DUPLICATE, FaultKind.EXTRA}


def replies(client: FaultyClient, layout: Layout) -> Iterator[tuple[list[tuple[str, str]], Completion]]:
    """Each pack's (handle, text) pairs, and what the client makes of it."""
    for pack in plan(TEXTS, SENTIMENT, layout=layout, budget=Budget(items=12)).packs:
        prompt = render(pack, max_output_tokens=999)
        pairs = [(shown.handle, shown.text) for shown in items_of(prompt)]
        yield pairs, asyncio.run(client.complete(prompt))


@pytest.mark.parametrize("kind", OFF_WIRE)
def test_a_perfect_rate_strikes_and_no_rate_does_not(kind: FaultKind) -> None:
    for rate in (0.0, 1.0):
        client = FaultyClient(TRUTH, Inject(kind, rate, per="call"))
        binding = Layout(binding="quote" if kind is FaultKind.FOREIGN_QUOTE else "none")
        assert len(list(replies(client, binding))) == 5
        # A swap of equal answers is no fault, and is not counted as one.
        assert 5 * rate >= client.ledger.faults[kind] >= 2 * rate
        assert bool(client.ledger.affected) == (rate == 1.0 and kind not in HARMLESS)


@pytest.mark.parametrize("kind", [kind for kind in OFF_WIRE if kind not in WHOLE_REPLY])
@pytest.mark.parametrize("envelope", ["keyed", "array", "lines"])
def test_the_ledger_names_exactly_who_is_wrong_in_the_reply(kind: FaultKind, envelope: Envelope) -> None:
    """Read back by plain JSON, without any of our own parsing."""
    layout = Layout(envelope=envelope)
    client = FaultyClient(TRUTH, Inject(kind, 0.15))
    for pairs, reply in replies(client, layout):
        served = client.ledger.served[-1]
        assert served.texts == tuple(text for _, text in pairs)
        try:
            told = f"[{reply.text.replace(chr(10), ',')}]" if envelope == "lines" else reply.text
            said = json.loads(told, object_pairs_hook=list)
        except (RecursionError, ValueError):
            assert served.affected
            continue
        if envelope != "keyed":
            rows = said if envelope == "lines" else dict(said)["results"]
            said = [(dict(row)["id"], dict(row)["answer"]) for row in rows]
        wrong = [
            text
            for handle, text in pairs
            if {json.dumps(a) for h, a in said if h == handle} != {json.dumps(TRUTH[text])}
        ]
        assert sorted(served.affected) == sorted(wrong)


@pytest.mark.parametrize("moves", list(Moves))
def test_a_seal_moves_with_its_entry_or_stays(moves: Moves) -> None:
    layout = Layout(binding="seal")
    client = FaultyClient(TRUTH, Inject(FaultKind.SHIFT, 1.0, per="call", moves=moves))
    packs = plan(TEXTS, SENTIMENT, layout=layout, budget=Budget(items=12)).packs
    for pack, (_, reply) in zip(packs, replies(client, layout), strict=True):
        said = json.loads(reply.text)
        kept = [said[slot.handle]["seal"] == slot.seal for slot in pack.slots]
        assert all(kept) if moves is Moves.ANSWER else not any(kept)


def test_the_same_seed_makes_the_same_mistakes_and_a_second_asking_others() -> None:
    def said(seed: int) -> list[str]:
        return [
            r.text for _, r in replies(FaultyClient(TRUTH, Inject(FaultKind.DROP, 0.3, seed=seed)), Layout())
        ]

    assert said(1) == said(1)
    assert said(1) != said(2)
    client = FaultyClient(TRUTH, Inject(FaultKind.DROP, 0.3))
    assert [r.text for _, r in replies(client, Layout())] != [r.text for _, r in replies(client, Layout())]


def test_quotes_are_given_and_a_foreign_one_is_put_in() -> None:
    task = Task.extract(
        "The number.",
        {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]},
        evidence=True,
    )
    truth = {text: {"n": n} for n, text in enumerate(TEXTS)}
    (pack, *_) = plan(TEXTS, task, budget=Budget(items=12)).packs
    for rate in (0.0, 1.0):
        client = FaultyClient(truth, Inject(FaultKind.FOREIGN_QUOTE, rate, per="call"))
        reply = json.loads(asyncio.run(client.complete(render(pack, max_output_tokens=99))).text)
        wrong = [s for s in pack.slots if reply[s.handle]["quotes"]["n"] != str(truth[s.item.text]["n"])]
        assert len(wrong) == rate


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        (FaultKind.RATE_LIMIT, openai.RateLimitError),
        (FaultKind.SERVER_ERROR, openai.InternalServerError),
        (FaultKind.OVERLOADED, openai.InternalServerError),
        (FaultKind.RESET, openai.APIConnectionError),
        (FaultKind.HANG, openai.APITimeoutError),
    ],
)
def test_faults_of_the_wire_reach_a_real_sdk(kind: FaultKind, error: type[Exception]) -> None:
    with (
        FaultServer(TRUTH, inject=Inject(kind, 1.0), retry_after_s=7) as server,
        openai.OpenAI(base_url=server.url, api_key="none", max_retries=0, timeout=0.5) as sdk,
    ):
        with pytest.raises(error) as raised:
            sdk.chat.completions.create(model="any", messages=[{"role": "user", "content": TEXTS[0]}])
        if isinstance(raised.value, openai.RateLimitError):
            assert raised.value.response.headers["retry-after"] == "7"
        assert server.ledger.faults == {kind: 1}
        assert server.ledger.affected == {TEXTS[0]}
        assert server.ledger.prompt_tokens == 0


def test_a_slow_reply_comes_and_empty_choices_are_none() -> None:
    for kind, choices in ((FaultKind.SLOW, 1), (FaultKind.EMPTY_CHOICES, 0)):
        with (
            FaultServer(TRUTH, inject=Inject(kind, 1.0), slow_s=0.001) as server,
            openai.OpenAI(base_url=server.url, api_key="none") as sdk,
        ):
            done = sdk.chat.completions.create(model="any", messages=[{"role": "user", "content": TEXTS[0]}])
            assert len(done.choices) == choices
            assert done.usage is not None
            assert done.usage.completion_tokens == server.ledger.completion_tokens


def test_items_are_found_in_anybodys_prompt() -> None:
    seen = json.dumps([{"id": 7, "body": TEXTS[3]}, {"id": 9, "body": TEXTS[5]}])
    schema = {
        "type": "object",
        "properties": {
            "rows": {
                "type": "array",
                "items": {
                    "type": "object",
                    "properties": {"id": {"type": "integer"}, "label": {"type": "string"}},
                },
            }
        },
    }
    with FaultServer(TRUTH) as server, openai.OpenAI(base_url=server.url, api_key="none") as sdk:
        done = sdk.chat.completions.create(
            model="any",
            messages=[{"role": "user", "content": f"Label these.\n{seen}"}],
            response_format={"type": "json_schema", "json_schema": {"name": "x", "schema": schema}},
        )
        assert json.loads(done.choices[0].message.content or "") == {
            "rows": [{"id": 7, "label": TRUTH[TEXTS[3]]}, {"id": 9, "label": TRUTH[TEXTS[5]]}]
        }
        assert server.ledger.served[0].texts == (TEXTS[3], TEXTS[5])


def test_an_unscripted_prompt_is_refused_and_remembered() -> None:
    with FaultServer(TRUTH) as server, openai.OpenAI(base_url=server.url, api_key="none") as sdk:
        with pytest.raises(openai.BadRequestError, match="No scripted text"):
            sdk.chat.completions.create(model="any", messages=[{"role": "user", "content": "Hello?"}])
        assert len(server.unscripted) == 1
    with pytest.raises(UnscriptedPrompt, match="Remark"):
        pack_and_run(TEXTS, SENTIMENT, client=FaultyClient({TEXTS[0]: "positive"}))


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"kind": "nonsense"}, "kind"),
        ({"kind": "drop", "rate": 2}, "rate"),
        ({"kind": "drop", "per": "day"}, "per"),
    ],
)
def test_an_injection_is_checked(wrong: dict[str, object], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        Inject(**wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", OFF_WIRE)
def test_with_seals_no_structural_fault_ends_in_a_silent_error(kind: FaultKind) -> None:
    """The whole path: nothing silently wrong, nothing lost, unless the answer alone moved."""
    client = FaultyClient(TRUTH, Inject(kind, 0.1))
    layout = Layout(binding="seal")
    run = pack_and_run(TEXTS, SENTIMENT, client=client, layout=layout, budget=Budget(items=12))
    wrong = [r for text, r in zip(TEXTS, run, strict=True) if r.value not in (None, TRUTH[text])]
    assert not wrong or kind is FaultKind.FOREIGN_VALUE
    assert {r.outcome for r in run} == {Outcome.ACCEPTED}
    assert sum(r.attempts for r in run) >= len(TEXTS)
    assert run.ledger.calls == client.ledger.calls


def test_an_error_in_process_is_ours() -> None:
    client = FaultyClient(TRUTH, Inject(FaultKind.RESET, 1.0))
    (pack,) = plan(TEXTS[:1], SENTIMENT).packs
    with pytest.raises(ClientError, match="reset"):
        asyncio.run(client.complete(render(pack, max_output_tokens=9)))
    refusing = FaultyClient(TRUTH, Inject(FaultKind.REFUSAL, 1.0))
    assert (
        asyncio.run(refusing.complete(render(pack, max_output_tokens=9))).finish_reason
        is FinishReason.REFUSAL
    )
