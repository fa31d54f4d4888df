"""A run's file read for people: what it tells of promises, changes of size and audits, at any time."""

from __future__ import annotations

from pathlib import Path

from packer import Budget, Guard, Limits, Task, pack_and_run, read_run
from packer.testing import ScriptedClient
from packer.testing.bleeding import BleedingClient
from schemas.chat import Completion, Prompt
from schemas.record import RunRecord

TASK = Task.classify("Sentiment.", ["good", "bad"])
TRUTH: dict[str, object] = {f"text {n}": "good" if n % 2 else "bad" for n in range(120)}


def test_a_promise_and_its_audit_are_read_as_the_run_gave_them(tmp_path: Path) -> None:
    path = tmp_path / "may.run"
    guard = Guard(max_bleed=0.2, audit=0.3)
    done = pack_and_run(list(TRUTH), TASK, client=BleedingClient(TRUTH), guard=guard, store=path)
    record = read_run(path)
    assert record.calibration is not None
    assert record.calibration == done.calibration
    assert record.calibration.trials
    assert record.audit is not None
    assert record.audit == done.audit
    assert record.audit.asked > 0
    assert record.size_changes == done.size_changes == ()
    assert {"calibration", "audit"} <= {call.route for call in record.calls}


def test_a_run_without_a_promise_has_none_and_one_asked_alone_has_no_audit(tmp_path: Path) -> None:
    pack_and_run(list(TRUTH), TASK, client=BleedingClient(TRUTH), strategy="single", store=tmp_path / "a")
    record = read_run(tmp_path / "a")
    assert (record.calibration, record.audit, record.size_changes) == (None, None, ())


def test_what_is_settled_is_read_while_the_run_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "may.run"
    seen: list[RunRecord] = []

    class Watched(BleedingClient):
        async def complete(self, prompt: Prompt) -> Completion:
            seen.append(read_run(path))
            return await super().complete(prompt)

    pack_and_run(list(TRUTH), TASK, client=Watched(TRUTH), guard=Guard(max_bleed=0.2, audit=0.3), store=path)
    assert all(each.running and each.audit is None for each in seen)
    assert seen[0].calibration is None
    assert seen[-1].calibration is not None
    assert seen[-1].calibration.proven


def test_a_profile_is_known_before_the_first_call(tmp_path: Path) -> None:
    guard = Guard(max_bleed=0.2, profile=tmp_path / "profile.json")
    pack_and_run(list(TRUTH), TASK, client=BleedingClient(TRUTH), guard=guard)
    seen: list[RunRecord] = []

    class Watched(BleedingClient):
        async def complete(self, prompt: Prompt) -> Completion:
            if not seen:
                seen.append(read_run(tmp_path / "b"))
            return await super().complete(prompt)

    # The baseline comes first: its calls are sent before the choice is in the journal.
    pack_and_run(list(TRUTH), TASK, client=Watched(TRUTH), guard=guard, baseline=3, store=tmp_path / "b")
    assert seen[0].calibration is not None
    assert seen[0].calibration.from_profile


def test_changes_of_size_are_read_in_their_order(tmp_path: Path) -> None:
    def cut(prompt: Prompt, reply: str) -> str:
        return reply if reply.count("bad") + reply.count("good") < 5 else reply[: len(reply) // 3]

    client = ScriptedClient(TRUTH, spoil=cut)
    path = tmp_path / "may.run"
    done = pack_and_run(
        list(TRUTH), TASK, client=client, budget=Budget(items=8), guard=Guard(audit=0), store=path
    )
    assert done.size_changes
    assert done.size_changes[0].before == 8
    assert read_run(path).size_changes == done.size_changes


def test_a_size_that_was_changed_stays_changed_in_the_next_process(tmp_path: Path) -> None:
    def cut(prompt: Prompt, reply: str) -> str:
        return reply if reply.count("bad") + reply.count("good") < 5 else reply[: len(reply) // 3]

    path, limits = tmp_path / "may.run", Limits(concurrency=1)
    whole = pack_and_run(
        list(TRUTH),
        TASK,
        client=ScriptedClient(TRUTH, spoil=cut),
        budget=Budget(items=8),
        guard=Guard(audit=0),
        limits=limits,
    )
    parts = [
        pack_and_run(
            list(TRUTH),
            TASK,
            client=ScriptedClient(TRUTH, spoil=cut),
            budget=Budget(items=8),
            guard=Guard(audit=0),
            limits=each,
            store=path,
        )
        for each in (Limits(concurrency=1, max_calls=whole.ledger.calls - 6), limits)
    ]
    assert parts[0].stopped is not None
    assert parts[0].size_changes
    assert parts[1].size_changes == whole.size_changes
    assert parts[1].values == whole.values
    assert parts[1].ledger.calls == whole.ledger.calls
