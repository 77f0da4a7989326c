"""The SMS simulator answers hostile input with 4xx, and goes on."""

from __future__ import annotations

import json
import socket
from typing import Any

import httpx2
import pytest

from examples.critical_buttons.simulator.faults import Faults
from tests.app.simulated import TO, Simulator

FORM = "application/x-www-form-urlencoded"
GOOD = b"To=%2B12025550147&From=%2B15005550006&Body=x"


@pytest.mark.parametrize(
    ("kind", "body", "status"),
    [
        (FORM, b"", 400),
        (FORM, b"To=%FF%FE&Body=x", 400),
        (FORM, b"\xff\xfe\x00", 400),
        (FORM, b"a=1&" * 200, 400),
        (FORM, GOOD.replace(b"Body=x", b"Body=" + b"x" * 1601), 400),
        (FORM, b"Body=" + b"x" * 70_000, 413),
        (FORM, GOOD + b"&To=", 400),
        (FORM, GOOD + b"&MediaUrl=http://127.0.0.1/", 400),
        (FORM, GOOD + b"&SendAt=2030-01-01", 400),
        (FORM, GOOD + b"&MessagingServiceSid=x", 400),
        (FORM, GOOD + b"&ValidityPeriod=%D9%A3", 400),
        (FORM, GOOD + b"&StatusCallback=http://127.0.0.1:99999/", 400),
        (FORM, GOOD + b"&StatusCallback=http://[::1", 400),
        (FORM, GOOD + b"&StatusCallback=http://127.0.0.1%0d%0aX:1/", 400),
        (FORM, GOOD + b"&StatusCallback=http://127.0.0.1@sms.example/", 400),
        ("application/json", GOOD, 415),
        ("", GOOD, 415),
    ],
)
def test_hostile_forms_are_answered_4xx(
    sim: Simulator, kind: str, body: bytes, status: int
) -> None:
    """In the provider's own words, and nothing is sent."""
    answer = sim.api.post(
        sim.messages_path, content=body, headers={"Content-Type": kind}
    )

    assert answer.status_code == status
    assert answer.json()["status"] == status
    assert sim.seen()["count"] == 0


@pytest.mark.parametrize(
    "query",
    [
        "PageSize=0",
        "PageSize=-1",
        "PageSize=x",
        "PageSize=9999999999",
        "Page=-1",
        "PageToken=zz",
        "PageToken=PA",
        "DateSent=today",
        "DateSent>=2026-13-01",
        "DateSent<=9999-12-31T23:59:59-23:59",
        "DateSent>=0001-01-01T00:00:00%2B23:59",
        "To=%FF",
        "&".join(f"a{n}=1" for n in range(200)),
    ],
)
def test_hostile_queries_are_answered_400(sim: Simulator, query: str) -> None:
    """A list is never half right."""
    answer = sim.api.get(f"{sim.messages_path}?{query}")

    assert answer.status_code == 400


