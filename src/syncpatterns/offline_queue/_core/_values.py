"""What is kept about one queued action, and how it may end."""

from __future__ import annotations

from enum import StrEnum
from functools import lru_cache
from typing import Final, Literal, NamedTuple, TypeAlias

from syncpatterns.codec import digest
from syncpatterns.errors import NotExecuted

#: Bytes of the digest under which an item is found; 128 bits never meet by chance.
_IDENTITY_BYTES: Final = 16

#: What becomes of a lane whose head is DEAD or EXPIRED: the next one runs; the
#: lane stands still until somebody requeues or discards the head; all that
#: wait in the lane are DEAD too.
LanePolicy: TypeAlias = Literal["continue", "block", "cascade"]
#: What becomes of an item whose parent is DEAD.
ParentPolicy: TypeAlias = Literal["cascade", "hold", "run"]
#: Which commits of a durable store wait for the disk.
Durability: TypeAlias = Literal["enqueue", "full", "normal"]
#: What a full queue does. Waiting for room is the caller's business.
Overflow: TypeAlias = Literal["reject", "drop_oldest"]


class ItemState(StrEnum):
    """Where an item stands.

    READY can be claimed. WAITING stands behind its lane or its parents.
    SCHEDULED is due later. LEASED is somebody's until the lease ends. PARKED
    needs a person or the application. The others are ends: DEAD keeps its
    payload until it is requeued or discarded, the rest only what a receipt
    has to know.
    """

    READY = "ready"
    WAITING = "waiting"
    SCHEDULED = "scheduled"
    LEASED = "leased"
    PARKED = "parked"
    DEAD = "dead"
    DONE = "done"
    EXPIRED = "expired"
    CANCELLED = "cancelled"
    SUPERSEDED = "superseded"


#: States of items that are still to be dealt with; they count for capacity.
LIVE: Final = (
    ItemState.READY,
    ItemState.WAITING,
    ItemState.SCHEDULED,
    ItemState.LEASED,
    ItemState.PARKED,
)


class Hold(NamedTuple):
    """The right to change an item: worthless once the token has moved on."""

    seq: int
    token: int


class Parent(NamedTuple):
    """One item that another waits for.

    Args:
        seq: Number of the parent.
        policy: What becomes of the child if the parent is DEAD, EXPIRED,
            CANCELLED or discarded.
    """

    seq: int
    policy: ParentPolicy = "cascade"


class Coalesce(NamedTuple):
    """How a new item may meet an undelivered one of the same entity and scope.

    ``lead:7`` of one tenant is not ``lead:7`` of another. Only items that certainly
    never reached anybody (`Item.sent_at` is None) and are not LEASED take part, and
    never across another item of the same lane: what lies between could depend on
    the order.

    Args:
        how: ``keep_first``: the waiting one stays, the new one is not stored.
            ``last_write``: the new one takes its place. ``replace``: as
            last_write, but only if the waiting one is still *expected*, else
            `Outdated` and nothing is stored; that is how a merged payload
            gets in. ``cancel_pair``: if the run of
            undelivered items of the entity begins with an item of the
            operation *creates*, the run and the new one cancel out. A live
            item of the entity in it that may have reached somebody breaks
            it, in a lane and without one.
        expected: For ``replace``: number of the item that was merged into the
            new payload.
        creates: For ``cancel_pair``: name of the operation that creates.
    """

    how: Literal["keep_first", "last_write", "replace", "cancel_pair"]
    expected: int = 0
    creates: str = ""


class Outdated(NotExecuted):
    """The item that a payload was merged with has moved on; nothing was stored.

    Merged anew with what waits now, or stored as it is, it can be tried again.
    """


class NewItem(NamedTuple):
    """An action to be stored.

    Args:
        operation: Name under which its handler is registered.
        key: Idempotency key; the same in every delivery.
        scope: Whose key it is.
        fingerprint: Digest of the payload: a key used for another one is refused.
        payload: What to do, as bytes of JSON.
        version: Version of the payload's form.
        target: What is asked to do it; targets are paused one by one.
        lane: Items of one lane are delivered one by one, in their order.
        entity: What the action is about, for *coalesce*.
        priority: Higher goes first, across lanes; inside a lane it changes nothing.
        delay: Seconds before the first delivery.
        expires_in: Seconds after which it is not worth doing any more, if by
            then it never reached anybody; infinity for never.
        parents: Items that must be DONE first.
        coalesce: How it meets undelivered ones of the same entity.
        headers: Small texts handed to the handler, as JSON; never credentials.
        keep_result: Seconds for which its outcome is kept for receipts.
    """

    operation: str
    key: str
    scope: str
    fingerprint: bytes
    payload: bytes
    version: int = 1
    target: str = "default"
    lane: str | None = None
    entity: str | None = None
    priority: int = 0
    delay: float = 0.0
    expires_in: float = float("inf")
    parents: tuple[Parent, ...] = ()
    coalesce: Coalesce | None = None
    headers: str = "{}"
    keep_result: float = 86400.0

    @property
    def identity(self) -> bytes:
        """What makes two items the same action within one queue."""
        return identity(self.scope, self.operation, self.key)


