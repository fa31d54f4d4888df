"""The embedded server's process: llama.cpp's own HTTP server, on loopback, behind a key.

Started by ``local_server`` as ``python -m packer.clients.local_serve``. Its settings come as one JSON
line on standard input, never on the command line, where other users could read the key. It ends when
standard input closes, so it cannot outlive its parent, not even one that was killed. Does not know:
prompts, or why it was started.
"""

from __future__ import annotations

import json
import os
import sys


def main() -> None:
    """Load the model, say where it listens, and serve until standard input closes."""
    import xllamacpp

    settings = json.loads(sys.stdin.readline())
    params = xllamacpp.CommonParams()
    params.model.path = settings["model_path"]
    params.hostnames = ["127.0.0.1"]
    params.port = 0
    params.api_keys = [settings["api_key"]]
    params.n_ctx = settings["context_tokens"]
    params.n_parallel = settings["slots"]
    params.cpuparams.n_threads = settings["threads"]
    params.cpuparams_batch.n_threads = settings["threads"]
    server = xllamacpp.Server(params)
    sys.stdout.write(json.dumps({"url": server.listening_address}) + "\n")
    sys.stdout.flush()
    while sys.stdin.read(4096):
        pass
    # The engine's own threads would keep an ordinary exit waiting for a request in flight.
    os._exit(0)


if __name__ == "__main__":
    main()
