"""One forker for all tests of a module's process deaths.

Does not know: what is asserted.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.crash.forker import Forker, forker


@pytest.fixture(scope="session")
def workers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Forker]:
    with forker(tmp_path_factory.mktemp("workers")) as made:
        yield made
