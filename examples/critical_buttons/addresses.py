"""How the SMS provider reaches this app."""

from __future__ import annotations

from typing import Final
from urllib.parse import urlsplit

from examples.critical_buttons.settings import LOOPBACK, Settings

#: Where an app that listens on every address is found on its own machine.
_EVERYWHERE: Final = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}  # noqa: S104 - read, not bound


def is_local(url: str) -> bool:
    """Tell whether *url* leads to this machine."""
    return (urlsplit(url).hostname or "") in LOOPBACK


def webhook_base(settings: Settings, address: str) -> str:
    """Return the address in front of the webhooks; signatures are made over it.

    A provider that was named may be anywhere, and is told ``--public-url``. Our
    own simulator is on this machine.

    Args:
        settings: The choices of this start.
        address: Where the app listens, e.g. ``http://127.0.0.1:8123``.
    """
    if settings.sms_url is not None and settings.public_url is not None:
        return settings.public_url
    parts = urlsplit(address)
    host = _EVERYWHERE.get(parts.hostname or "")
    return address if host is None else f"{parts.scheme}://{host}:{parts.port}"


def callback_base(settings: Settings, address: str) -> str | None:
    """Return where status callbacks go; None if they could not arrive.

    The simulator reports to this machine only. An app that listens on one
    address of the network alone would otherwise have every message refused.
    """
    base = webhook_base(settings, address)
    return base if settings.sms_url is not None or is_local(base) else None
