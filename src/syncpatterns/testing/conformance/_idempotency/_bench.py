"""What the checks of records share: names for the calls, and what to expect."""

from __future__ import annotations

from collections.abc import Callable

from syncpatterns.idempotency._core import (
    Busy,
    ClaimRequest,
    Notes,
    OnAbandoned,
    Owned,
    Record,
    Replay,
    StoredOutcome,
    Windows,
    storage_key,
)
from syncpatterns.idempotency._ports import AsyncIdempotencyStore, IdempotencyStore
from syncpatterns.testing.conformance._asking import Ask, Rule, aput_to, put_to

#: The windows of the checks: short enough to tell seconds from hours.
WINDOWS = Windows(60.0, 600.0)
LEASE = 30.0
ANSWER = StoredOutcome(
    "response",
    b'{"caf\xc3\xa9":"\x00\xff"}',
    201,
    (("location", "/orders/7"), ("link", "b"), ("link", "a")),
)


class Bench:
    """What a check works with: names for the calls, and the time.

    Args:
        advance: Moves the store's clock.
    """

    def __init__(self, advance: Callable[[float], object]) -> None:
        self.advance = advance

    @staticmethod
    def key(name: str = "k") -> str:
        """Return the storage key called *name*."""
        return storage_key("conformance", "tenant", "op", name)

    def claim(
        self,
        nonce: str,
        *,
        name: str = "k",
        fingerprint: bytes = b"\x00fingerprint\xff",
        lease: float = LEASE,
        windows: Windows = WINDOWS,
        on_abandoned: OnAbandoned = "rerun",
        age: float = 0.0,
        notes: Notes = (),
    ) -> Ask:
        """Ask for a claim."""
        request = ClaimRequest(
            self.key(name),
            "op",
            fingerprint,
            nonce,
            lease,
            windows,
            on_abandoned,
            age,
            notes,
        )
        return Ask("claim", request)

    def claim_by(
        self, nonce: str, fingerprint: bytes, command: bytes = b"", door: bytes = b""
    ) -> Ask:
        """Ask for a claim that came in by *door*."""
        request: ClaimRequest = self.claim(nonce, fingerprint=fingerprint).args[0]
        return Ask("claim", request._replace(command=command, door=door))

    def complete(
        self,
        token: int,
        outcome: StoredOutcome = ANSWER,
        *,
        name: str = "k",
        windows: Windows = WINDOWS,
    ) -> Ask:
        """Ask to store an answer."""
        return Ask("complete", self.key(name), token, outcome, windows)

    def renew(self, token: int, lease: float = LEASE) -> Ask:
        """Ask to move the lease."""
        return Ask("renew", self.key(), token, lease, WINDOWS)

    def release(self, token: int, *, name: str = "k") -> Ask:
        """Ask to give the key back."""
        return Ask("release", self.key(name), token)

    def abandon(self, token: int, *, name: str = "k") -> Ask:
        """Ask to mark the outcome unknown."""
        return Ask("abandon", self.key(name), token)

    def note(self, token: int, notes: Notes, *, name: str = "k") -> Ask:
        """Ask to keep *notes* with the claim."""
        return Ask("note", self.key(name), token, notes)

    def resolve(self, outcome: StoredOutcome | None, *, name: str = "k") -> Ask:
        """Ask to settle an unknown outcome."""
        return Ask("resolve", self.key(name), outcome, WINDOWS)

    def inspect(self, *, name: str = "k") -> Ask:
        """Ask for the record."""
        return Ask("inspect", self.key(name))

    def evict(self, *, name: str = "k") -> Ask:
        """Ask to forget the key."""
        return Ask("evict", self.key(name))


class Check(Rule[Bench]):
    """One rule, and how to find out whether a store keeps it.

    Args:
        ask: What to ask, and what to expect.
    """

    __slots__ = ()

    def run(self, store: IdempotencyStore, advance: Callable[[float], object]) -> None:
        """Check a blocking store.

        Args:
            store: A fresh one; it must be empty.
            advance: Moves the store's clock forward by so many seconds.

        Raises:
            AssertionError: The store breaks the rule; the message says where.
        """
        put_to(store, self._ask(Bench(advance)))

    async def arun(
        self, store: AsyncIdempotencyStore, advance: Callable[[float], object]
    ) -> None:
        """Check a store for an event loop; see `run`.

        Raises:
            AssertionError: The store breaks the rule; the message says where.
        """
        await aput_to(store, self._ask(Bench(advance)))


def yes(found: object, what: str) -> None:
    """Assert that the store said True.

    Raises:
        AssertionError: It did not; names *what*.
    """
    assert found is True, f"{what}: expected True, found {found!r}"


def no(found: object, what: str) -> None:
    """Assert that the store said False.

    Raises:
        AssertionError: It did not; names *what*.
    """
    assert found is False, f"{what}: expected False, found {found!r}"


def near(found: float, expected: float, what: str) -> None:
    """Assert that *found* is at most *expected*, and at most a second below.

    Raises:
        AssertionError: It is not; names *what*.
    """
    good = expected - 1 <= found <= expected
    assert good, f"{what}: expected {expected:g} s, found {found:g} s"


def busy(answer: object, what: str = "the claim") -> Busy:
    """Assert that *answer* says that the key is busy; return it.

    Raises:
        AssertionError: It does not.
    """
    assert isinstance(answer, Busy), f"{what} should find it busy, got {answer!r}"
    return answer


def replayed(answer: object, what: str = "the claim") -> Replay:
    """Assert that *answer* is a replay; return it.

    Raises:
        AssertionError: It is not.
    """
    assert isinstance(answer, Replay), f"{what} should be a replay, got {answer!r}"
    return answer


def owned(answer: object, what: str = "the claim") -> Owned:
    """Assert that *answer* gives the key; return it.

    Raises:
        AssertionError: It does not.
    """
    assert isinstance(answer, Owned), f"{what} should own the key, got {answer!r}"
    return answer


def kept(record: object) -> Record:
    """Assert that there is a *record*; return it.

    Raises:
        AssertionError: There is none.
    """
    assert isinstance(record, Record), f"the record should be there, got {record!r}"
    return record