class Item(NamedTuple):
    """An item as it is stored. Times are the store's, in seconds since the epoch.

    Args:
        seq: Number in the queue; grows in the order of enqueueing, never reused.
        state: Where it stands.
        token: Grows with each claim.
        deliveries: How often it was claimed.
        attempts: Answered failures so far; offline time never adds to it.
        lapses: How often a lease ended without a word: its worker died.
        created_at: When it was enqueued.
        due_at: Not delivered before.
        lease_until: When its claim ends; 0 if it is not LEASED.
        expires_at: See `NewItem.expires_in`.
        sent_at: When it may have reached somebody for the first time; None if
            it certainly never did.
        blocked: How many parents it still waits for.
        reason: Why it is PARKED or DEAD, as one word.
        error: What was said last, without personal data; for people.
    """

    seq: int
    state: ItemState
    operation: str
    key: str
    scope: str
    fingerprint: bytes
    payload: bytes
    version: int
    target: str
    lane: str | None
    entity: str | None
    priority: int
    token: int
    deliveries: int
    attempts: int
    lapses: int
    created_at: float
    due_at: float
    lease_until: float
    expires_at: float
    sent_at: float | None
    blocked: int
    reason: str
    error: str
    headers: str
    keep_result: float

    def __repr__(self) -> str:
        # Neither key nor payload: items are listed, and lists end up in logs.
        lane = "" if self.lane is None else f", lane={self.lane!r}"
        reason = f", reason={self.reason!r}" if self.reason else ""
        return (
            f"Item(seq={self.seq}, {self.state.value}, {self.operation!r}, "
            f"key_hash={self.key_hash!r}, target={self.target!r}{lane}, "
            f"token={self.token}, deliveries={self.deliveries}, "
            f"attempts={self.attempts}, lapses={self.lapses}{reason})"
        )

    @property
    def hold(self) -> Hold:
        """The right to change it, if it is the caller's."""
        return Hold(self.seq, self.token)

    @property
    def key_hash(self) -> str:
        """The 8 hex digits that errors, logs and audit rows show."""
        return key_hash(self.scope, self.operation, self.key)


class Ended(NamedTuple):
    """How an item ended, for whoever holds its receipt.

    Args:
        seq: Its number.
        state: DONE, DEAD, EXPIRED, CANCELLED or SUPERSEDED.
        result: Bytes of JSON that the handler returned; b"" where there are none.
        reason: Why, as one word.
        error: What was said last, for people.
        survivor: Number of the item that took its place, if SUPERSEDED; its
            outcome is this one's too.
        at: When, in seconds since the epoch.
        operation: Name of what was to be done.
        key_hash: The 8 hex digits that stand for its key.
    """

    seq: int
    state: ItemState
    result: bytes = b""
    reason: str = ""
    error: str = ""
    survivor: int = 0
    at: float = 0.0
    operation: str = ""
    key_hash: str = ""


class Enqueued(NamedTuple):
    """What became of a `NewItem`.

    Args:
        seq: Number of the item, or of the one that has this key already.
        state: Where it stands now.
        duplicate: The key was known, with the same payload; nothing was stored.
        survivor: Number of the item that stands for it, if it was coalesced.
        ended: How it ended, if it has: a duplicate of something done, or one
            of a pair that cancelled out.
        claimed: The item, if `EnqueueRequest.lease` was asked for and granted.
        dropped: What had to go for it to get in (overflow), or was superseded
            or cancelled by it.
    """

    seq: int
    state: ItemState
    duplicate: bool = False
    survivor: int = 0
    ended: Ended | None = None
    claimed: Item | None = None
    dropped: tuple[Ended, ...] = ()


