"""What can be chosen when the app is started."""

from __future__ import annotations

from dataclasses import dataclass, field
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
        leads: CSV file to load instead of the sample leads.
        strict: Refuse a whole file if one row is bad.
        fresh: Delete the demo's data first.
        chaos: Offer the switches that make things go wrong.
        public_url: How the SMS provider reaches this app; None: as it listens.
        region: Country of numbers in the leads file that have no plus sign.
        quiet_hours: Send nothing at night.
        per_lead: Messages to one lead within an hour.
        per_tenant: Messages of one tenant within an hour.
        sms_url: API of the SMS provider; None starts a simulator.
        sms_admin_url: Where the faults of a simulator at *sms_url* are switched.
        sms_account: Account there.
        sms_token: Its secret, from the environment.
        sms_from: Number that sends.
        sms_rate: Messages a second that the number may send; None: 1 for a
            named provider, 100 for a simulator of our own.
        sms_timeout: Seconds for one request to the provider.
        breaker_recovery: Seconds for which a provider that fails is left alone.
        lease: Seconds after which a send whose process died is taken over.
    """

    db: str = DEFAULT_DB
    host: str = "127.0.0.1"
    port: int = DEFAULT_PORT
    allowed_hosts: tuple[str, ...] = ()
    bookings: Path | None = None
    leads: Path | None = None
    strict: bool = False
    fresh: bool = False
    chaos: bool = False
    public_url: str | None = None
    region: str = "US"
    quiet_hours: bool = False
    per_lead: int = 5
    per_tenant: int = 2000
    sms_url: str | None = None
    sms_admin_url: str | None = None
    sms_account: str = ""
    sms_token: str = field(default="", repr=False)
    sms_from: str = "+15005550006"
    sms_rate: float | None = None
    sms_timeout: float = 10.0
    breaker_recovery: float = 300.0
    lease: float = 30.0
