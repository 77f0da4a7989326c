"""What the checks of queues share: names for the calls, and what to expect."""

from __future__ import annotations

from typing import Any, Protocol

from syncpatterns.offline_queue._core import (
    LIVE,
    Enqueued,
    Hold,
    Item,
    ItemState,
    NewItem,
    Overflow,
    QueueCapabilities,
    QueueRules,
    Settlement,
)
from syncpatterns.offline_queue._ports import (
    AsyncQueueStore,
    ClaimRequest,
    EnqueueRequest,
    QueueStore,
)
from syncpatterns.testing.conformance._asking import (
    Ask,
    Questions,
    Rule,
    Steps,
    aput_to,
    put_to,
    same,
)

QUEUE = "conformance"
LEASE = 30.0
_PAGE = 1000


class Time(Protocol):
    """The clock that the store goes by; `syncpatterns.testing.FakeClock` is one."""

    def time(self) -> float:
        """Return the wall clock."""
        ...

    def advance(self, seconds: float) -> None:
        """Let time pass, on the wall clock too."""
        ...

    def set_time(self, epoch: float) -> None:
        """Step the wall clock alone."""
        ...


class Bench:
    """What a check works with: names for the calls, and the time.

    Args:
        clock: Moves the store's time.
        capabilities: What the store says that it can do.
    """

    def __init__(self, clock: Time, capabilities: QueueCapabilities) -> None:
        self.clock = clock
        self.capabilities = capabilities
        self.start = clock.time()

    @staticmethod
    def new(key: str, **more: Any) -> NewItem:
        """Return a new item; its payload says whose it is."""
        payload = more.pop("payload", b'{"key":"%b"}' % key.encode(errors="replace"))
        fingerprint = more.pop("fingerprint", b"of " + payload[:16])
        operation = more.pop("operation", "op")
        scope = more.pop("scope", "tenant")
        return NewItem(operation, key, scope, fingerprint, payload, **more)

    @staticmethod
    def enqueue(
        *items: NewItem,
        overflow: Overflow = "reject",
        lease: float = 0.0,
        queue: str = QUEUE,
        refused: type[Exception] | tuple[type[Exception], ...] = (),
    ) -> Ask:
        """Ask to store *items* together."""
        request = EnqueueRequest(queue, items, overflow, lease)
        return Ask("enqueue", request, refused=refused)

    @staticmethod
    def claim(
        limit: int = 100,
        lease: float = LEASE,
        *,
        caps: dict[str, int] | None = None,
        only: frozenset[str] | None = None,
        queue: str = QUEUE,
    ) -> Ask:
        """Ask for work."""
        return Ask("claim", ClaimRequest(queue, limit, lease, caps or {}, only))

    @staticmethod
    def settle(*said: Settlement, queue: str = QUEUE) -> Ask:
        """Say what became of items that were held."""
        return Ask("settle", queue, said)

    @staticmethod
    def turn(
        *said: Settlement,
        limit: int = 1,
        lease: float = LEASE,
        caps: dict[str, int] | None = None,
        only: frozenset[str] | None = None,
        queue: str = QUEUE,
        refused: type[Exception] | tuple[type[Exception], ...] = (),
    ) -> Ask:
        """Say what became of items that were held, and ask for more work."""
        request = ClaimRequest(queue, limit, lease, caps or {}, only)
        return Ask("settle_and_claim", request, said, refused=refused)

    @staticmethod
    def rules(**more: Any) -> Ask:
        """Ask for other rules."""
        return Ask("configure", QUEUE, QueueRules(**more))

    @staticmethod
    def extend(*holds: Hold, lease: float = LEASE) -> Ask:
        """Ask to move leases."""
        return Ask("extend", QUEUE, holds, lease)

    @staticmethod
    def ask(method: str, *args: Any, **more: Any) -> Ask:
        """Ask anything else about the queue."""
        return Ask(method, QUEUE, *args, **more)


class Check(Rule[Bench]):
    """One rule, and how to find out whether a store keeps it.

    After every check the counters are compared with the rows, and the store is
    asked to check itself.

    Args:
        ask: What to ask, and what to expect.
    """

    __slots__ = ()

    def _steps(self, bench: Bench) -> Questions:
        try:
            yield from self._ask(bench)
        except (AttributeError, LookupError, TypeError, ValueError) as error:
            # One answer where there should be two, or None where an item should be.
            raise AssertionError(f"{self}: an unexpected answer: {error}") from error
        yield from consistent()

    def run(self, store: QueueStore, clock: Time) -> None:
        """Check a blocking store.

        Args:
            store: A fresh one; it must be empty.
            clock: The clock that it goes by.

        Raises:
            AssertionError: The store breaks the rule; the message says where.
        """
        put_to(store, self._steps(Bench(clock, store.capabilities)))

    async def arun(self, store: AsyncQueueStore, clock: Time) -> None:
        """Check a store for an event loop; see `run`.

        Raises:
            AssertionError: The store breaks the rule; the message says where.
        """
        await aput_to(store, self._steps(Bench(clock, store.capabilities)))


