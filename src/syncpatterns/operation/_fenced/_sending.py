"""One series of attempts at a provider, and what is known after each.

From the outside in: retry (what may be repeated, and when), reconcile (an
outcome nobody saw is looked up), breaker, time-out, the user's function. The
breaker sees declared refusals as answers; the retry never sees an outcome that
is unknown although there is a lookup: repeating it would send twice.
"""

from __future__ import annotations

import functools
import logging
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from syncpatterns._flow import Effect, Flow, arun, run
from syncpatterns._outcome import Err, Ok, Outcome
from syncpatterns.clock import Clock
from syncpatterns.errors import ConfigurationError, LeaseLost, NotExecuted, NotSent
from syncpatterns.idempotency._steps import ado, do
from syncpatterns.operation._fenced import _invoke
from syncpatterns.retry import Retry
from syncpatterns.retry._core import hint_of
from syncpatterns.retry._deadline import exactly, left_until
from syncpatterns.retry._retry import about, asking, function_of

if TYPE_CHECKING:
    from syncpatterns.operation._fenced._context import FencedContext
    from syncpatterns.retry import CircuitBreaker

_log = logging.getLogger("syncpatterns")

#: How often a lookup must find nothing before it is sent again: a provider may
#: list a message a moment later than it took it.
LOOKS = 2


@dataclass(frozen=True, slots=True)
class Provider:
    """The declared way to the outside of one operation.

    Args:
        call: ``call(command, ctx)``; returns the receipt.
        lookup: ``lookup(command, ctx)``; the receipt, or None: not there.
        refusals: Exceptions of *call* that are answers.
        retry: What is repeated, and when; None: nothing.
        breaker: Asked before each attempt; None: none.
        timeout: Seconds for one attempt; None: as long as it takes.
        lookup_retry: Repeats a lookup that fails.
        look_pause: Seconds between two looks.
        clock: Where the time comes from.
    """

    call: Callable[..., Any]
    lookup: Callable[..., Any] | None
    refusals: tuple[type[Exception], ...]
    retry: Retry | None
    breaker: CircuitBreaker | None
    timeout: float | None
    lookup_retry: Retry | None
    look_pause: float
    clock: Clock

    @property
    def repeats_unknown(self) -> bool:
        """Whether *retry* may repeat a call that may have been done.

        Only classes can be judged: of a function or a strategy the worst is
        taken to be true.
        """
        if self.retry is None or self.retry.most_attempts == 1:
            return False
        classes = self.retry.on_classes
        if classes is None:
            return True
        return not all(issubclass(each, NotExecuted) for each in classes)

    @property
    def looker(self) -> Callable[..., Any]:
        """The lookup, where there is one.

        Raises:
            ConfigurationError: There is none.
        """
        if self.lookup is None:
            raise ConfigurationError("There is no lookup= that could be asked.")
        return self.lookup


def lookup_failed(where: str, error: Exception) -> None:
    """Log why nobody could look it up; the caller is told of the lost answer.

    By its class: its text may quote anything.
    """
    if isinstance(error, NoTimeToLook):
        _log.warning("%s: %s", where, error)
        return
    why = error if isinstance(error, ConfigurationError) else type(error).__name__
    _log.warning("%s: lookup= failed: %s", where, why)


class NoTimeToLook(TimeoutError):
    """The caller's deadline comes before the second look, which was left out."""

    def __init__(self) -> None:
        super().__init__(
            "lookup= found nothing, and its caller's deadline comes before the second "
            "look. One absence is no proof: the outcome stays unknown."
        )


class EndOfSeries(BaseException):
    """Ends the series of attempts with *error*, whatever the retry would say.

    No `Exception`, so that it passes every retry rule, also ``on=Exception``:
    an answer is not asked for twice, and what may have been done is not done
    again. A breaker takes it for a call that was cancelled.
    """

    def __init__(self, error: Exception) -> None:
        super().__init__(error)
        self.error = error


