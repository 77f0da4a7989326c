"""What a guarded function may know about the call it runs in."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from typing import TypeVar, cast

from syncpatterns._flow import land
from syncpatterns.clock import Clock
from syncpatterns.codec import digest
from syncpatterns.errors import ConfigurationError, LeaseLost
from syncpatterns.idempotency import _kept
from syncpatterns.idempotency._core import Notes, with_notes
from syncpatterns.idempotency._lease import Lease
from syncpatterns.idempotency._ports import Stores

T = TypeVar("T")


class Context:
    """One execution under a key.

    Attributes:
        operation: Declared name.
        token: Fencing token: grows with every execution of the key, so a
            resource that remembers the highest can refuse a zombie.
        attempts: 1 for the first execution of this key, 2 for the next, ...
        abandoned: True if the execution before never ended: its effect may
            have happened.
        passed: True once `point_of_no_return` was called.
        outer: The execution in which this one was called, if there is one.
    """

    __slots__ = (
        "_blocking",
        "_clock",
        "_lease",
        "_notes",
        "_stores",
        "abandoned",
        "attempts",
        "operation",
        "outer",
        "passed",
        "token",
    )

    def __init__(  # noqa: PLR0913 - one maker, each of the facts named
        self,
        operation: str,
        lease: Lease,
        clock: Clock,
        attempts: int,
        *,
        abandoned: bool,
        outer: Context | None,
        stores: Stores,
        blocking: bool,
        notes: Notes,
    ) -> None:
        self.operation = operation
        self.token = lease.token
        self.attempts = attempts
        self.abandoned = abandoned
        self.passed = False
        self._lease = lease
        self._clock = clock
        self.outer = outer
        self._stores = stores
        self._blocking = blocking
        self._notes = notes

    def __repr__(self) -> str:
        return (
            f"Context({self.operation!r}, key_hash={self.key_hash!r}, "
            f"token={self.token}, attempts={self.attempts})"
        )

    @property
    def key_hash(self) -> str:
        """First 8 hex digits of the storage key; safe to log."""
        return self._lease.key[:8]

    def runs_under(self, key: str) -> bool:
        """Tell whether this is an execution of the storage key *key*."""
        return self._lease.key == key

    @property
    def lost(self) -> bool:
        """True once others may have taken the key over; what is done is fenced."""
        return self._lease.lost or self._clock.monotonic() >= self._lease.deadline

    def check(self) -> None:
        """Stop here if the key is no longer ours; call it between long steps.

        Raises:
            LeaseLost: Others may have taken the key over.
        """
        if self.lost:
            raise lease_lost(self.operation, self.key_hash)

    def point_of_no_return(self) -> None:
        """Say that from here on it cannot be told whether the effect happened.

        Call it before a request leaves. An error before it gives the key back
        for another try; after it the outcome is unknown, and the key stays
        blocked until somebody has looked.

        Raises:
            LeaseLost: Others may have taken the key over; nothing was passed.
        """
        self.check()
        self.passed = True

    def step(self, name: str, function: Callable[[], T]) -> T:
        """Run *function* once for this key, however often the key is executed.

        Its result is kept with the claim as JSON, in a commit of its own. An
        execution that finds it there, after a crash or an error further on,
        gets it without running the function. Killed between the function and
        that commit, the step runs again: give a call that leaves the process
        `downstream_key(name)`.

        Args:
            name: Tells the steps of one operation apart.
            function: Takes nothing; its result must have a JSON form.

        Raises:
            LeaseLost: Others may have taken the key over; not kept.
            ConfigurationError: Called on an event loop, or *function* is async:
                use `astep`. Or a step of this name is under way, in another
                thread or around this one.
            ResultNotStorable: The result has no JSON form.
        """
        found, value = _kept.find(self._notes, name)
        if found:
            return cast("T", value)
        self.check()
        store = _kept.blocking_store(
            self._stores, self.operation, blocking=self._blocking
        )
        with _kept.alone(self, self.operation, name):
            found, value = _kept.find(self._notes, name)  # kept in the meantime?
            if not found:
                made = _kept.refuse_coroutine(self.operation, name, function())
                note, value = _kept.packed(name, made)
                self._keep(note, held=store.note(self._lease.key, self.token, note))
        return cast("T", value)

    async def astep(self, name: str, function: Callable[[], Awaitable[T]]) -> T:
        """Do `step` with an async *function*."""
        found, value = _kept.find(self._notes, name)
        if found:
            return cast("T", value)
        self.check()
        store = _kept.awaiting_store(self._stores, self.operation)
        with _kept.alone(self, self.operation, name):
            found, value = _kept.find(self._notes, name)  # kept in the meantime?
            if not found:
                made = await _kept.awaitable(self.operation, name, function())
                note, value = _kept.packed(name, made)

                async def keep() -> None:
                    held = await store.note(self._lease.key, self.token, note)
                    self._keep(note, held=held)

                # It has run: cancelled before that is kept, it would run again.
                await land(keep)
        return cast("T", value)

    def _keep(self, note: Notes, *, held: bool) -> None:
        if not held:
            raise lease_lost(self.operation, self.key_hash)
        with _kept.merging:  # two steps may end at the same time
            self._notes = with_notes(self._notes, note)

    def downstream_key(self, name: str) -> str:
        """Return 32 hex digits to send as the idempotency key of a further call.

        The same for every attempt of this key, different for each *name*, key,
        operation and scope; the caller's own key cannot be told from it.

        Raises:
            ConfigurationError: *name* is no text.
        """
        given: object = name
        if not isinstance(given, str) or not given:
            raise ConfigurationError(f"A downstream key needs a name, not {given!r}.")
        return digest(b"downstream", self._lease.key.encode(), _bytes(name)).hex()[:32]


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def lease_lost(operation: str, key_hash: str) -> LeaseLost:
    """Return the error of an owner who was replaced."""
    return LeaseLost(
        f"{operation} [{key_hash}]: the lease ran out and somebody else may have taken "
        "over; this result was not stored. Call again with the same key to get theirs."
    )


current: ContextVar[Context | None] = ContextVar("syncpatterns_context", default=None)


def current_context() -> Context:
    """Return the context of the guarded function that is running.

    Raises:
        ConfigurationError: None is running in this thread or task.
    """
    context = current.get()
    if context is None:
        raise ConfigurationError(
            "current_context() was called outside of a guarded function. Call it "
            "inside one, or inside what it calls in the same thread or task."
        )
    return context


def runs_inside(key: str) -> bool:
    """Tell whether this thread or task already executes under *key*."""
    context = current.get()
    while context is not None:
        if context.runs_under(key):
            return True
        context = context.outer
    return False
