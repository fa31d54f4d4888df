"""Every test starts with a clean environment: no key, no cache setting, no network switch leaks in."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile(
    "steady", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow], max_examples=120
)
settings.load_profile("steady")


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "PACKSPLIT_OFFLINE", "OPENAI_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
