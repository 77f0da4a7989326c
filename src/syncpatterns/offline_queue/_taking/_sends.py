"""How actions get into a queue: the part of `OfflineQueue` that takes them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import TYPE_CHECKING, Any, Concatenate, TypeVar, cast, overload

from typing_extensions import Unpack

from syncpatterns.errors import ConfigurationError
from syncpatterns.offline_queue._registering._operations import OperationLike
from syncpatterns.offline_queue._results import Done, Queued
from syncpatterns.offline_queue._steps import ado, do
from syncpatterns.offline_queue._taking._calls import MODES, Calls, Mode
from syncpatterns.offline_queue._taking._drafts import SendOptions, draft
from syncpatterns.offline_queue._taking._many import Action, drafts_of
from syncpatterns.offline_queue._taking._receipts import Receipt, receipt_of
from syncpatterns.offline_queue._taking._storing import send
from syncpatterns.offline_queue._taking._transactional import enqueue_in

if TYPE_CHECKING:
    from syncpatterns._flow import Flow
    from syncpatterns.offline_queue._core import Enqueued
    from syncpatterns.offline_queue._shared import Shared
    from syncpatterns.offline_queue._steps import Step
    from syncpatterns.offline_queue._taking._drafts import Draft

C = TypeVar("C")
R = TypeVar("R")

#: A handler that is awaited, and one that is not.
AsyncHandler = Callable[Concatenate[C, ...], Awaitable[R]]
PlainHandler = Callable[Concatenate[C, ...], R]


class Sends:
    """Takes actions; see `OfflineQueue`."""

    _shared: Shared
    _calls: Calls

    # ------------------------------------------------------- now, else later

    @overload
    def call(
        self,
        op: AsyncHandler[C, R],
        payload: C,
        *,
        mode: Mode = "auto",
        journal: bool = True,
        **options: Unpack[SendOptions],
    ) -> Done[R] | Queued[R]: ...
    @overload
    def call(
        self,
        op: PlainHandler[C, R],
        payload: C,
        *,
        mode: Mode = "auto",
        journal: bool = True,
        **options: Unpack[SendOptions],
    ) -> Done[R] | Queued[R]: ...
    @overload
    def call(
        self,
        op: OperationLike[C, R],
        payload: C,
        *,
        mode: Mode = "auto",
        journal: bool = True,
        **options: Unpack[SendOptions],
    ) -> Done[R] | Queued[R]: ...
    @overload
    def call(
        self,
        op: str,
        payload: Any,
        *,
        mode: Mode = "auto",
        journal: bool = True,
        **options: Unpack[SendOptions],
    ) -> Done[Any] | Queued[Any]: ...
    def call(
        self,
        op: Any,
        payload: Any,
        *,
        mode: Mode = "auto",
        journal: bool = True,
        **options: Unpack[SendOptions],
    ) -> Done[Any] | Queued[Any]:
        """Do it now if it can be, else store it; one key in every case.

        The item is stored before it is tried, already in this caller's hands, so
        that a crash in between loses nothing. It is not tried if others wait
        before it in its lane, or its target is paused or known to be away.

        Args:
            op: The handler's function or name, or the operation.
            payload: What to do; a dict if it holds a `Ref`.
            mode: ``auto``: now, else later. ``queue``: later. ``online``: now,
                or it raises and nothing stays behind.
            journal: False tries it before it is stored: half the cost, but an
                action is lost if the process dies while it is tried.
            **options: See `SendOptions`.

        Returns:
            `Done` with what the handler returned, or `Queued` with a receipt.

        Raises:
            QueueFull: There is no room; nothing was done.
            KeyReused: The key was used for another payload; nothing was done.
            StoreUnavailable: Nothing was stored, and so nothing was done.
            OutcomeUnknown: With ``journal=False``: it was tried, may have been
                done, and could not be stored for another try.
            ConfigurationError: Something was said that can never work.
            Exception: What the handler raised, if it was refused for good; the
                item is kept DEAD unless ``keep_failed=False``.
        """
        flow = self._call(op, payload, mode, options, journal=journal)
        return do(self._shared, flow)

    @overload
    async def acall(
        self,
        op: AsyncHandler[C, R],
        payload: C,
        *,
        mode: Mode = "auto",
        journal: bool = True,
        **options: Unpack[SendOptions],
    ) -> Done[R] | Queued[R]: ...
    @overload
    async def acall(
        self,
        op: PlainHandler[C, R],
        payload: C,
        *,
        mode: Mode = "auto",
        journal: bool = True,
        **options: Unpack[SendOptions],
    ) -> Done[R] | Queued[R]: ...
    @overload
    async def acall(
        self,
        op: OperationLike[C, R],
        payload: C,
        *,
        mode: Mode = "auto",
        journal: bool = True,
        **options: Unpack[SendOptions],
    ) -> Done[R] | Queued[R]: ...
    @overload
    async def acall(
        self,
        op: str,
        payload: Any,
        *,
        mode: Mode = "auto",
        journal: bool = True,
        **options: Unpack[SendOptions],
    ) -> Done[Any] | Queued[Any]: ...
    async def acall(
        self,
        op: Any,
        payload: Any,
        *,
        mode: Mode = "auto",
        journal: bool = True,
        **options: Unpack[SendOptions],
    ) -> Done[Any] | Queued[Any]:
        """Do `call` on an event loop.

        Cancelled before its handler began, the item goes back as it was;
        cancelled later, it is delivered again under its key.
        """
        flow = self._call(op, payload, mode, options, journal=journal)
        return await ado(self._shared, flow)

    # ------------------------------------------------------------------ later

    @overload
    def enqueue(
        self, op: AsyncHandler[C, R], payload: C, **options: Unpack[SendOptions]
    ) -> Receipt[R]: ...
    @overload
    def enqueue(
        self, op: PlainHandler[C, R], payload: C, **options: Unpack[SendOptions]
    ) -> Receipt[R]: ...
    @overload
    def enqueue(
        self, op: OperationLike[C, R], payload: C, **options: Unpack[SendOptions]
    ) -> Receipt[R]: ...
    @overload
    def enqueue(
        self, op: str, payload: Any, **options: Unpack[SendOptions]
    ) -> Receipt[Any]: ...
    def enqueue(
        self, op: Any, payload: Any, **options: Unpack[SendOptions]
    ) -> Receipt[Any]:
        """Store it; a drain delivers it.

        The same key and payload give the same receipt, also after it is done
        and for as long as its outcome is kept.

        Raises:
            QueueFull: There is no room; nothing was stored.
            KeyReused: The key was used for another payload.
            StoreUnavailable: Nothing was stored.
            ConfigurationError: Something was said that can never work.
        """
        drafts = [draft(self._shared, op, payload, options)]
        return self._receipts(drafts, do(self._shared, self._send(drafts)))[0]

    @overload
    async def aenqueue(
        self, op: AsyncHandler[C, R], payload: C, **options: Unpack[SendOptions]
    ) -> Receipt[R]: ...
    @overload
    async def aenqueue(
        self, op: PlainHandler[C, R], payload: C, **options: Unpack[SendOptions]
    ) -> Receipt[R]: ...
    @overload
    async def aenqueue(
        self, op: OperationLike[C, R], payload: C, **options: Unpack[SendOptions]
    ) -> Receipt[R]: ...
    @overload
    async def aenqueue(
        self, op: str, payload: Any, **options: Unpack[SendOptions]
    ) -> Receipt[Any]: ...
    async def aenqueue(
        self, op: Any, payload: Any, **options: Unpack[SendOptions]
    ) -> Receipt[Any]:
        """Do `enqueue` on an event loop."""
        drafts = [draft(self._shared, op, payload, options)]
        return self._receipts(drafts, await ado(self._shared, self._send(drafts)))[0]

    def enqueue_many(
        self, actions: Iterable[Action | tuple[Any, Any]]
    ) -> list[Receipt[Any]]:
        """Store several in one commit: all of them, or none.

        Args:
            actions: `Action`, or pairs of an op and its payload, in order.

        Raises:
            QueueFull: There is no room for all; nothing was stored.
            KeyReused: A key was used for another payload; nothing was stored.
            StoreUnavailable: Nothing was stored.
            ConfigurationError: Something was said that can never work.
        """
        drafts = drafts_of(self._shared, actions)
        return self._receipts(drafts, do(self._shared, self._send(drafts)))

    async def aenqueue_many(
        self, actions: Iterable[Action | tuple[Any, Any]]
    ) -> list[Receipt[Any]]:
        """Do `enqueue_many` on an event loop."""
        drafts = drafts_of(self._shared, actions)
        return self._receipts(drafts, await ado(self._shared, self._send(drafts)))

    def enqueue_tx(
        self, tx: Any, op: Any, payload: Any, **options: Unpack[SendOptions]
    ) -> Receipt[Any]:
        """Store it in an open transaction: it is there if, and only if, that commits.

        Args:
            tx: What an effect gets, of the same engine.
            op: As in `enqueue`.
            payload: As in `enqueue`.
            **options: See `SendOptions`.

        Raises:
            QueueFull: There is no room; the transaction can go on.
            KeyReused: The key was used for another payload.
            ConfigurationError: The queue is not in a database with transactions,
                or *tx* is of another engine.
        """
        return enqueue_in(self._shared, tx, draft(self._shared, op, payload, options))

    # ----------------------------------------------------------------- inside

    def _call(
        self, op: Any, payload: Any, mode: Mode, options: SendOptions, *, journal: bool
    ) -> Callable[[], Flow[Step, Done[Any] | Queued[Any]]]:
        if cast("object", mode) not in MODES:
            raise ConfigurationError(
                f"{self._shared.name}: mode= is one of {', '.join(MODES)}, not "
                f"{mode!r}."
            )
        this = draft(self._shared, op, payload, options)
        if journal:
            return lambda: self._calls.call(this, mode)
        return lambda: self._calls.call_unjournaled(this, mode)

    def _send(self, drafts: list[Draft]) -> Callable[[], Flow[Step, list[Enqueued]]]:
        return lambda: send(self._shared, drafts)

    def _receipts(
        self, drafts: list[Draft], stored: list[Enqueued]
    ) -> list[Receipt[Any]]:
        pairs = zip(drafts, stored, strict=True)
        return [
            receipt_of(self._shared, become.seq, each.item) for each, become in pairs
        ]
