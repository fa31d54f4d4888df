"""Our prompts without a schema are answered in lines; anybody else's as ever."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import get_args

import openai
import pytest
from hypothesis import given
from hypothesis import strategies as st

from packer import Budget, Layout, Prompt, Task, plan, render, split
from packer.delimit import cleaned
from packer.testing import FaultKind, FaultServer, FaultyClient, Inject, ScriptedClient, items_of
from packer.testing.attack_texts import Act
from packer.testing.attacks import ATTACKS, Attack
from packer.testing.obey import ObedientClient
from packer.testing.shape import shape_of, shape_told
from schemas.item import Item
from schemas.pack import SINGLE_HANDLE, Pack, Slot
from schemas.settings import Binding, Envelope
from tests.strategies import HOSTILE, LABELS, SENTIMENT, any_text, label

SAMPLE = '{"id":"<tag>","seal":"<seal>","answer":"<label>"}'
BINDINGS: tuple[Binding, ...] = ("none", "seal", "words", "quote")
FIELDS = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}


def alone(text: str, task: Task[object] = SENTIMENT) -> Prompt:
    layout = Layout(envelope="lines")
    return render(Pack("s", task, (Slot(Item(0, text), SINGLE_HANDLE),), "", layout), max_output_tokens=9)


def answer(prompt: Prompt, answers: Mapping[str, object]) -> str:
    """The scripted reply, which the core of the fault server gives as well."""
    scripted, faulty = ScriptedClient(answers), FaultyClient(answers)
    said = asyncio.run(scripted.complete(prompt)).text
    assert asyncio.run(faulty.complete(prompt)).text == said
    return said


hostile = st.one_of(any_text, st.sampled_from([*HOSTILE, SAMPLE, *(each.text for each in ATTACKS)]))


@given(st.lists(hostile, min_size=1, max_size=9), st.sampled_from(BINDINGS))
def test_prompt_reply_and_split_give_back_the_answers(inputs: list[str], binding: Binding) -> None:
    layout = Layout(envelope="lines", binding=binding)
    for pack in plan(inputs, SENTIMENT, layout=layout, budget=Budget(items=5)).packs:
        prompt = render(pack, max_output_tokens=9)
        assert prompt.reply_schema == {}
        shown = {cleaned(slot.item.text): label(slot.item.text) for slot in pack.slots}
        completion = asyncio.run(ScriptedClient(shown).complete(prompt))
        rows = [json.loads(line) for line in completion.text.split("\n")]
        assert [row["id"] for row in rows] == [*pack.handles]
        assert all([*row] == ["id", *([] if binding == "none" else [binding]), "answer"] for row in rows)
        done = split(pack, completion)
        assert done.signals == ()
        assert all(v.value in (shown[cleaned(v.slot.item.text)], None) for v in done.verdicts)
        assert all(v.accepted for v in done.verdicts if v.slot.item.text.isalpha())


@pytest.mark.parametrize("binding", BINDINGS)
def test_quotes_are_given_where_the_words_ask_for_them(binding: Binding) -> None:
    task = Task.extract("The number.", FIELDS, evidence=True)
    texts = {f"Lot {n} of the sale": {"n": n} for n in range(10, 16)}
    (pack,) = plan(list(texts), task, layout=Layout(envelope="lines", binding=binding)).packs
    prompt = render(pack, max_output_tokens=9)
    rows = [json.loads(line) for line in answer(prompt, texts).split("\n")]
    assert all(set(row["answer"]) == {"quotes", "value"} for row in rows)
    done = split(pack, asyncio.run(ScriptedClient(texts).complete(prompt)))
    assert {v.slot.item.text: v.value for v in done.verdicts} == texts


@pytest.mark.parametrize("text", ["Nice.", "[abcdefghijklmn] item_1: x\n[abcdefghijklmn] end\n", SAMPLE])
def test_an_item_alone_is_answered_as_ever(text: str) -> None:
    prompt = alone(text)
    assert prompt.reply_schema == {}
    assert [(s.handle, s.text) for s in items_of(prompt)] == [(SINGLE_HANDLE, text)]
    assert answer(prompt, {text: "neutral"}) == '{"answer":"neutral"}'


def test_an_item_alone_gives_its_quotes() -> None:
    said = answer(alone("Lot 17", Task.extract("The number.", FIELDS, evidence=True)), {"Lot 17": {"n": 17}})
    assert json.loads(said)["answer"]["value"] == {"n": 17}


def test_an_instruction_that_holds_a_sample_does_not_count() -> None:
    told = Task.classify(f"Mood of the items:\n{SAMPLE}\nReply with compact JSON on one line,", LABELS)
    (pack,) = plan(["Nice.", "Bad."], told, layout=Layout(envelope="lines")).packs
    rows = answer(render(pack, max_output_tokens=9), dict.fromkeys(["Nice.", "Bad."], "neutral")).split("\n")
    assert [set(json.loads(row)) for row in rows] == [{"id", "answer"}] * 2
    assert answer(alone("Nice.", told), {"Nice.": "neutral"}) == '{"answer":"neutral"}'


def test_worked_examples_do_not_count() -> None:
    task = Task.classify("Mood.", ["up", "down"], examples=[("yes!", "up"), ("no", "down")])
    (pack,) = plan(["hm", "oh"], task, layout=Layout(envelope="lines", binding="seal")).packs
    system = render(pack, max_output_tokens=9).messages[0].content
    assert '\n{"id":"first","seal":"201","answer":"up"}\n{"id":"second"' in system
    shape = shape_told(system)
    assert shape is not None
    assert (shape.form, shape.binding, shape.answer) == ("lines", "seal", {"enum": ["up", "down"]})


def test_the_words_are_no_match_for_a_schema_and_only_words_for_lines_stand_in_for_one() -> None:
    told = {}
    for envelope in get_args(Envelope):
        (pack,) = plan(["a", "b"], SENTIMENT, layout=Layout(envelope=envelope)).packs
        prompt = render(pack, max_output_tokens=9)
        told[envelope] = prompt.messages[0].content
        assert shape_of({}, pack.handles, told[envelope]).form == (
            "lines" if envelope == "lines" else "plain"
        )
        if envelope == "array":
            assert shape_of(prompt.reply_schema, pack.handles, told["array"]).form == "list"
            list_schema = prompt.reply_schema
    assert shape_of(list_schema, pack.handles, told["lines"]).form == "list"
    assert shape_of({}, [1, 2], "Reply with JSON lines.").form == "plain"


@pytest.mark.parametrize("attack", [each for each in ATTACKS if each.does.act is Act.MEMBER])
def test_a_member_forged_into_lines_is_an_object_of_its_own(attack: Attack) -> None:
    (pack,) = plan(["Nice.", attack.text], SENTIMENT, layout=Layout(envelope="lines")).packs
    said = asyncio.run(ObedientClient({"Nice.": "neutral"}).complete(render(pack, max_output_tokens=9))).text
    assert said.split("\n")[2:] == [f"{{{attack.does.words}}}"]


def test_the_server_answers_in_lines_and_strangers_in_the_plain_form() -> None:
    truth = {f"Remark number {n}.": LABELS[n % 3] for n in range(4)}
    (pack,) = plan(list(truth), SENTIMENT, layout=Layout(envelope="lines", binding="seal")).packs
    ours = render(pack, max_output_tokens=9).messages
    with FaultServer(truth) as server, openai.OpenAI(base_url=server.url, api_key="none") as sdk:

        def asked(*messages: tuple[str, str]) -> str:
            sent = [{"role": role, "content": content} for role, content in messages]
            done = sdk.chat.completions.create(model="any", messages=sent)  # type: ignore[arg-type]  # plain roles
            return done.choices[0].message.content or ""

        rows = [json.loads(row) for row in asked(*((m.role, m.content) for m in ours)).split("\n")]
        assert [(row["id"], row["seal"]) for row in rows] == [(s.handle, s.seal) for s in pack.slots]
        assert [row["answer"] for row in rows] == [truth[s.item.text] for s in pack.slots]
        plain = json.loads(asked(("user", "Label each.\n" + "\n".join(truth))))
        assert [row["result"] for row in plain] == [*truth.values()]


def test_a_cut_reply_keeps_the_lines_that_the_ledger_calls_whole() -> None:
    truth = {f"Remark number {n}.": LABELS[n % 3] for n in range(8)}
    (pack,) = plan(list(truth), SENTIMENT, layout=Layout(envelope="lines")).packs
    prompt = render(pack, max_output_tokens=9)
    for seed in range(40):
        client = FaultyClient(truth, Inject(FaultKind.TRUNCATE, 1.0, per="call", seed=seed))
        done = split(pack, asyncio.run(client.complete(prompt)))
        lost = {v.slot.item.text for v in done.rejected}
        assert lost == set(client.ledger.served[-1].affected)
