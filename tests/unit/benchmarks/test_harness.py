from __future__ import annotations

import gc
import json
import sys
import types
from pathlib import Path

import pytest

import benchmarks
from benchmarks import __main__ as command
from benchmarks._harness import Paired, Row, apaired, paired, row, summary, table


@pytest.mark.parametrize(
    ("ratio", "better", "holds"),
    [
        (1.0, "lower", True),
        (1.001, "lower", False),
        (1.0, "higher", True),
        (0.999, "higher", False),
        (float("nan"), "lower", False),
        (float("nan"), "higher", False),
    ],
)
def test_a_row_holds_only_on_the_right_side_of_its_target(
    ratio: float, better: str, holds: bool
) -> None:
    """A miss by a thousandth is a miss, and so is no number at all."""
    made = row("P-X-1.a", "what", Paired(1e-6, 1e-6, ratio), 1.0, better=better)  # type: ignore[arg-type]  # a parametrised literal

    assert made["holds"] is holds


def test_a_row_has_the_agreed_columns() -> None:
    """They are what JSON=file writes."""
    made = row("P-X-1.a", "us a call", Paired(2e-6, 1e-6, 2.0), 1.5)

    assert made == {
        "id": "P-X-1.a",
        "what": "us a call",
        "ours": 2.0,
        "reference": 1.0,
        "ratio": 2.0,
        "target": 1.5,
        "better": "lower",
        "holds": False,
    }


def test_the_ratio_is_the_median_of_the_pairs() -> None:
    """One slow pair, on whichever side, does not move it."""
    figures = summary([(2.0, 1.0), (4.0, 2.0), (90.0, 1.0), (2.0, 90.0), (6.0, 3.0)])

    assert figures == Paired(4.0, 2.0, 2.0)


def test_both_sides_run_equally_often_and_take_turns() -> None:
    """Each pair runs both, and the one that goes first changes."""
    order: list[str] = []
    paired(lambda: order.append("ours"), lambda: order.append("ref"), pairs=3, number=1)

    assert order == ["ours", "ref", "ref", "ours", "ours", "ref"]
    assert gc.isenabled()


async def test_async_sides_take_turns_too() -> None:
    """The same on asyncio and trio."""
    order: list[str] = []

    async def ours() -> None:
        order.append("ours")

    async def reference() -> None:
        order.append("ref")

    await apaired(ours, reference, pairs=2)

    assert order == ["ours", "ref", "ref", "ours"]


def test_the_table_shows_a_miss() -> None:
    """A reader sees which way the target points and whether it was met."""
    rows = [
        row("P-X-1.a", "one", Paired(1e-6, 1e-6, 1.0), 1.1),
        row("P-X-2.b", "two", Paired(1e-6, 1e-6, 1.0), 3.0, better="higher"),
    ]
    lines = table(rows).splitlines()

    assert "<= 1.1" in lines[1]
    assert "ok" in lines[1].split()
    assert ">= 3" in lines[2]
    assert "MISSED" in lines[2].split()


def _suite(name: str, rows: list[Row] | Exception) -> types.ModuleType:
    module = types.ModuleType(f"benchmarks.{name}")

    def measure() -> list[Row]:
        if isinstance(rows, Exception):
            raise rows
        return rows

    module.rows = measure  # type: ignore[attr-defined]  # a module made by hand
    return module


@pytest.fixture
def planted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three suites: one good, one that misses, one that breaks."""
    good = row("P-X-1.good", "", Paired(1, 1, 1), 2)
    bad = row("P-X-2.bad", "", Paired(1, 1, 3), 2)
    for name, rows in {
        "good": [good],
        "missing": [bad],
        "broken": RuntimeError("planted"),
    }.items():
        module = _suite(name, rows)  # type: ignore[arg-type]  # of mixed values
        monkeypatch.setitem(sys.modules, f"benchmarks.{name}", module)
    names = ["broken", "good", "missing"]
    monkeypatch.setattr(command, "suites", lambda: names)
    monkeypatch.delenv("JSON", raising=False)


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["good"], 0),
        (["missing"], 0),
        (["missing", "--strict"], 1),
        (["good", "--strict"], 0),
        (["broken", "good"], 1),
        (["nothing"], 2),
        (["--list"], 0),
    ],
)
def test_the_exit_code_says_what_happened(
    planted: None, arguments: list[str], code: int
) -> None:
    """A broken suite always fails the run, a missed target only when asked."""
    assert command.main(arguments) == code


def test_rows_are_written_although_a_suite_broke(
    planted: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """JSON=file keeps what was measured."""
    file = tmp_path / "rows.json"
    monkeypatch.setenv("JSON", str(file))

    assert command.main([]) == 1
    assert [item["id"] for item in json.loads(file.read_text("utf-8"))] == [
        "P-X-1.good",
        "P-X-2.bad",
    ]


def test_an_unknown_suite_is_answered_with_the_known(
    planted: None, capsys: pytest.CaptureFixture[str]
) -> None:
    """A typing error costs no reading of sources."""
    command.main(["idempotencyy"])

    assert "There are: broken, good, missing." in capsys.readouterr().err


def test_every_public_module_of_the_package_is_a_suite() -> None:
    """A suite needs no registration; a helper starts with an underscore."""
    names = {
        path.stem
        for path in Path(benchmarks.__file__).parent.glob("*.py")
        if not path.name.startswith("_")
    }

    assert "imports" in names
    assert names <= set(command.suites())
