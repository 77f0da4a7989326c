"""Bad input over HTTP: a clear problem, never a 500, nothing half written."""

from __future__ import annotations

import json
import socket
from typing import Any
from urllib.parse import urlsplit

import httpx2
import pytest

from examples.critical_buttons.problems import PROBLEMS
from examples.critical_buttons.routes.bookings import IfMatchInvalid
from syncpatterns.errors import SyncPatternsError
from tests.app.driver import Api, AppProcess, problem, rows

# One app for all of them: a second worker would start a second one.
pytestmark = pytest.mark.xdist_group("app-bad-input")

CONFIRM = "/api/bookings/confirm"
GOOD = b'{"booking_id":"b-001"}'
JSON = {"Content-Type": "application/json"}


def untouched(app: AppProcess) -> bool:
    """Tell whether no booking, audit line, record or event was written."""
    written = [
        rows(app.database, f"SELECT count(*) FROM {table}")[0][0]
        for table in ("audit", "syncpatterns_record", "syncpatterns_outbox")
    ]
    versions = rows(app.database, "SELECT DISTINCT version FROM bookings")
    return written == [0, 0, 0] and versions == [(1,)]


def post(api: Api, body: bytes, *headers: tuple[str, str]) -> httpx2.Response:
    """Send *body* to the confirm route with exactly these headers."""
    return api.client.post(CONFIRM, content=body, headers=list(headers))


@pytest.mark.case("IDM-03", part="app")
@pytest.mark.case("IDM-07", part="app")
@pytest.mark.parametrize(
    ("keys", "slug"),
    [
        ([], "key-missing"),
        ([("Idempotency-Key", "")], "key-invalid"),
        ([("Idempotency-Key", '""')], "key-invalid"),
        ([("Idempotency-Key", "x" * 256)], "key-invalid"),
        ([("Idempotency-Key", "a b")], "key-invalid"),
        ([("Idempotency-Key", "a,b")], "key-invalid"),
        ([("Idempotency-Key", '"open')], "key-invalid"),
        ([("Idempotency-Key", "a"), ("Idempotency-Key", "a")], "key-invalid"),
        ([("Idempotency-Key", "a"), ("X-Idempotency-Key", "b")], "key-invalid"),
        ([("Idempotency-Key", "a"), ("Idempotency-Age", "soon")], "key-invalid"),
    ],
)
def test_a_bad_key_is_a_400_and_nothing_ran(
    api: Api, app: AppProcess, keys: list[tuple[str, str]], slug: str
) -> None:
    """Missing, malformed, over-long, doubled or contradictory."""
    refused = post(api, GOOD, *JSON.items(), *keys)

    assert problem(refused) == (400, slug)
    assert untouched(app)


@pytest.mark.case("IDM-51", part="app")
def test_a_request_older_than_keys_are_remembered_is_not_run(
    api: Api, app: AppProcess
) -> None:
    """Nobody can tell whether it was done, so it is not done now."""
    refused = api.confirm("b-001", "old-key", Idempotency_Age="90000")

    assert problem(refused) == (409, "key-expired")
    assert untouched(app)


@pytest.mark.parametrize(
    ("body", "status", "slug"),
    [
        (b"", 422, "validation"),
        (b"{", 400, "malformed-json"),
        (b"not json", 400, "malformed-json"),
        (b'{"booking_id":"b-001"}x', 400, "malformed-json"),
        (b'{"booking_id":NaN}', 400, "malformed-json"),
        (b'{"booking_id":"a","booking_id":"b"}', 400, "malformed-json"),
        (b'{"booking_id":"\\u0000"}', 400, "malformed-json"),
        (b'{"booking_id":"\\ud800"}', 400, "malformed-json"),
        (b'{"booking_id":"\xff"}', 400, "malformed-json"),
        (b"[" * 100_000, 400, "malformed-json"),
        (b'{"a":' * 50_000 + b"1" + b"}" * 50_000, 400, "malformed-json"),
        (b'{"booking_id":' + b"9" * 5_000 + b"}", 400, "malformed-json"),
        (b"null", 422, "validation"),
        (b"[]", 422, "validation"),
        (b'"b-001"', 422, "validation"),
        (b"{}", 422, "validation"),
        (b'{"booking_id":null}', 422, "validation"),
        (b'{"booking_id":1}', 422, "validation"),
        (b'{"booking_id":true}', 422, "validation"),
        (b'{"booking_id":["b-001"]}', 422, "validation"),
        (b'{"booking_id":""}', 422, "validation"),
        (b'{"booking_id":"%s"}' % (b"x" * 65), 422, "validation"),
        (b'{"booking_id":"b-001","extra":1}', 422, "validation"),
        (b'{"Booking_Id":"b-001"}', 422, "validation"),
    ],
)
def test_a_bad_body_is_refused_with_its_place(
    api: Api, app: AppProcess, body: bytes, status: int, slug: str
) -> None:
    """What is no JSON is 400; what is JSON of another form is 422."""
    refused = post(api, body, *JSON.items(), ("Idempotency-Key", "bad-body"))

    assert problem(refused) == (status, slug)
    if slug == "validation":
        (error, *_) = refused.json()["errors"]
        assert set(error) >= {"pointer", "in", "detail", "code"}
        assert error["in"] == "body"
    assert untouched(app)


