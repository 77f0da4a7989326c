"""A clock on which a sleep takes no time, and a function that fails on order."""

from __future__ import annotations

from typing import Any

import pytest

from syncpatterns.testing import FakeClock


class Flaky:
    """Raises the given errors, one a call, and then returns ``"done"``."""

    def __init__(self, *errors: BaseException) -> None:
        self.errors = list(errors)
        self.calls = 0

    def __call__(self) -> str:
        self.calls += 1
        if self.errors:
            raise self.errors.pop(0)
        return "done"

    async def acall(self) -> str:
        return self()


@pytest.fixture
def clock() -> FakeClock:
    """Return at once from every sleep, and note how long it was."""
    return FakeClock(auto_advance=True)


@pytest.fixture
def flaky() -> type[Flaky]:
    """Make functions that fail with the errors given, then succeed."""
    return Flaky


def watched() -> dict[str, Any]:
    """Options that take a breaker off its shortest path; results must agree."""
    return {"slow_call": 1000.0}


@pytest.fixture(params=[{}, watched()], ids=["shortest", "watched"])
def options(request: pytest.FixtureRequest) -> Any:
    """Every way of calling is tried on both paths."""
    return request.param
