"""Confirming over HTTP: once, whatever the caller does."""

from __future__ import annotations

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from itertools import count

import pytest

from tests.app.driver import Api, AppProcess, events_of, halves, problem, rows

# One app for all of them: a second worker would start a second one.
pytestmark = pytest.mark.xdist_group("app-confirm")

_keys = (f"click-{number}" for number in count(1))


def fresh_key() -> str:
    """Return a key that no test has used."""
    return next(_keys)


def confirmable(api: Api) -> str:
    """Return the id of a booking that can be confirmed."""
    listed = api.bookings()
    taken = {
        (b["resource"], b["starts_at"])
        for b in listed
        if b["status"] in {"held", "confirmed", "checked_in"}
    }
    held = [
        b["id"]
        for b in listed
        if b["status"] == "held" and b["expires_at"] > b["updated_at"]
    ]
    free = [
        b["id"]
        for b in listed
        if b["status"] == "requested" and (b["resource"], b["starts_at"]) not in taken
    ]
    found: str = [*held, *free][0]
    return found


def in_state(api: Api, status: str) -> str:
    """Return the id of some booking in that state."""
    found: str = next(b["id"] for b in api.bookings() if b["status"] == status)
    return found


@pytest.mark.case("APP-01", part="server")
def test_confirming_writes_row_audit_and_event_in_one_go(
    api: Api, app: AppProcess
) -> None:
    """The answer, the list, the audit line and the event say the same."""
    booking = confirmable(api)
    before = api.booking(booking)

    answer = api.confirm(booking, fresh_key(), X_Request_Id="abcdefgh12345678")

    body = answer.json()
    after = api.booking(booking)
    (line,) = api.audit(booking)
    (event,) = events_of(app.database, booking)
    assert (answer.status_code, body["changed"]) == (200, True)
    assert body["booking"] == after == event["booking"]
    assert (after["status"], after["version"]) == ("confirmed", before["version"] + 1)
    assert answer.headers["etag"] == f'"booking-{booking}.{after["version"]}"'
    assert (line["from"], line["to"]) == (before["status"], "confirmed")
    assert (line["version_from"], line["version_to"]) == (1, 2)
    assert (line["actor_id"], line["action"]) == ("demo", "booking.confirm")
    assert line["key_hash"] == event["key_hash"]
    assert len(line["key_hash"]) == 8
    assert line["request_id"] == answer.headers["x-request-id"]


@pytest.mark.case("IDM-01", part="app")
@pytest.mark.case("OPR-01", part="http")
def test_a_double_click_is_one_effect_and_one_replay(api: Api, app: AppProcess) -> None:
    """The second answer has the same bytes and says that it is a replay."""
    booking, key = confirmable(api), fresh_key()

    first = api.confirm(booking, key)
    second = api.confirm(booking, key)

    assert first.content == second.content
    assert first.headers["etag"] == second.headers["etag"]
    assert first.headers["idempotency-key-expires-in"] == "60"
    assert "idempotent-replayed" not in first.headers
    assert second.headers["idempotent-replayed"] == "true"
    assert len(api.audit(booking)) == len(events_of(app.database, booking)) == 1


@pytest.mark.case("OPR-03", part="http")
def test_fifty_clicks_at_once_are_one_effect(api: Api, app: AppProcess) -> None:
    """Everybody gets the one answer."""
    booking, key = confirmable(api), fresh_key()

    with ThreadPoolExecutor(50) as pool:
        answers = list(pool.map(lambda _: api.confirm(booking, key), range(50)))

    replayed = [a for a in answers if "idempotent-replayed" in a.headers]
    assert {a.status_code for a in answers} == {200}
    assert len({a.content for a in answers}) == 1
    assert len(replayed) == 49
    assert len(api.audit(booking)) == len(events_of(app.database, booking)) == 1


def test_a_second_click_with_a_new_key_changes_nothing(
    api: Api, app: AppProcess
) -> None:
    """Confirmed already: 200, no audit line, no event."""
    booking = confirmable(api)
    first = api.confirm(booking, fresh_key())

    second = api.confirm(booking, fresh_key())

    assert second.status_code == 200
    assert second.json() == {"booking": first.json()["booking"], "changed": False}
    assert second.headers["etag"] == first.headers["etag"]
    assert len(api.audit(booking)) == len(events_of(app.database, booking)) == 1


@pytest.mark.case("IDM-02", part="app")
@pytest.mark.case("OPR-02", part="http")
def test_a_key_reused_for_another_booking_is_refused(api: Api) -> None:
    """Nothing is done, and the first answer is still there."""
    first_booking, key = confirmable(api), fresh_key()
    first = api.confirm(first_booking, key)
    other = confirmable(api)

    refused = api.confirm(other, key)

    again = api.confirm(first_booking, key)
    assert problem(refused) == (422, "key-reused")
    assert key not in refused.text
    assert api.booking(other)["version"] == 1
    assert again.content == first.content