def test_an_error_points_at_the_member(api: Api) -> None:
    """A JSON pointer per error, the extra member by its name."""
    body = b'{"booking_id":1,"extra":"secret-value"}'

    refused = post(api, body, *JSON.items(), ("Idempotency-Key", "pointer"))

    errors = refused.json()["errors"]
    assert {error["pointer"] for error in errors} == {"#/booking_id", "#/extra"}
    assert "secret-value" not in refused.text


@pytest.mark.parametrize(
    "content_type", ["text/plain", "application/x-www-form-urlencoded", "", None]
)
def test_a_body_that_is_not_declared_as_json_is_a_415(
    api: Api, app: AppProcess, content_type: str | None
) -> None:
    """A form of another site can then never press the button."""
    headers = {} if content_type is None else {"Content-Type": content_type}

    refused = post(api, GOOD, *headers.items(), ("Idempotency-Key", "type"))

    assert problem(refused) == (415, "unsupported-media-type")
    assert untouched(app)


def test_a_body_over_one_mebibyte_is_a_413(api: Api, app: AppProcess) -> None:
    """Declared or chunked, it is never read to the end."""
    key = ("Idempotency-Key", "large")
    large = b'{"booking_id":"b-001","x":"%s"}' % (b"x" * 2**20)

    declared = post(api, large, *JSON.items(), key)
    chunked = api.client.post(
        CONFIRM, content=iter([large]), headers=[*JSON.items(), key]
    )

    assert problem(declared) == (413, "body-too-large")
    assert problem(chunked) == (413, "body-too-large")
    assert untouched(app)


@pytest.mark.parametrize("value", ["b-001.1", '"open', "*, *", ""])
def test_a_malformed_if_match_is_a_400(api: Api, app: AppProcess, value: str) -> None:
    """A condition that cannot be read is not taken as met."""
    refused = api.confirm("b-001", "if-match", If_Match=value)

    assert problem(refused) == (400, "if-match-invalid")
    assert untouched(app)


@pytest.mark.parametrize("tenant", ["initech", "", "ACME", "acme,globex", "ä"])
@pytest.mark.parametrize("path", ["/api/bookings", "/api/audit", "/events"])
def test_an_unknown_tenant_is_a_403(api: Api, path: str, tenant: str) -> None:
    """On lists and on the stream alike."""
    sent = [(b"X-Tenant", tenant.encode())]

    refused = api.client.get(path, headers=sent)

    assert problem(refused) == (403, "tenant-unknown")


def test_two_tenants_in_one_request_are_refused(api: Api) -> None:
    """Whichever was meant, the other one might be told."""
    headers = [("X-Tenant", "acme"), ("X-Tenant", "globex")]

    twice = api.client.get("/api/bookings", headers=headers)
    both = api.client.get("/events?tenant=acme", headers={"X-Tenant": "globex"})

    assert problem(twice) == problem(both) == (403, "tenant-unknown")


@pytest.mark.parametrize(
    ("headers", "status", "slug"),
    [
        ({"Host": "evil.example"}, 421, "host-not-allowed"),
        ({"Host": "127.0.0.1.evil.example"}, 421, "host-not-allowed"),
        ({"Origin": "https://evil.example"}, 403, "origin-not-allowed"),
        ({"Origin": "null"}, 403, "origin-not-allowed"),
    ],
)
def test_foreign_hosts_and_origins_are_refused(
    api: Api, app: AppProcess, headers: dict[str, str], status: int, slug: str
) -> None:
    """Neither DNS rebinding nor another site's page reaches the app."""
    sent = [*JSON.items(), *headers.items(), ("Idempotency-Key", "foreign")]

    refused = post(api, GOOD, *sent)

    assert problem(refused) == (status, slug)
    assert untouched(app)


