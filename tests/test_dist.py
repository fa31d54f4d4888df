"""The wheel and the sdist, built as they would be published, and used where no source tree is."""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest

HOME = Path(__file__).parent.parent
PACKAGES = ("packer", "splitter", "schemas")
APACHE_2_0 = "cfc7749b96f63bd31c3c42b5c471bf756814053e847c10f3eb003417bc523d30"
JUNK = re.compile(
    r"__pycache__|\.pyc$|\.(venv|hypothesis|coverage|mypy_cache|ruff_cache|pytest_cache|git)(/|$|-)|/site/"
)
FOR_PEOPLE = ("README.md", "LICENSE", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md", "CITATION.cff")
FOR_TESTS = ("pyproject.toml", "Makefile", "mkdocs.yml", ".ci/run", "tests/conftest.py", "docs/bleed.md")
WITH_A_NOTE = ("examples/tweets.csv", "examples/tweets.LICENSE.md")

pytestmark = pytest.mark.skipif(
    not all((HOME / name).is_dir() for name in PACKAGES), reason="these tests run without the source tree"
)


def run_python(*args: str, cwd: Path, **environment: str) -> str:
    """What a Python of its own prints; one that fails shows what it said."""
    env = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "COV_"))}
    done = subprocess.run(
        [sys.executable, *args], cwd=cwd, env=env | environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def built(source: Path, where: Path, *targets: str) -> None:
    """Hatchling's files, without a network and without an environment of their own."""
    run_python("-m", "hatchling", "build", "-d", str(where), *[f"-t{each}" for each in targets], cwd=source)


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    where = tmp_path_factory.mktemp("dist")
    built(HOME, where, "wheel", "sdist")
    return where


@pytest.fixture(scope="module")
def wheel(dist: Path) -> Path:
    (found,) = dist.glob("*.whl")
    return found


@pytest.fixture(scope="module")
def sdist(dist: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Unpacked."""
    (found,) = dist.glob("*.tar.gz")
    where = tmp_path_factory.mktemp("sdist")
    with tarfile.open(found) as archive:
        archive.extractall(where, filter="data")
    (home,) = where.iterdir()
    return home


@pytest.fixture(scope="module")
def unpacked(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    where = tmp_path_factory.mktemp("installed")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(where)
    return where


def test_the_wheel_holds_the_packages_and_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
        about = {name.partition(".dist-info/")[2] for name in archive.namelist()} - {""}
    wanted = {
        path.relative_to(HOME).as_posix()
        for package in PACKAGES
        for path in (HOME / package).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert names == wanted
    assert {f"{package}/py.typed" for package in PACKAGES} <= names
    assert "packer/model_limits.json" in names
    assert about == {"METADATA", "WHEEL", "RECORD", "entry_points.txt", "licenses/LICENSE"}


def test_the_sdist_holds_what_its_tests_and_its_readers_need(sdist: Path) -> None:
    names = {path.relative_to(sdist).as_posix() for path in sdist.rglob("*") if path.is_file()}
    assert {*FOR_PEOPLE, *FOR_TESTS, *WITH_A_NOTE} <= names
    every_test = {path.relative_to(HOME).as_posix() for path in (HOME / "tests").rglob("*.py")}
    assert every_test <= names
    assert [name for name in names if JUNK.search(name)] == []


def test_the_sdist_makes_the_same_wheel(sdist: Path, wheel: Path, tmp_path: Path) -> None:
    built(sdist, tmp_path, "wheel")
    assert (tmp_path / wheel.name).read_bytes() == wheel.read_bytes()


def test_the_readmes_ten_lines_run_from_the_wheel(unpacked: Path, tmp_path: Path) -> None:
    block = re.search(r"^```python\n(.*?)^```", (HOME / "README.md").read_text(), re.MULTILINE | re.DOTALL)
    assert block is not None
    script = "import packer, schemas, splitter\nprint(packer.__file__, schemas.__file__, splitter.__file__)\n"
    told = run_python("-c", script + block[1], cwd=tmp_path, PYTHONPATH=str(unpacked))
    # The environment has an editable install of the source tree, which must not be what ran.
    assert all(Path(name).is_relative_to(unpacked) for name in told.splitlines()[0].split())
    assert "positive" in told


def test_the_command_is_there(unpacked: Path, tmp_path: Path) -> None:
    script = (
        "import sys; from importlib.metadata import distributions\n"
        "(made,) = distributions(name='packsplit', path=[sys.argv.pop(1)])\n"
        "(entry,) = made.entry_points.select(group='console_scripts', name='packsplit')\n"
        "import packer; print(packer.__file__); entry.load()()"
    )
    told = run_python("-c", script, str(unpacked), "--help", cwd=tmp_path, PYTHONPATH=str(unpacked))
    assert Path(told.splitlines()[0]).is_relative_to(unpacked)
    assert "Usage:" in told
    assert all(command in told for command in ("run", "plan", "status", "eval"))


def test_the_licence_is_apache_2_0_to_the_letter() -> None:
    assert hashlib.sha256((HOME / "LICENSE").read_bytes()).hexdigest() == APACHE_2_0


def test_citation_and_project_agree() -> None:
    project = tomllib.loads((HOME / "pyproject.toml").read_text())["project"]
    cited = dict(re.findall(r"^([\w-]+): (.+)$", (HOME / "CITATION.cff").read_text(), re.MULTILINE))
    assert cited["cff-version"] == "1.2.0"
    assert cited["title"] == project["name"]
    assert cited["version"].strip('"') == project["version"]
    assert cited["license"] == project["license"]
