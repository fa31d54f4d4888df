"""What packing does to accuracy, by human labels: what it spoils, what it mends, whether that is the same.

    pip install 'packsplit[bench]' && python -m benchmarks.accuracy [--model local/qwen-0.5b] [--data tweets]

The same evaluations as ``benchmarks.bleed``, from the same stores: what that has asked is not asked again.
Items without a packed value have their single answer, as after the ladder; the raw figures stand beside.
"Too few to say" is no "no difference". Does not know: how the test is made.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.bleed import Entry, arguments, asked, draw, kept, made_by, name_of, percent, table


def report(rows: Sequence[Entry]) -> str:
    """The table, and one sentence each."""
    head = ["model", "data", "labelled", "packs of", "alone", "packed", "packed, raw", "spoiled", "mended"]
    head += ["packed less alone (90%)", "the same within 1 point"]
    lines, words = [], []
    for each in rows:
        for of in each["found"]["sizes"]:
            found, raw = of["accuracy"], of["raw_accuracy"]
            if found is None or raw is None:
                continue
            rights = (
                _right(found, "single_right"),
                _right(found, "packed_right"),
                _right(raw, "packed_right"),
            )
            start = (name_of(each), each["data"], f"{found['labelled']:,}", str(of["size"]))
            rates = (percent(found["harm"]), percent(found["help"]), percent(found["difference"]))
            lines.append((*start, *rights, *rates, verdict(found)))
            words.append(f"- {name_of(each)}, {each['data']}, packs of {of['size']}: {found['words']}")
    return "\n\n".join(
        [
            "# Accuracy: packed and alone, by human labels",
            f"`python -m benchmarks.accuracy`: {made_by(rows)}.",
            "*Spoiled*: right alone and wrong packed; *mended*: the other way round; 95% intervals, packs "
            "being the units that scatter. *Packed*: items without a value asked alone; *raw*: those counted "
            "as wrong. *The same within 1 point*: the whole 90% interval is within it (two one-sided "
            "tests at 5%). The data are public, so models may have seen them: compare the columns, not the "
            "level.",
            "![Accuracy packed less alone, by pack size](accuracy.png)",
            table(head, lines),
            "\n".join(words),
        ]
    )


def verdict(found: Mapping[str, Any]) -> str:
    """Yes, no, or how many items it takes to say."""
    if found["equivalent"] is None:
        return f"too few to say (about {max(found['needed'], found['labelled'] + 1):,} needed)"
    return "yes" if found["equivalent"] else "no"


def _right(of: Mapping[str, Any], name: str) -> str:
    return f"{of[name] / of['labelled']:.1%}"


def main() -> None:
    """Measure, and write table, picture and figures."""
    args = arguments(__doc__)
    rows = kept(args.out / "accuracy.json", [] if args.table else asked(args))
    (args.out / "accuracy.md").write_text(report(rows) + "\n", encoding="utf-8")
    draw(rows, args.out / "accuracy.png", "accuracy", "right packed less right alone, points")


if __name__ == "__main__":
    main()
