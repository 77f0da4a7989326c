from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from syncpatterns.testing import Ack, Effect, EffectsLedger, StoredRecord

WRITER = """
import sys
from syncpatterns.testing import EffectsLedger
ledger = EffectsLedger(sys.argv[1])
for i in range(200):
    ledger.record(f"k{i}", i + 1, sys.argv[2])
"""


@pytest.fixture
def ledger(tmp_path: Path) -> EffectsLedger:
    """Give an empty ledger."""
    return EffectsLedger(tmp_path / "ledger")


def test_what_was_written_is_read(ledger: EffectsLedger) -> None:
    """Effects and acks come back in order, each with its facts."""
    ledger.record("a", 3, "w1")
    ledger.ack("a", b"\x00answer\n", "w2")
    ledger.record("b")

    assert ledger.effects() == [Effect("a", 3, "w1"), Effect("b", 1, str(os.getpid()))]
    assert ledger.acks() == [Ack("a", b"\x00answer\n", "w2")]


def test_a_ledger_nobody_wrote_to_is_empty(ledger: EffectsLedger) -> None:
    """No file is no effect."""
    assert (ledger.effects(), ledger.acks()) == ([], [])


@pytest.mark.parametrize("key", ["a\nb", "ключ", "\x00", "\ud800", '"'])
def test_any_key_survives(ledger: EffectsLedger, key: str) -> None:
    """A line is a line whatever the key holds."""
    ledger.record(key)

    assert [effect.key for effect in ledger.effects()] == [key]


def test_processes_share_a_ledger(ledger: EffectsLedger) -> None:
    """Lines of several processes never mix."""
    children = [
        subprocess.Popen([sys.executable, "-c", WRITER, str(ledger.path), str(i)])
        for i in range(2)
    ]
    codes = [child.wait(120) for child in children]

    assert codes == [0, 0]
    assert len(ledger.effects()) == 400


def test_threads_share_a_ledger(ledger: EffectsLedger) -> None:
    """Lines of several threads never mix."""

    def write() -> None:
        for _ in range(200):
            ledger.record("k")

    threads = [threading.Thread(target=write) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)

    assert len(ledger.effects()) == 800


def test_a_damaged_line_is_named(ledger: EffectsLedger) -> None:
    """A ledger that somebody else wrote to is no evidence."""
    ledger.record("a")
    with ledger.path.open("ab") as file:
        file.write(b"garbage\n")

    with pytest.raises(ValueError, match=":2: not a line"):
        ledger.effects()


@pytest.mark.parametrize("length", [1, 9, 10, 30])
def test_a_line_torn_by_a_kill_is_no_line(ledger: EffectsLedger, length: int) -> None:
    """Its writer was told nothing; what is written behind it is whole."""
    ledger.record("a")
    with ledger.path.open("r+b") as file:
        line = file.readline()
        file.write(line[:length])
    ledger.record("b")

    assert [effect.key for effect in ledger.effects()] == ["a", "b"]


def test_the_ledger_audits_itself(ledger: EffectsLedger) -> None:
    """A good run has no violations."""
    ledger.record("a")
    ledger.ack("a", b"ok")
    records = {"a": StoredRecord("done", b"ok")}

    assert ledger.audit("exactly-once", records) == []


def test_effects_may_be_rows_of_the_database(ledger: EffectsLedger) -> None:
    """Where effect and record share a commit, the caller counts the rows."""
    ledger.ack("a", b"ok")
    records = {"a": StoredRecord("done", b"ok")}

    (violation,) = ledger.audit("exactly-once", records, effects={"a": 2})

    assert str(violation) == "rule 3: a: happened 2 times"
