"""Write the help of every command into ``docs/cli.md``, below its marker; the rest is written by hand.

    python -m scripts.write_cli_help

The page is the same on every machine: 100 columns, no colours. Does not know: what the commands do.
"""

from __future__ import annotations

from pathlib import Path

from typer.testing import CliRunner

from packer.out.commands.app import ORDER
from packer.out.commands.cli import app

PAGE = Path(__file__).parent.parent / "docs" / "cli.md"
MARKER = "<!-- From here on written by `python -m scripts.write_cli_help`. -->"
COLUMNS = "100"


def with_help(page: str) -> str:
    """The page with the commands' help as it is now."""
    head, marker, _ = page.partition(MARKER)
    if not marker:
        raise SystemExit(f"{PAGE} has lost its marker: {MARKER}")
    parts = [f"## `packsplit`\n\n{_block()}", *(f"## `packsplit {each}`\n\n{_block(each)}" for each in ORDER)]
    return f"{head}{MARKER}\n\n" + "\n\n".join(parts) + "\n"


def _block(*command: str) -> str:
    environment = {"COLUMNS": COLUMNS, "NO_COLOR": "1"}
    told = CliRunner().invoke(app, [*command, "--help"], env=environment)
    return f"```text\n{told.stdout.strip()}\n```"


if __name__ == "__main__":
    PAGE.write_text(with_help(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
    print(f"{PAGE} is written")
