"""Who is let in, and what became of it; locks are held for the decision only.

Listeners, hooks and predicates are other people's code. They are called
outside the lock, so they may call the breaker, and what they raise is logged
and changes nothing: a broken gauge must not open or close a circuit.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from contextvars import ContextVar
from threading import RLock
from typing import Any, TypeAlias

import pybreaker

from syncpatterns.errors import CallRejected
from syncpatterns.events import alone
from syncpatterns.retry._attempt import attempt_number
from syncpatterns.retry._breaker._core import (
    OPEN,
    Change,
    Circuit,
    Lease,
    Rejected,
    Tick,
    Ticket,
)
from syncpatterns.retry._breaker._error import CircuitOpen, rejection
from syncpatterns.retry._breaker._events import BreakerChanged, BreakerHook
from syncpatterns.retry._breaker._pybreaker import Mirror, state_object

_log = logging.getLogger("syncpatterns")

#: An exception class, or a function of the exception.
Matcher: TypeAlias = type[BaseException] | Callable[[Any], bool]


#: Breakers that have seen attempts of the running call, and no failure yet. Of
#: a call before in the same context it says nothing wrong: the first attempt
#: that fails takes its breaker out.
_open_votes: ContextVar[frozenset[int]] = ContextVar(
    "syncpatterns_open_votes", default=frozenset()
)


_MOST_OPEN = 16


class BreakerVerdicts(pybreaker.CircuitBreaker):
    """Admission and verdict of the calls of a breaker."""

    __slots__ = (
        "_circuit",
        "_excluded_exceptions",
        "_hear_answers",
        "_hear_calls",
        "_hooks",
        "_ignored",
        "_listeners",
        "_lock",
        "_mirror",
        "_monotonic",
        "_name",
        "_open_until",
        "_passage",
        "_per_call",
        "_slow_call",
        "_throw_new_error_on_trip",
        "_tick",
    )

    _circuit: Circuit
    _excluded_exceptions: tuple[Matcher, ...]  # type: ignore[assignment]  # a list in pybreaker; a tuple can be read without the lock
    _hear_answers: tuple[pybreaker.CircuitBreakerListener, ...]
    _hear_calls: tuple[pybreaker.CircuitBreakerListener, ...]
    _hooks: tuple[BreakerHook, ...]
    _ignored: tuple[Matcher, ...]
    _listeners: tuple[pybreaker.CircuitBreakerListener, ...]  # type: ignore[assignment]  # as above
    _lock: RLock
    _mirror: Mirror | None
    _monotonic: Callable[[], float]
    _name: str | None
    _open_until: float
    _passage: Tick | None  # the ticket of a closed circuit
    _per_call: bool
    _slow_call: float | None
    _throw_new_error_on_trip: bool
    _tick: Tick | None  # the same, if a success needs nothing but counting

    def is_system_error(self, exception: BaseException) -> bool:
        """Say whether *exception* counts as a failure of the service.

        False for what *exclude* names: the service has answered.
        """
        return not self._matches(self._excluded_exceptions, exception)

    def _enter(self, fn: Any, args: Any, kwargs: Any) -> tuple[Ticket, float]:
        """Let a call in; return its ticket and when it began.

        Raises:
            CircuitOpen: It is not let in.
        """
        now = self._monotonic()
        left = self._open_until - now
        if left > 0.0:
            raise rejection(CircuitOpen, self._name, left)
        ticket: Ticket = self._passage
        if ticket is None:
            ticket = self._ask(now)
        if self._hear_calls:
            try:
                for listener in self._hear_calls:
                    self._notify(listener, "before_call", fn, *args, **kwargs)
            except BaseException:
                self._cancelled(ticket)
                raise
        return ticket, now

    def _ask(self, now: float) -> Ticket:
        """Let a call in as the circuit says, which may begin to probe.

        Raises:
            CircuitOpen: It is not let in.
        """
        seen = None
        with self._lock:
            try:
                seen = self._pull_needs_lock(now)
                answer = self._circuit.admit(now)
                if self._mirror is not None and not isinstance(answer, Rejected):
                    self._mirror.push(answer.change)
            finally:
                self._publish_needs_lock()
        self._tell(seen)
        if isinstance(answer, Rejected):
            raise CircuitOpen(self._name, answer.seconds)
        try:
            self._tell(answer.change)
        except BaseException:
            self._cancelled(answer.ticket)
            raise
        return answer.ticket

    def _follow(self) -> None:
        """Take over what somebody else has stored, before the breaker is looked at.

        A call does so by itself. Else a health page would show closed what another
        breaker has opened, until the next call is rejected.
        """
        if self._mirror is None:
            return
        with self._lock:
            try:
                seen = self._pull_needs_lock(self._monotonic())
            finally:
                self._publish_needs_lock()
        self._tell(seen)

    def _pull_needs_lock(self, now: float) -> Change | None:
        """Take over a stored change; return it, for `_tell`.

        None while the breaker is isolated: for its callers nothing changes, and who
        was told "open, for ever" would be told of an opening again.
        """
        mirror = self._mirror
        if mirror is None or self._circuit.isolated:
            return None
        return mirror.pull(self._circuit, now)

    def _failed(
        self, ticket: Ticket, error: Exception, started: float | None = None
    ) -> None:
        """Judge a call that raised *error*, which is not kept."""
        if isinstance(error, CallRejected) or self._matches(self._ignored, error):
            self._abstain()
            self._cancelled(ticket)
            return
        if not self.is_system_error(error):
            self._abstain()
            self._succeeded(ticket, started)
            return
        change = self._vote_against(ticket)
        for listener in self._listeners:
            self._notify(listener, "failure", error)
        self._tell(change)
        if change is not None and self._throw_new_error_on_trip:
            raise CircuitOpen(self._name, self._circuit.recovery()) from error

    def _succeeded(self, ticket: Ticket, started: float | None) -> None:
        slow = self._slow_call
        if (
            slow is not None
            and started is not None
            and self._monotonic() - started >= slow
        ):
            self._tell(self._vote_against(ticket))
        elif isinstance(ticket, Lease) or self._mirror is not None:
            self._tell(self._settle(self._succeed_needs_lock, ticket))
        elif ticket is not None:
            next(ticket)
        for listener in self._hear_answers:
            self._notify(listener, "success")

    def _cancelled(self, ticket: Ticket) -> None:
        if isinstance(ticket, Lease):
            self._settle(self._circuit.forget, ticket)

    def _vote_against(self, ticket: Ticket) -> Change | None:
        votes = not self._per_call or self._has_vote()
        return self._settle(self._fail_needs_lock, ticket, votes)

    def _abstain(self) -> None:
        """Keep the vote of this logical call: its attempt was no failure.

        Without it a client that throttles itself would hide a dead service:
        first attempt "not yet, wait a second", which is ignored; second attempt
        a time-out, which is no first one. Ten failing calls, and no vote.
        """
        if self._per_call:
            kept = _open_votes.get()
            # A thread that lives long may meet a breaker a host: it forgets
            # those that never voted, and they have one vote less to keep.
            kept = kept if len(kept) < _MOST_OPEN else frozenset[int]()
            _open_votes.set(kept | {id(self)})

    def _has_vote(self) -> bool:
        """Whether this call may vote, which it then has done."""
        still_open = _open_votes.get()
        kept = id(self) in still_open
        if kept:
            _open_votes.set(still_open - {id(self)})
        return kept or attempt_number.get() == 1

    def _fail_needs_lock(self, ticket: Ticket, votes: bool) -> Change | None:  # noqa: FBT001 - passed on by _settle
        circuit, now = self._circuit, self._monotonic()
        mirror = self._mirror
        if mirror is None or isinstance(ticket, Lease):
            if mirror is not None and circuit.is_current(ticket, now):
                mirror.failed()
            return circuit.fail(ticket, now, votes=votes)
        if not votes or not circuit.is_current(ticket, now):
            return None
        count = mirror.failed()
        if count is None:  # the storage is down: the window of our own decides
            return circuit.fail(ticket, now)
        return circuit.open(now) if count >= circuit.rules.failures else None

    def _succeed_needs_lock(self, ticket: Ticket) -> Change | None:
        circuit, now = self._circuit, self._monotonic()
        if self._mirror is not None and circuit.is_current(ticket, now):
            answered = self._mirror.succeeded(probe=isinstance(ticket, Lease))
            if answered is not None:  # other breakers' probes count too
                circuit.answered = answered - 1
        return circuit.succeed(ticket, now)

    def _settle(
        self, decide: Callable[..., Change | None], *facts: Any
    ) -> Change | None:
        with self._lock:
            try:
                change = decide(*facts)
                if self._mirror is not None:
                    self._mirror.push(change)
            finally:
                # Whatever ended it (a KeyboardInterrupt too): a circuit that is
                # open and still published as closed would never be asked again.
                self._publish_needs_lock()
        return change

    def _publish_needs_lock(self) -> None:
        """Set what is read without the lock."""
        circuit = self._circuit
        bare = self._mirror is None
        plain = bare and not circuit.isolated and not circuit.disabled
        self._slow_call = circuit.rules.slow_call
        watched = self._hear_calls or self._hear_answers or self._slow_call is not None
        self._passage = circuit.tick if plain else None
        self._tick = None if watched else self._passage
        if circuit.isolated:
            self._open_until = float("inf")
        elif plain and circuit.state == OPEN:
            self._open_until = circuit.open_until
        else:
            self._open_until = float("-inf")

    # -------------------------------------------------------------- who hears

    def _tell(self, change: Change | None) -> None:
        """Tell listeners and hooks of *change*; called without the lock."""
        if change is not None:
            self._tell_listeners(change)
            self._tell_hooks(change)

    def _tell_listeners(self, change: Change) -> None:
        if self._listeners:
            old, new = state_object(self, change.old), state_object(self, change.new)
            for listener in self._listeners:
                self._notify(listener, "state_change", old, new)

    def _tell_hooks(self, change: Change) -> None:
        if self._hooks:
            left = self._circuit.retry_after(self._monotonic())
            fact = BreakerChanged(self._name, change.old, change.new, left, change.era)
            for hook in self._hooks:
                handled = sys.exception()
                try:
                    hook(fact)
                except Exception as error:  # noqa: BLE001 - a hook must not break a call
                    shown = alone(error, handled)
                    _log.exception(
                        "A hook of breaker %r failed", self._name, exc_info=shown
                    )

    # By position: the keywords are the guarded call's own, "event" may be one.
    def _notify(
        self, listener: object, event: str, /, *facts: Any, **more: Any
    ) -> None:
        method = getattr(listener, event, None)
        if method is None:
            return
        handled = sys.exception()
        try:
            method(self, *facts, **more)
        except Exception as error:  # noqa: BLE001 - as a hook
            _log.exception(
                "A listener of breaker %r failed in %s",
                self._name,
                event,
                exc_info=alone(error, handled),
            )

    def _matches(self, matchers: tuple[Matcher, ...], error: BaseException) -> bool:
        for matcher in matchers:
            # A class may ask its metaclass, which is somebody's code as well.
            try:
                if isinstance(matcher, type):
                    named = isinstance(error, matcher)
                else:
                    named = bool(matcher(error))
            except Exception as own:  # noqa: BLE001 - it would hide the caller's own error
                shown = alone(own, error)
                _log.exception(
                    "A predicate of breaker %r failed", self._name, exc_info=shown
                )
            else:
                if named:
                    return True
        return False
