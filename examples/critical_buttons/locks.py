"""Who serves a database file right now.

Every server keeps a shared lock on ``<file>.critical-buttons-lock`` for as long
as it lives; the system lets go of it whatever ends the process. Only one that
gets the lock for itself alone may start over with ``--fresh``: a file deleted
under a running server would go on living, unseen, in that server alone.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from types import TracebackType
from typing import Self

from examples.critical_buttons.settings import StartupError

if sys.platform != "win32":
    import fcntl


class ServedFile:
    """The lock on one database file, held by this process.

    Args:
        database: Path of the database file; it need not exist yet.
    """

    def __init__(self, database: Path) -> None:
        self.path = database.with_name(database.name + ".critical-buttons-lock")
        flags = os.O_RDWR | os.O_CREAT | os.O_APPEND
        try:
            self._fd = os.open(self.path, flags, 0o644)
        except OSError as error:
            raise StartupError(
                f"{self.path} cannot be written: {error.strerror}. Give this user "
                "write permission on the folder, or name another file with --db."
            ) from error
        self.alone = self._try_alone()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def servers(self) -> list[int]:
        """Return the process ids of the other servers of this file."""
        os.lseek(self._fd, 0, os.SEEK_SET)
        words = os.read(self._fd, 65536).decode("ascii", "replace").split()
        pids = {int(word) for word in words if word.isdecimal()}
        return sorted(pid for pid in pids if pid != os.getpid() and _alive(pid))

    def share(self) -> None:
        """Register as a server and let others in; waits while one starts over."""
        if self.alone:
            self._forget_the_dead()
        # One write to the end: two servers that register at once both stand there.
        os.write(self._fd, f"{os.getpid()}\n".encode("ascii"))
        if sys.platform != "win32":
            fcntl.flock(self._fd, fcntl.LOCK_SH)

    def _forget_the_dead(self) -> None:
        living = self.servers()
        os.ftruncate(self._fd, 0)
        os.write(self._fd, "".join(f"{pid}\n" for pid in living).encode("ascii"))

    def close(self) -> None:
        """Let go; a second call does nothing."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def _try_alone(self) -> bool:
        if sys.platform == "win32":
            return True  # there, an open file cannot be deleted at all
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        return True


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True  # there, but another user's
    return True
