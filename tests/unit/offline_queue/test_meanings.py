"""What a handler's exception means for its item."""

from __future__ import annotations

import errno
import math
import socket
from typing import Any

import pytest

from syncpatterns.errors import (
    CallRejected,
    InProgress,
    KeyExpired,
    KeyInvalid,
    KeyMissing,
    KeyReused,
    LeaseLost,
    NoAnswer,
    NotExecuted,
    NotPermitted,
    NotSent,
    OutcomeGone,
    OutcomeUnknown,
    ProviderUnavailable,
    Refusal,
    RefusalGone,
    SignInRequired,
    StoreUnavailable,
)
from syncpatterns.offline_queue._core._answer_errors import AnswerUnread
from syncpatterns.offline_queue._core._meanings import LONGEST_REST, meaning_of, said
from syncpatterns.retry import CircuitOpen


class Moved(Refusal):
    """Somebody else moved it."""

    status = 412


class Taken(Exception):
    """A class of the application's own."""


def _library(name: str, module: str) -> Exception:
    cls: Any = type(name, (Exception,), {"__module__": module})
    error: Exception = cls("it broke")
    return error


@pytest.mark.parametrize(
    ("error", "kind", "unsent", "heard"),
    [
        (NotSent(), "again", True, "unreachable"),
        (ProviderUnavailable(), "again", True, "unreachable"),
        (StoreUnavailable(), "again", True, "nothing"),
        (NotExecuted(), "again", True, "nothing"),
        (InProgress(), "again", False, "answered"),
        (CallRejected(), "again", True, "nothing"),
        (NoAnswer(), "again", False, "unreachable"),
        (AnswerUnread(), "unread", False, "failed"),
        (LeaseLost(), "again", False, "nothing"),
        (SignInRequired(), "sign-in", True, "answered"),
        (NotPermitted(), "parked", True, "answered"),
        (KeyReused(), "refused", False, "answered"),
        (KeyMissing(), "refused", False, "answered"),
        (KeyInvalid(), "refused", False, "answered"),
        (OutcomeGone(), "gone", False, "answered"),
        (RefusalGone(), "refused", False, "answered"),
        (Refusal(), "refused", False, "answered"),
        (Moved(), "conflict", False, "answered"),
        (OutcomeUnknown(), "parked", False, "answered"),
        (KeyExpired(), "parked", False, "answered"),
        (Taken(), "conflict", False, "answered"),
        (ConnectionRefusedError(), "again", True, "unreachable"),
        (socket.gaierror(), "again", True, "unreachable"),
        (ConnectionResetError(), "again", False, "unreachable"),
        (BrokenPipeError(), "again", False, "unreachable"),
        (TimeoutError(), "again", False, "unreachable"),
        (OSError(errno.ENETUNREACH, "no route"), "again", False, "unreachable"),
        (OSError(errno.ENOSPC, "full"), "failed", False, "failed"),
        (_library("ConnectError", "httpx"), "again", True, "unreachable"),
        (_library("PoolTimeout", "httpx"), "again", True, "unreachable"),
        (_library("TransportError", "httpx2"), "again", False, "unreachable"),
        (
            _library("ConnectionError", "requests.exceptions"),
            "again",
            False,
            "unreachable",
        ),
        (_library("ConnectError", "mine"), "failed", False, "failed"),
        (ValueError("+49 170 1234567"), "failed", False, "failed"),
        (ExceptionGroup("g", [ConnectionRefusedError()]), "again", True, "unreachable"),
        (ExceptionGroup("g", [NotSent(), ValueError()]), "failed", False, "failed"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else None,
)
def test_what_an_exception_means(
    error: Exception, kind: str, unsent: bool, heard: str
) -> None:
    """One row for each thing that a handler can say."""
    meaning = meaning_of(error, (Taken,))

    assert (meaning.kind, meaning.unsent, meaning.heard) == (kind, unsent, heard)


@pytest.mark.parametrize(
    ("hint", "rest"), [(7, 7.0), (0, 0.0), (-3, 0.0), (1e9, LONGEST_REST)]
)
def test_a_hint_lets_the_target_rest(hint: float, rest: float) -> None:
    """Whoever says when to come back is there: it rests, and is not offline."""
    meaning = meaning_of(NotSent(retry_after=hint))

    assert (meaning.rest, meaning.heard) == (rest, "failed")
    assert meaning.shared is (rest > 0)


@pytest.mark.parametrize("hint", [math.inf, math.nan, True, "7", None])
def test_a_hint_that_is_no_number_is_none(hint: Any) -> None:
    """Text of a header, set by mistake, or an isolated breaker, names no time."""
    assert meaning_of(NotSent(retry_after=hint)).rest == 0.0


def test_an_open_breaker_lets_only_this_process_wait() -> None:
    """Its state is this process's own; another one's may be closed."""
    meaning = meaning_of(CircuitOpen("sms", retry_after=12.0))

    assert (meaning.rest, meaning.shared, meaning.unsent) == (12.0, False, True)


def test_an_isolated_breaker_is_looked_at_again() -> None:
    """It names no end, and nobody would look if it were taken at its word."""
    assert meaning_of(CallRejected(retry_after=math.inf)).rest == 30.0


def test_a_key_in_progress_delays_its_item_only() -> None:
    """Others of the same target go on."""
    meaning = meaning_of(InProgress(retry_after=2.0))

    assert (meaning.delay, meaning.rest) == (2.0, 0.0)


def test_what_is_kept_of_an_error_is_its_kind() -> None:
    """A message can quote a phone number, and a queue is kept for days."""
    assert said(ValueError("+49 170 1234567")) == "ValueError"
    assert said(Moved("Lead of Ada Lovelace")) == "Moved: refused"
    assert said(ExceptionGroup("g", [NotSent("x")])) == "NotSent: not-sent"
