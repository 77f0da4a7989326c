"""One deadline block, entered twice at a time."""

from __future__ import annotations

import math
import threading

import pytest

from syncpatterns.errors import ConfigurationError
from syncpatterns.retry import deadline, remaining
from syncpatterns.testing import FakeClock


def test_a_block_inside_itself_is_refused() -> None:
    """It would forget what was before, and the deadline would never end."""
    block = deadline(5)

    with block, pytest.raises(ConfigurationError, match="entered already"), block:
        pass

    assert remaining() == math.inf


def test_a_block_may_be_entered_again_afterwards() -> None:
    """Its seconds begin anew."""
    clock = FakeClock()
    block = deadline(5, clock=clock)

    for _ in range(2):
        with block:
            assert remaining() == 5
            clock.advance(4)

    assert remaining() == math.inf


def test_a_block_that_threads_share_is_refused() -> None:
    """One made at import holds for one of them only."""
    block = deadline(5)
    told: list[str] = []

    def enter() -> None:
        try:
            with block:
                told.append("entered")
        except ConfigurationError:
            told.append("refused")

    with block:
        thread = threading.Thread(target=enter)
        thread.start()
        thread.join()

    assert told == ["refused"]
    assert remaining() == math.inf
