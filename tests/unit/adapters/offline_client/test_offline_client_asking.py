"""Questions, and who asks them: nobody's credentials go where they should not."""

from __future__ import annotations

import logging
from typing import Any

import httpx2
import pytest

from syncpatterns import connect
from syncpatterns.adapters.httpx import OfflineClient, RequestConflict
from syncpatterns.errors import ConfigurationError, KeyInvalid, ResultNotStorable
from syncpatterns.offline_queue import OfflineQueue, Queued
from syncpatterns.testing import FakeClock
from tests.unit.adapters.offline_client.conftest import MakeClient
from tests.unit.adapters.offline_client.service import Said, Service, problem

URL = "/api/leads"
SIGNED_IN = {"X-Api-Key": "k-1", "Authorization": "Bearer t-1"}


@pytest.fixture
def engine() -> Any:
    """One engine: questions touch no store."""
    with connect("memory://", clock=FakeClock()) as made:
        yield made


def leading(service: Service, **options: Any) -> httpx2.Client:
    """Return a client that follows redirects."""
    return httpx2.Client(
        base_url=service.url, verify=False, follow_redirects=True, **options
    )


# ------------------------------------------------------------------- redirects


def test_a_question_takes_no_credentials_to_another_host(
    make: MakeClient, service: Service
) -> None:
    """A client that follows leaves out Authorization alone; the rest would be told."""
    with Service() as elsewhere, leading(service) as client:
        crm = make(client, auth=lambda scope: SIGNED_IN)
        address = f"http://localhost:{elsewhere.port}/steal"
        service.script = [Said(302, headers={"Location": address})]
        response = crm.get(URL)

    assert elsewhere.requests == []
    assert (response.status_code, response.headers["location"]) == (302, address)


def test_a_question_follows_where_it_stays_below_the_service(
    make: MakeClient, service: Service
) -> None:
    """As the client would, with who asks, and with what led there."""
    with leading(service) as client:
        crm = make(client, auth=lambda scope: SIGNED_IN)
        service.script = [
            Said(302, headers={"Location": "/b", "Set-Cookie": "session=ada"}),
            Said(307, headers={"Location": f"{service.url}/c"}),
        ]
        response = crm.get(URL)

    assert [each.path for each in service.requests] == [URL, "/b", "/c"]
    assert {each.headers["x-api-key"] for each in service.requests} == {"k-1"}
    assert {each.headers.get("cookie") for each in service.requests} == {None}
    assert [each.status_code for each in response.history] == [302, 307]
    assert response.json() == {"asked": "/c"}


def test_a_question_that_goes_round_ends_as_the_client_ends_it(
    make: MakeClient, service: Service
) -> None:
    """By its own error, after as many as it allows: a 302 would look like an answer."""
    with leading(service, max_redirects=3) as client:
        service.script = [Said(302, headers={"Location": URL})] * 10
        with pytest.raises(httpx2.TooManyRedirects) as by_client:
            client.get(URL)
        alone = len(service.requests)
        with pytest.raises(httpx2.TooManyRedirects) as caught:
            make(client).get(URL)

    assert len(service.requests) == 2 * alone == 8
    assert str(caught.value) == str(by_client.value)
    assert caught.value.request.url == by_client.value.request.url


@pytest.mark.parametrize(
    ("auth", "options"),
    [
        (lambda scope: {"Cookie": "sid=ada"}, {}),
        (None, {"headers": {"Cookie": "sid=ada"}}),
        (lambda scope: SIGNED_IN, {"headers": {"Cookie": "sid=ada"}}),
        (lambda scope: SIGNED_IN, {"headers": iter([("Cookie", "sid=ada")])}),
    ],
    ids=["auth", "header", "both", "iterator"],
)
def test_a_cookie_that_was_said_goes_along_where_the_question_is_led(
    make: MakeClient, service: Service, auth: Any, options: dict[str, Any]
) -> None:
    """A client takes it out on the way, and the question would be nobody's."""
    with leading(service) as client:
        service.script = [Said(302, headers={"Location": "/b"})]
        make(client, auth=auth).get(URL, **options)

    assert [each.headers["cookie"] for each in service.requests] == ["sid=ada"] * 2


