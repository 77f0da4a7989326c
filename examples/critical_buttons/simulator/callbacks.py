"""What becomes of a message, and the webhooks that say so."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from random import Random
from types import TracebackType
from typing import Final, Self

import anyio
import anyio.abc
import httpx2

from examples.critical_buttons.simulator.clock import SimClock
from examples.critical_buttons.simulator.faults import Callbacks
from examples.critical_buttons.simulator.messages import API, Message
from examples.critical_buttons.sms.signature import HEADER, sign

_PATIENCE: Final = 15.0
_AT_ONCE: Final = 50


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that happens, *after* seconds from now.

    Args:
        after: When.
        status: What the message becomes, or what a webhook is told.
        told: Whether this is the webhook; else the message changes.
    """

    after: float
    status: str
    told: bool


def plan(faults: Callbacks, pace: float, rng: Random) -> list[Step]:
    """Return all that will happen to a message that was just accepted.

    There is no callback for the first status: the answer said it.

    Args:
        faults: How the callbacks behave.
        pace: Seconds from one status to the next.
        rng: Decides which callback is lost.
    """
    changes = [Step(pace, "sent", told=False), Step(2 * pace, faults.final, told=False)]
    due = [each.after + faults.delay for each in changes]
    if faults.reorder:
        due.reverse()
    calls = [
        Step(after, each.status, told=True)
        for each, after in zip(changes, due, strict=True)
        for _ in range(faults.copies)
        if rng.random() >= faults.lose
    ]
    # Sorting is stable: a status that is told at once is told after it holds.
    return sorted([*changes, *calls], key=lambda step: step.after)


class Courier:
    """Lets messages arrive, and tells the webhooks.

    Args:
        account: The account's sid.
        token: The account's token, which signs.
        clock: What the steps wait for.
        rng: Decides which callback is lost.
        pace: Seconds from one status to the next.
    """

    def __init__(
        self, account: str, token: str, clock: SimClock, rng: Random, pace: float
    ) -> None:
        self._account = account
        self._token = token
        self._clock = clock
        self._rng = rng
        self._pace = pace
        self._limit = anyio.CapacityLimiter(_AT_ONCE)

    async def __aenter__(self) -> Self:
        self._client = httpx2.AsyncClient(timeout=_PATIENCE, trust_env=False)
        self._tasks = anyio.create_task_group()
        await self._tasks.__aenter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool | None:
        self._tasks.cancel_scope.cancel()
        try:
            return await self._tasks.__aexit__(kind, error, traceback)
        finally:
            await self._client.aclose()

    def deliver(
        self, message: Message, callback: str | None, faults: Callbacks
    ) -> None:
        """Let *message* go its way from now on."""
        steps = plan(faults, self._pace, self._rng)
        self._tasks.start_soon(self._walk, message, callback, faults, steps)

    async def _walk(
        self,
        message: Message,
        callback: str | None,
        faults: Callbacks,
        steps: list[Step],
    ) -> None:
        start = self._clock.monotonic()
        with message.life:
            for step in steps:
                await self._clock.wait_until(start + step.after)
                if not step.told:
                    message.change(step.status, self._clock.now())
                    if step.status == faults.final != "delivered":
                        message.error_code = faults.error_code
                elif callback is not None:
                    await self._tell(message, callback, step.status, faults)

    async def _tell(
        self, message: Message, url: str, status: str, faults: Callbacks
    ) -> None:
        form = {
            "AccountSid": self._account,
            "ApiVersion": API,
            "From": message.from_ or "",
            "MessageSid": message.sid,
            "MessageStatus": status,
            "SmsSid": message.sid,
            "SmsStatus": status,
            "To": message.to,
        }
        if status == faults.final != "delivered":
            form["ErrorCode"] = str(faults.error_code)
        answer, _ = await self.post(url, form)
        message.callbacks.append({"status": status, "answer": answer})

    async def tell_inbound(self, message: Message, url: str) -> tuple[int | None, str]:
        """Tell the webhook at *url* of a message that came in."""
        return await self.post(
            url,
            {
                "AccountSid": self._account,
                "ApiVersion": API,
                "Body": message.body,
                "From": message.from_ or "",
                "MessageSid": message.sid,
                "NumMedia": "0",
                "NumSegments": str(message.segments),
                "SmsMessageSid": message.sid,
                "SmsSid": message.sid,
                "SmsStatus": "received",
                "To": message.to,
            },
        )

    async def post(self, url: str, form: dict[str, str]) -> tuple[int | None, str]:
        """Post a signed webhook once.

        Returns:
            The HTTP status and the start of the answer; None and the kind of
            error where there was no answer.
        """
        headers = {
            HEADER: sign(self._token, url, form),
            "I-Twilio-Idempotency-Token": secrets.token_hex(16),
            "User-Agent": "TwilioProxy/1.1",
        }
        async with self._limit:
            try:
                answer = await self._client.post(url, data=form, headers=headers)
            except (httpx2.HTTPError, httpx2.InvalidURL) as error:
                return None, type(error).__name__
        return answer.status_code, answer.text[:1000]
