"""Bleed in plain words: what was promised and what came of it, what trials found, what the audit says.

Words that come from a run's file are given back as they are. Does not know: where they are shown, or how
they are made safe there.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from packer.audit.report import FEW, bound
from schemas.audit import Audit, Estimate
from schemas.calibration import Calibration, Finding, SizeChange, Trial
from schemas.counted import counted

FINDINGS = {Finding.KEPT: "holds", Finding.BROKEN: "broken", Finding.OPEN: "not proven"}


def promise_words(found: Calibration) -> str:
    """What was promised, as a clause.

    Example: "packing changes at most 2% of the answers beyond the model's own noise (95% sure)"
    """
    most, sure = rate(found.ceiling), f"({rate(found.confidence)} sure)"
    if found.promise == "max_accuracy_loss":
        return f"packing costs at most {most} of the right answers {sure}"
    return f"packing changes at most {most} of the answers beyond the model's own noise {sure}"


def came_of_it(found: Calibration, changes: Sequence[SizeChange], audit: Audit | None) -> tuple[str, str]:
    """What came of the promise, as a clause, and ``good``, ``doubt`` or ``bad``."""
    if found.size is None:
        return "kept, as all items are asked alone", "good"
    if not found.proven:
        return f"not proven, and items are packed by {found.size:,} all the same", "doubt"
    told = f"proven for packs of {found.size:,}"
    if contradicted(found, audit):
        return f"{told}, but the audit shows more than that", "bad"
    if any(each.after < found.size for each in changes):
        return f"{told}, but packs became smaller while the run went on", "doubt"
    return told, "good"


def contradicted(found: Calibration, audit: Audit | None) -> bool:
    """Whether the audit surely shows more than was promised."""
    if audit is None:
        return False
    if found.promise == "max_bleed":
        return audit.bleed is not None and audit.bleed.lower > found.ceiling
    if audit.harm is None or audit.help is None:
        return False
    return audit.harm.lower - audit.help.upper > found.ceiling


def finding_words(trial: Trial) -> str:
    """What a trial found, in a few words."""
    told = FINDINGS[trial.finding]
    if trial.useless:
        return f"{told}: too few answers could be used"
    return told if trial.whole else f"{told}, given up early"


def bleed_told(found: Calibration | None, audit: Audit | None) -> tuple[str, str]:
    """What is known of bleed in a run, by one rule for all pages and boards; ``good``, ``doubt`` or ``bad``.

    Example:
        >>> bleed_told(None, Audit(380, 7, 0, at_most=0.351))[0].partition("changed. ")[2]
        'Too few to tell: up to 36% of packed answers could still be changed (95%).'
        >>> bleed_told(None, None)
        ('Bleed: not checked in this run.', 'doubt')
    """
    if found is not None and found.size is None:
        return "Bleed: none, as all items are asked alone.", "good"
    if audit is None or not audit.asked:
        if found is not None and found.proven:
            before = f"at most {rate(found.ceiling)} by trials before the run ({rate(found.confidence)})"
            return f"Bleed: {before}; not checked in this run.", "good"
        return "Bleed: not checked in this run.", "doubt"
    lost = f"; {audit.unanswered:,} more could not be checked" if audit.unanswered else ""
    told = f"Bleed: {audit.differ:,} of {audit.asked:,} checked answers changed{lost}."
    sure = f"({rate(audit.confidence)})"
    if not audit.differ and audit.most > audit.at_most:
        sure = (
            f"({rate(audit.confidence)}; answers of one call, or drawn oftener than others, count for less)"
        )
    if audit.bleed is not None and audit.bleed.lower > 0:
        share = f"{rate(audit.bleed.lower)} to {rate(audit.bleed.upper)}"
        return (
            f"{told} Beyond the model's own noise, packing changed {share} of packed answers {sure}.",
            "bad",
        )
    most = f"up to {bound(audit.most)} of packed answers could still be changed {sure}" if audit.most else ""
    if audit.asked < FEW:
        return f"{told} Too few to tell{f': {most}' if most else ''}.", "doubt"
    return (f"{told} {most[0].upper()}{most[1:]}." if most else told), "good"


def by_people(audit: Audit) -> str:
    """What packing spoils and mends by the answers people gave; empty without any."""
    if audit.harm is None or audit.help is None:
        return ""
    asked = counted(audit.harm.asked, "audited answer")
    return (
        f"by the answers people gave to {asked}, packing spoiled {estimated(audit.harm)} and mended "
        f"{estimated(audit.help)}"
    )


def worth_a_table(audit: Audit) -> bool:
    """Whether parts tell more than the words do: where nothing differs, all of them say the same."""
    differ = audit.differ or audit.noise_differ or any(part.differ for part in audit.parts)
    return bool(audit.parts) and bool(differ)


def part_words(name: str) -> str:
    """A part of an audit, as one reads it.

    Example:
        >>> part_words("seat: last quarter"), part_words("items: 10"), part_words("not flagged")
        ('last quarter of its call', 'in a call of 10', 'not suspicious')
    """
    kind, _, value = name.partition(": ")
    if not value:
        return {"flagged": "suspicious, or asked again", "not flagged": "not suspicious"}.get(name, name)
    return {"seat": f"{value} of its call", "items": f"in a call of {value}"}.get(kind, name)


def bleed_lines(
    found: Calibration | None, changes: Sequence[SizeChange], audit: Audit | None
) -> Iterator[tuple[str, str]]:
    """All of it by name, one line each; nothing where nothing is known."""
    if found is not None:
        yield "promised", promise_words(found)
        yield "promise", f"{came_of_it(found, changes, audit)[0]}; {found.words}"
    for change in changes:
        yield "size", str(change)
    if audit is not None:
        yield "audit", audit.words
        if told := by_people(audit):
            yield "audit", told


def estimated(found: Estimate) -> str:
    """A rate with its interval.

    Example:
        >>> estimated(Estimate(0.021, 0.004, 0.11, 140))
        '2.1% (0.4% to 11%)'
    """
    return f"{rate(found.value)} ({rate(found.lower)} to {rate(found.upper)})"


def rate(share: float) -> str:
    """A share, or a difference of shares, in percent.

    Example:
        >>> rate(0.5), rate(0.043), rate(-0.2), rate(0.999), rate(0.0004), rate(-1e-9)
        ('50%', '4.3%', '-20%', '99.9%', '0.04%', '0%')
    """
    percent = 100 * share
    digits = 3 if abs(percent) < 0.1 else 0 if 9.95 <= abs(percent) < 99 else 1
    told = f"{percent:.{digits}f}"
    if digits:
        told = told.rstrip("0").rstrip(".")
    return "0%" if told == "-0" else f"{told}%"
