"""Say what share of branches the last coverage run took, and end with 1 below 95%.

    make coverage

``coverage report`` adds lines and branches up, which hides branches. Does not know: what was run.
"""

from __future__ import annotations

import sys

from coverage import Coverage

LEAST = 0.95


def main() -> int:
    """Read ``.coverage`` in this folder."""
    data = Coverage()
    data.load()
    taken = there = 0
    for name in sorted(data.get_data().measured_files()):
        of = data._analyze(name).numbers  # no public door gives branches apart from lines
        taken, there = taken + of.n_executed_branches, there + of.n_branches
    share = taken / there
    print(f"branches: {taken:,} of {there:,} taken, {share:.1%}")
    return 0 if share >= LEAST else 1


if __name__ == "__main__":
    sys.exit(main())
