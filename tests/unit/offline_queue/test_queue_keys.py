"""Keys that sort by time, whatever the clock does."""

from __future__ import annotations

import math
import os
import random
import uuid

import pytest

from syncpatterns.offline_queue._core._keys import Moment, as_text, following
from syncpatterns.offline_queue._taking._keys import KeyMaker
from syncpatterns.testing import FakeClock


class Readings(FakeClock):
    """A wall clock that shows what it is told, one reading a call."""

    def __init__(self, *readings: float) -> None:
        super().__init__()
        self.readings = list(readings)

    def time(self) -> float:
        return self.readings.pop(0)


def test_a_key_is_a_uuid_of_version_7_that_tells_its_time(seed: int) -> None:
    """RFC 9562: 48 bits of milliseconds, then version and variant."""
    made = uuid.UUID(KeyMaker(FakeClock(1_700_000_000.25), random.Random(seed)).make())

    assert made.version == 7
    assert made.variant == uuid.RFC_4122
    assert made.int >> 80 == 1_700_000_000_250


@pytest.mark.parametrize(
    "readings",
    [
        pytest.param([100.0] * 50, id="stands"),
        pytest.param([200.0, 100.0, 99.0, 201.0, 5.0], id="set back"),
        pytest.param(
            [100.0, math.nan, math.inf, -math.inf, -5.0, 101.0], id="nonsense"
        ),
        pytest.param([1e300, 100.0, 1e12, 100.0], id="far future"),
    ],
)
def test_keys_grow_whatever_the_clock_says(readings: list[float], seed: int) -> None:
    """A clock that is set back, stands or says nonsense gives no smaller key."""
    count = len(readings)
    maker = KeyMaker(Readings(*readings), random.Random(seed))
    keys = [maker.make() for _ in range(count)]

    assert sorted(set(keys)) == keys


def test_a_full_millisecond_borrows_from_the_next() -> None:
    """The serial has an end; the order has none."""
    last = Moment(1000, (1 << 42) - 1)
    after = following(last, 1.0, 7)

    assert after == Moment(1001, 7)
    assert as_text(last, 0) < as_text(after, 0)


def test_many_keys_of_one_moment_differ(seed: int) -> None:
    """Two makers with generators of their own never meet."""
    clock = FakeClock()
    makers = [KeyMaker(clock, random.Random(seed + n)) for n in range(4)]
    keys = [maker.make() for maker in makers for _ in range(500)]

    assert len(set(keys)) == 2000


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_forked_child_makes_other_keys(seed: int) -> None:
    """It would go on with the same generator and make its parent's keys."""
    maker = KeyMaker(FakeClock(), random.Random(seed))
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writer, maker.make().encode())
        os._exit(0)
    mine = maker.make()
    os.waitpid(child, 0)
    theirs = os.read(reader, 100).decode()
    os.close(reader)
    os.close(writer)

    assert len(theirs) == len(mine) == 36
    assert theirs != mine