def led(base: str, location: str) -> tuple[list[str], int]:
    """Return who was told what, of a question at *base* that is led to *location*."""
    heard: list[str] = []

    def handle(request: httpx2.Request) -> httpx2.Response:
        told = [request.headers[name] for name in ("x-api-key", "authorization")]
        heard.append(f"{request.url} {told} {request.headers['cookie']}")
        if len(heard) == 1:
            return httpx2.Response(301, headers={"location": location})
        return httpx2.Response(200, json={})

    def auth(scope: str) -> dict[str, str]:
        return {**SIGNED_IN, "Cookie": "sid=ada"}

    transport = httpx2.MockTransport(handle)
    options: Any = {"transport": transport, "follow_redirects": True}
    with connect("memory://") as engine, httpx2.Client(**options) as client:
        queue = OfflineQueue("field", engine)
        crm = OfflineClient(queue, client, base_url=base, auth=auth)
        return heard, crm.get("/a").status_code


def test_a_question_is_led_from_http_to_https_of_the_same_host() -> None:
    """As the wrapped client itself does, with who asks: the line is only safer."""
    heard, status = led("http://crm.example", "https://crm.example/b")

    told = "['k-1', 'Bearer t-1'] sid=ada"
    assert heard == [f"http://crm.example/a {told}", f"https://crm.example/b {told}"]
    assert status == 200


@pytest.mark.parametrize(
    ("base", "location"),
    [
        ("http://crm.example", "https://crm.example:8443/b"),
        ("http://crm.example:8080", "https://crm.example/b"),
        ("http://crm.example", "http://crm.example:8080/b"),
        ("http://crm.example", "https://www.crm.example/b"),
        ("https://crm.example", "http://crm.example/b"),
        ("http://crm.example", "ftp://crm.example/b"),
    ],
)
def test_another_port_host_or_scheme_is_not_told_who_asks(
    base: str, location: str
) -> None:
    """The answer is the redirect itself."""
    heard, status = led(base, location)

    assert (len(heard), status) == (1, 301)


@pytest.mark.parametrize(
    ("client_s", "asked", "sent"), [(True, False, 1), (False, True, 2)]
)
def test_whoever_asks_may_say_otherwise_about_redirects(
    make: MakeClient, service: Service, client_s: bool, asked: bool, sent: int
) -> None:
    """follow_redirects= of the question comes before that of the client."""
    options: Any = {"follow_redirects": client_s, "verify": False}
    with httpx2.Client(base_url=service.url, **options) as client:
        service.script = [Said(302, headers={"Location": "/b"})]
        make(client).get(URL, follow_redirects=asked)

    assert len(service.requests) == sent


async def test_an_async_question_is_held_to_the_same(
    make: MakeClient, service: Service
) -> None:
    """Followed below the service, and nowhere else."""
    options: Any = {"follow_redirects": True, "verify": False}
    with Service() as elsewhere:
        async with httpx2.AsyncClient(base_url=service.url, **options) as client:
            crm = make(client, auth=lambda scope: SIGNED_IN)
            service.script = [
                Said(302, headers={"Location": "/b"}),
                Said(302, headers={"Location": f"http://localhost:{elsewhere.port}/"}),
            ]
            response = await crm.aget(URL)

    assert ([each.path for each in service.requests], elsewhere.requests) == (
        [URL, "/b"],
        [],
    )
    assert response.status_code == 302


@pytest.mark.parametrize("method", ["get", "head", "options"])
async def test_each_question_can_be_awaited(
    make: MakeClient, service: Service, method: str
) -> None:
    """By its own method, and with who asks."""
    async with httpx2.AsyncClient(base_url=service.url) as client:
        crm = make(client, auth=lambda scope: SIGNED_IN)
        response = await getattr(crm, f"a{method}")(URL)

    assert [each.method for each in service.requests] == [method.upper()]
    assert service.requests[0].headers["x-api-key"] == "k-1"
    assert response.status_code == 200


# ---------------------------------------------------------------- who asks, once


def test_who_asks_is_said_once_whatever_the_client_has(
    make: MakeClient, service: Service
) -> None:
    """A client's own auth= would be written over it: the wrong person's."""
    options: Any = {"auth": ("shared", "password"), "verify": False}
    with httpx2.Client(base_url=service.url, **options) as client:
        crm = make(client, auth=lambda scope: {"Authorization": f"Bearer {scope}"})
        crm.post(URL, json={}, scope="ada")
        crm.get(URL, scope="bob")

    found = [each.headers["authorization"] for each in service.requests]
    assert found == ["Bearer ada", "Bearer bob"]


