"""How many of something there are, as a person says it.

Does not know: what is counted.
"""

from __future__ import annotations


def counted(count: int, noun: str, several: str = "") -> str:
    """A number with its noun.

    Args:
        count: how many.
        noun: of one.
        several: of any other number; empty adds an s.

    Example:
        >>> counted(1, "call"), counted(1200, "call"), counted(2, "reply", "replies")
        ('1 call', '1,200 calls', '2 replies')
    """
    return f"{count:,} {noun if count == 1 else several or noun + 's'}"
