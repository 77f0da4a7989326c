"""What can be chosen when the app is started."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

DEFAULT_DB: Final = "sqlite:///var/critical_buttons.db"
DEFAULT_PORT: Final = 8123
LOOPBACK: Final = ("127.0.0.1", "::1", "localhost")


class StartupError(Exception):
    """The app cannot start; the message is one sentence that says what to do."""


@dataclass(frozen=True, slots=True)
class Settings:
    """The choices of one start.

    Args:
        db: URL of the database.
        host: Address to listen on.
        port: Port to listen on; 0 lets the system choose.
        allowed_hosts: Further names under which browsers may reach the app.
        bookings: CSV file to load instead of the samples.
        strict: Refuse the whole file if one row is bad.
        fresh: Delete the demo's data first.
    """

    db: str = DEFAULT_DB
    host: str = "127.0.0.1"
    port: int = DEFAULT_PORT
    allowed_hosts: tuple[str, ...] = ()
    bookings: Path | None = None
    strict: bool = False
    fresh: bool = False
