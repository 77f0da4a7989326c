"""The provider lies, hangs and dies; a message is sent once or known to be unknown."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.app.conftest import StartApp
from tests.app.driver import Api, problem
from tests.app.simulated import Simulator
from tests.app.sms_driver import SmsApi, fresh_key

# One app for all of them: a second worker would start a second one.
pytestmark = pytest.mark.xdist_group("app-sms-faults")


@pytest.mark.case("APP-29", part="server")
@pytest.mark.case("OPR-13", part="app")
@pytest.mark.parametrize("mode", ["accept_then_drop", "accept_then_hang", "garbled"])
def test_a_message_whose_answer_was_lost_is_looked_up(sms: SmsApi, mode: str) -> None:
    """It is done, in one call, and the provider has one message."""
    lead, body = sms.unused(), f"Lost {fresh_key()}"
    sms.provider.faults(mode=mode, fail_next=1)

    answer = sms.send(lead, body)

    (message,) = sms.history(lead)
    assert answer.status_code == 200
    assert answer.json()["message"]["provider_id"] == message["provider_id"]
    assert sms.accepted(body) == 1


@pytest.mark.case("OPR-14", part="app")
@pytest.mark.parametrize("mode", ["drop", "hang", "500"])
def test_a_message_that_never_arrived_is_sent_again(sms: SmsApi, mode: str) -> None:
    """The provider says twice that it has nothing, so it goes out once more."""
    lead, body = sms.unused(), f"Gone {fresh_key()}"
    sms.provider.faults(mode=mode, fail_next=1)

    answer = sms.send(lead, body)

    assert answer.status_code == 200
    assert len(sms.history(lead)) == sms.accepted(body) == 1


def test_a_message_like_an_earlier_one_is_not_taken_for_it(sms: SmsApi) -> None:
    """The same text to the same person twice, the second one without an answer."""
    lead, body = sms.unused(), f"Again {fresh_key()}"
    first = sms.send(lead, body)
    sms.provider.faults(mode="drop", fail_next=1)

    second = sms.send(lead, body)

    ids = {each["provider_id"] for each in sms.history(lead)}
    assert (first.status_code, second.status_code) == (200, 200)
    assert len(ids) == sms.accepted(body) == 2


def test_two_clicks_whose_answers_are_lost_find_a_message_each(sms: SmsApi) -> None:
    """Equal texts at the same time: neither takes the other's for its own."""
    lead, body = sms.unused(), f"Twins {fresh_key()}"
    sms.provider.faults(mode="accept_then_drop", fail_next=2)

    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(lambda _: sms.send(lead, body), range(2)))

    sent = [each for each in answers if each.status_code == 200]
    unknown = [each for each in answers if each.status_code == 409]
    assert len(sent) + len(unknown) == 2
    assert len({each["provider_id"] for each in sms.history(lead)}) == len(sent)
    assert len(sms.unresolved()) == len(unknown)
    assert sms.accepted(body) == 2
    for each in sms.unresolved():
        sms.resolve(each["key_hash"], "check")


# ------------------------------------------------------------- what is unknown


def make_unknown(sms: SmsApi, lead: str, body: str, key: str, *, sent: bool) -> str:
    """Send so that nobody knows whether it left; return the hash of the key."""
    mode = "accept_then_drop" if sent else "hang"
    # Lookups fail too, and the way there cannot be repaired by waiting.
    sms.provider.faults(mode=mode, applies_to="all")
    answer = sms.send(lead, body, key)
    assert problem(answer) == (409, "outcome-unknown")
    (waiting,) = sms.unresolved()
    assert waiting["command"] == {"lead_id": lead}
    assert (waiting["operation"], waiting["attempts"]) == ("sms.send", 1)
    assert sms.history(lead) == []
    return str(waiting["key_hash"])


