from __future__ import annotations

import subprocess
import sys

import pytest

from syncpatterns import testing


def test_every_public_name_exists() -> None:
    """The list of names and what is behind them agree."""
    assert testing.__all__ == sorted(testing.__all__)
    assert all(getattr(testing, name) is not None for name in testing.__all__)
    assert set(testing.__all__) <= set(dir(testing))


def test_an_unknown_name_is_an_attribute_error() -> None:
    """As in any module."""
    with pytest.raises(AttributeError, match="has no attribute 'Nonsense'"):
        _ = testing.Nonsense


def test_importing_the_kit_loads_no_tool() -> None:
    """A test of a clock needs neither apsw nor sqlite3 nor a test framework."""
    code = (
        "import sys; from syncpatterns.testing import FakeClock; "
        "print({'apsw', 'trio', 'hypothesis', 'pytest', 'sqlite3'} & {*sys.modules})"
    )
    said = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )

    assert said.stdout.strip() == "set()"
