"""Sending an SMS over HTTP: once, counted, checked, and told how it ended."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx2
import pytest

from examples.critical_buttons.domain.segments import segments
from tests.app.driver import AppProcess, Stream, listening, problem, rows
from tests.app.simulated import Simulator, eventually
from tests.app.sms_driver import SEND, SmsApi, fresh_key

# One app for all of them: a second worker would start a second one.
pytestmark = pytest.mark.xdist_group("app-sms")

JSON = {"Content-Type": "application/json"}


def sms_events(app: AppProcess, kind: str = "sms.changed") -> list[dict[str, Any]]:
    """Return the data of all events of one kind, oldest first."""
    found = rows(
        app.database,
        "SELECT body FROM syncpatterns_outbox WHERE type = ? ORDER BY pos",
        kind,
    )
    return [json.loads(body)["data"] for (body,) in found]


@pytest.mark.case("OPR-10", part="app")
def test_a_message_is_sent_and_written_down(sms: SmsApi, sms_app: AppProcess) -> None:
    """Row, audit line, event and answer say the same, and the provider has one."""
    lead, body = sms.unused(), f"Hello {fresh_key()}"

    answer = sms.send(lead, body)

    message = answer.json()["message"]
    (line,) = sms.audit(lead)
    (event,) = [e for e in sms_events(sms_app) if e["message"]["id"] == message["id"]]
    assert answer.status_code == 200
    assert answer.json()["changed"] is True
    assert set(message) == {
        *("id", "lead_id", "direction", "body", "status", "segments", "encoding"),
        *("provider_id", "error_code", "created_at", "updated_at", "by"),
        "op_key_hash",
    }
    assert (message["lead_id"], message["body"], message["by"]) == (lead, body, "demo")
    assert (message["direction"], message["status"]) == ("outbound", "queued")
    assert sms.history(lead) == [message]
    assert (line["action"], line["to"]) == ("sms.send", "queued")
    assert line["key_hash"] == message["op_key_hash"] == event["op_key_hash"]
    assert event == {
        "message": message,
        "lead_id": lead,
        "op_key_hash": message["op_key_hash"],
    }
    assert sms.accepted(body) == 1


def test_the_same_key_sends_nothing_twice(sms: SmsApi) -> None:
    """The second answer is the first one's bytes, and says that it is a replay."""
    lead, body, key = sms.unused(), f"Once {fresh_key()}", fresh_key()

    first, again = sms.send(lead, body, key), sms.send(lead, body, key)

    assert first.content == again.content
    assert again.headers["idempotent-replayed"] == "true"
    assert problem(sms.send(lead, "Something else", key)) == (422, "key-reused")
    assert sms.accepted(body) == len(sms.history(lead)) == 1


def test_ten_clicks_at_once_are_one_message(sms: SmsApi) -> None:
    """Those that come while the first one runs get its answer, or are told so."""
    lead, body, key = sms.unused(), f"Ten {fresh_key()}", fresh_key()

    with ThreadPoolExecutor(10) as pool:
        answers = list(pool.map(lambda _: sms.send(lead, body, key), range(10)))

    done = [each for each in answers if each.status_code == 200]
    assert len({each.content for each in done}) == 1
    assert {problem(each)[1] for each in answers if each not in done} <= {"in-progress"}
    assert sms.accepted(body) == len(sms.history(lead)) == 1


@pytest.mark.case("APP-25", part="the server's count")
@pytest.mark.parametrize(
    ("body", "encoding", "count", "forced_by"),
    [
        ("a" * 160, "GSM-7", 1, None),
        ("a" * 161, "GSM-7", 2, None),
        ("Hi 😀", "UCS-2", 1, "GRINNING FACE"),
        ("a" * 1600, "GSM-7", 11, None),
    ],
)
def test_the_answer_counts_segments(
    sms: SmsApi, body: str, encoding: str, count: int, forced_by: str | None
) -> None:
    """As the domain does, and as the provider does."""
    answer = sms.send(sms.unused(), body).json()

    assert answer["segments"] == {
        "encoding": encoding,
        "units": segments(body).units,
        "count": count,
        "forced_by": forced_by,
    }
    assert answer["message"]["segments"] == count
    assert answer["message"]["encoding"] == encoding


@pytest.mark.case("APP-33", part="server")
def test_the_history_is_newest_first_and_follows_the_provider(
    sms: SmsApi, sms_app: AppProcess
) -> None:
    """Three sends are three rows; each status comes as an event, in order."""
    lead = sms.unused()
    sent = [sms.send(lead, f"Number {n}").json()["message"] for n in range(3)]
    ids = [each["id"] for each in sent]
    assert [each["id"] for each in sms.history(lead)] == ids[::-1]

    cursor = sms.client.get(f"/api/leads/{lead}/sms-history").headers[
        "x-realtime-cursor"
    ]
    with listening(sms_app, cursor=cursor) as stream:
        sms.deliver()
        heard = [stream.next() for _ in range(6)]

    news = [each.data["data"]["message"] for each in heard if each is not None]
    assert [each["status"] for each in sms.history(lead)] == ["delivered"] * 3
    assert sms.lead(lead)["last_sms"]["status"] == "delivered"
    for message in ids:
        states = [each["status"] for each in news if each["id"] == message]
        assert states == ["sent", "delivered"]


