"""`Receipt`: what somebody holds who has handed in an action."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar, cast

from syncpatterns._flow import Flow
from syncpatterns.errors import ConfigurationError, ItemFailed, OutcomeGone
from syncpatterns.offline_queue._core import (
    Ended,
    Item,
    ItemState,
    NewItem,
    key_hash,
)
from syncpatterns.offline_queue._results import Done, read_result
from syncpatterns.offline_queue._sealing._seals import ShutEnded
from syncpatterns.offline_queue._steps import Ask, Step, Wait, ado, do
from syncpatterns.offline_queue._telling import about_ended

if TYPE_CHECKING:
    from syncpatterns.offline_queue._shared import Shared

R_co = TypeVar("R_co", covariant=True)

#: Seconds between two looks at what another process may have done.
_LOOK: Final = 0.25
#: A chain of items that took each other's place; each is one last write.
_LONGEST_CHAIN: Final = 10_000


@dataclass(frozen=True, slots=True)
class Receipt(Generic[R_co]):
    """Stands for one action in a queue; survives the process as its *id*.

    Args:
        id: Number of the item; 0 if it was done without being stored.
        key: Its idempotency key, which goes into no log.
        key_hash: The 8 hex digits that logs show.
        operation: Name of the operation.
        lane: In which order it is delivered; None: in none.
    """

    id: int
    key: str = field(repr=False)
    key_hash: str
    operation: str
    lane: str | None
    _shared: Shared = field(repr=False, compare=False)

    def state(self) -> ItemState | None:
        """Return where it stands; None if that is forgotten."""
        return do(self._shared, lambda: _state(self.id))

    async def astate(self) -> ItemState | None:
        """Do `state` on an event loop."""
        return await ado(self._shared, lambda: _state(self.id))

    def wait(self, timeout: float | None = None) -> Done[R_co]:
        """Block until it has ended, and return what its handler returned.

        If another action took its place, that one's outcome is its own. It
        waits while the action is PARKED: somebody may still decide.

        Args:
            timeout: Seconds to wait; None: for ever. With 0 it only looks.

        Raises:
            ItemFailed: It ended without being done; `ItemFailed.reason` says why.
            OutcomeGone: It has ended, and how is no longer kept.
            SealError: It was done, and its result cannot be opened here: its key
                is missing, or it was changed.
            TimeoutError: It has not ended in time.
        """
        return self._done(do(self._shared, lambda: self._ended(timeout)))

    async def await_result(self, timeout: float | None = None) -> Done[R_co]:  # noqa: ASYNC109 - the twin of wait
        """Do `wait` on an event loop."""
        return self._done(await ado(self._shared, lambda: self._ended(timeout)))

    def cancel(self) -> bool:
        """Take it back; False if somebody has it already, or it has ended."""
        return bool(do(self._shared, lambda: cancelled(self._shared, [self.id])))

    async def acancel(self) -> bool:
        """Do `cancel` on an event loop."""
        return bool(await ado(self._shared, lambda: cancelled(self._shared, [self.id])))

    def _ended(self, timeout: float | None) -> Flow[Step, Ended]:
        shared = self._shared
        given: object = timeout
        if given is not None and (not isinstance(given, int | float) or given != given):  # noqa: PLR0124 - NaN is no length of time
            raise ConfigurationError(f"wait() takes seconds or None, not {timeout!r}.")
        until = None if timeout is None else shared.clock.monotonic() + timeout
        look = _LOOK / 8
        while True:
            seen = shared.changes.count()
            ended: Ended | None = yield from outcome(self.id, self._where)
            if ended is not None:
                return ended
            left = look if until is None else until - shared.clock.monotonic()
            if left <= 0:
                raise TimeoutError(
                    f"{self._where}: not done within {timeout:g} s; it is still queued."
                )
            yield from Wait(seen, min(left, look))
            look = min(2 * look, _LOOK)

    def _done(self, ended: Ended) -> Done[R_co]:
        return done(self, self._shared, ended)

    @property
    def _where(self) -> str:
        shared = self._shared
        return (
            f"{self.operation} [{self.key_hash}] in {shared.name} on "
            f"{shared.stores.name}"
        )


def done(receipt: Receipt[R_co], shared: Shared, ended: Ended) -> Done[R_co]:
    """Return what an ended item came to.

    Raises:
        ItemFailed: It was not done.
        SealError: It was done, and its result cannot be opened here.
    """
    if ended.state is ItemState.DONE:
        if isinstance(ended, ShutEnded):
            raise type(ended.why)(
                f"{receipt.operation} [{receipt.key_hash}] in {shared.name} on "
                f"{shared.stores.name}: it was done, but its result cannot be opened. "
                f"{ended.why}",
                ended.why.key_id,
            )
        return Done(cast("R_co", _result(receipt, shared, ended.result)), receipt)
    what = f"ended {ended.state.value}"
    if ended.reason:
        what += f" ({ended.reason})"
    kept = ended.state is ItemState.DEAD
    # DEAD and discarded since is still DEAD here: how it ended is all that is kept.
    again = "unless it was discarded, queue.dead.requeue() tries it again"
    todo = again if kept else "enqueue it anew"
    raise ItemFailed(
        f"{receipt.operation} [{receipt.key_hash}] in {shared.name} on "
        f"{shared.stores.name}: {what}, not done; {todo} if it is still wanted.",
        state=ended.state.value,
        reason=ended.reason,
    )


def _result(receipt: Receipt[Any], shared: Shared, result: bytes) -> Any:
    try:
        return read_result(shared.handlers.named(receipt.operation), result)
    except Exception as error:  # noqa: BLE001 - a codec or constructor may raise anything
        # A validation error would show the stored values, whatever they are.
        raise OutcomeGone(
            f"{receipt.operation} [{receipt.key_hash}] in {shared.name} on "
            f"{shared.stores.name}: it was done, and its result cannot be read by this "
            f"release ({type(error).__name__}). Do not repeat it; look at what it was "
            "to change."
        ) from None


def outcome(seq: int, where: str) -> Flow[Step, Ended | None]:
    """Return how item *seq*, or what took its place, has ended; None: not yet.

    Raises:
        OutcomeGone: It is no longer kept.
    """
    looked = False
    for _ in range(_LONGEST_CHAIN):
        ended: Ended | None = yield from Ask("ended", seq)
        if ended is not None:
            if ended.state is not ItemState.SUPERSEDED or not ended.survivor:
                return ended
            seq, looked = ended.survivor, False
            continue
        item: Item | None = yield from Ask("get", seq)
        if item is not None:
            return None
        if looked:
            break
        looked = True  # it may have ended between the two looks: look again
    raise OutcomeGone(
        f"{where}: it has ended, and how is no longer kept (keep_results=). Look at "
        "what it was to change."
    )


def _state(seq: int) -> Flow[Step, ItemState | None]:
    if seq == 0:  # done at once, and never stored
        return ItemState.DONE
    item: Item | None = yield from Ask("get", seq)
    if item is not None:
        return item.state
    ended: Ended | None = yield from Ask("ended", seq)
    return None if ended is None else ended.state


def cancelled(shared: Shared, seqs: list[int]) -> Flow[Step, list[Ended]]:
    """Cancel items, and tell of it; return how each ended that could be."""
    ended: list[Ended] = yield from Ask("cancel", seqs)
    shared.tell(*about_ended(shared, ended))
    return ended


def receipt_of(shared: Shared, seq: int, new: NewItem | Item) -> Receipt[Any]:
    """Return the receipt of item *seq*, stored from *new* or read as it."""
    digits = key_hash(new.scope, new.operation, new.key)
    return Receipt(seq, new.key, digits, new.operation, new.lane, shared)
