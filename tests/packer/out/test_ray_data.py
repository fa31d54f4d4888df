"""Ray Data for real: several worker processes speak HTTP to one server, whose log is the truth.

Not part of ``make test``: Ray is large. ``make test-ray`` runs it in an environment of its own.
"""

from __future__ import annotations

import logging
import os
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

import pytest
from pydantic import BaseModel

from packer import Budget, Completion, Guard, Limits, ModelFacts, Price, Prompt, Task, UsageError
from packer.out.engines.pack_rows import PackRows
from packer.out.engines.ray_data import pack_dataset
from packer.testing import FaultServer, WireFault
from tests.fake_time import fullest

ray = pytest.importorskip("ray", reason="Ray is tested in an environment of its own: make test-ray")
pytest.importorskip(
    "ray.data", reason="Ray's data part is tested in an environment of its own: make test-ray"
)

log = logging.getLogger("figures")

TASK = Task.classify("Sentiment of a review.", ["good", "bad"])
CALLS_ONLY = Guard(audit=0.0)
DOLLARS = ModelFacts(price=Price(input_usd_per_mtok=Decimal("1"), output_usd_per_mtok=Decimal("3")))


def verdict(text: str) -> str:
    return "good" if int(text.split()[1]) % 3 else "bad"


def number_of(text: str) -> object:
    return {"number": int(text.split()[1]), "kind": "odd" if int(text.split()[1]) % 2 else None}


def sdk_at(url: str) -> Callable[[], object]:
    """A factory that can be sent: it knows the address, and makes the client where it is called."""

    def make_client() -> object:
        from openai import OpenAI

        return OpenAI(base_url=url, api_key="none", max_retries=0)

    return make_client


def client_that_dies_once(url: str, mark: Path) -> Callable[[], object]:
    """A client in whose process the lights go out, once, at its third call."""

    def make_client() -> object:
        from openai import OpenAI

        from packer.clients import OpenAIChat

        chat = OpenAIChat("gpt-4.1-mini", sdk=OpenAI(base_url=url, api_key="none", max_retries=0))

        class Mortal:
            calls = 0

            async def complete(self, prompt: Prompt) -> Completion:
                self.calls += 1
                if self.calls == 3 and not mark.exists():
                    mark.touch()
                    os._exit(1)
                return await chat.complete(prompt)

        return Mortal()

    return make_client


@pytest.fixture(scope="module", autouse=True)
def _ray() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ray.init(
            num_cpus=2,
            include_dashboard=False,
            object_store_memory=200_000_000,
            log_to_driver=False,
            runtime_env={"env_vars": {"PYTHONPATH": str(Path(__file__).parents[3])}},
        )
        context = ray.data.DataContext.get_current()
        context.enable_progress_bars = False
        yield
        ray.shutdown()


