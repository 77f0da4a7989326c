from __future__ import annotations

import re
from typing import Any

import pytest

from syncpatterns.adapters.asgi import (
    RequestId,
    SecurityHeaders,
    protect,
    request_id,
)
from syncpatterns.errors import ConfigurationError

JSON = (b"content-type", b"application/json")


async def test_every_answer_carries_the_security_headers(ask: Any, echo: Any) -> None:
    """The application's own and the refusals alike."""
    app = protect(echo, max_bytes=10)
    answers = [
        await ask(app, headers=[JSON], body=b"{}"),
        await ask(app, headers=[JSON], body=b"{"),
        await ask(app, headers=[JSON], body=b"[0, 1, 2, 3, 4]"),
        await ask(app, headers=[(b"host", b"evil.example")]),
        await ask(app, headers=[(b"origin", b"null")]),
    ]

    assert [answer.status for answer in answers] == [200, 400, 413, 421, 403]
    for answer in answers:
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert answer.headers["x-frame-options"] == "DENY"
        policy = answer.headers["content-security-policy"]
        assert "default-src 'self'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert "*" not in policy


async def test_every_answer_has_one_request_id(ask: Any, echo: Any) -> None:
    """Problems name it in the document too; two requests have two."""
    app = protect(echo)
    fine = await ask(app, headers=[JSON], body=b"{}")
    bad = await ask(app, headers=[JSON], body=b"{")

    ids = [
        [value for name, value in answer.raw_headers if name == b"x-request-id"]
        for answer in (fine, bad)
    ]
    assert [len(found) for found in ids] == [1, 1]
    assert ids[0] != ids[1]
    assert bad.problem["request_id"].encode() == ids[1][0]


async def test_the_application_knows_the_request_id(ask: Any) -> None:
    """The audit row and the answer say the same."""
    seen: list[str] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append(request_id(scope))
        seen.append(request_id(scope))
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body"})

    answer = await ask(RequestId(app))

    assert seen == [answer.headers["x-request-id"]] * 2


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ([b"abc-1.2_3"], True),
        ([b"x" * 64], True),
        ([b"x" * 65], False),
        ([b""], False),
        ([b"a b"], False),
        ([b"a\x1b[31m"], False),
        ([b"\xff"], False),
        ([b"a", b"a"], False),
    ],
)
async def test_a_callers_own_request_id_is_kept_if_it_is_harmless(
    sent: list[bytes], kept: bool, ask: Any, echo: Any
) -> None:
    """Anything else could forge a line of the log; a new one is made."""
    headers = [(b"x-request-id", value) for value in sent]
    answer = await ask(RequestId(echo), headers=headers)

    if kept:
        assert answer.headers["x-request-id"] == sent[0].decode()
    else:
        assert re.fullmatch(r"[0-9a-f]{32}", answer.headers["x-request-id"])


async def test_a_header_that_the_application_sets_is_left_alone(ask: Any) -> None:
    """One page may need a policy of its own."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        headers = [(b"Content-Security-Policy", b"default-src 'none'")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body"})

    answer = await ask(SecurityHeaders(app))
    policies = [
        value
        for name, value in answer.raw_headers
        if name.lower() == b"content-security-policy"
    ]

    assert policies == [b"default-src 'none'"]


async def test_no_policy_is_sent_where_none_is_wanted(ask: Any, echo: Any) -> None:
    """csp=None is for an application that sends it elsewhere."""
    answer = await ask(SecurityHeaders(echo, csp=None))

    assert "content-security-policy" not in answer.headers


def test_a_policy_with_a_line_break_is_refused(echo: Any) -> None:
    """It would split the response."""
    with pytest.raises(ConfigurationError, match="one line"):
        SecurityHeaders(echo, csp="default-src 'self'\r\nSet-Cookie: a=b")


async def test_a_foreign_page_is_refused_before_its_body_is_read(
    ask: Any, echo: Any
) -> None:
    """Order of the guards: who, then how much, then what."""
    headers = [(b"origin", b"http://evil.example"), (b"content-length", b"9" * 12)]

    assert (await ask(protect(echo), headers=headers, body=b"x")).status == 403