class Part(Effect[Outcome[Any]], ABC):
    """Something one attempt asks of the outside."""

    __slots__ = ("command", "context", "provider")

    def __init__(
        self, provider: Provider, command: Any, context: FencedContext
    ) -> None:
        self.provider = provider
        self.command = command
        self.context = context

    def do(self) -> Outcome[Any]:
        """Do it on this thread."""
        try:
            return self.blocking()
        except Exception as error:  # noqa: BLE001 - the attempt decides
            return Err(error)

    async def ado(self) -> Outcome[Any]:
        """Do it on the running event loop."""
        try:
            return await self.awaiting()
        except Exception as error:  # noqa: BLE001 - the attempt decides
            return Err(error)

    @abstractmethod
    def blocking(self) -> Outcome[Any]:
        """Do it, blocking; may raise."""

    @abstractmethod
    async def awaiting(self) -> Outcome[Any]:
        """Do it, awaiting; may raise."""


class Send(Part):
    """Call the provider, through the breaker."""

    __slots__ = ()

    def blocking(self) -> Outcome[Any]:
        breaker = self.provider.breaker
        if breaker is None:
            return self._answer()
        outcome: Outcome[Any] = breaker.call(self._answer)
        return outcome

    async def awaiting(self) -> Outcome[Any]:
        breaker = self.provider.breaker
        if breaker is None:
            return await self._aanswer()
        outcome: Outcome[Any] = await breaker.acall(self._aanswer)
        return outcome

    def _answer(self) -> Outcome[Any]:
        _invoke.check_blocking(self.provider.call)
        try:
            self.context.leave()
            return Ok(_invoke.call(self.provider.call, self.command, self.context))
        except self.provider.refusals as error:
            return Err(error)  # the provider answered: no failure of its
        except LeaseLost as error:
            raise EndOfSeries(error) from error  # says nothing about the provider

    async def _aanswer(self) -> Outcome[Any]:
        from anyio.lowlevel import checkpoint_if_cancelled  # noqa: PLC0415 - sync users never pay for it

        # Cancelled while it claimed, it ends here, where nothing has left yet.
        await checkpoint_if_cancelled()
        try:
            self.context.leave()
            return Ok(
                await _invoke.acall(self.provider.call, self.command, self.context)
            )
        except self.provider.refusals as error:
            return Err(error)  # as above
        except LeaseLost as error:
            raise EndOfSeries(error) from error  # as above


class Look(Part):
    """Ask the provider whether it has it already.

    For as long as the caller has time: that of the retry bounds what is sent. A
    look cut short by it could not say that nothing was sent.
    """

    __slots__ = ()

    def blocking(self) -> Outcome[Any]:
        def once() -> Any:
            self.context.begin_look()
            return _invoke.call(self.provider.looker, self.command, self.context)

        retry = self._retry()
        with exactly(self.context.callers):
            return Ok(once() if retry is None else retry.call(once))

    async def awaiting(self) -> Outcome[Any]:
        async def once() -> Any:
            self.context.begin_look()
            return await _invoke.acall(self.provider.looker, self.command, self.context)

        retry = self._retry()
        with exactly(self.context.callers):
            return Ok(await once() if retry is None else await retry.acall(once))

    def _retry(self) -> Retry | None:
        retry = self.provider.lookup_retry
        if retry is None:
            return None
        operation, key_hash, engine = self.context.about
        return about(retry, f"{operation}.lookup", key_hash, engine)


class Rest(Part):
    """Wait between two looks."""

    __slots__ = ()

    def blocking(self) -> Outcome[Any]:
        self.provider.clock.sleep(self.provider.look_pause)
        return Ok(None)

    async def awaiting(self) -> Outcome[Any]:
        await self.provider.clock.asleep(self.provider.look_pause)
        return Ok(None)


