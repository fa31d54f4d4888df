"""For tests of code that uses packsplit: clients without a model, a faulty server, and ``assert_no_bleed``.

Public: these are the fakes that our own tests use. Imported by nothing else in the house. Two modules stand
for themselves, as they need more than packsplit does: ``packer.testing.pytest_plugin`` and
``packer.testing.strategies`` (hypothesis).
"""

from packer.testing.bleeding import Bled, Bleed, BleedingClient
from packer.testing.faults import FaultKind, Inject, Moves
from packer.testing.faulty import Answers, FaultyClient
from packer.testing.job_faults import JobAsk, JobFaults, SeenJob
from packer.testing.ledger import Served, ServerLedger
from packer.testing.loopback import WireFault
from packer.testing.no_bleed import assert_no_bleed
from packer.testing.packed_and_alone import NoBleed
from packer.testing.reader import items_of
from packer.testing.scripted import ScriptedClient
from packer.testing.server import FaultServer
from packer.testing.wires import SeenRequest

__all__ = [
    "Answers",
    "Bled",
    "Bleed",
    "BleedingClient",
    "FaultKind",
    "FaultServer",
    "FaultyClient",
    "Inject",
    "JobAsk",
    "JobFaults",
    "Moves",
    "NoBleed",
    "ScriptedClient",
    "SeenJob",
    "SeenRequest",
    "Served",
    "ServerLedger",
    "WireFault",
    "assert_no_bleed",
    "items_of",
]
