"""A loopback server in its own process that answers any prompt at once.

It speaks just enough HTTP for the chat completions of OpenAI and the messages of Anthropic, and makes the
reply from the schema in the request. Does not know: prompts, or what an answer means.
"""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence

USED = 12
"""Tokens a seat, as the replies report them."""


class Server:
    """The process; a context manager. ``url`` is its address."""

    def __init__(self) -> None:
        command = [sys.executable, "-m", "benchmarks.engine_server"]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        self.url = f"http://127.0.0.1:{int(self._process.stdout.readline())}"

    def __enter__(self) -> Server:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate(timeout=30)


def schema_in(body: object) -> Mapping[str, object]:
    """The first JSON schema of an object that stands in a request."""
    if isinstance(body, dict):
        if "required" in body and "properties" in body:
            return body
        for each in body.values():
            if found := schema_in(each):
                return found
    if isinstance(body, list):
        for each in body:
            if found := schema_in(each):
                return found
    return {}


TAG = re.compile(r"^\[[a-z]+\] (item_\d+):", re.MULTILINE)
"""An item's tag in a pack's prompt."""


def instance(schema: object, defs: Mapping[str, object], tags: Sequence[str] = ()) -> object:
    """A value that fits a schema of the kind that packs use; a list has an entry for each tag."""
    if not isinstance(schema, Mapping):
        return "x"
    if isinstance(ref := schema.get("$ref"), str):
        return instance(defs.get(ref.rpartition("/")[2]), defs, tags)
    if isinstance(choices := schema.get("enum"), list):
        return choices[0]
    if isinstance(properties := schema.get("properties"), Mapping):
        return {name: instance(each, defs, tags) for name, each in properties.items()}
    if schema.get("type") == "array":
        entry = instance(schema.get("items"), defs)
        return [{**entry, "id": tag} for tag in tags] if isinstance(entry, dict) else []
    return "x"


def _last_message(body: Mapping[str, object]) -> str:
    messages = body.get("messages")
    last = messages[-1] if isinstance(messages, list) and messages else {}
    told = last.get("content") if isinstance(last, dict) else ""
    return told if isinstance(told, str) else ""


def reply_to(path: str, body: dict[str, object]) -> bytes:
    """The whole response, as the provider whose path it is would send it."""
    schema = schema_in(body)
    defs = schema.get("$defs")
    tags = TAG.findall(_last_message(body))
    text = json.dumps(instance(schema, defs if isinstance(defs, dict) else {}, tags), separators=(",", ":"))
    seats = len(tags) or text.count(",") + 1
    told: dict[str, object]
    if "messages" in path.rpartition("/")[2]:
        told = {
            "id": "msg_1",
            "type": "message",
            "role": "assistant",
            "model": body.get("model"),
            "content": [{"type": "text", "text": text}],
            "stop_reason": "end_turn",
            "stop_sequence": None,
            "usage": {"input_tokens": 200 + USED * seats, "output_tokens": USED * seats},
        }
    else:
        message = {"role": "assistant", "content": text, "refusal": None}
        told = {
            "id": "chatcmpl-1",
            "object": "chat.completion",
            "created": 1,
            "model": body.get("model"),
            "choices": [{"index": 0, "message": message, "finish_reason": "stop", "logprobs": None}],
            "usage": {
                "prompt_tokens": 200 + USED * seats,
                "completion_tokens": USED * seats,
                "total_tokens": 200 + 2 * USED * seats,
            },
        }
    sent = json.dumps(told).encode()
    head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(sent)}\r\n\r\n"
    return head.encode() + sent


async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer one connection until it is closed."""
    try:
        while True:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            path = head.split(" ", 2)[1].partition("?")[0]
            lines = (line.partition(":") for line in head.split("\r\n")[1:])
            length = next((int(value) for name, _, value in lines if name.lower() == "content-length"), 0)
            body = json.loads(await reader.readexactly(length)) if length else {}
            writer.write(reply_to(path, body))
    except (asyncio.IncompleteReadError, ConnectionError):
        writer.close()


async def main() -> None:
    """Serve until the pipe is closed."""
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(main())
