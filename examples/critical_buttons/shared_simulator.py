"""One SMS simulator for all processes that serve one database file.

Whoever gets the lock on ``<file>.sms-simulator`` starts the simulator and
writes there where it is; the others read that. The system lets go of the lock
whatever ends the owner, and its simulator ends with it: then one of the others
starts a new one. The file holds the simulator's token, so only its user may
read it.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Final, TypeAlias

from examples.critical_buttons.simulator.process import SimulatorProcess
from syncpatterns.clock import Clock

if sys.platform != "win32":
    import fcntl

Gone: TypeAlias = Callable[[], Awaitable[None]]

_MOST: Final = 4096
_POLL: Final = 0.25


@dataclass(frozen=True, slots=True)
class Account:
    """A provider's address, and who asks it.

    Args:
        url: Where its API is.
        sid: The account.
        token: The secret of the account; it signs the webhooks too.
        admin_url: Where its faults are switched; None for a real provider.
    """

    url: str
    sid: str
    token: str = field(repr=False)
    admin_url: str | None = None


class SharedSimulator:
    """The simulator of one database file.

    Args:
        database: Path of the database file.
        chaos: Whether its faults can be switched.
        clock: What waiting goes by.
    """

    def __init__(self, database: Path, *, chaos: bool, clock: Clock) -> None:
        self.path = database.with_name(database.name + ".sms-simulator")
        self._chaos = chaos
        self._clock = clock

    @asynccontextmanager
    async def running(self) -> AsyncGenerator[tuple[Account, Gone]]:
        """Find or start it; give its account, and what waits until it is gone.

        Raises:
            SimulatorFailed: It does not start.
        """
        fd = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            found = await self._found(fd)
            if found is not None:
                # Another owner is another simulator, and says so in the file.
                yield (
                    found,
                    lambda: self._until(lambda: _locked(fd) or _read(fd) != found),
                )
                return
            _write(fd, "")  # what stands there is about one that has ended
            async with SimulatorProcess(chaos=self._chaos) as simulator:
                account = Account(
                    simulator.url,
                    simulator.account_sid,
                    simulator.auth_token,
                    simulator.admin_url,
                )
                _write(fd, json.dumps(asdict(account)))
                try:
                    yield account, lambda: self._until(lambda: not simulator.running)
                finally:
                    _write(fd, "")
        finally:
            os.close(fd)

    async def _found(self, fd: int) -> Account | None:
        """Return somebody else's; None if it is ours to start."""
        while not _locked(fd):
            found = _read(fd)
            if found is not None:
                return found
            await self._clock.asleep(_POLL)
        return None

    async def _until(self, happened: Callable[[], bool]) -> None:
        while not happened():
            await self._clock.asleep(_POLL)


def _locked(fd: int) -> bool:
    if sys.platform == "win32":
        return True  # there, every process has a simulator of its own
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _read(fd: int) -> Account | None:
    """Return what the owner wrote; None while it is still starting."""
    try:
        os.lseek(fd, 0, os.SEEK_SET)
        return Account(**json.loads(os.read(fd, _MOST)))
    except (ValueError, TypeError):
        return None


def _write(fd: int, text: str) -> None:
    os.ftruncate(fd, 0)
    os.lseek(fd, 0, os.SEEK_SET)
    os.write(fd, text.encode())
