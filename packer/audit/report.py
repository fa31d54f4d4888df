"""What an audit found: rates with intervals, the parts they come from, and the finding in plain words.

Without numpy and scipy the exact upper bound and the words remain. Does not know: how answers were drawn,
asked or compared.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from packer.audit import scipy_part
from packer.audit.rate import DEFAULT_CONFIDENCE, estimate, harm_help, share
from packer.sampling import bad_share
from schemas.audit import Audit, Audited, AuditPart, Estimate

FEW = 30
"""Below so many answers asked again, words say that they are few."""

_UNEVEN = 0.1
_QUARTERS = ("first", "second", "third", "last")
_NO_INTERVALS = " Intervals need pip install 'packsplit[audit]'."


def audit_of(
    rows: Sequence[Audited],
    *,
    shared: int,
    unanswered: int = 0,
    confidence: float = DEFAULT_CONFIDENCE,
) -> Audit:
    """Sum up an audit.

    Args:
        rows: the answers that were held against a single one.
        shared: answers from shared calls that the audit speaks for.
        unanswered: drawn, but without a single answer to compare with.
        confidence: of the bounds.

    Returns:
        The audit. Without numpy and scipy ``bleed``, ``packed``, ``noise``, ``harm`` and ``help`` are None;
        ``at_most`` and ``words`` are there all the same.

    Raises:
        UsageError: a confidence outside 0 to 1.
    """
    differ = sum(row.differs for row in rows)
    twice = [row for row in rows if row.again is not None]
    found = Audit(
        shared=shared,
        asked=len(rows),
        differ=differ,
        twice=len(twice),
        noise_differ=sum(bool(row.again) for row in twice),
        unanswered=unanswered,
        at_most=bad_share(differ, len(rows), confidence).upper,
        confidence=confidence,
    )
    sure = scipy_part.installed()
    if rows and sure:
        packed, noise, bleed = estimate(rows, confidence=confidence)
        harm, gain = harm_help(rows, confidence=confidence)
        found = replace(found, packed=packed, noise=noise, bleed=bleed, harm=harm, help=gain)
    parts = tuple(_part(name, some, hit, confidence, sure) for name, some, hit in _parts(rows))
    found = replace(found, parts=parts)
    return replace(found, words=_words(found, sure))


def _part(
    name: str, rows: Sequence[Audited], hit: Callable[[Audited], bool], confidence: float, sure: bool
) -> AuditPart:
    packed = share(rows, hit, confidence=confidence) if sure else None
    return AuditPart(name, len(rows), sum(map(hit, rows)), packed)


def _parts(rows: Sequence[Audited]) -> Iterator[tuple[str, list[Audited], Callable[[Audited], bool]]]:
    """Names of parts, their rows, and what counts as a difference there."""

    def differs(row: Audited) -> bool:
        return row.differs

    for name, of in (("route", _route), ("seat", _seat), ("items", _items), ("", _flag)):
        groups: dict[tuple[int, str], list[Audited]] = {}
        for row in rows:
            groups.setdefault(of(row), []).append(row)
        for (_, value), some in sorted(groups.items()):
            yield f"{name}: {value}" if name else value, some, differs
    for path in dict.fromkeys(path for row in rows for path in row.fields):

        def field_differs(row: Audited, path: str = path) -> bool:
            return row.fields[path]

        yield f"field: {path}", [row for row in rows if path in row.fields], field_differs


def _route(row: Audited) -> tuple[int, str]:
    return 0, str(row.route)


def _seat(row: Audited) -> tuple[int, str]:
    quarter = min(3, 4 * row.position // max(row.size, 1))
    return quarter, f"{_QUARTERS[quarter]} quarter"


def _items(row: Audited) -> tuple[int, str]:
    return row.size, str(row.size)


def _flag(row: Audited) -> tuple[int, str]:
    return (0, "flagged") if row.flagged else (1, "not flagged")


def _words(audit: Audit, sure: bool) -> str:
    """The finding for a person."""
    lost = f" {audit.unanswered:,} drawn got no single answer." if audit.unanswered else ""
    if not audit.asked:
        return f"Nothing was asked again: nothing is known of bleed.{lost}"
    counted = f"{audit.asked:,} asked again, {_differ(audit.differ, audit.asked, audit.packed)}"
    if audit.twice:
        counted += (
            f"; {audit.twice:,} asked alone twice, {_differ(audit.noise_differ, audit.twice, audit.noise)}"
        )
    return f"{counted}: {_finding(audit)}.{_doubt(audit)}{lost}{'' if sure else _NO_INTERVALS}"


def _differ(differ: int, asked: int, weighed: Estimate | None) -> str:
    """So many differ; as a share too where that says something, and weighed where some were drawn oftener."""
    told = f"{differ:,} {'differs' if differ == 1 else 'differ'}"
    if not differ or asked < FEW:
        return told
    plain = differ / asked
    uneven = weighed is not None and abs(weighed.value - plain) > _UNEVEN * plain
    by_weight = f", by weight {_percent(weighed.value)}" if weighed is not None and uneven else ""
    return f"{told} ({_percent(plain)}{by_weight})"


def _finding(audit: Audit) -> str:
    if not audit.differ or audit.packed is None:
        return f"bleed is under {bound(audit.most)}" if audit.most < 1 else "bleed can be anything"
    if audit.bleed is None:
        return (
            f"{_between(audit.packed)} of 100 packed answers differ from a single one; how many of "
            "them by the model's own noise is not known, as nothing was asked alone twice"
        )
    if audit.bleed.lower > 0:
        return f"packing changes {_between(audit.bleed)} of 100 answers beyond the model's own noise"
    if audit.bleed.upper <= 0:
        return "packed answers differ less often than single ones do among themselves"
    return (
        f"no bleed beyond the model's own noise is shown; up to {bound(audit.bleed.upper)[:-1]} of 100 "
        "answers could be changed by packing"
    )


def _doubt(audit: Audit) -> str:
    """What too small a number leaves open."""
    if audit.asked < FEW:
        return " So few say little; a larger audit tells more."
    if audit.differ and 0 < audit.twice < FEW:
        return " The noise rests on few items."
    return ""


def _between(found: Estimate) -> str:
    """So many to so many of 100."""
    low, high = max(found.lower, 0.0), found.upper
    wide = high >= 0.0995
    ends = [f"{100 * rate:.{0 if not rate or (wide and rate >= 0.0095) else 1}f}" for rate in (low, high)]
    return ends[0] if ends[0] == ends[1] else " to ".join(ends)


def bound(rate: float) -> str:
    """An upper bound in two digits, rounded up so that it still holds: 14%, 1.5%, 0.15%."""
    hundredths = 100 * rate
    digits = max(0, 1 - math.floor(math.log10(hundredths)))
    return f"{min(100.0, math.ceil(hundredths * 10**digits - 1e-6) / 10**digits):g}%"


def _percent(rate: float) -> str:
    """A share in three digits at most: 15.5%, 0.75%."""
    return f"{100 * rate:.3g}%"
