"""Draw ``examples/tweets.csv`` from the vaderSentiment 3.3.2 source distribution.

    python scripts/draw_tweets.py PATH/TO/tweets_GroundTruth.txt > examples/tweets.csv

The file is in ``additional_resources/hutto_ICWSM_2014.tar.gz`` of the sdist. Tweets whose SHA-256 starts
with a byte below 64 are reserved for acceptance and never loaded.
"""

from __future__ import annotations

import csv
import hashlib
import random
import sys
from pathlib import Path

PER_LABEL = 20
LONGEST = 140
CRUDE = (
    "fuck",
    "shit",
    "bitch",
    "retard",
    "nigg",
    "fag",
    "slut",
    "whore",
    "ass ",
    "asshole",
    "dick",
    "sex",
    "gay",
    "killer",
    "sandusky",
)


def label_of(rating: float) -> str | None:
    """Mean rating (-4 to 4, about 20 raters) to a label; None where raters do not agree on one."""
    if abs(rating) < 0.3:
        return "neutral"
    if abs(rating) < 1:
        return None
    return "positive" if rating > 0 else "negative"


def main() -> None:
    """Write the sample to standard output."""
    by_label: dict[str, list[tuple[str, str, str]]] = {}
    for line in Path(sys.argv[1]).read_text(encoding="utf-8").splitlines():
        tweet_id, rating, text = line.split("\t", 2)
        reserved = hashlib.sha256(text.encode()).digest()[0] < 64
        crude = any(word in text.lower() for word in CRUDE)
        if not reserved and not crude and len(text) <= LONGEST and (label := label_of(float(rating))):
            by_label.setdefault(label, []).append((tweet_id, text, rating))
    draw = random.Random(7)
    rows = [
        (i, t, label, r) for label in sorted(by_label) for i, t, r in draw.sample(by_label[label], PER_LABEL)
    ]
    draw.shuffle(rows)
    table = csv.writer(sys.stdout, lineterminator="\n")
    table.writerow(("id", "text", "label", "rating"))
    table.writerows(rows)


if __name__ == "__main__":
    main()
