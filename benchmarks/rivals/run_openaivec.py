"""One classification run through openaivec, started in an environment that has openaivec and not us.

    <venv>/bin/python benchmarks/rivals/run_openaivec.py --url http://127.0.0.1:PORT/v1 --items items.json \
        --out out.json --pack 20

``items.json`` holds ``instruction``, ``texts``, and ``labels`` or ``fields`` (a JSON schema of flat fields);
``out.json`` gets ``values`` (one label or object, or null, per text, in the order given), ``error``,
``version`` and ``calls`` (HTTP requests, retries counted).
A run that raised, or that met the time limit, still writes what the library had kept by then, and ends
with code 0.

It does not know which answers are right, and it repairs nothing: what openaivec returned is what is
written. Equal texts are asked once (openaivec's own rule), so a pack of 20 is 20 different texts.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import os
import signal
from pathlib import Path
from typing import Any, Literal

# openaivec asks tiktoken for a vocabulary, which tiktoken downloads. One token a byte needs none; it counts
# three to five times too high, so the limit it is held against is that much wider. 20 short texts fit.
BYTES = "one-token-a-byte"
MAX_REQUEST_TOKENS = 640_000


def count_bytes() -> None:
    """Give tiktoken an encoding of that name: one token a byte."""
    import tiktoken
    import tiktoken.registry

    tiktoken.registry.ENCODINGS[BYTES] = tiktoken.Encoding(
        name=BYTES,
        pat_str=r"[\s\S]",
        mergeable_ranks={bytes([value]): value for value in range(256)},
        special_tokens={},
    )


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
    parser.add_argument(
        "--each-pack", action="store_true", help="one parse() a pack, so a raise loses that pack only"
    )
    args = parser.parse_args()
    given = json.loads(args.items.read_text(encoding="utf-8"))
    texts: list[str] = given["texts"]
    labels: list[str] = given.get("labels", [])
    kinds: dict[str, Any] = {"string": str | None, "number": float | None}
    fields: dict[str, Any] = {
        name: (kinds[each["type"][0]], ...)
        for name, each in given.get("fields", {}).get("properties", {}).items()
    }

    from openai import DefaultHttpxClient, OpenAI
    from openaivec import (  # type: ignore[import-not-found]  # lives in its own environment
        BatchResponses,
        ResponseLimits,
        RetryPolicy,
    )
    from pydantic import create_model

    count_bytes()
    calls = 0

    def sent(request: object) -> None:
        nonlocal calls
        calls += 1

    # The shape its README shows: one Pydantic model, for a classification with a Literal field.
    choice: Any = Literal[tuple(labels)] if labels else str
    shape: Any = fields or {"label": (choice, ...)}
    answer = create_model("Answer", **shape)
    told = f"{given['instruction']}\nLabels: {', '.join(labels)}" if labels else given["instruction"]
    client = OpenAI(
        base_url=args.url,
        api_key="none-needed",
        timeout=args.timeout,
        http_client=DefaultHttpxClient(event_hooks={"request": [sent]}),
    )
    packed = BatchResponses.of(
        client=client,
        model_name=args.model,
        system_message=told,
        response_format=answer,
        batch_size=args.pack,
        # Three attempts as in the SDK's default, only without its long pauses.
        retry_policy=RetryPolicy(max_attempts=3, initial_delay=0.05, max_delay=5.0),
        limits=ResponseLimits(encoding_name=BYTES, max_request_tokens=MAX_REQUEST_TOKENS),
        temperature=0.0,
    )

    def kept() -> list[object]:
        stored: Any = packed.cache.cache
        held = {text: stored[text].model_dump() for text in texts if stored.get(text) is not None}
        return [each if fields or each is None else each["label"] for each in map(held.get, texts)]

    def write(values: list[object], error: str | None) -> None:
        done = {
            "values": values,
            "error": error,
            "version": importlib.metadata.version("openaivec"),
            "calls": calls,
        }
        args.out.write_text(json.dumps(done, ensure_ascii=False), encoding="utf-8")

    def out_of_time(*_: object) -> None:
        write(kept(), f"TimeoutError: the run took more than {args.max_seconds} s")
        os._exit(0)

    signal.signal(signal.SIGALRM, out_of_time)
    signal.alarm(args.max_seconds)
    error = None
    step = args.pack if args.each_pack else max(1, len(texts))
    for start in range(0, len(texts), step):
        try:
            packed.parse(texts[start : start + step])
        except Exception as raised:
            error = error or f"{type(raised).__name__}: {raised}"[:2000]
    values = kept()
    signal.alarm(0)
    write(values, error)


if __name__ == "__main__":
    main()