def test_a_client_with_auth_keeps_it_where_nobody_else_says_that(
    make: MakeClient, service: Service
) -> None:
    """A gateway's password beside the tenant's name: both are sent."""
    options: Any = {"auth": ("gate", "way"), "verify": False}
    with httpx2.Client(base_url=service.url, **options) as client:
        crm = make(client, auth=lambda scope: {"X-Tenant": scope})
        crm.post(URL, json={}, scope="acme")
        crm.get(URL, scope="acme")

    said = [
        (e.headers["authorization"], e.headers["x-tenant"]) for e in service.requests
    ]
    assert said == [("Basic Z2F0ZTp3YXk=", "acme")] * 2


@pytest.mark.parametrize(
    "headers",
    [
        {"AUTHORIZATION": "old", "X-A": "1"},
        [("Authorization", "old"), ("X-A", "1")],
        [(b"authorization", b"old"), (b"X-A", b"1")],
        httpx2.Headers({"Authorization": "old", "X-A": "1"}),
    ],
    ids=["dict", "pairs", "bytes", "own"],
)
def test_a_header_of_auth_stands_there_alone(
    make: MakeClient, service: Service, headers: Any
) -> None:
    """In whichever form and spelling others were given."""
    response = make(auth=lambda scope: SIGNED_IN).get(URL, headers=headers)

    sent = response.request.headers
    assert sent.get_list("authorization") == ["Bearer t-1"]
    assert sent.get_list("x-a") == ["1"]


def test_a_question_does_not_say_twice_who_asks(
    make: MakeClient, service: Service
) -> None:
    """Its own auth= would be written over what auth(scope) returned: another person."""
    crm = make(auth=lambda scope: SIGNED_IN)
    with pytest.raises(ConfigurationError, match="says twice who asks"):
        crm.get(URL, auth=("u", "p"))
    crm.get(URL, auth=None)
    make(name="gate", auth=lambda scope: {"X-Tenant": scope}).get(URL, auth=("u", "p"))

    found = [each.headers["authorization"] for each in service.requests]
    assert found == ["Bearer t-1", "Basic dTpw"]


def test_a_kept_header_does_not_say_who_asks(
    make: MakeClient, service: Service
) -> None:
    """What lies in the file is not whose request it is: auth= says that."""
    crm = make(keep_headers=["x-tenant"], auth=lambda scope: {"X-Tenant": scope})
    crm.post(URL, json={}, headers={"X-Tenant": "globex"}, scope="acme")

    assert service.last.headers["x-tenant"] == "acme"


def test_cookies_of_a_question_are_given_as_a_header(
    make: MakeClient, service: Service
) -> None:
    """The client mixes cookies= with those of whoever asked before."""
    crm = make(auth=lambda scope: SIGNED_IN)
    with pytest.raises(ConfigurationError, match="as a header"):
        crm.get(URL, cookies={"a": "b"})
    crm.get(URL, headers={"Cookie": "a=b"})

    assert [each.headers["cookie"] for each in service.requests] == ["a=b"]


# ------------------------------------------------------- what the client adds


def test_a_query_of_the_clients_own_is_added_and_takes_nothing_away(
    make: MakeClient, service: Service
) -> None:
    """A client with params= sends those alone: the day that was asked for is gone."""
    options: Any = {"params": {"tenant": "a b"}, "verify": False}
    with httpx2.Client(base_url=service.url, **options) as client:
        crm = make(client)
        crm.post("/x?day=1&day=2&free", json={})
        crm.get("/x", params={"page": 2})
        crm.post("/y", json={})

    assert [each.path for each in service.requests] == [
        "/x?day=1&day=2&free&tenant=a+b",
        "/x?page=2&tenant=a+b",
        "/y?tenant=a+b",
    ]


def test_what_a_request_asks_for_the_client_does_not_ask_otherwise(
    make: MakeClient, service: Service
) -> None:
    """Said twice, a service takes the last: page 1 instead of 2."""
    options: Any = {"params": [("page", "1"), ("a b", "1"), ("t", "x"), ("t", "y")]}
    with httpx2.Client(base_url=service.url, verify=False, **options) as client:
        crm = make(client)
        crm.post("/x?page=2&a+b=3", json={})
        crm.get("/y", params={"page": 3, "t": "z"})
        crm.get("/z?page&t=1&a%20b")

    assert [each.path for each in service.requests] == [
        "/x?page=2&a+b=3&t=x&t=y",
        "/y?page=3&t=z&a+b=1",
        "/z?page&t=1&a%20b",
    ]