# ------------------------------------------------------------ what checks share


def consistent() -> Questions:
    """Every queue's counters fit its rows, and the store finds nothing wrong."""
    for queue in (yield Ask("queues")):
        items: list[Item] = []
        while page := (yield Ask("items", queue, after=_last(items), limit=_PAGE)):
            items += page
        stats = yield Ask("stats", queue)
        for state in (*LIVE, ItemState.DEAD):
            there = sum(item.state is state for item in items)
            same(stats.states.get(state, 0), there, f"{state} items counted")
        live = [item for item in items if item.state in LIVE]
        same(stats.bytes, sum(len(item.payload) for item in live), "bytes counted")
        for target, states in stats.targets.items():
            there = sum(item.target == target for item in items)
            same(sum(states.values()), there, f"items counted for {target!r}")
        same((yield Ask("check", queue)), [], "what the store finds wrong with itself")


def _last(items: list[Item]) -> int:
    return items[-1].seq if items else 0


def put(bench: Bench, *keys: str, **more: Any) -> Steps[list[int]]:
    """Enqueue one item a key, alike but for that; return their numbers."""
    asked = bench.enqueue(*[bench.new(key, **more) for key in keys])
    answers: list[Enqueued] = yield asked
    return [answer.seq for answer in answers]


def take(bench: Bench, *keys: str, **more: Any) -> Steps[list[Item]]:
    """Claim, and expect just the items of *keys* in this order; return them."""
    items: list[Item] = yield bench.claim(**more)
    same([item.key for item in items], list(keys), "what was claimed")
    return items


def take_one(bench: Bench, key: str, **more: Any) -> Steps[Item]:
    """Claim one item, and expect it to be the one of *key*."""
    (item,) = yield from take(bench, key, limit=1, **more)
    return item


def accepted(bench: Bench, *said: Settlement) -> Steps[list[Any]]:
    """Settle, and expect every hold to be good; return the answers."""
    answers: list[Any] = yield bench.settle(*said)
    for answer, one in zip(answers, said, strict=True):
        assert answer.accepted, f"{type(one).__name__} of a good hold was not accepted"
    return answers


def stale(bench: Bench, *said: Settlement, queue: str = QUEUE) -> Questions:
    """Settle, and expect that no hold is good."""
    answers = yield bench.settle(*said, queue=queue)
    for answer, one in zip(answers, said, strict=True):
        assert not answer.accepted, f"{one} was accepted, and the hold is stale"
        same((answer.seq, answer.ended), (one.hold.seq, ()), f"the answer to {one}")


def state_of(bench: Bench, seq: int, state: ItemState, reason: str = "") -> Steps[Item]:
    """Expect the item to stand so; return it."""
    item: Item | None = yield bench.ask("get", seq)
    assert item is not None, f"item {seq} should be {state}, and is not there"
    same((item.state, item.reason), (state, reason), f"item {seq}")
    return item


def gone(bench: Bench, seq: int, state: ItemState, reason: str = "") -> Steps[Any]:
    """Expect the item to have ended so, with only its outcome kept; return that."""
    same((yield bench.ask("get", seq)), None, f"item {seq}, that has ended")
    ended = yield bench.ask("ended", seq)
    assert ended is not None, f"how item {seq} ended should be kept"
    same(ended.seq, seq, "number of the outcome")
    same((ended.state, ended.reason), (state, reason), f"how item {seq} ended")
    return ended


def near(found: float | None, expected: float, what: str) -> None:
    """Assert that two times or lengths of time differ by less than 10 ms.

    Raises:
        AssertionError: They do not; names *what*.
    """
    good = found is not None and abs(found - expected) < 0.01  # noqa: PLR2004 - as it says
    assert good, f"{what}: expected {expected!r} s, found {found!r} s"


def refused(answer: object, error: type[Exception], *words: str) -> None:
    """Assert that a call was refused with *error*, which says all of *words*.

    Raises:
        AssertionError: It was not; or the sentence leaves out a word.
    """
    assert isinstance(answer, error), f"expected {error.__name__}, found {answer!r}"
    for word in words:
        assert word in str(answer), f"the error should say {word!r}: {answer}"
