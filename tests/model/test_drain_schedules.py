"""Drains that come, hang, are stopped and are killed, under any schedule."""

from __future__ import annotations

import logging
import os
from collections.abc import Generator

import pytest

from syncpatterns.offline_queue._draining import _acker, _drain
from tests.model.drain_world import wrong_histories

#: SYNCPATTERNS_DRAIN_SEEDS=20000 looks further than a quick run does.
SEEDS = range(int(os.environ.get("SYNCPATTERNS_DRAIN_SEEDS", "200")))
PLANTED = range(30)


@pytest.fixture(autouse=True)
def quiet() -> Generator[None]:
    """Trouble is what these histories are made of; it need not be logged."""
    log = logging.getLogger("syncpatterns.offline_queue")
    before = log.level
    log.setLevel(logging.CRITICAL)
    yield
    log.setLevel(before)  # others look for what is logged


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_no_history_loses_an_item_or_breaks_a_promise() -> None:
    """Each item is done, in its lane's order, acknowledged at most once."""
    assert wrong_histories(SEEDS) == {}


def test_a_drain_that_closes_without_giving_back_is_caught(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The checker sees a planted bug."""

    async def close(self: object, board: object, acker: object) -> None:
        board.closing = True  # type: ignore[attr-defined]  # a planted bug
        for flight in board.flights.values():  # type: ignore[attr-defined]  # as above
            flight.scope.cancel()

    monkeypatch.setattr(_drain.Drain, "_close", close)
    wrong = wrong_histories(PLANTED)

    assert any("a tidy end held items" in found for found in wrong.values())


def test_an_acker_that_believes_a_second_answer_is_caught(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As above: its first try had landed, and it says that it lost the item."""
    monkeypatch.setattr(_acker, "landed", lambda *_: False)
    wrong = wrong_histories(PLANTED)

    assert any("its word had landed" in text for text in str(wrong).splitlines())
