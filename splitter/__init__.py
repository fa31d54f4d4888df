"""Pure: reply text in, verdicts out. Does not know who answered or how the prompt was sent."""

from splitter.escalate import Need, escalate, last_rungs
from splitter.split import split

__all__ = ["Need", "escalate", "last_rungs", "split"]
