"""Hypothesis for ``make mutants``: few examples, and a failure is not shrunk.

Loaded as a pytest plugin by ``[tool.mutmut]`` in pyproject.toml. Does not know: which code is mutated.
"""

from __future__ import annotations

from hypothesis import HealthCheck, Phase, settings

settings.register_profile(
    "mutants",
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
    max_examples=40,
    phases=(Phase.explicit, Phase.generate),
)