@pytest.mark.case("APP-30", part="server: check finds it")
@pytest.mark.case("OPR-15", part="app")
def test_what_is_unknown_is_settled_by_asking_again(sms: SmsApi) -> None:
    """Until then it stays unknown; then the row is there, and the key replays."""
    lead, body, key = sms.unused(), f"Hang {fresh_key()}", fresh_key()
    key_hash = make_unknown(sms, lead, body, key, sent=True)

    still = sms.resolve(key_hash, "check")
    same = sms.send(lead, body, key)
    sms.repair()
    found = sms.resolve(key_hash, "check")
    replay = sms.send(lead, body, key)

    assert (still.status_code, still.json()) == (
        200,
        {"outcome": "unknown", "message": None},
    )
    assert problem(same) == (409, "outcome-unknown")
    assert found.json()["outcome"] == "sent"
    assert found.json()["message"] == sms.history(lead)[0]
    assert replay.headers["idempotent-replayed"] == "true"
    assert replay.json()["message"]["id"] == found.json()["message"]["id"]
    assert sms.unresolved() == []
    assert sms.accepted(body) == 1
    assert [line["action"] for line in sms.audit(lead)] == ["sms.resolve", "sms.send"]


@pytest.mark.case("APP-30", part="server: not found")
def test_what_the_provider_does_not_have_was_not_sent(sms: SmsApi) -> None:
    """The same key then sends it."""
    lead, body, key = sms.unused(), f"Nothing {fresh_key()}", fresh_key()
    key_hash = make_unknown(sms, lead, body, key, sent=False)
    sms.repair()

    settled = sms.resolve(key_hash, "check")
    sent = sms.send(lead, body, key)

    assert settled.json() == {"outcome": "not-sent", "message": None}
    assert (sent.status_code, "idempotent-replayed" in sent.headers) == (200, False)
    assert sms.accepted(body) == len(sms.history(lead)) == 1


@pytest.mark.parametrize(
    ("verdict", "sent", "outcome", "messages"),
    [
        ("sent", False, "sent", 0),
        ("not-sent", False, "not-sent", 0),
        # Somebody was sure, and the provider knew better.
        ("not-sent", True, "sent", 1),
    ],
)
def test_a_person_decides_where_the_provider_says_nothing(
    sms: SmsApi, verdict: str, sent: bool, outcome: str, messages: int
) -> None:
    """Where it does say something, that holds."""
    lead, body, key = sms.unused(), f"Person {fresh_key()}", fresh_key()
    key_hash = make_unknown(sms, lead, body, key, sent=sent)
    sms.repair()

    settled = sms.resolve(key_hash, verdict)
    twice = sms.resolve(key_hash, verdict)

    assert settled.json()["outcome"] == outcome
    assert problem(twice) == (404, "unresolved-not-found")
    assert len(sms.history(lead)) == (outcome == "sent")
    assert sms.accepted(body) == messages
    assert sms.audit(lead)[0]["action"] == "sms.resolve"


def test_another_tenants_unknown_looks_like_none(sms: SmsApi) -> None:
    """Neither listed nor settled."""
    lead, key = sms.unused(), fresh_key()
    key_hash = make_unknown(sms, lead, f"Mine {key}", key, sent=False)
    other = {"X-Tenant": "globex"}

    listed = sms.client.get("/api/unresolved", headers=other).json()
    refused = sms.client.post(
        f"/api/unresolved/{key_hash}/resolve",
        json={"verdict": "not-sent"},
        headers=other,
    )
    bad = sms.client.post(
        f"/api/unresolved/{key_hash}/resolve", json={"verdict": "perhaps"}
    )
    sms.repair()

    assert listed == []
    assert problem(refused) == (404, "unresolved-not-found")
    assert problem(bad) == (422, "validation")
    assert sms.resolve(key_hash, "check").json()["outcome"] == "not-sent"


# ---------------------------------------------------------------- the breaker