@pytest.fixture(autouse=True)
def _others_warnings() -> Iterator[None]:
    """What Ray and what it stands on warn of is not ours to change."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def reviews(count: int, blocks: int = 4) -> Any:
    rows = [{"id": f"r{n}", "text": f"Review {n}", "stars": n % 5} for n in range(count)]
    return ray.data.from_items(rows, override_num_blocks=blocks)


def told(rows: list[dict[str, object]], server: FaultServer) -> None:
    """Say what a run came to; ``make test-ray`` shows it."""
    ledger = server.ledger
    outcomes = dict(Counter(str(row["outcome"]) for row in rows))
    statuses = dict(Counter(each.status for each in ledger.served))
    log.warning("%d rows %s; server: %d calls %s", len(rows), outcomes, ledger.calls, statuses)


def test_every_row_is_answered_once_and_joins_back_to_its_own() -> None:
    """None lost, none doubled, each its own answer after a shuffle and a join; money as the server has it."""
    count = 1_000
    with FaultServer(verdict) as server:
        made = pack_dataset(
            reviews(count).random_shuffle(seed=3),
            TASK,
            client=sdk_at(server.url),
            model="gpt-4.1-mini",
            workers=3,
            batch_rows=150,
            guard=CALLS_ONLY,
            facts=DOLLARS,
            limits=Limits(concurrency=6),
        ).materialize()
        rows = made.take_all()
        asked = Counter(text for each in server.ledger.served for text in each.texts)
        joined = reviews(count).join(made, join_type="inner", num_partitions=2, on=("id",)).take_all()
        told(rows, server)
        bill = Fraction(server.ledger.prompt_tokens + 3 * server.ledger.completion_tokens, 10**6)
        hosts = {request.headers["user-agent"] for request in server.seen}
    assert hosts
    assert Counter(row["id"] for row in rows) == Counter(f"r{n}" for n in range(count))
    assert asked == Counter(f"Review {n}" for n in range(count))
    assert len(joined) == count
    assert all(
        row["value"] == verdict(row["text"]) and row["id"] == f"r{row['text'].split()[1]}" for row in joined
    )
    assert abs(sum((Fraction(row["cost_usd"]) for row in rows), Fraction(0)) - bill) < Fraction(1, 10**18)
    # Batches of 150 in packs of ten: nothing but the last pack of a batch may be smaller.
    assert count // 10 <= len(server.ledger.served) <= count // 10 + 12


def test_failures_are_rows_of_the_same_dataset() -> None:
    def answers(text: str) -> object:
        return "neither" if text.endswith("7") else verdict(text)

    rows_in = [{"id": n, "text": None if n % 10 == 3 else f"Review {n}"} for n in range(200)]
    with FaultServer(answers) as server:
        server.faults.extend(WireFault(500, {}) for _ in range(3))
        made = pack_dataset(
            ray.data.from_items(rows_in, override_num_blocks=2),
            TASK,
            client=sdk_at(server.url),
            model="gpt-4.1-mini",
            workers=2,
            batch_rows=50,
        )
        rows = made.take_all()
        told(rows, server)
    by_id = {row["id"]: row for row in rows}
    assert sorted(by_id) == list(range(200))
    assert len(rows) == 200
    for n, row in by_id.items():
        if n % 10 == 3:
            assert (row["outcome"], row["reason"].partition(":")[0]) == ("failed", "empty_text")
        elif n % 10 == 7:
            assert (row["outcome"], row["reason"].partition(":")[0]) == ("failed", "invalid_value")
        else:
            assert (row["outcome"], row["value"]) == ("accepted", verdict(f"Review {n}"))


def test_a_minutes_ceiling_holds_over_all_workers_and_batches() -> None:
    """Twelve calls a minute for two workers with twenty calls to make, two a batch; by the server's clock."""
    came: list[float] = []

    def noted(_: Mapping[str, object], body: Mapping[str, object]) -> Mapping[str, object]:
        came.append(time.monotonic())
        return body

    with FaultServer(verdict, wrap=noted) as server:
        made = pack_dataset(
            reviews(200, blocks=10),
            TASK,
            client=sdk_at(server.url),
            model="gpt-4.1-mini",
            workers=2,
            batch_rows=20,
            guard=CALLS_ONLY,
            limits=Limits(rpm=12, concurrency=4),
        )
        rows = made.take_all()
        told(rows, server)
    most = fullest([(at_s, 1) for at_s in came])
    log.warning("%d calls in %.0f s, at most %d in any 60 s", len(came), came[-1] - came[0], most)
    assert {row["outcome"] for row in rows} == {"accepted"}
    assert len(came) == 20
    assert 6 <= most <= 12


def test_ceilings_on_calls_and_money_hold_over_all_workers() -> None:
    with FaultServer(verdict) as server:
        made = pack_dataset(
            reviews(400),
            TASK,
            client=sdk_at(server.url),
            model="gpt-4.1-mini",
            workers=2,
            batch_rows=50,
            guard=CALLS_ONLY,
            limits=Limits(max_calls=11, concurrency=4),
        )
        rows = made.take_all()
        told(rows, server)
        assert server.ledger.calls <= 11
    assert len({row["id"] for row in rows}) == len(rows) == 400
    assert 50 <= sum(row["outcome"] == "accepted" for row in rows) <= 110
    with FaultServer(verdict) as server:
        most_usd = Decimal("0.02")
        made = pack_dataset(
            reviews(400),
            TASK,
            client=sdk_at(server.url),
            model="gpt-4.1-mini",
            workers=2,
            batch_rows=50,
            guard=CALLS_ONLY,
            facts=DOLLARS,
            limits=Limits(max_cost_usd=most_usd, concurrency=4),
        )
        rows = made.take_all()
        told(rows, server)
        bill = Fraction(server.ledger.prompt_tokens + 3 * server.ledger.completion_tokens, 10**6)
    log.warning("%.6f of %s USD", float(bill), most_usd)
    assert bill <= Fraction(most_usd)
    assert {row["outcome"] for row in rows} == {"accepted", "pending"}


