"""What every test shares: the async backends, Hypothesis profiles, the seed."""

from __future__ import annotations

import os
from pathlib import Path

import hypothesis
import pytest

ROOT = Path(__file__).resolve().parents[1]
CI = os.environ.get("CI", "").lower() in {"1", "true", "yes"}
SEED = os.environ.get("SYNCPATTERNS_SEED")

# A CI run is the same run every time; a developer's run looks for new examples.
# No deadline: two shared cores make the time of one example a matter of luck.
hypothesis.settings.register_profile(
    "ci", deadline=None, derandomize=True, print_blob=True
)
hypothesis.settings.register_profile("dev", deadline=None, print_blob=True)
hypothesis.settings.load_profile("ci" if CI else "dev")


def pytest_report_header() -> str:
    """Say what is needed to run the same tests again."""
    profile = "ci" if CI else "dev"
    return f"syncpatterns: hypothesis profile {profile}, seed {SEED or 'not set'}"


@pytest.fixture(params=[("asyncio", {}), ("trio", {})], ids=["asyncio", "trio"])
def anyio_backend(request: pytest.FixtureRequest) -> object:
    """Every async test runs on both backends."""
    return request.param