# ----------------------------------------------- what can never work, said at once


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"auth": {"Authorization": "Bearer x"}}, "function of the scope"),
        ({"answers": "text/plain"}, "takes a list"),
        ({"answers": None}, "takes a list"),
        ({"answers": ["text/plain; charset=utf-8"]}, "without parameters"),
        ({"keep_headers": "x-tenant"}, "list of names"),
        ({"problems": [("slot-taken", "conflict")]}, "takes a dict"),
        ({"problems": {"slot-taken": ["conflict"]}}, "problem types mean"),
        ({"problems": {7: "conflict"}}, "is a word"),
        ({"problems": {"about:blank": "conflict"}}, "is a word"),
        ({"problems": {"cr\u00e9neau-pris": "conflict"}}, "is a word"),
        ({"problems": {"slot taken": "conflict"}}, "is a word"),
        ({"problems": {"slot~taken": "conflict"}}, "is a word"),
    ],
)
def test_a_declaration_that_can_never_be_met_is_refused(
    make: MakeClient, options: dict[str, Any], said: str
) -> None:
    """Taken letter by letter, a text would leave every answer to be a hotel's."""
    with pytest.raises(ConfigurationError, match=said):
        make(**options)


def test_a_problem_may_be_declared_by_its_whole_address(
    make: MakeClient, service: Service
) -> None:
    """As the service's documentation says it; its last part counts."""
    address = "https://crm.example/problems/slot-taken"
    service.script = [problem(409, "slot-taken")]
    with pytest.raises(RequestConflict):
        make(problems={address: "conflict"}).post(URL, json={})


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"later": {"key": "two words"}}, ConfigurationError),
        ({"later": {"scope": "acme"}}, ConfigurationError),
        ({"later": [("delay", 1)]}, ConfigurationError),
        ({"key": b"k-1"}, KeyInvalid),
    ],
)
def test_a_key_is_given_where_it_is_looked_at(
    crm: OfflineClient,
    queue: OfflineQueue,
    options: dict[str, Any],
    error: type[Exception],
) -> None:
    """Stored by another door, one that no header carries would fail when sent."""
    with pytest.raises(error):
        crm.post(URL, json={}, **options)

    assert queue.stats().live == 0


# --------------------------------------------------------- what no line carries


@pytest.mark.parametrize("value", [" respond-async", "respond-async ", " "])
def test_a_header_with_blanks_at_its_ends_is_refused(
    crm: OfflineClient, queue: OfflineQueue, value: str
) -> None:
    """No line carries it: it would be tried for days as if it might have arrived."""
    with pytest.raises(ConfigurationError, match="without blanks"):
        crm.post(URL, json={}, headers={"prefer": value})

    assert queue.stats().live == 0


@pytest.mark.parametrize("token", ["Bearer x ", "Bearer x\n", "Bearer \u2013"])
def test_a_token_that_no_line_carries_was_never_sent(
    make: MakeClient,
    queue: OfflineQueue,
    service: Service,
    caplog: pytest.LogCaptureFixture,
    token: str,
) -> None:
    """Read from a file with its line's end: the log says which header, not what."""
    with caplog.at_level(logging.WARNING):
        out = make(auth=lambda scope: {"Authorization": token}).post(URL, json={})

    assert isinstance(out, Queued)
    item = queue.get(out.receipt.id)
    assert item is not None
    assert (out.reason, item.sent_at, service.requests) == ("not-sent", None, [])
    assert "Authorization with a value that cannot be sent" in caplog.text
    assert "Bearer" not in caplog.text


def test_a_body_that_is_nested_too_deep_is_refused_in_words(crm: OfflineClient) -> None:
    """As everything else that has no JSON form."""
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises(ResultNotStorable):
        crm.post(URL, json=deep)


def test_a_query_of_the_clients_own_kind_keeps_every_value(
    crm: OfflineClient, service: Service
) -> None:
    """Its items have each name once."""
    crm.post(URL, json={}, params=httpx2.QueryParams([("a", "1"), ("a", "2")]))

    assert service.last.path == f"{URL}?a=1&a=2"
