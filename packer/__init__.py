"""Pack several inputs into one LLM call, split the reply back per item, and see what leaked.

``pack_and_run`` is the front door. With ``plan``, ``render`` and ``split`` anyone brings a client of
their own. Importing this package imports no provider's SDK, and what runs, stores and evaluates only when
one of its doors is looked at. Does not know: how anything is done.
"""

from typing import TYPE_CHECKING

from packer._lazy import lazily
from packer._shadow import check_schemas

check_schemas()

# The check above must come first: these imports need our own ``schemas``.
from packer.plan import Plan, plan  # noqa: E402
from packer.render import render  # noqa: E402
from schemas.advice import Advice  # noqa: E402
from schemas.audit import Audit, Estimate  # noqa: E402
from schemas.batch import Batch  # noqa: E402
from schemas.calibration import Calibration, Finding, SizeChange, Trial  # noqa: E402
from schemas.chat import Completion, FinishReason, Message, Prompt  # noqa: E402
from schemas.comparison import Comparison  # noqa: E402
from schemas.errors import ClientError, PacksplitError, RunError, UsageError  # noqa: E402
from schemas.evaluation import Evaluation  # noqa: E402
from schemas.evidence import Match, Quote  # noqa: E402
from schemas.facts import ModelFacts, Price  # noqa: E402
from schemas.guard import Canary, Gold, Guard  # noqa: E402
from schemas.item import Item  # noqa: E402
from schemas.keeping import Store  # noqa: E402
from schemas.protocols import Client, TokenCounter  # noqa: E402
from schemas.record import RunRecord  # noqa: E402
from schemas.result import ItemResult, Outcome, RunResult  # noqa: E402
from schemas.review import Decision, Gate, Review, ReviewGate, Ruling, Sheet, Stage  # noqa: E402
from schemas.route import Route  # noqa: E402
from schemas.settings import Budget, Fallback, Layout, Limits  # noqa: E402
from schemas.signal import Signal, SignalKind, Trend, Trust  # noqa: E402
from schemas.task import Example, Task  # noqa: E402
from schemas.usage import Usage  # noqa: E402
from splitter import split  # noqa: E402

if TYPE_CHECKING:
    from packer.out.tables.frames import with_answers
    from packer.run.api import pack_and_run, pack_and_run_async
    from packer.run.cancel_jobs import cancel_jobs
    from packer.run.evaluation.evaluate import evaluate
    from packer.run.read_run import read_run
    from packer.run.stream import pack_and_stream

__all__ = [
    "Advice",
    "Audit",
    "Batch",
    "Budget",
    "Calibration",
    "Canary",
    "Client",
    "ClientError",
    "Comparison",
    "Completion",
    "Decision",
    "Estimate",
    "Evaluation",
    "Example",
    "Fallback",
    "Finding",
    "FinishReason",
    "Gate",
    "Gold",
    "Guard",
    "Item",
    "ItemResult",
    "Layout",
    "Limits",
    "Match",
    "Message",
    "ModelFacts",
    "Outcome",
    "PacksplitError",
    "Plan",
    "Price",
    "Prompt",
    "Quote",
    "Review",
    "ReviewGate",
    "Route",
    "Ruling",
    "RunError",
    "RunRecord",
    "RunResult",
    "Sheet",
    "Signal",
    "SignalKind",
    "SizeChange",
    "Stage",
    "Store",
    "Task",
    "TokenCounter",
    "Trend",
    "Trial",
    "Trust",
    "Usage",
    "UsageError",
    "cancel_jobs",
    "evaluate",
    "pack_and_run",
    "pack_and_run_async",
    "pack_and_stream",
    "plan",
    "read_run",
    "render",
    "split",
    "with_answers",
]

_DOORS = {
    "cancel_jobs": "packer.run.cancel_jobs",
    "evaluate": "packer.run.evaluation.evaluate",
    "pack_and_run": "packer.run.api",
    "pack_and_run_async": "packer.run.api",
    "pack_and_stream": "packer.run.stream",
    "read_run": "packer.run.read_run",
    "with_answers": "packer.out.tables.frames",
}
"""What needs most of the house: each is imported when it is first looked at."""

if not TYPE_CHECKING:  # a type checker would take every name for one of these
    __getattr__ = lazily(__name__, _DOORS)

    def __dir__() -> list[str]:
        return sorted({*globals(), *_DOORS})