def test_a_wrong_key_stops_the_job() -> None:
    with FaultServer(verdict) as server:
        server.faults.extend(WireFault(401, {"error": {"message": "no such key"}}) for _ in range(50))
        made = pack_dataset(
            reviews(100), TASK, client=sdk_at(server.url), model="gpt-4.1-mini", workers=2, batch_rows=20
        )
        with pytest.raises(Exception, match="no such key") as caught:
            made.take_all()
        log.warning("%s; server: %d calls, no answer", type(caught.value).__name__, server.ledger.calls)
        assert server.ledger.completion_tokens == 0


def test_a_worker_that_died_does_not_get_its_share_again(tmp_path: Path) -> None:
    """Ray starts a dead actor anew and gives it the same batch; with a ceiling on calls it may not ask."""
    with FaultServer(verdict) as server:
        made = pack_dataset(
            reviews(300, blocks=6),
            TASK,
            client=client_that_dies_once(server.url, tmp_path / "died"),
            workers=1,
            batch_rows=50,
            guard=CALLS_ONLY,
            limits=Limits(max_calls=20, concurrency=1),
        )
        rows = made.take_all()
        told(rows, server)
        assert server.ledger.calls == 2
    assert (tmp_path / "died").exists()
    assert len({row["id"] for row in rows}) == len(rows) == 300
    assert {row["outcome"] for row in rows} == {"pending"}
    assert "started again" in rows[0]["reason"]


def test_without_such_a_ceiling_the_dead_workers_batch_is_asked_again(tmp_path: Path) -> None:
    with FaultServer(verdict) as server:
        made = pack_dataset(
            reviews(300, blocks=6),
            TASK,
            client=client_that_dies_once(server.url, tmp_path / "died"),
            workers=1,
            batch_rows=50,
            guard=CALLS_ONLY,
            limits=Limits(concurrency=1),
        )
        rows = made.take_all()
        told(rows, server)
        assert server.ledger.calls == 32  # two of the first batch were paid for nothing
    assert len({row["id"] for row in rows}) == len(rows) == 300
    assert {row["outcome"] for row in rows} == {"accepted"}


def test_types_that_only_this_script_knows_are_sent_too() -> None:
    """A model made in a function, which pickle cannot find again; Ray sends it by value."""

    class Number(BaseModel):
        number: int
        kind: Literal["odd"] | None = None

    with FaultServer(number_of) as server:
        made = pack_dataset(
            reviews(40),
            Task.extract("The number.", Number, examples=[("Review 5", Number(number=5, kind="odd"))]),
            client=sdk_at(server.url),
            model="gpt-4.1-mini",
            workers=2,
            batch_rows=20,
        )
        rows = made.take_all()
    for row in rows:
        assert Number.model_validate_json(row["value"]).number == int(row["id"][1:])


@pytest.mark.parametrize("batch_format", ["numpy", "pandas", "pyarrow"])
def test_the_object_itself_goes_into_map_batches(batch_format: str) -> None:
    """Whoever wants another pool, or none, gives ``PackRows`` to ``map_batches`` in any batch format."""
    with FaultServer(verdict) as server:
        pack = PackRows(
            TASK, workers=2, client=sdk_at(server.url), model="gpt-4.1-mini", budget=Budget(items=8)
        )
        made = reviews(40).map_batches(pack, batch_size=20, batch_format=batch_format)
        rows = made.take_all()
    assert {row["id"]: row["value"] for row in rows} == {f"r{n}": verdict(f"Review {n}") for n in range(40)}


def test_every_use_asks_again_until_it_is_materialized() -> None:
    """A dataset is a recipe, and even a look at its schema may cook a part of it."""
    with FaultServer(verdict) as server:
        client = sdk_at(server.url)
        data = reviews(20, blocks=1)
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # nothing of Ray's that is to go is used
            made = pack_dataset(data, TASK, client=client, model="gpt-4.1-mini", workers=1)
        seen = [server.ledger.calls]
        for use in (made.schema, made.take_all, made.take_all):
            use()
            seen.append(server.ledger.calls)
        kept = made.materialize()
        seen.append(server.ledger.calls)
        assert len(kept.take_all()) == kept.count() == 20
        assert server.ledger.calls == seen[-1]
    log.warning("calls after schema, two uses, materialize: %s", seen)
    assert seen[0] == 0
    assert [after - before for before, after in pairwise(seen)][1:] == [2, 2, 2]


def test_what_is_no_dataset_is_refused() -> None:
    with pytest.raises(UsageError, match=r"takes a ray\.data\.Dataset, not a list"):
        pack_dataset([{"id": 1, "text": "a"}], TASK, model="openai/gpt-4.1-mini")  # type: ignore[type-var]
