"""Looks over SQLite's write-ahead log before SQLite does, which passes over damage in silence.

SQLite reads a log up to the first frame whose checksum is wrong and drops the rest: right after a crash,
when the rest is what was just being written, and wrong when commits follow that had reached the disk. What
a killed process had written is told by its index of the log, the ``-shm`` file, where that is still there.
Does not know: what the pages hold.
"""

from __future__ import annotations

import struct
from pathlib import Path

HEADER_BYTES = 32
FRAME_BYTES = 24
INDEX_BYTES = 48
_MAGIC = 0x377F0682
"""The lowest bit says how checksums read words: set for the most significant byte first."""


def damage_in(path: Path) -> str:
    """What is wrong with the log of a file that nobody writes, and where; empty when nothing is.

    Args:
        path: of the file; neither its log nor the index need be there.
    """
    # The log first: whoever closes the file meanwhile takes the index away before it.
    held, index = _bytes_of(Path(f"{path}-wal")), _bytes_of(Path(f"{path}-shm"))
    name = f"{path.name}-wal"
    good, salt = 0, b""
    if len(held) > HEADER_BYTES:
        (magic, page_bytes), salt = struct.unpack(">I4xI", held[:12]), held[16:24]
        order = ">" if magic & 1 else "<"
        sums = _summed(order, held[:24], (0, 0))
        if magic & ~1 != _MAGIC or struct.unpack(">2I", held[24:HEADER_BYTES]) != sums:
            return f"the first {HEADER_BYTES} bytes of {name} are not what was written"
        whole = FRAME_BYTES + page_bytes
        good = _good_frames(held, whole, order, sums)
        bad_at = HEADER_BYTES + good * whole
        # The commit under way when the power went may be broken; none before it can.
        if _commits_after(held, bad_at, whole) > 1:
            return f"{name} is not what was written from its byte {bad_at} on"
    written, copied, its_salt = _indexed(index)
    if written > copied and (written > good or (salt and salt != its_salt)):
        return f"{name} held {written} pages when its process ended, and only {good} are there or sound"
    return ""


def _bytes_of(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except FileNotFoundError:
        return b""


def _good_frames(held: bytes, whole: int, order: str, sums: tuple[int, int]) -> int:
    """How many frames from the start belong to the log and are sound."""
    good = 0
    for at in range(HEADER_BYTES, len(held) - whole + 1, whole):
        frame = held[at : at + whole]
        sums = _summed(order, frame[:8] + frame[FRAME_BYTES:], sums)
        if frame[8:16] != held[16:24] or struct.unpack(">2I", frame[16:FRAME_BYTES]) != sums:
            break
        good += 1
    return good


def _commits_after(held: bytes, start: int, whole: int) -> int:
    """How many frames from there on end a commit to this log; what an earlier one left has another salt."""
    frames = (held[at : at + whole] for at in range(start, len(held) - whole + 1, whole))
    return sum(each[8:16] == held[16:24] and each[4:8] != bytes(4) for each in frames)


def _indexed(index: bytes) -> tuple[int, int, bytes]:
    """Frames written, frames that the file itself has by now, and the log's salt; zeros when unreadable."""
    first, second = index[:INDEX_BYTES], index[INDEX_BYTES : 2 * INDEX_BYTES]
    if len(second) < INDEX_BYTES or first != second or len(index) < 2 * INDEX_BYTES + 4:
        return 0, 0, b""
    if not first[12] or struct.unpack("=2I", first[40:]) != _summed("=", first[:40], (0, 0)):
        return 0, 0, b""
    (written,) = struct.unpack("=I", first[16:20])
    (copied,) = struct.unpack("=I", index[2 * INDEX_BYTES : 2 * INDEX_BYTES + 4])
    return written, copied, first[32:40]


def _summed(order: str, held: bytes, sums: tuple[int, int]) -> tuple[int, int]:
    one, two = sums
    words = struct.unpack(f"{order}{len(held) // 4}I", held)
    for at in range(0, len(words), 2):
        one = (one + words[at] + two) & 0xFFFFFFFF
        two = (two + words[at + 1] + one) & 0xFFFFFFFF
    return one, two