@pytest.mark.case("APP-13", part="server")
@pytest.mark.case("APP-15", part="server")
@pytest.mark.case("OPR-23", part="app")
def test_five_failed_sends_pause_the_service(start_app: StartApp) -> None:
    """503 with the time to wait and no request; bookings go on, and health says so."""
    with Simulator() as provider:
        app = start_app("--chaos", provider=provider)
        with app.client() as client:
            sms, bookings = SmsApi(client, provider), Api(client)
            provider.faults(mode="refuse")
            ids = [each["id"] for each in sms.leads() if not each["opted_out"]][:6]
            with ThreadPoolExecutor(5) as pool:
                failed = list(pool.map(sms.send, ids[:5]))

            key = fresh_key()
            provider.faults()
            asked = provider.seen()["requests"]["create"]
            paused = sms.send(ids[5], "Later", key)
            booking = next(
                b["id"] for b in bookings.bookings() if b["status"] == "requested"
            )
            confirmed = bookings.confirm(booking, fresh_key())
            health = client.get("/api/health")
            breaker = sms.breaker()
            quiet = provider.seen()["requests"]["create"] == asked
            client.post("/api/chaos/breaker", json={"action": "reset"})
            sent = sms.send(ids[5], "Later", key)
            tripped = client.post("/api/chaos/breaker", json={"action": "trip"})
            again = sms.send(ids[4])

    # Those that wait for another try when it opens are not tried again.
    assert {problem(each)[1] for each in failed} <= {
        "provider-unavailable",
        "circuit-open",
    }
    assert all(int(each.headers["retry-after"]) >= 1 for each in failed)
    assert problem(paused) == (503, "circuit-open")
    assert 200 < int(paused.headers["retry-after"]) <= 300
    assert quiet
    assert confirmed.status_code == 200
    assert (health.status_code, health.json()["status"]) == (200, "ok")
    assert health.json()["breakers"]["sms"] == breaker
    assert (breaker["state"], breaker["failures"], breaker["threshold"]) == (
        "open",
        5,
        5,
    )
    assert 200 < breaker["retry_after_s"] <= 300
    assert sent.status_code == 200
    assert tripped.json() == {"action": "trip"}
    assert problem(again) == (503, "circuit-open")


@pytest.mark.case("OPR-12", part="app")
def test_a_provider_that_cannot_be_reached_leaves_the_key_free(sms: SmsApi) -> None:
    """Given up after five attempts; pressed again, the same key sends."""
    lead, body, key = sms.unused(), f"Refused {fresh_key()}", fresh_key()
    sms.provider.faults(mode="refuse")

    refused = sms.send(lead, body, key)
    failures = sms.breaker()["failures"]
    sms.repair()
    sent = sms.send(lead, body, key)

    assert problem(refused) == (503, "provider-unavailable")
    assert int(refused.headers["retry-after"]) >= 1
    assert failures == 1
    assert (sent.status_code, "idempotent-replayed" in sent.headers) == (200, False)
    assert sms.accepted(body) == len(sms.history(lead)) == 1


def test_a_send_that_failed_makes_room_again(sms: SmsApi) -> None:
    """Six tries while the provider refuses are not six messages."""
    lead = sms.unused()
    sms.provider.faults(mode="refuse")  # also to a probe, if these take a second
    sms.client.post("/api/chaos/breaker", json={"action": "trip"})
    codes = {sms.send(lead, f"Try {n}").status_code for n in range(6)}
    sms.repair()

    assert codes == {503}
    assert sms.send(lead).status_code == 200


# ------------------------------------------------------------------- switches


def test_the_switches_reach_the_simulator(sms: SmsApi) -> None:
    """What it does not know is refused and changes nothing."""
    known = sms.client.post("/api/chaos/provider", json={"latency": 0.01})
    told = sms.client.get("/api/chaos/provider")
    refused = sms.client.post("/api/chaos/provider", json={"mode": "explode"})
    empty = sms.client.post("/api/chaos/provider")
    lost = sms.client.post(
        "/api/chaos/inbound", json={"lead_id": "no-such", "body": "x"}
    )

    assert known.json() == told.json()
    assert told.json()["latency"] == 0.01
    assert problem(refused) == (422, "simulator-refused")
    assert sms.client.get("/api/chaos/provider").json() == told.json()
    assert problem(empty) == (422, "validation")
    assert problem(lost) == (404, "lead-not-found")


@pytest.mark.parametrize(
    ("faults", "reason"),
    [
        ({"mode": "refuse", "fail_next": 1}, "so it cannot be counted"),
        ({"mode": "hang", "fail_next": 0}, "fail_next: Input should be greater"),
        ({"delay": 1}, "delay: Extra inputs"),
    ],
)
def test_a_switch_that_is_refused_says_why(
    sms: SmsApi, faults: dict[str, object], reason: str
) -> None:
    """Each member may be known, and they still do not go together."""
    refused = sms.client.post("/api/chaos/provider", json=faults)

    assert problem(refused) == (422, "simulator-refused")
    assert reason in refused.json()["detail"]
    assert refused.json()["detail"].endswith(". Nothing was changed.")
