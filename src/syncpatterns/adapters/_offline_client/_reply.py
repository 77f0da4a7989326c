"""What another service answered: read with a limit, judged by one table."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, NamedTuple

from syncpatterns.adapters._offline_client._problems import Problem, Unread
from syncpatterns.codec import JsonCodec, codec_for
from syncpatterns.errors import NoAnswer, ResultNotStorable
from syncpatterns.offline_queue import (
    HttpConflict,
    HttpRefused,
    HttpVerdict,
    error_of_http,
    verdict_of_http,
)
from syncpatterns.offline_queue._core._answer_errors import AnswerUnread
from syncpatterns.offline_queue._core._answers import Word, is_json
from syncpatterns.retry import parse_retry_after

#: Headers of an answer that are kept.
KEPT: Final = frozenset(
    {
        "content-location",
        "content-type",
        "etag",
        "idempotent-replayed",
        "last-modified",
        "location",
        "retry-after",
        "x-request-id",
    }
)
#: Of a header that is kept; a longer one is left out, for half of an address leads
#: somewhere else.
_LONGEST_VALUE: Final = 4096
#: Said by what stands between, and never by the service: "Proxy Authentication
#: Required" and "Network Authentication Required".
_BETWEEN: Final = frozenset({407, 511})
_CONFLICT: Final = 409
_GONE: Final = "outcome-gone"
_OK: Final = range(200, 300)
_REDIRECTS: Final = range(300, 400)


class Answer(NamedTuple):
    """What came over the line.

    Args:
        status: HTTP status.
        headers: Names in lower case.
        body: None if it is longer than is kept, or broke off.
        problem: Last part of the problem's type.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes | None
    problem: Problem = None


@dataclass(frozen=True, slots=True)
class Reply:
    """What of an answer is kept, and what `Done` and a receipt give.

    Args:
        status_code: HTTP status.
        headers: Those that are kept, with names in lower case.
        data: The body, if it is JSON; `Ref(receipt, "$.data.id")` names a part.
        text: The body, if it is other text.
        cut: There was a body, and it is not kept: it is too long, broke off, or
            is no text.
        problem: Last part of the problem type (RFC 9457), as far as it could be
            read; None if it is no problem. After ``outcome-gone`` nothing but that
            and the status is kept.
    """

    status_code: int
    headers: dict[str, str] = field(default_factory=dict[str, str], repr=False)
    data: Any = field(default=None, repr=False)
    text: str = field(default="", repr=False)
    cut: bool = False
    problem: str | None = None

    def json(self) -> Any:
        """Return the body, as a client's own response does."""
        return self.data

    @property
    def replayed(self) -> bool:
        """Whether the service says that nothing ran for this request."""
        return self.headers.get("idempotent-replayed") == "true"

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Any) -> Any:
        """Return how it is kept: what is gone as a text, and else as an object.

        A `Ref` takes members. Of a kept ``outcome-gone`` it would find the ``status``
        of the problem, and send 409 where that of the lead belongs.
        """
        from pydantic_core import core_schema  # noqa: PLC0415 - with pydantic, on use

        return core_schema.no_info_before_validator_function(
            _opened,
            handler(source),
            serialization=core_schema.wrap_serializer_function_ser_schema(_closed),
        )


def _closed(reply: Reply, dump: Callable[[Reply], Any]) -> Any:
    if reply.problem == _GONE:
        return f"{reply.status_code} {_GONE}"
    return dump(reply)


def _opened(kept: Any) -> Any:
    if not isinstance(kept, str):
        return kept
    status, _, problem = kept.partition(" ")
    return {"status_code": int(status), "problem": problem}


class RequestRefused(HttpRefused):
    """The service looked at the request and said no.

    Attributes:
        reply: What it answered; may hold personal data.
    """

    def __init__(self, detail: str, reply: Reply) -> None:
        super().__init__(detail)
        self.reply = reply


