"""What goes wrong, as the admin route sets it."""

from __future__ import annotations

from random import Random
from typing import Annotated, Final, Literal, TypeAlias

import anyio
from pydantic import BaseModel, ConfigDict, Field, model_validator

Mode: TypeAlias = Literal[
    "healthy",
    "refuse",  # connections are refused; nothing reaches the simulator
    "429",
    "500",
    "503",
    "unauthorized",  # 401, as for a token that was revoked
    "reject",  # 400 with `reject_code`
    "hang",  # read, never answered, nothing sent
    "drop",  # read, connection closed, nothing sent
    "accept_then_hang",  # sent, never answered
    "accept_then_drop",  # sent, connection closed instead of an answer
    "garbled",  # sent, answered with 201 and what is not JSON
]
Kind: TypeAlias = Literal["create", "lookup"]
Seconds: TypeAlias = Annotated[float, Field(ge=0, le=86_400, allow_inf_nan=False)]
Short: TypeAlias = Annotated[float, Field(ge=0, le=120, allow_inf_nan=False)]

_UNDELIVERED: Final = 30003  # "Unreachable destination handset"


class Callbacks(BaseModel):
    """How status callbacks behave, for messages accepted from now on.

    Attributes:
        delay: Seconds by which each comes late.
        copies: How often each is sent.
        reorder: The last one first.
        lose: Share of them that is never sent, 0 to 1.
        final: What becomes of the message in the end.
        error_code: Why, if it was not delivered.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    delay: Seconds = 0
    copies: Annotated[int, Field(ge=1, le=5)] = 1
    reorder: bool = False
    lose: Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)] = 0
    final: Literal["delivered", "undelivered", "failed"] = "delivered"
    error_code: Annotated[int, Field(ge=1, le=99_999)] = _UNDELIVERED


class Faults(BaseModel):
    """Everything that can be switched; the default is a healthy provider.

    Attributes:
        mode: What happens to requests.
        fail_next: To how many of them; None is until something else is set.
        applies_to: To which; ``lookup`` is the list and the single message.
        retry_after: Seconds in the Retry-After of 429, 500 and 503.
        reject_code: The error code of ``reject``.
        latency: Seconds before anything else happens, to every request.
        jitter: At most so many seconds more, drawn anew for each.
        rate_limit: Messages a second; more are answered 429.
        callbacks: See `Callbacks`.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    mode: Mode = "healthy"
    fail_next: Annotated[int, Field(ge=1, le=10_000)] | None = None
    applies_to: Literal["create", "lookup", "all"] = "create"
    retry_after: Seconds | None = None
    reject_code: Annotated[int, Field(ge=10_000, le=99_999)] = 21610
    latency: Short = 0
    jitter: Short = 0
    rate_limit: Annotated[float, Field(gt=0, le=1e6, allow_inf_nan=False)] | None = None
    callbacks: Callbacks = Callbacks()

    @model_validator(mode="after")
    def _refusing_counts_nothing(self) -> Faults:
        if self.mode == "refuse" and self.fail_next is not None:
            message = "a refused connection is never seen, so it cannot be counted"
            raise ValueError(message)
        return self


class Switchboard:
    """The faults that hold now.

    Args:
        rng: Where chance comes from; seeded, a run can be repeated.
    """

    def __init__(self, rng: Random) -> None:
        self.faults = Faults()
        self.rng = rng
        self._changed = anyio.Event()

    def set(self, faults: Faults) -> None:
        """Let *faults* hold instead; requests that hang or wait are let go."""
        self.faults = faults
        changed, self._changed = self._changed, anyio.Event()
        changed.set()

    @property
    def change(self) -> anyio.Event:
        """What is set when the faults that hold now do so no longer.

        Take it together with `mode`: a change between the two would be missed,
        and the request would hang until the next one.
        """
        return self._changed

    async def hold_up(self) -> None:
        """Wait for the latency, or until something else is set."""
        seconds = self.faults.latency + self.faults.jitter * self.rng.random()
        with anyio.move_on_after(seconds):
            await self.change.wait()

    def mode(self, kind: Kind) -> Mode:
        """Return what happens to this request, and count it."""
        faults = self.faults
        if faults.mode == "healthy" or faults.applies_to not in {kind, "all"}:
            return "healthy"
        if faults.fail_next is not None:
            left = faults.fail_next - 1
            # The mode is over, the latency and the callbacks stay as they are.
            change = {"fail_next": left} if left else _HEALED
            self.faults = faults.model_copy(update=change)
        return faults.mode


_HEALED: Final = {"mode": "healthy", "fail_next": None}