@pytest.mark.parametrize(
    ("method", "path", "status", "slug"),
    [
        ("GET", "/nothing", 404, "not-found"),
        ("GET", "/api/nothing", 404, "not-found"),
        ("GET", "/problems/nothing", 404, "not-found"),
        ("GET", "/static/../cli.py", 404, "not-found"),
        ("GET", "/static/%2e%2e/cli.py", 404, "not-found"),
        ("GET", "/static/..%2fcli.py", 404, "not-found"),
        ("GET", "/syncpatterns/%2e%2e/errors.py", 404, "not-found"),
        ("GET", "/api/bookings/", 404, "booking-not-found"),
        ("GET", "/api/bookings/no-such", 404, "booking-not-found"),
        ("GET", "/api/bookings/%00", 404, "booking-not-found"),
        ("GET", "/api/audit?limit=0", 422, "validation"),
        ("GET", "/api/audit?limit=many", 422, "validation"),
        ("GET", "/api/audit?limit=9999999999999999999999", 422, "validation"),
        ("PUT", CONFIRM, 405, "method-not-allowed"),
        ("DELETE", "/api/bookings", 405, "method-not-allowed"),
        ("POST", "/events", 405, "method-not-allowed"),
        ("POST", "/", 405, "method-not-allowed"),
    ],
)
def test_every_refusal_is_a_problem_document(
    api: Api, method: str, path: str, status: int, slug: str
) -> None:
    """Unknown paths, methods and parameters too."""
    refused = api.client.request(method, path)

    assert problem(refused) == (status, slug)
    if status == 405:
        assert refused.headers["allow"]


def test_every_answer_carries_the_guards(api: Api) -> None:
    """Pages, lists, refusals and the stream's refusals alike."""
    for path in ("/api/bookings", "/api/health/live", "/nothing", "/openapi.json"):
        headers = api.client.get(path).headers

        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["x-request-id"]
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy


def test_a_problem_type_leads_to_its_page(api: Api) -> None:
    """The URI in `type` leads to what it means and what to do."""
    refused = api.confirm("b-001", None)

    page = api.client.get(refused.json()["type"])

    assert page.status_code == 200
    assert page.headers["content-type"].startswith("text/html")
    assert "What to do" in page.text


def test_every_problem_type_has_a_page() -> None:
    """Those of the library, of the app and of HTTP itself."""
    known = set(PROBLEMS)
    found = {"not-found", "method-not-allowed", "validation", "malformed-json"}
    waiting = [SyncPatternsError]
    while waiting:
        waiting += waiting.pop().__subclasses__()
        found |= {
            cls.problem
            for cls in waiting
            if cls.status != 500 and cls.__module__.startswith(("sync", "examples"))
        }

    assert IfMatchInvalid.problem in found
    assert found - known == set()


@pytest.mark.parametrize(
    "sent",
    [
        b"GARBAGE\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"POST %s HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: x\r\n\r\n"
        % CONFIRM.encode(),
        b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX: " + b"x" * 200_000 + b"\r\n\r\n",
    ],
    ids=["no-http", "no-host", "bad-length", "long-header"],
)
def test_what_is_hardly_http_ends_in_a_4xx(
    api: Api, app: AppProcess, sent: bytes
) -> None:
    """The server answers and stays up."""
    url = urlsplit(app.url)
    address = (url.hostname, url.port)
    with socket.create_connection(address, timeout=10) as raw:
        raw.sendall(sent)
        status = raw.recv(64)

    alive = api.client.get("/api/health/live")
    assert status.startswith(b"HTTP/1.1 4")
    assert alive.json() == {"status": "ok"}


def test_openapi_describes_the_routes(api: Api) -> None:
    """Problems are documented as problem+json, never as FastAPI's own form."""
    described: dict[str, Any] = api.client.get("/openapi.json").json()

    assert CONFIRM in described["paths"]
    assert "HTTPValidationError" not in json.dumps(described)
    assert api.client.get("/docs").status_code == 404
