"""What a queue needs of an `Operation`, by structure: it knows no other pattern."""

from __future__ import annotations

from typing import Any, Protocol, TypeVar, runtime_checkable

from syncpatterns.codec import Codec

C_contra = TypeVar("C_contra", contravariant=True)
R_co = TypeVar("R_co", covariant=True)


class AnswerLike(Protocol[R_co]):
    """What a call of an operation returns."""

    @property
    def value(self) -> R_co:
        """The result."""
        ...

    @property
    def body(self) -> bytes:
        """The result as it is stored."""
        ...


class WindowsLike(Protocol):
    """For how long a key is known."""

    @property
    def dedupe(self) -> float:
        """Seconds."""
        ...


@runtime_checkable
class OperationLike(Protocol[C_contra, R_co]):
    """An action that happens once for a key, wherever it is asked for."""

    @property
    def name(self) -> str:
        """Stable name."""
        ...

    @property
    def windows(self) -> WindowsLike:
        """How long its keys are known."""
        ...

    @property
    def command_codec(self) -> Codec[Any]:
        """How a command is written and read."""
        ...

    @property
    def result_codec(self) -> Codec[Any]:
        """How a result is written and read."""
        ...

    def call(self, command: C_contra, *, key: Any, scope: str) -> AnswerLike[R_co]:
        """Do it once for *key*."""
        ...

    async def acall(
        self, command: C_contra, *, key: Any, scope: str
    ) -> AnswerLike[R_co]:
        """Do `call` on an event loop."""
        ...