@pytest.mark.case("IDM-04", part="app")
def test_a_quoted_key_is_the_bare_key(api: Api) -> None:
    """Quotes are the header's syntax, no part of the key."""
    booking, key = confirmable(api), fresh_key()
    first = api.confirm(booking, f'"{key}"')

    second = api.confirm(booking, key)

    assert second.headers["idempotent-replayed"] == "true"
    assert second.content == first.content


def test_the_older_header_name_is_the_same_key(api: Api) -> None:
    """X-Idempotency-Key replays what Idempotency-Key did."""
    booking, key = confirmable(api), fresh_key()
    first = api.confirm(booking, key)

    second = api.confirm(booking, None, X_Idempotency_Key=key)

    assert second.headers["idempotent-replayed"] == "true"
    assert second.content == first.content


# ------------------------------------------------------------------- refusals


@pytest.mark.case("APP-16", part="bookings over HTTP")
@pytest.mark.parametrize(
    ("status", "allowed"),
    [
        ("checked_in", ["completed"]),
        ("completed", []),
        ("no_show", []),
        ("cancelled", []),
        ("expired", []),
    ],
)
def test_an_illegal_transition_says_what_is_allowed(
    api: Api, app: AppProcess, status: str, allowed: list[str]
) -> None:
    """No audit line, no event; the replay is the same refusal."""
    booking, key = in_state(api, status), fresh_key()

    refused = api.confirm(booking, key)
    again = api.confirm(booking, key)

    body = refused.json()
    assert problem(refused) == (409, "transition-not-allowed")
    assert (body["from"], body["to"]) == (status, "confirmed")
    assert body["allowed"] == allowed
    assert again.headers["idempotent-replayed"] == "true"
    assert _without_request(again.json()) == _without_request(body)
    assert api.audit(booking) == events_of(app.database, booking) == []


def test_a_hold_that_ran_out_is_refused(api: Api) -> None:
    """The slot is no longer kept for it."""
    booking = next(
        b["id"]
        for b in api.bookings()
        if b["status"] == "held" and b["expires_at"] < b["updated_at"]
    )

    refused = api.confirm(booking, fresh_key())

    assert problem(refused) == (409, "hold-expired")
    assert api.booking(booking)["status"] == "held"
    assert api.audit(booking) == []


@pytest.mark.case("IDM-38", part="app")
@pytest.mark.case("OPR-04", part="http")
def test_a_taken_slot_offers_free_ones(api: Api) -> None:
    """Three later slots of the same resource that nobody has; the same again."""
    confirmed = {
        (b["resource"], b["starts_at"])
        for b in api.bookings()
        if b["status"] == "confirmed"
    }
    wanted = next(
        b
        for b in api.bookings()
        if b["status"] == "requested" and (b["resource"], b["starts_at"]) in confirmed
    )

    key = fresh_key()
    refused = api.confirm(wanted["id"], key)
    again = api.confirm(wanted["id"], key)

    assert again.headers["idempotent-replayed"] == "true"
    assert _without_request(again.json()) == _without_request(refused.json())
    alternatives = refused.json()["alternatives"]
    assert problem(refused) == (409, "slot-taken")
    assert len(alternatives) == 3
    assert {a["resource"] for a in alternatives} == {wanted["resource"]}
    assert all(a["starts_at"] > wanted["starts_at"] for a in alternatives)
    assert api.booking(wanted["id"])["status"] == "requested"
    assert api.audit(wanted["id"]) == []


def test_a_lapsed_hold_gives_its_slot_away(api: Api, app: AppProcess) -> None:
    """Both changes are one commit: the hold expires, the request is confirmed."""
    lapsed = {
        (b["resource"], b["starts_at"]): b["id"]
        for b in api.bookings()
        if b["status"] == "held" and b["expires_at"] < b["updated_at"]
    }
    wanted = next(
        b
        for b in api.bookings()
        if b["status"] == "requested" and (b["resource"], b["starts_at"]) in lapsed
    )
    holder = lapsed[wanted["resource"], wanted["starts_at"]]

    answer = api.confirm(wanted["id"], fresh_key())

    (line,) = api.audit(holder)
    assert answer.status_code == 200
    assert api.booking(holder)["status"] == "expired"
    assert (line["action"], line["actor_type"]) == ("booking.expire", "system")
    assert len(events_of(app.database, holder)) == 1
    assert len(events_of(app.database, wanted["id"])) == 1


# ------------------------------------------------------------------- versions


