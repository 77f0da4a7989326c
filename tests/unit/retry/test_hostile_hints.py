"""Errors of other people's, whose attributes do what they like."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any, NoReturn
from unittest.mock import MagicMock, Mock

import pytest

from syncpatterns.retry import Retry
from syncpatterns.retry._core import hint_of
from syncpatterns.testing import instant


class FailsToTell(Exception):
    """Its hint cannot be read."""

    @property
    def retry_after(self) -> float:
        """Fail."""
        raise ValueError("no response yet")


class FailsToAnswer(Exception):
    """Every attribute it has not fails in its own way."""

    def __getattr__(self, name: str) -> NoReturn:
        raise KeyError(name)


class Asks(Exception):
    """Tells how long to wait."""

    def __init__(self, retry_after: Any) -> None:
        super().__init__()
        self.retry_after = retry_after


class Response:
    """No number, but it can be made one."""

    def __float__(self) -> float:
        raise AssertionError


@pytest.mark.parametrize("error", [FailsToTell, FailsToAnswer])
def test_an_error_that_cannot_tell_its_hint_has_none(error: type[Exception]) -> None:
    """It is retried, and comes out as itself, not as what reading it raised."""
    calls: list[int] = []

    def fail() -> None:
        calls.append(1)
        raise error

    with instant(), pytest.raises(error):
        Retry(on=error, attempts=3).call(fail)

    assert len(calls) == 3


def test_a_hint_may_be_a_timedelta() -> None:
    """As clients have it that read the header themselves."""
    hints = [timedelta(seconds=30)]

    def ask() -> str:
        if hints:
            raise Asks(hints.pop())
        return "done"

    with instant() as waited:
        answer = Retry(on=Asks).call(ask)

    assert answer == "done"
    assert 30 <= waited.sleeps[0] <= 31


@pytest.mark.parametrize("hint", [Decimal("29.5"), Fraction(59, 2)])
def test_a_hint_may_be_any_number(hint: object) -> None:
    """Earlier than asked is too early, whatever class the client has for numbers."""
    hints = [hint]

    def ask() -> str:
        if hints:
            raise Asks(hints.pop())
        return "done"

    with instant() as waited:
        Retry(on=Asks).call(ask)

    assert 29.5 <= waited.sleeps[0] <= 30.5


@pytest.mark.parametrize("hint", [Decimal("sNaN"), Decimal(-1), float, 3j])
def test_a_number_that_is_no_time_is_no_hint(hint: object) -> None:
    """Nor does it hide the error that carries it."""
    assert hint_of(Asks(hint)) == 0.0


@pytest.mark.parametrize("spec", [None, float, int, timedelta, Decimal, Response])
def test_a_mock_is_no_hint(spec: Any) -> None:
    """A test with a mock for a response would wait a second for each failure."""
    assert hint_of(Asks(MagicMock(spec=spec))) == 0.0
    assert hint_of(Asks(Mock(spec=spec))) == 0.0
    assert hint_of(MagicMock(spec=Asks(3.0))) == 0.0


@pytest.mark.parametrize("hint", [timedelta(seconds=-1), timedelta(0), timedelta])
def test_a_timedelta_of_nothing_is_no_hint(hint: Any) -> None:
    """Nor is the class itself."""
    hints = [hint]

    def ask() -> str:
        if hints:
            raise Asks(hints.pop())
        return "done"

    with instant() as waited:
        Retry(on=Asks).call(ask)

    assert waited.sleeps[0] <= 1
