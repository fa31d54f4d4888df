"""The command line's entry: all commands, registered by being imported.

Does not know: what any of them does.
"""

from __future__ import annotations

from packer.out.commands import batch_commands, evaluate, plan_command, run_command, stored
from packer.out.commands.app import app

__all__ = ["app", "batch_commands", "evaluate", "main", "plan_command", "run_command", "stored"]


def main() -> None:
    """Entry point of the ``packsplit`` command."""
    app()
