"""The pretended provider: what it knows, and what its requests do."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, field
from random import Random
from typing import Final

from examples.critical_buttons.simulator import segments
from examples.critical_buttons.simulator.callbacks import Courier
from examples.critical_buttons.simulator.clock import SimClock
from examples.critical_buttons.simulator.create import Draft
from examples.critical_buttons.simulator.faults import Switchboard
from examples.critical_buttons.simulator.messages import Message, Messages
from examples.critical_buttons.sms.bucket import Bucket

#: One word, and nothing else, is what a provider understands by itself.
_STOP: Final = frozenset(
    {"cancel", "end", "optout", "quit", "revoke", "stop", "stopall", "unsubscribe"}
)
_START: Final = frozenset({"start", "unstop", "yes"})
_OPT_OUTS_KEPT: Final = 10_000


@dataclass(slots=True, eq=False)
class Provider:
    """One account at the pretended provider.

    It sends what it is told to, as often as it is told: the API knows no
    idempotency key, and neither does this.

    Args:
        account: The account's sid.
        token: The account's token.
        pace: Seconds from one status of a message to the next.
        clock: The time.
        rng: Where chance comes from.
    """

    account: str
    token: str
    pace: float
    clock: SimClock
    rng: Random
    messages: Messages = field(default_factory=Messages)
    #: How many requests of each kind were read, whatever became of them.
    requests: Counter[str] = field(default_factory=Counter[str])
    switchboard: Switchboard = field(init=False)
    courier: Courier = field(init=False)
    _opted_out: dict[tuple[str, str | None], None] = field(default_factory=dict)
    _bucket: Bucket | None = None

    def __post_init__(self) -> None:
        self.switchboard = Switchboard(self.rng)
        self.courier = Courier(
            self.account, self.token, self.clock, self.rng, self.pace
        )

    @property
    def opted_out(self) -> Collection[tuple[str, str | None]]:
        """Pairs of a recipient and the number to which they said STOP."""
        return self._opted_out.keys()

    def too_fast(self) -> float:
        """Count one message; return seconds to wait if it is one too many."""
        rate = self.switchboard.faults.rate_limit
        if rate is None:
            self._bucket = None
            return 0.0
        if self._bucket is None or self._bucket.rate != rate:
            self._bucket = Bucket(rate, max(rate, 1.0), self.clock.monotonic)
        return self._bucket.take()

    def accept(self, draft: Draft) -> Message:
        """Take a message in and send it on its way."""
        message = self.messages.add(
            to=draft.to,
            from_=draft.from_,
            body=draft.body,
            direction="outbound-api",
            status="accepted" if draft.service else "queued",
            created=self.clock.now(),
            # A service has not chosen the number yet, so nothing is counted.
            segments=0 if draft.service else segments.count(draft.body),
            service=draft.service,
        )
        callbacks = self.switchboard.faults.callbacks
        self.courier.deliver(message, draft.callback, callbacks)
        return message

    def receive(self, from_: str, to: str, body: str) -> Message:
        """Let a message come in; one word may end or reopen what is allowed."""
        word = body.strip().lower()
        if word in _STOP:
            self._opted_out[from_, to] = None
            while len(self._opted_out) > _OPT_OUTS_KEPT:
                del self._opted_out[next(iter(self._opted_out))]
        elif word in _START:
            self._opted_out.pop((from_, to), None)
        return self.messages.add(
            to=to,
            from_=from_,
            body=body,
            direction="inbound",
            status="received",
            created=self.clock.now(),
            segments=segments.count(body),
        )
