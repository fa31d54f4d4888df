"""For tests of code that uses packsplit: a client that answers from a script, and a loopback server.

Public: these are the fakes that our own tests use.
"""

from packer.testing.scripted import Answers, ScriptedClient, items_of
from packer.testing.server import FaultServer, WireFault

__all__ = ["Answers", "FaultServer", "ScriptedClient", "WireFault", "items_of"]
