"""How the provider reaches the app: its webhooks' address, which it signs."""

from __future__ import annotations

import pytest

from examples.critical_buttons.addresses import (
    callback_base,
    is_local,
    webhook_base,
)
from examples.critical_buttons.settings import Settings

REAL = "https://api.example.com"
PUBLIC = "https://demo.example.com"
LAN = "http://192.0.2.7:8123"


@pytest.mark.parametrize(
    ("sms_url", "public_url", "address", "webhooks", "callbacks"),
    [
        (None, None, "http://127.0.0.1:8123", "http://127.0.0.1:8123", True),
        (None, None, "http://[::1]:8123", "http://[::1]:8123", True),
        (None, None, "http://0.0.0.0:8123", "http://127.0.0.1:8123", True),
        (None, None, "http://[::]:8123", "http://[::1]:8123", True),
        # The simulator is on this machine, whatever the world calls us.
        (None, PUBLIC, "http://127.0.0.1:8123", "http://127.0.0.1:8123", True),
        (None, None, LAN, LAN, False),
        (REAL, PUBLIC, "http://127.0.0.1:8123", PUBLIC, True),
        (REAL, None, LAN, LAN, True),
    ],
)
def test_the_webhooks_are_where_the_provider_finds_them(
    sms_url: str | None,
    public_url: str | None,
    address: str,
    webhooks: str,
    callbacks: bool,
) -> None:
    """A simulator asks this machine; where it cannot, it is given no address."""
    settings = Settings(sms_url=sms_url, public_url=public_url)

    assert webhook_base(settings, address) == webhooks
    assert callback_base(settings, address) == (webhooks if callbacks else None)


def test_local_is_this_machine() -> None:
    """By its three names."""
    names = ("http://127.0.0.1:1", "http://[::1]", "http://localhost", REAL, LAN, "")

    assert [is_local(name) for name in names] == [True, True, True, *[False] * 3]