class Sending:
    """All attempts of one call; see the module."""

    def __init__(
        self, provider: Provider, command: Any, context: FencedContext
    ) -> None:
        self._provider = provider
        self._command = command
        self._context = context
        self._nothing: tuple[Exception | None, NotSent | None] = None, None

    def send(self) -> Any:
        """Return the receipt, or raise what ended the series."""
        retry = self._retry()
        once = functools.partial(run, self._attempt, do)
        try:
            return once() if retry is None else retry.call(once)
        except Exception as error:
            nothing = self._certain_of(error)
            if nothing is None:
                raise
            raise nothing from error

    async def asend(self) -> Any:
        """Do `send` on the running event loop."""
        retry = self._retry()

        async def once() -> Any:
            return await arun(self._attempt, ado)

        try:
            return await once() if retry is None else await retry.acall(once)
        except Exception as error:
            nothing = self._certain_of(error)
            if nothing is None:
                raise
            raise nothing from error

    def _retry(self) -> Retry | None:
        retry = self._provider.retry
        if retry is None:
            return None
        names = function_of(retry)
        if names is not None and self._provider.lookup is not None:
            retry = asking(retry, functools.partial(self._named, names))
        return about(retry, *self._context.about)

    def _named(self, names: Callable[[Exception], bool], error: Exception) -> bool:
        """Ask the retry's own function of *error*, and of what is known of it.

        It may count or log, so each yes is asked for once.
        """
        nothing = self._known_of(error)
        return (nothing is not None and names(nothing)) or names(error)

    def look(self) -> Any:
        """Return the receipt, or None if the provider certainly has none."""
        return run(self._look, do)

    async def alook(self) -> Any:
        """Do `look` on the running event loop."""
        return await arun(self._look, ado)

    def _part(self, kind: type[Part]) -> Part:
        return kind(self._provider, self._command, self._context)

    def _attempt(self) -> Flow[Part, Any]:
        """Send once; if nobody knows what came of it, look."""
        self._nothing = None, None
        outcome = yield from self._part(Send)
        if isinstance(outcome, Ok):
            self._context.land(certain=True)
            return outcome.value
        error = cast("Exception", outcome.error)
        refused = isinstance(error, self._provider.refusals)
        certain = refused or isinstance(error, NotExecuted) or not self._context.flying
        # Said before anything else can fail: also a later, certain failure of
        # this call does not undo what this attempt may have done.
        self._context.land(certain=certain)
        if refused:
            raise EndOfSeries(error)
        if certain or self._provider.lookup is None:
            raise error
        try:
            receipt = yield from self._look()
        except Exception as failed:
            lookup_failed(self._context.where, failed)
            raise EndOfSeries(error) from failed
        if receipt is not None:
            return receipt
        if isinstance(error, _invoke.StillRunning):
            raise EndOfSeries(
                error
            )  # it may be sent yet, by the thread nobody waits for
        self._context.doubtful = False
        nothing = self._nothing_sent(error)
        if self._is_shown(error, nothing):
            raise nothing from error
        self._nothing = error, nothing
        raise error

    def _nothing_sent(self, error: Exception) -> NotSent:
        nothing = NotSent(
            f"{self._context.where}: the answer was lost ({type(error).__name__}), and "
            f"the provider says {LOOKS} times that it has nothing.",
            retry_after=hint_of(error) or None,
        )
        nothing.__cause__ = error
        return nothing

    def _is_shown(self, error: Exception, nothing: NotSent) -> bool:
        """Say whether the retry sees *nothing*, which is what is known, or *error*.

        ``Retry(on=TimeoutError)`` names the time-out alone. Shown anything else
        it would give up, although what it may repeat has happened, and cannot
        be done twice. A function is asked by the retry itself, of both.
        """
        retry = self._provider.retry
        if retry is None:
            return True
        classes = retry.on_classes
        if classes is None:
            return function_of(retry) is None
        return isinstance(nothing, classes) or not isinstance(error, classes)

    def _certain_of(self, error: Exception) -> NotSent | None:
        """Return what is known of *error* at the end, and forget it."""
        nothing = self._known_of(error)
        self._nothing = None, None  # it refers to this object, by its frames
        return nothing

    def _known_of(self, error: Exception) -> NotSent | None:
        """Return what is known of *error*, if the retry was shown it instead."""
        shown, nothing = self._nothing
        return nothing if error is shown else None

    def _look(self) -> Flow[Part, Any]:
        for turn in range(LOOKS):
            if turn:
                # Slept past the deadline, the second look would have no time
                # left, and its caller none either.
                if left_until(self._context.callers) <= self._provider.look_pause:
                    raise NoTimeToLook
                yield from self._part(Rest)
            outcome = yield from self._part(Look)
            if isinstance(outcome, Err):
                raise outcome.error
            if outcome.value is not None:
                self._context.check_receipt(outcome.value)
                return outcome.value
        return None
