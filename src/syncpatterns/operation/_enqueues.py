"""How an operation is done later: the part of `Operation` for offline queues."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from typing_extensions import Unpack

from syncpatterns._http import RequestKey
from syncpatterns.codec import Codec
from syncpatterns.errors import KeyMissing
from syncpatterns.idempotency import _keys
from syncpatterns.idempotency._core import Windows
from syncpatterns.operation._single import SingleMode

if TYPE_CHECKING:
    from syncpatterns.offline_queue import LaterOptions, OfflineQueue, Receipt
    from syncpatterns.operation._fenced._mode import FencedMode

C = TypeVar("C")
R = TypeVar("R")


class Enqueues(Generic[C, R]):
    """Hands commands to an `OfflineQueue`; see `Operation`."""

    name: str
    _windows: Windows
    _mode: SingleMode | FencedMode
    _derive: Callable[[Any], object] | None

    @property
    def windows(self) -> Windows:
        """For how long an answer is replayed, and its key known."""
        return self._windows

    @property
    def command_codec(self) -> Codec[Any]:
        """How a command is kept while it waits in a queue.

        Raises:
            ConfigurationError: It is annotated with a type without a JSON form.
        """
        mode = self._mode
        if isinstance(mode, SingleMode):
            return mode.command_codec(self.name)
        return mode.command_codec

    @property
    def result_codec(self) -> Codec[Any]:
        """How a result is stored."""
        return self._mode.result_codec

    def enqueue(
        self,
        queue: OfflineQueue,
        command: C,
        *,
        key: str | RequestKey | None,
        scope: str,
        **options: Unpack[LaterOptions],
    ) -> Receipt[R]:
        """Have it done later, under the same key as `call` would use.

        Args:
            queue: Where it waits; the operation is one of its handlers.
            command: As in `call`.
            key: As in `call`.
            scope: As in `call`.
            **options: See `syncpatterns.offline_queue.LaterOptions`.

        Raises:
            KeyMissing: No key, and none can be derived.
            KeyReused: The key was used for another command.
            QueueFull: There is no room; nothing was stored.
            ConfigurationError: The operation is no handler of *queue*.
        """
        given = self._given(command, key)
        receipt: Receipt[R] = queue.enqueue(
            self._own, command, key=given, scope=scope, **options
        )
        return receipt

    async def aenqueue(
        self,
        queue: OfflineQueue,
        command: C,
        *,
        key: str | RequestKey | None,
        scope: str,
        **options: Unpack[LaterOptions],
    ) -> Receipt[R]:
        """Do `enqueue` on an event loop."""
        given = self._given(command, key)
        receipt: Receipt[R] = await queue.aenqueue(
            self._own, command, key=given, scope=scope, **options
        )
        return receipt

    @property
    def _own(self) -> Any:
        return self

    def _given(self, command: C, key: str | RequestKey | None) -> str | RequestKey:
        if key is not None:
            return key
        if self._derive is None:
            raise KeyMissing(
                f"{self.name}: an idempotency key is required. Mint one where the "
                "person acts, and send the same one with every retry."
            )
        return _keys.key_text(self.name, self._derive(command))
