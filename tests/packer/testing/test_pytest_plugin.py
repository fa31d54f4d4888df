"""The plugin as a user has it: one line in a conftest, fixtures that clean up, and failures that are seen."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from anthropic import Anthropic
from openai import OpenAI

from packer import Task, pack_and_run
from packer.testing import FaultKind, Inject
from packer.testing.pytest_plugin import MakesScriptedClient, ProvidersAt, StartsFaultServer
from schemas.errors import UnscriptedPrompt

pytest_plugins = ["pytester", "packer.testing.pytest_plugin"]

TASK = Task.classify("Sentiment of a review.", ["good", "bad"])


def test_scripted_clients_answer_and_show_what_was_asked(scripted_client: MakesScriptedClient) -> None:
    client = scripted_client({"Great.": "good", "Broke.": "bad"})
    assert pack_and_run(["Great.", "Broke."], TASK, client=client).values == ["good", "bad"]
    assert len(client.prompts) == 1
    with pytest.raises(UnscriptedPrompt, match="has no answer for the text"):
        pack_and_run(["Else."], TASK, client=client)


def test_models_by_name_reach_the_server_and_nobody_else(
    fault_server: StartsFaultServer, providers_at: ProvidersAt, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "a-key-of-whoever-runs-this")
    server = fault_server({"Great.": "good"}, inject=Inject(FaultKind.FENCE, rate=1.0))
    providers_at(server)
    for model in ("openai/any", "anthropic/any"):
        assert pack_and_run(["Great."], TASK, model=model).values == ["good"]
    with OpenAI() as openai, Anthropic() as anthropic:
        assert str(openai.base_url).startswith(server.root_url)
        assert str(anthropic.base_url).startswith(server.root_url)
    assert server.ledger.faults == {FaultKind.FENCE: 2}
    assert all("a-key" not in value for seen in server.seen for value in seen.headers.values())


def test_servers_are_closed_and_the_environment_is_as_it_was(pytester: pytest.Pytester) -> None:
    pytester.makeconftest('pytest_plugins = ["packer.testing.pytest_plugin"]')
    pytester.makepyfile(
        """
        import os, urllib.request, pytest
        urls = []

        def test_two_at_once(fault_server, providers_at):
            one, two = fault_server({"a": "b"}), fault_server(lambda text: "c")
            providers_at(one)
            assert os.environ["OPENAI_BASE_URL"] == one.url
            for each in (one, two):
                urllib.request.urlopen(each.url + "/models").close()
                urls.append(each.url)
            assert urls[0] != urls[1]

        def test_afterwards():
            assert len(urls) == 2 and "OPENAI_BASE_URL" not in os.environ
            for url in urls:
                with pytest.raises(OSError):
                    urllib.request.urlopen(url + "/models", timeout=5)
        """
    )
    pytester.runpytest_inprocess("-p", "no:cacheprovider").assert_outcomes(passed=2)
    assert "OPENAI_BASE_URL" not in os.environ


def test_a_text_that_no_script_holds_fails_the_test_even_if_the_code_went_on(
    pytester: pytest.Pytester,
) -> None:
    pytester.makeconftest('pytest_plugins = ["packer.testing.pytest_plugin"]')
    pytester.makepyfile(
        """
        from packer import Task, pack_and_run

        TASK = Task.classify("Sentiment.", ["good", "bad"])

        def careless(texts):
            run = pack_and_run(texts, TASK, model="openai/any")
            return [value for value in run.values if value]

        def test_it(fault_server, providers_at):
            providers_at(fault_server({"Great.": "good"}))
            assert careless(["Else."]) == []

        def test_it_is_about_that(fault_server, providers_at):
            server = fault_server({"Great.": "good"})
            providers_at(server)
            assert careless(["Else."]) == []
            server.unscripted.clear()
        """
    )
    done = pytester.runpytest_inprocess("-p", "no:cacheprovider")
    done.assert_outcomes(passed=2, errors=1)
    done.stdout.fnmatch_lines(["*A fault server was asked what its script does not hold:*"])


def test_a_failed_assertion_shows_the_callers_line_and_the_table(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        from packer import Task
        from packer.testing import BleedingClient, assert_no_bleed

        def test_it():
            truth = {f"Review {n}": "good" if n % 2 else "bad" for n in range(10)}
            client = BleedingClient(truth, shift=1.0)
            assert_no_bleed(Task.classify("Sentiment.", ["good", "bad"]), list(truth), client)
        """
    )
    done = pytester.runpytest_inprocess("-p", "no:cacheprovider")
    done.assert_outcomes(failed=1)
    shown = done.stdout.str()
    assert "item  alone  packed  signals  beside" in shown
    assert "no_bleed.py" not in shown  # its own lines are hidden


def test_nothing_of_it_is_loaded_without_the_line() -> None:
    heavy = ("pytest", "hypothesis", "numpy", "rich")
    script = f"import sys, packer.testing; print([name for name in {heavy!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
