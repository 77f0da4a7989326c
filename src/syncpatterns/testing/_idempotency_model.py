"""Sequential model of one idempotency key, for the linearizability checker.

Leases make a model depend on time, so histories are recorded with a lease
longer than the run; what happens at its end is tested with a fake clock.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from syncpatterns.testing._history import PENDING, REJECT

__all__ = [
    "Answer",
    "Busy",
    "Claim",
    "Complete",
    "Release",
    "Run",
    "idempotency_model",
]


@dataclass(frozen=True, slots=True)
class Claim:
    """Input: *owner* (a nonce) asks to run. Answers: `Run`, `Busy`, `Answer`."""

    owner: str


@dataclass(frozen=True, slots=True)
class Complete:
    """Input: *owner* stores *answer*. Output: True, or False if it may not."""

    owner: str
    answer: bytes


@dataclass(frozen=True, slots=True)
class Release:
    """Input: *owner* gives the key back. Output: True, or False if it may not."""

    owner: str


@dataclass(frozen=True, slots=True)
class Run:
    """Output of a claim: run it, with this fencing token if there is one."""

    token: int | None = None


@dataclass(frozen=True, slots=True)
class Busy:
    """Output of a claim: somebody else is running it."""


@dataclass(frozen=True, slots=True)
class Answer:
    """Output of a claim: it is done, and this was the answer."""

    answer: bytes


@dataclass(frozen=True, slots=True)
class _State:
    """One key: who holds it, the stored answer, the largest token seen."""

    owner: str | None = None
    answer: bytes | None = None
    token: int = 0
    current: int | None = None


def idempotency_model(state: _State | None, asked: Any, got: Any) -> Any:
    """Return the state of one key after *asked* was answered with *got*.

    A key is free, held by one owner, or done. Claiming again with the same
    nonce is the same claim with the same token; a new claim has a larger token
    than any before; a stale owner changes nothing and is told so.

    Args:
        state: The state before; None is a key nobody has used.
        asked: A `Claim`, `Complete` or `Release`.
        got: What was answered, or ``PENDING``.

    Raises:
        TypeError: If *asked* is none of these.
    """
    state = state or _State()
    if isinstance(asked, Claim):
        return _claim(state, asked, got)
    if isinstance(asked, Complete):
        after = _State(state.owner, asked.answer, state.token, state.current)
    elif isinstance(asked, Release):
        after = _State(token=state.token)
    else:
        raise TypeError(f"not an input of this model: {asked!r}")
    return _finish(state, asked, after, got)


def _claim(state: _State, asked: Claim, got: Any) -> Any:
    if state.answer is not None:
        return state if got in (PENDING, Answer(state.answer)) else REJECT
    if state.owner not in {None, asked.owner}:
        return state if got in (PENDING, Busy()) else REJECT
    token = got.token if isinstance(got, Run) else None
    expected = got is PENDING or isinstance(got, Run)
    if not expected or not _token_fits(state, token):
        return REJECT
    current = state.current if token is None else token
    return _State(asked.owner, token=max(state.token, token or 0), current=current)


def _token_fits(state: _State, token: int | None) -> bool:
    if token is None:
        return True
    if state.current is not None:  # the same claim, said again
        return token == state.current
    return token > state.token


def _finish(state: _State, asked: Complete | Release, after: _State, got: Any) -> Any:
    """Only the holder of an open key may; saying the same twice is no change."""
    repeated = (
        isinstance(asked, Complete)
        and state.owner == asked.owner
        and state.answer == asked.answer
    )
    if state.owner == asked.owner and state.answer is None:
        return after if got in (PENDING, True) else REJECT
    if repeated:  # a store may call the repetition done or refused
        return state
    return state if got in (PENDING, False) else REJECT
