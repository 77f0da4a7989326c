"""The way to the SMS provider: one that was named, or a simulator of our own."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Collection
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Final

import anyio

from examples.critical_buttons.addresses import is_local
from examples.critical_buttons.settings import Settings
from examples.critical_buttons.shared_simulator import Account, SharedSimulator
from examples.critical_buttons.sms.provider import (
    LookupFailed,
    NotSent,
    Receipt,
    SmsMessage,
)
from examples.critical_buttons.sms.twilio import TwilioClient
from syncpatterns.engines.sqlite import SqliteEngine

#: Seconds that a send waits for a simulator that is still starting.
_PATIENCE: Final = 5.0
#: Messages a second: what a long code may, and what a simulator is asked.
_REAL_RATE: Final = 1.0
_SIMULATED_RATE: Final = 100.0


class ProviderStarting(NotSent):
    """The simulator is not up yet; nothing was sent."""

    title = "The SMS service is still starting."


class Gateway:
    """An `SmsProvider` whose other side may still be starting.

    `run` belongs beside the requests, in the app's lifespan. Until it has
    found or started the provider, nothing is sent, and that is what is said.

    Args:
        settings: Which provider.
        engine: Its file names the simulator that processes share.
    """

    def __init__(self, settings: Settings, engine: SqliteEngine) -> None:
        self._settings = settings
        self._clock = engine.clock
        self._simulator = SharedSimulator(
            engine.path, chaos=settings.chaos, clock=engine.clock
        )
        self._client: TwilioClient | None = None
        self._account: Account | None = None
        self._ready = anyio.Event()

    @property
    def account(self) -> Account | None:
        """The provider and the account there; None while it is starting."""
        return self._account

    async def run(self) -> None:
        """Keep a way to the provider open until cancelled."""
        settings = self._settings
        if settings.sms_url is not None:
            account = Account(
                settings.sms_url,
                settings.sms_account,
                settings.sms_token,
                settings.sms_admin_url
                or (settings.sms_url if is_local(settings.sms_url) else None),
            )
            async with self._client_of(account, settings.sms_rate or _REAL_RATE):
                await anyio.sleep_forever()
        while True:
            async with (
                self._simulator.running() as (account, gone),
                self._client_of(account, settings.sms_rate or _SIMULATED_RATE),
            ):
                await gone()

    async def send(
        self,
        message: SmsMessage,
        *,
        timeout: float,  # noqa: ASYNC109 - the provider's protocol
        callback_url: str | None = None,
    ) -> Receipt:
        """Do what `SmsProvider.send` says."""
        began = self._clock.monotonic()
        # Not all of it: whoever bounds this call would give up in the same moment,
        # and take what certainly sent nothing for an answer that was lost.
        client = await self._open(within=timeout / 2)
        if client is None:
            raise ProviderStarting(
                "The SMS service is still starting. Nothing was sent.", retry_after=1.0
            )
        left = timeout - (self._clock.monotonic() - began)
        return await client.send(message, timeout=left, callback_url=callback_url)

    async def find(
        self,
        message: SmsMessage,
        since: datetime,
        timeout: float,  # noqa: ASYNC109 - as above
        *,
        exclude: Collection[str] = (),
    ) -> Receipt | None:
        """Do what `SmsProvider.find` says."""
        client = await self._open(within=timeout)
        if client is None:
            raise LookupFailed("The SMS service is still starting.")
        return await client.find(message, since, timeout, exclude=exclude)

    async def _open(self, *, within: float) -> TwilioClient | None:
        if self._client is None:
            with anyio.move_on_after(min(within, _PATIENCE)):
                await self._ready.wait()
        return self._client

    @asynccontextmanager
    async def _client_of(self, account: Account, rate: float) -> AsyncGenerator[None]:
        async with TwilioClient(
            account.url,
            account.sid,
            account.token,
            self._settings.sms_from,
            rate=rate,
            burst=rate,
            clock=self._clock,
        ) as client:
            self._client, self._account = client, account
            self._ready.set()
            try:
                yield
            finally:
                self._client = None
                self._ready = anyio.Event()
