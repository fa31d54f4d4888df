"""One classification run through ondine, started in an environment that has ondine and not us.

    <venv>/bin/python benchmarks/rivals/run_ondine.py --url http://127.0.0.1:PORT/v1 --items items.json \
        --out out.json --pack 20

``items.json`` holds ``instruction``, ``texts``, and ``labels`` or ``fields`` (a JSON schema of flat fields);
``out.json`` gets ``values`` (one label or object, or null, per text, in the order given), ``error``,
``version`` and ``calls`` (always null: the HTTP requests are made deep inside litellm, count them at the
server). A run that raised, or that met the time limit, writes nulls (ondine returns nothing then) and ends
with code 0.

It does not know which answers are right, and it repairs nothing: what ondine returned is what is written,
except that a cell that is none of the labels (its ``[SKIPPED]`` mark, free text with ``--plain``) becomes
null.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import os
import signal
import tempfile
from pathlib import Path
from typing import Any, Literal

# Before litellm is imported: it would otherwise fetch its price list from the network.
OFFLINE = {"LITELLM_LOCAL_MODEL_COST_MAP": "True"}


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
    parser.add_argument(
        "--plain", action="store_true", help="its JSON-in-text way, without structured output"
    )
    parser.add_argument(
        "--retry-failed", action="store_true", help="its second pass over empty cells (off there)"
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
    columns = list(fields) or ["label"]
    told = f"{given['instruction']}\nLabels: {', '.join(labels)}" if labels else given["instruction"]

    def write(values: list[Any], error: str | None) -> None:
        done = {
            "values": values,
            "error": error,
            "version": importlib.metadata.version("ondine"),
            "calls": None,
        }
        args.out.write_text(json.dumps(done, ensure_ascii=False), encoding="utf-8")

    def out_of_time(*_: object) -> None:
        write([None] * len(texts), f"TimeoutError: the run took more than {args.max_seconds} s")
        os._exit(0)

    os.environ.update(OFFLINE)
    signal.signal(signal.SIGALRM, out_of_time)
    signal.alarm(args.max_seconds)

    import pandas  # type: ignore[import-untyped]  # comes with ondine, not with us
    from ondine import PipelineBuilder  # type: ignore[import-not-found]  # lives in its own environment
    from pydantic import create_model

    error = None
    values: list[Any] = [None] * len(texts)
    with tempfile.TemporaryDirectory() as scratch:
        builder = (
            PipelineBuilder.create()
            .from_dataframe(pandas.DataFrame({"text": texts}), input_columns=["text"], output_columns=columns)
            .with_prompt("{text}")
            .with_system_prompt(told)
            .with_batch_size(args.pack)
            .with_llm(
                provider="openai_compatible",
                model=args.model,
                base_url=args.url,
                api_key="none-needed",
                extra_params={"timeout": args.timeout},
            )
            .with_concurrency(args.concurrency)
            .with_checkpoint_dir(scratch)
            .with_progress_mode("none")
        )
        if not args.plain:
            # The strongest it has: the labels in the schema, and a row id put into each item.
            choice: Any = Literal[tuple(labels)] if labels else str
            shape: Any = fields or {"label": (choice, ...)}
            row = create_model("Row", **shape)
            rows: Any = create_model("Rows", items=(list[row], ...))  # type: ignore[valid-type]  # built at run time
            builder = builder.with_structured_output(rows)
        pipeline = builder.build()
        pipeline.specifications.processing.retry_delay = 0.05  # no builder method sets it
        pipeline.specifications.processing.auto_retry_failed = args.retry_failed
        try:
            found = pipeline.execute().to_pandas()
            if fields:
                # A row that it gave up is empty in all columns; a missing value in one is its null.
                found = found[columns].astype(object).where(found[columns].notna(), None)
                values = [row if any(row.values()) else None for row in found.to_dict("records")]
            else:
                values = [cell if cell in labels else None for cell in found["label"].tolist()]
            if len(values) != len(texts):
                error = f"ondine returned {len(values)} rows for {len(texts)} texts"
        except Exception as raised:
            error = f"{type(raised).__name__}: {raised}"[:2000]
    signal.alarm(0)
    write(values, error)


if __name__ == "__main__":
    main()
