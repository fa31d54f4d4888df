"""For tests of code that uses packsplit: scripted and faulty clients, and a loopback server with faults.

Public: these are the fakes that our own tests use. Imported by nothing else in the house.
"""

from packer.testing.bleeding import Bled, Bleed, BleedingClient
from packer.testing.faults import FaultKind, Inject, Moves
from packer.testing.faulty import Answers, FaultyClient
from packer.testing.job_faults import JobAsk, JobFaults, SeenJob
from packer.testing.ledger import Served, ServerLedger
from packer.testing.loopback import WireFault
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
    "ScriptedClient",
    "SeenJob",
    "SeenRequest",
    "Served",
    "ServerLedger",
    "WireFault",
    "items_of",
]
