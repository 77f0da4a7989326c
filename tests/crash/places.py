"""Which proof kills at which of the library's named places."""

from __future__ import annotations

from syncpatterns import _testpoints


def _of(*parts: str) -> list[str]:
    return [name for name in _testpoints.NAMES if name.partition(".")[0] in parts]


SINGLE = _of("single", "sqlite")
FENCED = _of("fenced", "sqlite")
GUARD = _of("guard", "sqlite")
RELAY = _of("relay")
DRAIN = _of("drain")
EVERY = {*SINGLE, *FENCED, *GUARD, *RELAY, *DRAIN}
