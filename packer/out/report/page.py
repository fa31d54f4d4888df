"""The frame of a report: one page that needs nothing from anywhere and lets nothing run.

Does not know: what stands on the page.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable

from packer.out.report.html import Html, el, raw_style
from packer.out.report.style import style_sheet


def page(title: str, sections: Iterable[Html | None]) -> str:
    """A whole page.

    Args:
        title: its name in the browser.
        sections: what stands on it, in order; None is nothing.

    Returns:
        HTML that encodes as UTF-8, whatever the data was.
    """
    css = style_sheet()
    head = el(
        "head",
        el("meta", charset="utf-8"),
        el("meta", http_equiv="Content-Security-Policy", content=policy(css)),
        el("meta", name="referrer", content="no-referrer"),
        el("meta", name="viewport", content="width=device-width, initial-scale=1"),
        el("meta", name="color-scheme", content="light dark"),
        el("title", title),
        el("style", raw_style(css)),
    )
    return f"<!doctype html>\n{el('html', head, el('body', el('main', *sections)), lang='en')}\n"


def policy(css: str) -> str:
    """What the browser may load and run: this one style sheet, and nothing else.

    Args:
        css: the style sheet exactly as it stands in its element.
    """
    digest = base64.b64encode(hashlib.sha256(css.encode()).digest()).decode()
    return (
        f"default-src 'none'; style-src 'sha256-{digest}'; style-src-attr 'none'; script-src 'none'; "
        "img-src 'none'; font-src 'none'; connect-src 'none'; object-src 'none'; frame-src 'none'; "
        "base-uri 'none'; form-action 'none'"
    )
