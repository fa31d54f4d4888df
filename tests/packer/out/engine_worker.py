"""What runs in another process in ``test_engines``; a light module, since that process must import it."""

from __future__ import annotations

import pickle

from packer.out.engines.pack_rows import PackRows
from packer.testing import ScriptedClient

LATEST: list[ScriptedClient] = []


def verdict(text: str) -> str:
    return "good" if int(text.split()[1]) % 3 else "bad"


def kept_client() -> ScriptedClient:
    LATEST.append(ScriptedClient(verdict))
    return LATEST[-1]


def in_a_worker(
    pack: PackRows[object], rows: list[dict[str, object]]
) -> tuple[list[dict[str, object]], int, int]:
    """Two batches, the second by another copy: an engine may send the function for every batch.

    Returns:
        The second batch's results, the clients made, the calls they got.
    """
    try:
        pack(rows[:1])
        again: PackRows[object] = pickle.loads(pickle.dumps(pack))
        return again(rows[1:]), len(LATEST), sum(len(each.prompts) for each in LATEST)
    finally:
        pack.close()
