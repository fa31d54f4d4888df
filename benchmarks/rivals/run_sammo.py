"""One run through SAMMO, started in an environment that has sammo and not us.

    <venv>/bin/python benchmarks/rivals/run_sammo.py --url http://127.0.0.1:PORT/v1 --items items.json \
        --out out.json --pack 20

``items.json`` holds ``instruction``, ``texts``, and ``labels`` (one of them a text) or ``fields`` (a JSON
schema; an object a text). ``out.json`` gets ``values`` (one per text, in the order given; null where there is
none), ``error``, ``version`` and ``calls`` (HTTP requests, retries counted). A run that raised, or that met
the time limit, writes nulls (SAMMO returns nothing then) and ends with code 0.

It does not know which answers are right, and it repairs nothing: what SAMMO returned is what is written,
except that an answer that is none of the labels, or no object, becomes null.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import logging
import os
import signal
from pathlib import Path
from typing import Any


def main() -> None:
    """Run, and write the result."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--url", required=True)
    parser.add_argument("--items", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--pack", type=int, default=20)
    parser.add_argument("--model", default="gpt-4o-mini")
    parser.add_argument("--timeout", type=float, default=30.0, help="seconds for one HTTP request")
    parser.add_argument("--max-seconds", type=int, default=300, help="seconds for the whole run")
    parser.add_argument("--concurrency", type=int, default=1, help="one at a time, so a run can be repeated")
    args = parser.parse_args()
    given = json.loads(args.items.read_text(encoding="utf-8"))
    texts: list[str] = given["texts"]
    labels: list[str] = given.get("labels", [])
    fields: dict[str, Any] | None = given.get("fields")
    calls = 0

    def write(values: list[object], error: str | None) -> None:
        done = {
            "values": values,
            "error": error,
            "version": importlib.metadata.version("sammo"),
            "calls": calls,
        }
        args.out.write_text(json.dumps(done, ensure_ascii=False), encoding="utf-8")

    def out_of_time(*_: object) -> None:
        write([None] * len(texts), f"TimeoutError: the run took more than {args.max_seconds} s")
        os._exit(0)

    signal.signal(signal.SIGALRM, out_of_time)
    signal.alarm(args.max_seconds)
    logging.disable(logging.CRITICAL)  # it logs whole prompts

    from sammo.components import GenerateText, Output  # type: ignore[import-not-found]  # has its own environment
    from sammo.dataformatters import JSONDataFormatter  # type: ignore[import-not-found]  # as above
    from sammo.extractors import JSONPath  # type: ignore[import-not-found]  # as above
    from sammo.instructions import InputData, MetaPrompt  # type: ignore[import-not-found]  # as above
    from sammo.runners import JsonSchema, OpenAIChat  # type: ignore[import-not-found]  # as above
    from sammo.throttler import AtMost, Throttler  # type: ignore[import-not-found]  # as above

    class Counted(OpenAIChat):  # type: ignore[misc]  # its base is not known here
        """Its own runner, with a count of requests."""

        async def _call_backend(self, request: dict[str, Any]) -> Any:
            nonlocal calls
            calls += 1
            return await super()._call_backend(request)

    answer: dict[str, Any] = fields if fields is not None else {"type": "string", "enum": labels}
    told = f"{given['instruction']}\nLabels: {', '.join(labels)}" if labels else given["instruction"]
    entry = {"id": {"type": "integer"}, "output": answer}
    runner = Counted(
        args.model,
        {"api_key": "none-needed", "base_url": args.url},
        # A hundredth of a second between looks is its own default; it also paces calls, two a second.
        rate_limit=Throttler(limits=[AtMost(args.concurrency, "running")], sleep_interval=0.001),
        max_retries=3,
        timeout=args.timeout,
    )
    # The strongest it has: the items as JSON with ids, the shared part as a message of its own, and a schema.
    # It matches answers by their order all the same.
    asked = GenerateText(
        MetaPrompt([InputData()], render_as="raw", data_formatter=JSONDataFormatter()),
        system_prompt=f"{told}\nInputs are JSON; answer each with its id and its output.",
        json_mode=JsonSchema(closed({"predictions": {"type": "array", "items": closed(entry)}})),
    )
    program = Output(
        JSONPath(asked, "$..output", flatten_lists=False, on_error="empty_result"),
        minibatch_size=args.pack,
        on_error="empty_result",
    )
    error = None
    values: list[object] = [None] * len(texts)
    try:
        found = program.run(runner, texts, progress_callback=False).outputs.raw_values
        good = [value if fits(value, labels, fields) else None for value in map(bare, found)]
        values = [*good, *[None] * (len(texts) - len(good))]
    except Exception as raised:
        error = f"{type(raised).__name__}: {raised}"[:2000]
    signal.alarm(0)
    write(values, error)


def closed(properties: dict[str, Any]) -> dict[str, Any]:
    """An object's schema with these fields and no others, as strict replies want it."""
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def bare(value: Any) -> object:
    """A result's own value, out of what SAMMO wraps around it."""
    for _ in range(5):
        if hasattr(value, "value"):
            value = value.value
    return value


def fits(value: object, labels: list[str], fields: dict[str, Any] | None) -> bool:
    """Whether it is an answer at all."""
    return value in labels if fields is None else isinstance(value, dict)


if __name__ == "__main__":
    main()