def test_if_match_with_the_current_version_goes_through(api: Api) -> None:
    """The tag of the list's version is the tag of the single booking."""
    booking = confirmable(api)
    tag = api.client.get(f"/api/bookings/{booking}").headers["etag"]

    answer = api.confirm(booking, fresh_key(), If_Match=tag)

    assert answer.status_code == 200
    assert answer.headers["etag"] != tag


@pytest.mark.case("APP-17", part="bookings over HTTP")
def test_if_match_with_an_old_version_is_a_conflict(api: Api) -> None:
    """The refusal says who changed what and when; pressed again, it goes on."""
    booking = confirmable(api)
    stale = api.client.get(f"/api/bookings/{booking}").headers["etag"]
    api.confirm(booking, fresh_key())
    current = api.booking(booking)

    refused = api.confirm(booking, fresh_key(), If_Match=stale)

    told = refused.json()["current"]
    assert problem(refused) == (412, "version-conflict")
    assert told == {
        "version": current["version"],
        "status": "confirmed",
        "by": "demo",
        "at": current["updated_at"],
    }
    assert len(api.audit(booking)) == 1


def test_a_retry_of_a_lost_answer_is_no_conflict_with_itself(api: Api) -> None:
    """The record comes before If-Match: the first try made the tag old."""
    booking, key = confirmable(api), fresh_key()
    tag = api.client.get(f"/api/bookings/{booking}").headers["etag"]
    first = api.confirm(booking, key, If_Match=tag)

    again = api.confirm(booking, key, If_Match=tag)

    assert again.status_code == 200
    assert again.content == first.content


# -------------------------------------------------------------------- tenants


@pytest.mark.case("IDM-45", part="app")
@pytest.mark.case("OPR-37", part="http")
def test_two_tenants_with_one_key_are_two_effects(api: Api) -> None:
    """Each gets the answer about its own booking."""
    key = fresh_key()
    mine = confirmable(api)
    theirs = next(
        b["id"] for b in api.bookings(X_Tenant="globex") if b["status"] == "requested"
    )

    first = api.confirm(mine, key)
    second = api.confirm(theirs, key, X_Tenant="globex")

    assert (first.json()["booking"]["id"], first.json()["changed"]) == (mine, True)
    assert (second.json()["booking"]["id"], second.json()["changed"]) == (theirs, True)
    assert "idempotent-replayed" not in second.headers


def test_another_tenants_booking_looks_like_none(api: Api) -> None:
    """Nothing but the request's own id tells the two answers apart."""
    theirs = api.bookings(X_Tenant="globex")[0]["id"]

    other = api.confirm(theirs, fresh_key())
    unknown = api.confirm("no-such-booking", fresh_key())

    assert problem(other) == problem(unknown) == (404, "booking-not-found")
    assert _without_request(other.json()) == _without_request(unknown.json())
    assert api.client.get(f"/api/bookings/{theirs}").status_code == 404


def test_lists_hold_only_the_tenants_own(api: Api) -> None:
    """Bookings and audit lines, by id and as a whole."""
    theirs = next(
        b["id"] for b in api.bookings(X_Tenant="globex") if b["status"] == "requested"
    )
    api.confirm(theirs, fresh_key(), X_Tenant="globex")
    audit = api.client.get("/api/audit").json()

    mine = {b["id"] for b in api.bookings()}
    assert mine.isdisjoint({b["id"] for b in api.bookings(X_Tenant="globex")})
    assert theirs not in {line["entity_id"] for line in audit}
    assert api.audit(theirs) == []


# ---------------------------------------------------------------------- atoms


def test_no_commit_is_ever_half(api: Api, app: AppProcess) -> None:
    """Whatever this app did until now: row, audit line and event, or nothing."""
    booking = confirmable(api)
    api.confirm(booking, fresh_key())

    changed = rows(app.database, "SELECT id FROM bookings WHERE version > 1")
    logged = rows(app.database, "SELECT DISTINCT entity_id FROM audit")
    assert halves(app.database) == []
    assert (booking,) in changed
    assert sorted(changed) == sorted(logged)


@pytest.mark.parametrize(
    "statement", ["UPDATE audit SET reason = 'x'", "DELETE FROM audit"]
)
def test_the_audit_log_is_append_only(
    api: Api, app: AppProcess, statement: str
) -> None:
    """Even somebody with the file at hand is refused by the database."""
    api.confirm(confirmable(api), fresh_key())

    with (
        closing(sqlite3.connect(app.database)) as connection,
        pytest.raises(sqlite3.IntegrityError, match="append-only"),
    ):
        connection.execute(statement)


def _without_request(body: dict[str, object]) -> dict[str, object]:
    return {k: v for k, v in body.items() if k not in {"request_id", "instance"}}
