"""A run's report: one HTML page that holds all it needs, for people who were not there.

It says what happened, what it cost and what to look at; then the items in doubt, bleed, costs beside
other ways of asking, charts, and what reviewers decided. It runs no script and loads nothing; what comes
from inputs, models and people is text there and nothing else. Long runs are summed up and lists are cut,
with what was left out said. Does not know: where a record comes from, or who reads the page.
"""

from __future__ import annotations

from pathlib import Path

from packer.out.board.standing import answers_by_route
from packer.out.report.bleed import bleed_section
from packer.out.report.charts import charts_section
from packer.out.report.cost import cost_section
from packer.out.report.head import head_section
from packer.out.report.html import Html, el
from packer.out.report.look import look_section
from packer.out.report.page import page
from packer.out.report.review import advice_section, review_section
from packer.out.report.words import ROUTES, WORDS, cut, data
from packer.out.tables.whole import whole_file
from schemas.record import RunRecord


def report_html(record: RunRecord) -> str:
    """The page of a run; the same record gives the same page.

    Args:
        record: the run as its store tells it, finished or not.

    Returns:
        One HTML document, below 2 MB whatever the run's size.
    """
    sections = (
        head_section(record),
        look_section(record),
        bleed_section(record),
        cost_section(record),
        charts_section(record),
        review_section(record),
        advice_section(record),
        _footer(record),
    )
    return page(f"{cut(record.name, 120)} · packsplit report", sections)


def write_report(record: RunRecord, path: Path) -> None:
    """Write the page of a run; the file appears whole or not at all.

    Raises:
        UsageError: the path cannot be written to.
        RunError: the disk is full or fails.
    """
    made = report_html(record)
    with whole_file(path) as file:
        file.write(made)


def _footer(record: RunRecord) -> Html:
    used = {call.route for call in record.calls} | {str(name) for name in answers_by_route(record)}
    used |= set(record.ledger.routes) | set(record.ledger.overheads)
    known = {name: told for name, told in ROUTES.items() if name in used} | WORDS
    words = [part for name, told in known.items() for part in (el("dt", name), el("dd", told))]
    kept = None if record.texts_kept else "This run keeps no texts, so none are shown. "
    return el(
        "footer",
        el("h2", "Words"),
        el("dl", *words),
        el("p", kept, "Made from ", data(record.path, 400), ".", class_="soft"),
    )