@pytest.mark.parametrize("channels", [["leads"], ["bookings", "leads"], []])
def test_a_stream_tells_of_ones_own_leads(
    sms: SmsApi, sms_app: AppProcess, channels: list[str]
) -> None:
    """With its channel named or left out, from a list's position on."""
    lead = sms.unused()
    theirs = next(e["id"] for e in sms.leads(X_Tenant="globex") if not e["opted_out"])
    cursor = sms.client.get("/api/leads").headers["x-realtime-cursor"]
    sms.send(theirs, "Not yours", X_Tenant="globex")
    sms.send(lead, "Yours")
    query = httpx2.QueryParams(
        [("cursor", cursor), *(("channel", name) for name in channels)]
    )

    with (
        sms_app.client() as client,
        client.stream("GET", f"/events?{query}") as response,
    ):
        stream = Stream(client, response)
        first = stream.next()
        stream.close()

    assert first is not None
    assert first.event == "sms.changed"
    assert first.data["data"]["lead_id"] == lead
    assert first.data["data"]["message"]["body"] == "Yours"


def test_a_failure_is_told_with_its_code(sms: SmsApi) -> None:
    """Not delivered, and why, as the provider says."""
    sms.provider.faults(callbacks={"final": "undelivered", "error_code": 30003})
    lead = sms.unused()
    sms.send(lead)

    sms.deliver()

    (message,) = sms.history(lead)
    assert (message["status"], message["error_code"]) == ("undelivered", "30003")


@pytest.mark.parametrize("faults", [{"copies": 3}, {"reorder": True}])
def test_doubled_and_reordered_callbacks_are_harmless(
    sms: SmsApi, sms_app: AppProcess, faults: dict[str, Any]
) -> None:
    """The last status is the furthest, and no event goes back."""
    sms.provider.faults(callbacks=faults)
    lead = sms.unused()
    message = sms.send(lead).json()["message"]
    expected = 2 * faults.get("copies", 1)

    sms.provider.advance(60)
    eventually(
        lambda: any(
            each["sid"] == message["provider_id"] and len(each["callbacks"]) == expected
            for each in sms.provider.seen()["messages"]
        )
    )

    (found,) = sms.history(lead)
    told = [
        event["message"]["status"]
        for event in sms_events(sms_app)
        if event["message"]["id"] == message["id"]
    ]
    assert found["status"] == "delivered"
    assert told in (["queued", "sent", "delivered"], ["queued", "delivered"])


# --------------------------------------------------------- what is refused


@pytest.mark.parametrize(
    ("body", "status", "slug"),
    [
        (b'{"lead_id":"l-001","body":""}', 422, "validation"),
        (b'{"lead_id":"l-001","body":"  \\n\\t "}', 422, "validation"),
        (b'{"lead_id":"l-001","body":"\\u200b\\u2060"}', 422, "validation"),
        (b'{"lead_id":"l-001","body":"\\u2800 \\u3164\\ufe0f"}', 422, "validation"),
        (b'{"lead_id":"l-001","body":"%s"}' % (b"a" * 1601), 422, "validation"),
        (b'{"lead_id":"","body":"x"}', 422, "validation"),
        (b'{"lead_id":"%s","body":"x"}' % (b"a" * 65), 422, "validation"),
        (b'{"lead_id":17,"body":"x"}', 422, "validation"),
        (b'{"lead_id":"l-001","body":17}', 422, "validation"),
        (b'{"lead_id":["l-001"],"body":"x"}', 422, "validation"),
        (b'{"lead_id":"l-001","body":null}', 422, "validation"),
        (b'{"lead_id":"l-001"}', 422, "validation"),
        (b'{"body":"x"}', 422, "validation"),
        (b'{"lead_id":"l-001","body":"x","to":"+12025550147"}', 422, "validation"),
        (b'{"lead_id":"l-001","body":"\\ud800"}', 400, "malformed-json"),
        (b'{"lead_id":"l-001","body":"\\u0000"}', 400, "malformed-json"),
        (b'{"lead_id":"l-001","body":"\xff"}', 400, "malformed-json"),
        (b'{"lead_id":"l-001","body":"a","body":"b"}', 400, "malformed-json"),
        (b"[]", 422, "validation"),
        (b"", 422, "validation"),
    ],
)
def test_a_bad_body_is_refused_and_nothing_is_sent(
    sms: SmsApi, body: bytes, status: int, slug: str
) -> None:
    """With its place, never its value."""
    before = sms.provider.seen()["created"]
    key = {"Idempotency-Key": fresh_key()}

    refused = sms.client.post(SEND, content=body, headers=JSON | key)

    assert problem(refused) == (status, slug)
    assert "12025550147" not in refused.text
    assert sms.provider.seen()["created"] == before


