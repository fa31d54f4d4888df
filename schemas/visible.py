"""What a page would not show, or what would act on the text around it, written out so that it is seen.

Does not know: HTML, terminals, or where the text comes from.
"""

from __future__ import annotations

import re

# What a browser would not show, or would let reorder, break or end the text around it: controls, bidi
# marks, line separators, zero-width and tag characters, halves of surrogate pairs, non-characters. Zero-width
# joiners stay: scripts and emoji are written with them, and they move nothing.
_UNSEEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b\u200e\u200f\u2028-\u202e"
    "\u2060-\u206f\u3164\ufdd0-\ufdef\ufeff\uffa0\ufff9-\ufffb\ufffe\uffff\ud800-\udfff"
    "\U000e0000-\U000e0fff\U0001fffe\U0001ffff\U0010fffe\U0010ffff]"
)


def visible(text: str) -> str:
    r"""A text with everything invisible made visible, so that it can be seen and moves nothing on the page.

    Tabs and line ends stay; CR LF becomes LF.

    Example:
        >>> visible("a\x00b\u202ec")
        'a␀b⟨U+202E⟩c'
    """
    return _UNSEEN.sub(_picture, text.replace("\r\n", "\n"))


def _picture(match: re.Match[str]) -> str:
    code = ord(match[0])
    if code < 0x20:
        return chr(0x2400 + code)
    return "\u2421" if code == 0x7F else f"⟨U+{code:04X}⟩"
