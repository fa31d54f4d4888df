"""The people's part of a report: what reviewers decided, what that says of the rest, and what was advised.

Does not know: how a sample was drawn, or what a rejection led to.
"""

from __future__ import annotations

from packer.out.board.state_bar import in_words
from packer.out.report.cost import table
from packer.out.report.html import Child, Html, el
from packer.out.report.words import as_text, cut, data
from packer.sampling import Share, bad_share
from schemas.counted import counted
from schemas.record import RunRecord
from schemas.review import Gate, Review, Ruling

MOST_REVIEWS = 100
MOST_ADVICE = 10
_COLUMNS = ("item", "ruling", "answer", "reason", "by", "when", "stage")
_GATES = {
    Gate.NONE: "No review was asked for.",
    Gate.WAITING: "The run waits for a review; its results are held until then.",
    Gate.PASSED: "The review was passed.",
    Gate.REJECTED: "The review refused the answers; results are held.",
}
_RULINGS = {Ruling.APPROVE: "approved", Ruling.REJECT: "rejected", Ruling.CORRECT: "corrected"}
_KINDS = {Ruling.APPROVE: "good", Ruling.REJECT: "bad", Ruling.CORRECT: "doubt"}


def reviewed_share(record: RunRecord) -> Share:
    """How many of the reviewed answers were wrong, and what that says of the others."""
    return bad_share(sum(review.bad for review in record.reviews), len(record.reviews))


def review_section(record: RunRecord) -> Html | None:
    """The gate, the error rate with its bound, and the log, wrong answers first; None without a review."""
    if record.gate is Gate.NONE and not record.reviews:
        return None
    parts: list[Html] = [el("h2", "Review by people", id="review"), el("p", _GATES[record.gate])]
    if record.reviews:
        parts.append(el("p", el("strong", f"{reviewed_share(record)}."), " ", _caveat(), class_="rate"))
        ordered = sorted(record.reviews, key=lambda review: not review.bad)
        rows = [_row(review) for review in ordered[:MOST_REVIEWS]]
        parts.append(table(_COLUMNS, rows, label="decisions of the reviewers", kind="log"))
    if len(record.reviews) > MOST_REVIEWS:
        more = counted(len(record.reviews) - MOST_REVIEWS, "more decision")
        parts.append(el("p", f"and {more}; wrong answers stand first", class_="more"))
    return el("section", *parts, aria_labelledby="review")


def advice_section(record: RunRecord) -> Html | None:
    """What was said before the first call; None when nothing was."""
    if not record.advice:
        return None
    rows = [
        el(
            "li",
            el("strong", in_words(each.topic)),
            ": ",
            None if each.pack else el("strong", "do not pack. ", class_="bad"),
            data(each.detail, 500),
            _whom([cut(str(item), 60) for item in each.items]),
        )
        for each in record.advice[:MOST_ADVICE]
    ]
    if len(record.advice) > MOST_ADVICE:
        rows.append(el("li", f"and {len(record.advice) - MOST_ADVICE:,} more"))
    head = el("h2", "Advice before the first call", id="advice")
    return el("section", head, el("ul", *rows, class_="notes"), aria_labelledby="advice")


def _caveat() -> str:
    return (
        "This speaks for the whole run as far as the sample was drawn at random; a sample of doubtful "
        "answers looks worse than the run is."
    )


def _row(review: Review) -> list[Child]:
    before = data(as_text(review.before), 160)
    answer = el("span", before, " → ", el("strong", data(as_text(review.after), 160)))
    return [
        data(review.item_id, 80),
        el("span", _RULINGS[review.ruling], class_=f"badge {_KINDS[review.ruling]}"),
        answer if review.ruling is Ruling.CORRECT else before,
        data(review.reason, 240),
        data(review.by, 80),
        data(review.at.replace("T", " ").removesuffix("+00:00"), 30),
        str(review.stage),
    ]


def _whom(items: list[str]) -> Html | None:
    if not items:
        return None
    more = f" and {len(items) - 6:,} more" if len(items) > 6 else ""
    return el("span", " Concerns ", data(", ".join(items[:6]), 500), f"{more}.", class_="soft")