@pytest.mark.parametrize(
    "authorization",
    [
        "",
        "Basic",
        "Basic %%%",
        "Basic Og==",
        "Bearer x",
        "Basic \u00e9",
        "Basic " * 50 + "x",
    ],
)
def test_hostile_credentials_are_answered_401(
    sim: Simulator, authorization: str
) -> None:
    """With the provider's code, also for what is no base64."""
    answer = httpx2.post(
        sim.url + sim.messages_path,
        data={"To": TO},
        headers=[(b"Authorization", authorization.encode())],
        trust_env=False,
    )

    assert (answer.status_code, answer.json()["code"]) == (401, 20003)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/", 404),
        ("GET", "/2010-04-01/Accounts/AC0/Messages.json", 404),
        ("GET", "/2010-04-01/Accounts/{account}/Messages/../../x.json", 404),
        ("GET", "/2010-04-01/Accounts/{account}/Messages/SM%00%FF.json", 404),
        ("GET", "/" + "x" * 5000, 404),
        ("DELETE", "/2010-04-01/Accounts/{account}/Messages.json", 405),
        ("PUT", "/2010-04-01/Accounts/{account}/Messages/SM0.json", 405),
    ],
)
def test_what_is_not_there_is_told_in_the_providers_words(
    sim: Simulator, method: str, path: str, status: int
) -> None:
    """Short, whatever was asked for."""
    answer = sim.api.request(method, path.format(account=sim.account))

    assert (answer.status_code, answer.json()["status"]) == (status, status)
    assert len(answer.content) < 1000


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/_sim/faults", b"", 422),
        ("/_sim/faults", b"[]", 422),
        ("/_sim/faults", b"{", 422),
        ("/_sim/faults", b"[" * 30_000, 422),
        ("/_sim/faults", b'{"mode": "nonsense"}', 422),
        ("/_sim/faults", b'{"mode": "500", "fail_next": 0}', 422),
        ("/_sim/faults", b'{"mode": "refuse", "fail_next": 1}', 422),
        ("/_sim/faults", b'{"latency": NaN}', 422),
        ("/_sim/faults", b'{"latency": 1e400}', 422),
        ("/_sim/faults", b'{"callbacks": {"copies": 99}}', 422),
        ("/_sim/faults", b'{"unknown": 1}', 422),
        ("/_sim/faults", b" " * 70_000, 413),
        ("/_sim/inbound", b'{"from": "x", "to": "y", "body": ""}', 422),
        ("/_sim/clock", b'{"advance": -1}', 422),
        ("/_sim/messages", b"{}", 405),
        ("/_sim/nothing", b"{}", 404),
    ],
)
def test_hostile_admin_requests_are_answered_4xx(
    sim: Simulator, path: str, body: bytes, status: int
) -> None:
    """And change nothing."""
    answer = sim.admin.post(
        path, content=body, headers={"Content-Type": "application/json"}
    )

    assert answer.status_code == status
    assert sim.admin.get("/_sim/faults").json() == json.loads(
        Faults().model_dump_json()
    )


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Host": "attacker.example"}, 403),
        ({"Host": "127.0.0.1.attacker.example"}, 403),
        ({"Host": "attacker.example:80", "Origin": "http://attacker.example"}, 403),
        ({"Content-Type": "text/plain"}, 415),
        ({"Content-Type": FORM}, 415),
    ],
)
def test_another_sites_page_cannot_switch_faults(
    sim: Simulator, headers: dict[str, str], status: int
) -> None:
    """Not under a name of its own, and not with what a page may send unasked."""
    answer = sim.admin.post(
        "/_sim/faults",
        content=b'{"mode": "500"}',
        headers={"Content-Type": "application/json"} | headers,
    )

    assert answer.status_code == status
    assert sim.create().status_code == 201


@pytest.mark.parametrize("raw", [b"\x00\x01\r\n\r\n", b"GET / HTTP/9\r\n\r\n"])
def test_what_is_not_http_is_answered_400(sim: Simulator, raw: bytes) -> None:
    """And the next one is served."""
    with socket.create_connection(("127.0.0.1", sim.port)) as connection:
        connection.settimeout(20)
        connection.sendall(raw)

        assert connection.recv(12) == b"HTTP/1.1 400"

    assert sim.create().status_code == 201


@pytest.mark.case("APP-57", part="simulator")
def test_without_chaos_there_are_no_admin_routes() -> None:
    """404 where the API is, and no other port."""
    with Simulator(chaos=False) as plain:
        answers: list[Any] = [
            httpx2.request(method, f"{plain.url}/_sim/{what}", json={}, trust_env=False)
            for method, what in [
                ("GET", "faults"),
                ("POST", "faults"),
                ("GET", "messages"),
                ("POST", "inbound"),
                ("GET", "clock"),
            ]
        ]

    assert plain.admin_url is None
    assert {each.status_code for each in answers} == {404}
