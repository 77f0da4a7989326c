"""From what was stored or decided to what the caller gets: answer or error."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from syncpatterns.codec import Codec
from syncpatterns.errors import (
    OutcomeGone,
    RefusalGone,
    SyncPatternsError,
)
from syncpatterns.events import (
    Busy,
    Executed,
    Gone,
    Hooks,
    Mismatched,
    Refused,
    Replayed,
    Unknown,
)
from syncpatterns.idempotency import _core, _timing
from syncpatterns.idempotency._answers import no_answer
from syncpatterns.idempotency._core import ClaimAnswer, ClaimRequest, StoredOutcome
from syncpatterns.operation._answer import Answer
from syncpatterns.operation._effect import Done
from syncpatterns.operation._refusals import Refusals

T = TypeVar("T")


class Answers:
    """Renders the answers of one operation.

    Args:
        name: Of the operation.
        engine: Of its records.
        codec: Of its results.
        refusals: The exceptions that are answers.
        hooks: Told what each call came to.
    """

    __slots__ = ("_codec", "_engine", "_hooks", "_name", "_refusals")

    def __init__(
        self,
        name: str,
        engine: str,
        codec: Codec[Any],
        refusals: Refusals,
        hooks: Hooks,
    ) -> None:
        self._name = name
        self._engine = engine
        self._codec = codec
        self._refusals = refusals
        self._hooks = hooks

    def where(self, request: ClaimRequest) -> str:
        """How errors begin: operation, hash of the key, engine."""
        return f"{self._name} [{request.key[:8]}] on {self._engine}"

    def about(self, request: ClaimRequest) -> tuple[str, str, str]:
        """How facts begin: operation, hash of the key, engine."""
        return self._name, request.key[:8], self._engine

    def done(
        self, done: Done, request: ClaimRequest, *, tell: bool = True
    ) -> Answer[Any]:
        """Return the answer of a call that did it, or raise its refusal."""
        if tell:
            fact = self.about(request)
            refused = done.outcome.kind == "refusal"
            self._hooks.emit(Refused(*fact) if refused else Executed(*fact))
        return self._render(done.outcome, done.value, request, expires_in=None)

    def known(self, answer: ClaimAnswer, request: ClaimRequest) -> Answer[Any]:
        """Return the answer of an earlier call.

        Raises:
            SyncPatternsError: There is none to be had.
            Exception: It was a refusal.
        """
        if isinstance(answer, _core.Replay):
            self._hooks.emit(Replayed(*self.about(request)))
            value = self._stored_value(answer.outcome, request)
            return self._render(
                answer.outcome, value, request, expires_in=answer.expires_in
            )
        raise self._refusal(answer, request)

    def _stored_value(self, outcome: StoredOutcome, request: ClaimRequest) -> Any:
        if outcome.kind == "refusal":
            return None
        return self._readable(self._codec.decode, outcome, request)

    def _readable(
        self,
        decode: Callable[[bytes], T],
        outcome: StoredOutcome,
        request: ClaimRequest,
    ) -> T:
        try:
            return decode(outcome.body)
        except Exception as error:  # noqa: BLE001 - a codec or constructor may raise anything
            # A validation error would show the stored values, whatever they are.
            raise OutcomeGone(
                f"{self.where(request)}: this was done before, and its stored answer "
                f"cannot be read by this release ({type(error).__name__}). Do not "
                "repeat it; fetch the current state."
            ) from None

    def _render(
        self,
        outcome: StoredOutcome,
        value: Any,
        request: ClaimRequest,
        *,
        expires_in: float | None,
    ) -> Answer[Any]:
        replayed = expires_in is not None
        if outcome.kind == "refusal":
            error = self._readable(self._refusals.decode, outcome, request)
            error.replayed = replayed  # type: ignore[attr-defined]  # any exception class may be declared
            raise error
        return Answer(
            value=value,
            replayed=replayed,
            status=outcome.status,
            headers=outcome.headers,
            body=outcome.body,
            expires_in=request.windows.replay if expires_in is None else expires_in,
        )

    def _refusal(self, answer: ClaimAnswer, request: ClaimRequest) -> SyncPatternsError:
        where, seconds = self.where(request), 0.0
        fact = self.about(request)
        match answer:
            case _core.Mismatch():
                self._hooks.emit(Mismatched(*fact))
            case _core.Gone(outcome):
                self._hooks.emit(Gone(*fact))
                if outcome is not None and outcome.kind == "refusal":
                    return RefusalGone(
                        f"{where}: this was refused before and nothing was done; the "
                        "reason is no longer kept. If it is still wanted, act anew "
                        "under a new key."
                    )
            case _core.Busy(retry_after):
                seconds = _timing.ask_again_after(retry_after, _timing.PATIENCE)
                self._hooks.emit(Busy(*fact, retry_after=seconds))
            case _core.Unresolved():
                self._hooks.emit(Unknown(*fact))
            case _:
                pass  # what is too old to tell has no fact of its own
        return no_answer(where, answer, request.windows, seconds)