def test_a_send_needs_a_key(sms: SmsApi) -> None:
    """Without one a second try could not be told from a second wish."""
    body = {"lead_id": "l-001", "body": "x"}

    assert problem(sms.client.post(SEND, json=body)) == (400, "key-missing")


def test_another_tenants_lead_looks_like_none(sms: SmsApi) -> None:
    """For sending, and for the history; nothing leaves."""
    theirs = sms.leads(X_Tenant="globex")[0]["id"]
    before = sms.provider.seen()["created"]

    foreign, unknown = sms.send(theirs), sms.send("no-such-lead")
    read = sms.client.get(f"/api/leads/{theirs}/sms-history")

    assert problem(foreign) == problem(unknown) == (404, "lead-not-found")
    assert foreign.json()["detail"] == unknown.json()["detail"]
    assert problem(read) == (404, "lead-not-found")
    assert sms.provider.seen()["created"] == before


def test_a_refusal_of_the_provider_is_the_answer(sms: SmsApi) -> None:
    """Stored, so that the same key asks nobody again; no vote in the breaker."""
    sms.provider.faults(mode="reject", reject_code=21211)
    lead, key = sms.unused(), fresh_key()

    refused = sms.send(lead, "No", key)
    sms.heal()
    again = sms.send(lead, "No", key)

    assert problem(refused) == problem(again) == (502, "provider-rejected")
    assert (refused.json()["provider_code"], refused.json()["provider_status"]) == (
        21211,
        400,
    )
    assert again.headers["idempotent-replayed"] == "true"
    assert sms.history(lead) == []
    assert sms.breaker()["failures"] == 0


def test_a_lead_gets_five_messages_an_hour(sms: SmsApi) -> None:
    """The sixth is told when; refused for a while, its key stays good."""
    lead = sms.unused()
    codes = [sms.send(lead, f"Number {n}").status_code for n in range(5)]

    refused = sms.send(lead, "One more")

    assert codes == [200] * 5
    assert problem(refused) == (429, "rate-limited")
    assert 3000 < int(refused.headers["retry-after"]) <= 3600
    assert len(sms.history(lead)) == 5


def test_twenty_clicks_at_once_cannot_pass_the_limit(sms: SmsApi) -> None:
    """What is on its way counts, though it has no row yet."""
    lead = sms.unused()
    sms.provider.faults(latency=0.3)

    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda n: sms.send(lead, f"Race {n}"), range(20)))

    codes = sorted(each.status_code for each in answers)
    assert codes == [200] * 5 + [429] * 15
    assert len(sms.history(lead)) == 5


def test_the_list_is_cut_and_goes_on(sms: SmsApi) -> None:
    """By id, with a limit, after the last one."""
    everything = [each["id"] for each in sms.leads()]
    first = sms.client.get("/api/leads", params={"limit": 150}).json()
    then = sms.client.get(
        "/api/leads", params={"limit": 1000, "after": first[-1]["id"]}
    ).json()

    assert len(everything) == 400
    assert [each["id"] for each in first + then] == everything
    for bad in ({"limit": 0}, {"limit": 1001}, {"after": "x" * 65}):
        assert problem(sms.client.get("/api/leads", params=bad))[1] == "validation"


@pytest.mark.case("APP-57", part="server")
def test_without_chaos_there_are_no_switches(start_app: Any) -> None:
    """Neither the app's nor the simulator's."""
    with Simulator(chaos=False) as provider:
        app = start_app(provider=provider)
        with app.client() as client:
            asked = [
                client.get("/api/chaos/provider"),
                client.post("/api/chaos/provider", json={}),
                client.post("/api/chaos/breaker", json={"action": "trip"}),
                client.post("/api/chaos/inbound", json={"lead_id": "x", "body": "x"}),
                client.get("/_sim/faults"),
            ]
        theirs = provider.api.get("/_sim/faults").status_code

    assert [problem(each) for each in asked] == [(404, "not-found")] * 5
    assert theirs == 404


def test_the_history_is_read_page_by_page(sms: SmsApi) -> None:
    """Each page is what came before the last message of the one above it."""
    lead = sms.unused()
    for number in range(5):
        assert sms.send(lead, f"{number}").status_code == 200
    other = sms.unused()
    sms.send(other, "elsewhere")
    path = f"/api/leads/{lead}/sms-history"
    (foreign,) = sms.history(other)

    pages: list[list[str]] = []
    before = ""
    while not pages or pages[-1]:
        page = sms.client.get(path, params={"limit": 2, "before": before}).json()
        pages.append([each["body"] for each in page])
        before = page[-1]["id"] if page else before

    assert pages == [["4", "3"], ["2", "1"], ["0"], []]
    for nobodys in (foreign["id"], "m-0", "\0", "x" * 65):
        refused = sms.client.get(path, params={"before": nobodys})
        assert problem(refused) == (422, "validation")
        assert refused.json()["errors"][0]["pointer"] == "#/before"
