"""Real labelled texts for benchmarks, fetched from source distributions and kept in a cache folder.

Items whose text's SHA-256 starts with a byte below 64 are reserved for acceptance and never loaded.
Sources: tweets and snippets rated by about 20 people each (vaderSentiment 3.3.2, MIT, third-party texts),
review sentences that people sorted (npm sentiment 5.0.2, MIT; UCI data), hand-tagged US addresses (usaddress
0.5.16, MIT), prices from shop pages (price-parser 0.5.1, BSD-3).
Does not know: what a benchmark does with them.
"""

from __future__ import annotations

import ast
import hashlib
import io
import json
import os
import subprocess
import sys
import tarfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

CACHE = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "packsplit-benchmarks"
FETCH_TIMEOUT_S = 300
CLEARLY_NEUTRAL = 0.3


@dataclass(frozen=True, slots=True)
class Labelled:
    """A text and what people say of it.

    Attributes:
        text: the item.
        gold: a label, or an object of fields.
    """

    text: str
    gold: object


def reserved(text: str) -> bool:
    """True for the quarter that is kept for acceptance."""
    return hashlib.sha256(text.encode()).digest()[0] < 64


def sentiments() -> list[Labelled]:
    """Tweets, product and editorial snippets with a clear mean rating."""
    found: dict[str, str] = {}
    outer = _sdist("vaderSentiment", "3.3.2")
    inner = _member(outer, "hutto_ICWSM_2014.tar.gz")
    for name in (
        "tweets_GroundTruth",
        "amazonReviewSnippets_GroundTruth",
        "nytEditorialSnippets_GroundTruth",
    ):
        for line in _member(inner, f"{name}.txt").decode("utf-8", "replace").splitlines():
            _, rating, text = line.split("\t", 2)
            label = "positive" if float(rating) > 1 else "negative" if float(rating) < -1 else "neutral"
            if text.strip() and not reserved(text):
                found.setdefault(text.strip(), label)
    return [Labelled(text, label) for text, label in found.items() if not reserved(text)]


def tweets() -> list[Labelled]:
    """Tweets that most raters agree on: means between a third of a point and a whole one are left out."""
    inner = _member(_sdist("vaderSentiment", "3.3.2"), "hutto_ICWSM_2014.tar.gz")
    found: dict[str, str] = {}
    for line in _member(inner, "tweets_GroundTruth.txt").decode("utf-8", "replace").splitlines():
        _, rating, text = line.split("\t", 2)
        mean = float(rating)
        if abs(mean) >= 1 or abs(mean) <= CLEARLY_NEUTRAL:
            label = "positive" if mean >= 1 else "negative" if mean <= -1 else "neutral"
            found.setdefault(text.strip(), label)
    return [Labelled(text, label) for text, label in found.items() if text and not reserved(text)]


def reviews() -> list[Labelled]:
    """Sentences from reviews of products, films and restaurants, each for or against."""
    archive = _npm("sentiment", "5.0.2")
    found: dict[str, str] = {}
    for name in ("amazon", "imdb", "yelp"):
        for row in json.loads(_member(archive, f"fixtures/{name}.json")):
            found.setdefault(row["text"].strip(), "positive" if row["class"] else "negative")
    return [Labelled(text, label) for text, label in found.items() if text and not reserved(text)]


def addresses() -> list[Labelled]:
    """US addresses: number, street, place, zip, as far as each has them."""
    fields = {
        "AddressNumber": "number",
        "StreetName": "street",
        "PlaceName": "place",
        "StateName": "state",
        "ZipCode": "zip",
    }
    found: dict[str, dict[str, str | None]] = {}
    for name in ("labeled.xml", "us50_messiest_manual_label.xml"):
        # The file is a pinned release's own; nobody else's XML is read here.
        for entry in ElementTree.fromstring(_member(_sdist("usaddress", "0.5.16"), name)):
            text = " ".join((part.text or "") + (part.tail or "").rstrip() for part in entry).strip()
            gold: dict[str, str | None] = dict.fromkeys(fields.values())
            for part in entry:
                if (field := fields.get(part.tag)) is not None and part.text:
                    gold[field] = f"{gold[field]} {part.text}".strip() if gold[field] else part.text
            kept = {key: value.strip(" ,.") if value else None for key, value in gold.items()}
            if not reserved(text) and sum(value is not None for value in kept.values()) >= 2:
                found.setdefault(text, kept)
    return [Labelled(text, gold) for text, gold in found.items()]


def prices() -> list[Labelled]:
    """Prices from shop pages: amount and currency as written."""
    tree = ast.parse(_member(_sdist("price_parser", "0.5.1"), "test_price_parsing.py"))
    found: dict[str, dict[str, object]] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Example" and len(node.args) >= 5:
            try:
                _, text, currency, _, amount = (ast.literal_eval(arg) for arg in node.args[:5])
            except ValueError:
                continue
            if isinstance(text, str) and text.strip() and amount is not None and not reserved(text):
                found.setdefault(text, {"amount": amount, "currency": currency})
    return [Labelled(text, gold) for text, gold in found.items()]


def _sdist(name: str, version: str) -> bytes:
    path = CACHE / f"{name}-{version}.tar.gz"
    if not path.is_file():
        CACHE.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-build-isolation"]
        command += ["--no-binary=:all:", "--dest", str(CACHE), f"{name}=={version}"]
        for needed in (["setuptools", "wheel", "hatchling"], ["python-crfsuite", "parserator"]):
            pip = [sys.executable, "-m", "pip", "install", "--quiet", *needed]
            subprocess.run(pip, check=False, timeout=FETCH_TIMEOUT_S)
        subprocess.run(command, check=True, timeout=FETCH_TIMEOUT_S)
    return path.read_bytes()


def _npm(name: str, version: str) -> bytes:
    path = CACHE / f"{name}-{version}.tgz"
    if not path.is_file():
        CACHE.mkdir(parents=True, exist_ok=True)
        command = ["npm", "pack", "--silent", "--pack-destination", str(CACHE), f"{name}@{version}"]
        subprocess.run(command, check=True, timeout=FETCH_TIMEOUT_S, stdout=subprocess.DEVNULL)
    return path.read_bytes()


def _member(archive: bytes, name: str) -> bytes:
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        path = next(each for each in tar.getnames() if each.endswith(f"/{name}") or each == name)
        file = tar.extractfile(path)
        if file is None:
            raise FileNotFoundError(name)
        return file.read()


SOURCES: dict[str, Callable[[], list[Labelled]]] = {
    "sentiments": sentiments,
    "tweets": tweets,
    "reviews": reviews,
    "addresses": addresses,
    "prices": prices,
}
