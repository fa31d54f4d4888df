"""Where a run is kept on disk.

Does not know: how it is written.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from schemas.errors import UsageError


@dataclass(frozen=True, slots=True)
class Store:
    """One SQLite file that holds one run; running again with it goes on.

    Attributes:
        path: the file. Beside it stand SQLite's own ``-wal`` and ``-shm`` while the run goes on, and
            ``.lock``. All can be read by their owner only.
        texts: False keeps no input text in the file. Replies are kept all the same, as they were paid for,
            and may quote inputs.
        begun_with: the command that begins the run, kept so that ``packsplit resume`` can run it again; no
            secret may stand in it.

    Example:
        >>> from pathlib import Path
        >>> from tempfile import TemporaryDirectory
        >>> from packer import Store, Task, pack_and_run
        >>> from packer.testing import ScriptedClient
        >>> task = Task.classify("Sentiment of a review.", ["good", "bad"])
        >>> client = ScriptedClient({"Great.": "good"})
        >>> with TemporaryDirectory() as home:
        ...     store = Store(Path(home) / "may.run", texts=False)
        ...     for _ in range(2):  # the second time nothing is left to ask
        ...         run = pack_and_run(["Great."], task, client=client, store=store)
        >>> run.values, len(client.prompts)
        (['good'], 1)
    """

    path: str | Path
    texts: bool = True
    begun_with: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not str(self.path).strip():
            raise UsageError("Store(path='') names no file.")

    @property
    def file(self) -> Path:
        """The file."""
        return Path(self.path)