class RequestConflict(HttpConflict):
    """Somebody else changed the thing first; nothing was done.

    Attributes:
        reply: What the service answered, often with what there is now.
    """

    def __init__(self, detail: str, reply: Reply) -> None:
        super().__init__(detail)
        self.reply = reply


def reply_of(answer: Answer, kept: Collection[str]) -> Reply:
    """Return what of *answer* is kept."""
    headers = {
        name: value
        for name, value in answer.headers.items()
        if (name in KEPT or name in kept) and len(value) <= _LONGEST_VALUE
    }
    problem = None if isinstance(answer.problem, Unread) else answer.problem
    bare = Reply(answer.status, headers, problem=problem)
    if answer.body is None:
        return replace(bare, cut=True)
    if not answer.body:
        return bare
    try:
        text = answer.body.decode("utf-8")
    except UnicodeDecodeError:
        return replace(bare, cut=True)
    if is_json(headers.get("content-type")):
        try:
            reply = replace(bare, data=json.loads(text))
            # A NaN; half a surrogate, nested too deep: these are kept as text.
            JsonCodec().encode(reply.data)
            codec_for(Reply).encode(reply)
            return reply  # noqa: TRY300 - each line may fail for the same reasons
        except (ValueError, RecursionError, ResultNotStorable):
            pass
    return replace(bare, text=text)


def judged(
    answer: Answer,
    kept: Collection[str],
    where: str,
    now: float,
    *,
    answers: Collection[str] = (),
    problems: Mapping[str, Word] | None = None,
) -> Reply:
    """Return what is kept of *answer*, if it says that it was done.

    Args:
        answer: What came.
        kept: Names of more headers that are kept.
        where: How messages begin.
        now: The time, for a Retry-After that is a date.
        answers: Content types in which the service answers, beside JSON; the
            empty one is an answer without a body.
        problems: What the service's own problem types mean.

    Raises:
        NoAnswer: It is not the service that answered.
        AnswerUnread: It is a problem, and of which type cannot be read.
        SyncPatternsError: What the table of answers says.
    """
    reply = reply_of(answer, kept)
    if answer.status in _REDIRECTS or answer.status in _BETWEEN:
        raise NoAnswer(
            f"{where}: answered {answer.status}. A request that changes something does "
            "not follow a redirect. Sign in to this network or its proxy, or correct "
            "base_url=."
        )
    problem = answer.problem
    if isinstance(problem, Unread):
        if answer.status == _CONFLICT:
            raise AnswerUnread(
                f"{where}: answered 409 with a problem document that cannot be read. "
                "It may be in progress, done or refused; the same key asks again, and "
                "after the last attempt somebody has to look."
            )
        problem = None
    verdict = verdict_of_http(
        answer.status,
        problem,
        parse_retry_after(answer.headers, now),
        content_type=_kind(answer, answers),
        own=problems,
    )
    error = _error(verdict, where, reply)
    if error is not None:
        raise error
    if verdict.reason == _GONE:
        # It was done, and nobody knows any more how: no member of the problem that
        # says so is one of what was asked for.
        return Reply(answer.status, problem=_GONE)
    return reply


def _kind(answer: Answer, answers: Collection[str]) -> str | None:
    kind = answer.headers.get("content-type", "")
    bare = "" if answer.body == b"" else kind.partition(";")[0].strip().lower()
    # Told to be the service's own: as good as its JSON.
    return "application/json" if bare in answers else kind


def _error(verdict: HttpVerdict, where: str, reply: Reply) -> Exception | None:
    if verdict.verdict == "done":
        return None  # of "outcome-gone" as well: the reply says so
    error = error_of_http(verdict, where)
    if isinstance(error, HttpConflict):
        return RequestConflict(error.detail, reply)
    if isinstance(error, HttpRefused):
        return RequestRefused(error.detail, reply)
    return error


def is_done(status: int) -> bool:
    """Tell whether *status* alone says that it was done."""
    return status in _OK