class QueueRules(NamedTuple):
    """What the store must know about one queue; the last one told counts.

    Args:
        max_items: Most live items.
        max_bytes: Most payload bytes of live items.
        on_dead: What becomes of a lane whose head is DEAD or EXPIRED.
        max_lapses: Leases that may end without a word before an item is DEAD
            (``poison``): its worker dies of it.
        redeliver_within: Seconds since `Item.sent_at` for which it may be
            delivered again; then it is PARKED (``unknown``): whoever executes
            it may have forgotten its key.
        durability: Which commits wait for the disk: ``enqueue``: those that
            enqueue; a claim or settlement that a power cut takes back is only
            delivered again. ``full``: all. ``normal``: none; a power cut may
            take back the newest.
    """

    max_items: int = 1000
    max_bytes: int = 64 * 1024 * 1024
    on_dead: LanePolicy = "continue"
    max_lapses: int = 20
    redeliver_within: float = 82800.0
    durability: Durability = "enqueue"


class Pause(NamedTuple):
    """Something is not being delivered.

    Args:
        target: Which target; empty for the whole queue.
        until: Until when, in seconds since the epoch; infinity until `resume`.
        reason: Why, as one word: ``by-hand``, ``sign-in``, ``retry-after``...
    """

    target: str
    until: float
    reason: str


class Staged(NamedTuple):
    """What time alone has changed.

    Args:
        ready: How many items became READY because they were due.
        lapsed: Items whose worker gave no sign of life and that are READY again.
        ended: Items that ended: EXPIRED, or DEAD (poison); and, under
            ``cascade``, those that ended with them. In the order in which they
            ended, which `QueueStore.stage` defines.
        parked: Items that may not be delivered again (unknown).
        resumed: Targets whose pause ran out.
        next_due: Seconds until time changes something again; infinity: never.
        names: Operation and key hash of the items in *lapsed* and *parked*, by
            number.
    """

    ready: int
    lapsed: tuple[Hold, ...]
    ended: tuple[Ended, ...]
    parked: tuple[int, ...]
    resumed: tuple[str, ...]
    next_due: float
    names: dict[int, tuple[str, str]] = {}  # noqa: RUF012 - never changed; a NamedTuple's default


class QueueStats(NamedTuple):
    """How much is in a queue, at a cost that does not depend on how much it is.

    Args:
        states: Number of items in each state that is kept (LIVE and DEAD).
        targets: The same for each target.
        bytes: Payload bytes of live items.
        oldest_ready: When the oldest READY item was enqueued; None if none is.
        blocked_lanes: Lanes that a DEAD head holds up.
        pauses: What is not being delivered.
    """

    states: dict[ItemState, int]
    targets: dict[str, dict[ItemState, int]]
    bytes: int
    oldest_ready: float | None
    blocked_lanes: int
    pauses: tuple[Pause, ...]

    @property
    def live(self) -> int:
        """Number of items that are still to be dealt with."""
        return sum(self.states.get(state, 0) for state in LIVE)


class Filter(NamedTuple):
    """Which items to list; empty fields ask for all.

    Args:
        states: Any of these.
        operation: Of this operation.
        target: For this target.
        lane: Of this lane.
        reason: PARKED or DEAD for this reason.
    """

    states: tuple[ItemState, ...] = ()
    operation: str = ""
    target: str = ""
    lane: str | None = None
    reason: str = ""


#: Asks for every item.
ALL_ITEMS: Final = Filter()


class Finding(NamedTuple):
    """One thing that a check of the store found.

    Args:
        what: One word, such as ``counters`` or ``stranded``.
        detail: A sentence that says what is wrong and what to do.
        repaired: Whether the check has put it right.
    """

    what: str
    detail: str
    repaired: bool = False


class QueueCapabilities(NamedTuple):
    """What a store can do; asking for more fails when the queue is made.

    Args:
        durable: Items survive the process.
        cross_process: Several processes can share the queue.
        transactional: Items can be enqueued, and acknowledged, in a business
            transaction.
    """

    durable: bool
    cross_process: bool
    transactional: bool


def identity(scope: str, operation: str, key: str) -> bytes:
    """Return what an item is found by: 16 bytes of a digest."""
    return _digest(scope, operation, key)[:_IDENTITY_BYTES]


def key_hash(scope: str, operation: str, key: str) -> str:
    """Return the 8 hex digits that stand for a key, as an `Operation` shows them."""
    return _digest(scope, operation, key).hex()[:8]


# An action on its way is asked for its digest again and again: by the store when it
# is enqueued and when it ends, and by every fact that is told of it.
@lru_cache(maxsize=256)
def _digest(scope: str, operation: str, key: str) -> bytes:
    # The empty part is the namespace: an operation without one, asked under
    # this name, scope and key, shows the same 8 digits.
    return digest(
        b"",
        scope.encode("utf-8", "surrogatepass"),
        operation.encode("utf-8", "surrogatepass"),
        key.encode("utf-8", "surrogatepass"),
    )
