"""Mode fenced: claim, call the provider outside any transaction, commit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from syncpatterns._flow import arun, run
from syncpatterns._outcome import Err
from syncpatterns.codec import Codec
from syncpatterns.events import Hook, Waited
from syncpatterns.idempotency import _timing
from syncpatterns.idempotency._base import GuardBase
from syncpatterns.idempotency._call import Plan, Port
from syncpatterns.idempotency._core import (
    ClaimAnswer,
    ClaimRequest,
    Replay,
    Windows,
)
from syncpatterns.idempotency._exceptions import StoredExceptions
from syncpatterns.idempotency._flows import guarded
from syncpatterns.idempotency._steps import ado, do, hand_on
from syncpatterns.operation._answer import Answer
from syncpatterns.operation._effect import Done, Effect
from syncpatterns.operation._fenced._call import FencedCall
from syncpatterns.operation._fenced._commits import Commits, SharedCommit
from syncpatterns.operation._fenced._flows import execute
from syncpatterns.operation._fenced._sending import Provider
from syncpatterns.operation._fenced._separate import SeparateCommit
from syncpatterns.operation._fenced._settling import Settling
from syncpatterns.operation._fenced._steps import ClaimChecked
from syncpatterns.operation._options import OnLost
from syncpatterns.operation._ports import TransactionalEngine
from syncpatterns.operation._refusals import Refusals
from syncpatterns.operation._rendering import Answers


class FencedPlan(Plan):
    """A plan whose claim is checked and whose execution sends and commits."""

    __slots__ = ()

    claim = ClaimChecked
    execution = staticmethod(execute)


@dataclass(frozen=True, slots=True)
class Functions:
    """What the user declared.

    Args:
        provider: How to reach the outside.
        check: ``check(tx, command)``, in the claim's commit; or None.
        commit: ``commit(tx, command, receipt)``; or None: the receipt is the
            result.
        refusals: Exceptions that are answers.
    """

    provider: Provider
    check: Callable[[Any, Any], object] | None
    commit: Callable[[Any, Any, Any], Any] | None
    refusals: Refusals


@dataclass(frozen=True, slots=True)
class Codecs:
    """How command, receipt and result become bytes."""

    command: Codec[Any]
    receipt: Codec[Any]
    result: Codec[Any]


class FencedMode:
    """The calls of one fenced operation.

    Args:
        name: Of the operation.
        engine: Where its records are.
        functions: What was declared.
        codecs: How its values are stored.
        status: HTTP status of a result that names none.
        namespace: Of the keys.
        windows: Of the keys.
        lease: Seconds after which others take over from a dead owner.
        on_abandoned: What a claim means whose owner died, if nobody can be asked.
        answers: Renders what comes out.
        hooks: Told what happens.
    """

    def __init__(  # noqa: PLR0913 - one declaration, each keyword-only
        self,
        name: str,
        engine: Any,
        *,
        functions: Functions,
        codecs: Codecs,
        status: int,
        namespace: str,
        windows: Windows,
        lease: float,
        on_abandoned: OnLost,
        answers: Answers,
        hooks: tuple[Hook, ...],
    ) -> None:
        self.name = name
        self.engine = engine
        self.provider = functions.provider
        self.check = functions.check
        self.refusals = functions.refusals
        self.command_codec = codecs.command
        self.receipt_codec = codecs.receipt
        self.windows = windows
        self.reruns = on_abandoned == "rerun"
        self._commit = functions.commit
        self._codec = codecs.result
        self._status = status
        self._answers = answers
        self._plans: dict[Windows, FencedPlan] = {}
        lookup = functions.provider.lookup
        self.guard = GuardBase(
            engine,
            namespace=namespace,
            lease=lease,
            windows=windows,
            on_abandoned=on_abandoned if lookup is None else lookup,
            wait_timeout=_timing.PATIENCE,
            clock=functions.provider.clock,
            hooks=hooks,
        )
        self.setup = self.guard.setup
        self.commits: Commits = (
            SharedCommit(engine)
            if isinstance(engine, TransactionalEngine)
            else SeparateCommit()
        )
        self.settling = Settling(self)

    kind = "fenced"

    @property
    def result_codec(self) -> Codec[Any]:
        """How its results are stored."""
        return self._codec

    @property
    def guarantee(self) -> str:
        """At most once until resolved; at least once where it is repeated blindly."""
        blind = self.provider.lookup is None and self.provider.repeats_unknown
        return "at_least_once" if self.reruns or blind else "at_most_once"

    def effect(self, receipt: Any) -> Effect:
        """Return what is run in the commit, for *receipt*."""
        commit = self._commit

        def write(tx: Any, command: Any) -> Any:
            return receipt if commit is None else commit(tx, command, receipt)

        engine = self.setup.engine
        return Effect(write, self._codec, _NO_REFUSALS, self._status, engine)

    def make_call(self, command: Any, request: ClaimRequest, port: Port) -> FencedCall:
        """Return one call of *command*."""
        return FencedCall(self, self.plan(request.windows), request, command, port)

    def plan(self, windows: Windows) -> FencedPlan:
        """Return the plan of calls whose keys have *windows*."""
        plan = self._plans.get(windows)
        if plan is None:
            plan = self._plans[windows] = FencedPlan(
                self.name,
                self._codec,
                typed=True,
                windows=windows,
                exceptions=StoredExceptions(self.name, ()),
            )
        return plan

    def call(self, command: Any, request: ClaimRequest) -> Answer[Any]:
        """Do it on this thread."""
        call = self.make_call(command, request, self.guard.port())
        return self._settle(call, run(lambda: guarded(call), do))

    async def acall(self, command: Any, request: ClaimRequest) -> Answer[Any]:
        """Do it on the running event loop."""
        call = self.make_call(command, request, self.guard.aport())
        return self._settle(call, await arun(lambda: guarded(call), ado, hand_on))

    def _settle(self, call: FencedCall, result: Any) -> Answer[Any]:
        ended: Done | Err | ClaimAnswer = result
        if call.since is not None and call.setup.hooks:
            call.emit(Waited, seconds=call.setup.clock.monotonic() - call.since)
        if isinstance(ended, Done):
            return self._answers.done(ended, call.request, tell=False)
        if isinstance(ended, Err):
            raise ended.error
        if call.fresh and isinstance(ended, Replay):
            return self._answers.done(Done(ended.outcome), call.request)
        return self._answers.known(ended, call.request)


_NO_REFUSALS = Refusals("", ())
