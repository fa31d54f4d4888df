"""Looks over SQLite's write-ahead log before SQLite does, which passes over damage in silence.

SQLite reads a log up to the first frame whose checksum is wrong and drops the rest: right after a crash,
when the rest is what was just being written, and wrong when commits follow that had reached the disk.
Does not know: what the pages hold.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path

HEADER_BYTES = 32
FRAME_BYTES = 24
_MAGIC = 0x377F0682
"""The lowest bit says how checksums read words: set for the most significant byte first."""


def damage_in(log: Path) -> str:
    """What is wrong with a log that nobody has open, and where; empty when nothing is.

    Args:
        log: the file whose name ends in ``-wal``; it need not be there.
    """
    try:
        held = log.read_bytes()
    except FileNotFoundError:
        return ""
    if len(held) <= HEADER_BYTES:
        return ""
    magic, _, page_bytes = struct.unpack(">3I", held[:12])
    told = struct.unpack(">2I", held[24:HEADER_BYTES])
    order = ">" if magic & 1 else "<"
    if magic & ~1 != _MAGIC or told != (sums := _summed(order, held[:24], (0, 0))):
        return f"the first {HEADER_BYTES} bytes of {log.name} are not what was written"
    whole = FRAME_BYTES + page_bytes
    salt = held[16:24]
    bad_at: int | None = None
    commits = 0
    for at in _frames(held, whole):
        frame = held[at : at + whole]
        if frame[8:16] != salt:
            if bad_at is None:
                # What was there before the log began anew; or a commit follows that was written after.
                bad_at = at
            continue
        if bad_at is None:
            sums = _summed(order, frame[:8] + frame[FRAME_BYTES:], sums)
            if struct.unpack(">2I", frame[16:FRAME_BYTES]) == sums:
                continue
            bad_at = at
        commits += frame[4:8] != bytes(4)
    # The commit under way when the process died, or the power went, may be broken; none before it can.
    torn = bad_at is not None and commits > 1
    return f"{log.name} is not what was written from its byte {bad_at} on" if torn else ""


def _frames(held: bytes, whole: int) -> Iterator[int]:
    return iter(range(HEADER_BYTES, len(held) - whole + 1, whole))


def _summed(order: str, held: bytes, sums: tuple[int, int]) -> tuple[int, int]:
    one, two = sums
    words = struct.unpack(f"{order}{len(held) // 4}I", held)
    for at in range(0, len(words), 2):
        one = (one + words[at] + two) & 0xFFFFFFFF
        two = (two + words[at + 1] + one) & 0xFFFFFFFF
    return one, two
