"""Leads' states over HTTP: once per key, whatever is sent and however often."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any

import httpx2
import pytest

from tests.app.driver import AppProcess, listening, problem, rows
from tests.app.status_driver import (
    StatusApi,
    fresh_key,
    hear_batch,
    row_of,
    without_request,
    written,
)

# One app for all of them: a second worker would start a second one.
pytestmark = pytest.mark.xdist_group("app-lead-status")


# ------------------------------------------------------------------------- one


def test_one_lead_changes_with_its_tag(desk: StatusApi, app: AppProcess) -> None:
    """The answer, the list and the audit trail agree; the tag is the next condition."""
    (lead,) = desk.fresh("new")

    first = desk.post(row_of(lead, "attempted", version=1))
    tag = first.headers["etag"]
    second = desk.post(row_of(lead, "connected"), If_Match=tag)

    after = desk.lead(lead)
    newest, oldest = desk.audit(lead)
    assert (first.status_code, second.status_code) == (200, 200)
    assert second.json() == {"lead": after, "changed": True}
    assert (after["status"], after["version"]) == ("connected", 3)
    assert tag == f'"lead-{lead}.2"'
    assert [oldest["from"], oldest["to"], newest["to"]] == [
        *("new", "attempted", "connected")
    ]
    assert set(newest) == {
        *("id", "at", "actor", "source", "action", "from", "to", "reason"),
        *("version_from", "version_to", "key_hash", "bulk_id", "client_at"),
    }
    assert (newest["source"], newest["client_at"]) == ("ui", None)
    assert desk.client.get(f"/api/leads/{lead}/audit?limit=1").json() == [newest]


def test_hubspots_names_go_in_and_ours_come_out(desk: StatusApi) -> None:
    """So that its exports can be sent on as they are."""
    (lead,) = desk.fresh("new")

    answer = desk.post(row_of(lead, "ATTEMPTED_TO_CONTACT"))

    assert answer.json()["lead"]["status"] == "attempted"


@pytest.mark.case("APP-16", part="leads over HTTP")
def test_an_illegal_transition_says_what_is_allowed(
    desk: StatusApi, app: AppProcess
) -> None:
    """409 with the list; the replay is the same to the byte; nothing is written."""
    (lead,) = desk.fresh("won")
    key, same = fresh_key(), "request-of-both"

    refused = desk.post(row_of(lead, "new"), key, X_Request_Id=same)
    again = desk.post(row_of(lead, "new"), key, X_Request_Id=same)

    body = refused.json()
    assert problem(refused) == (409, "transition-not-allowed")
    assert (body["from"], body["to"], body["allowed"]) == ("won", "new", [])
    assert again.content == refused.content
    assert again.headers["idempotent-replayed"] == "true"
    assert desk.audit(lead) == []
    assert desk.lead(lead)["version"] == 1


@pytest.mark.case("APP-17", part="leads over HTTP")
@pytest.mark.parametrize("by", ["body", "header"])
def test_an_old_version_is_a_conflict_and_the_present_one_goes_on(
    desk: StatusApi, by: str
) -> None:
    """Who, when and what; with the version that it tells "use mine" works."""
    (lead,) = desk.fresh("qualified")
    desk.post(row_of(lead, "booked"))
    current = desk.lead(lead)

    def press(version: int) -> httpx2.Response:
        if by == "body":
            return desk.post(row_of(lead, "won", version=version))
        return desk.post(row_of(lead, "won"), If_Match=f'"lead-{lead}.{version}"')

    refused = press(1)
    mine = press(refused.json()["current"]["version"])

    assert problem(refused) == (412, "version-conflict")
    assert refused.json()["current"] == {
        "version": 2,
        "status": "booked",
        "by": "demo",
        "at": current["updated_at"],
    }
    assert mine.json()["lead"]["version"] == 3


def test_two_conditions_that_disagree_are_refused(
    desk: StatusApi, app: AppProcess
) -> None:
    """Whichever was meant; if they agree, or one is a star, it goes through."""
    (lead,) = desk.fresh("new")
    before = written(app)

    refused = desk.post(row_of(lead, "attempted", version=1), If_Match='"lead-x.1"')
    after = written(app)
    agreed = desk.post(
        row_of(lead, "attempted", version=1), If_Match=f'"lead-{lead}.1"'
    )
    star = desk.post(row_of(lead, "connected", version=2), If_Match="*")

    assert problem(refused) == (422, "validation")
    assert refused.json()["errors"][0]["in"] == "header"
    assert before == after
    assert (agreed.status_code, star.status_code) == (200, 200)


def test_a_lost_answer_is_no_conflict_with_itself(desk: StatusApi) -> None:
    """The record comes before the condition, whose version the first try used up."""
    (lead,) = desk.fresh("new")
    key = fresh_key()
    first = desk.post(row_of(lead, "attempted", version=1), key)

    again = desk.post(row_of(lead, "attempted", version=1), key)

    assert again.content == first.content
    assert again.headers["etag"] == first.headers["etag"]
    assert again.headers["idempotent-replayed"] == "true"
    assert len(desk.audit(lead)) == 1


def test_a_reason_is_asked_for_and_kept(desk: StatusApi) -> None:
    """422 with the state; not a malformed request, and stored as the answer."""
    (lead,) = desk.fresh("new")
    key = fresh_key()

    refused = desk.post(row_of(lead, "lost"), key)
    again = desk.post(row_of(lead, "lost"), key)
    told = desk.post(row_of(lead, "lost", reason="moved to Ålborg 🙂"))

    assert problem(refused) == (422, "reason-required")
    assert refused.json()["to"] == "lost"
    assert again.headers["idempotent-replayed"] == "true"
    assert told.status_code == 200
    assert desk.audit(lead)[0]["reason"] == "moved to Ålborg 🙂"


def test_another_tenants_lead_looks_like_none(desk: StatusApi) -> None:
    """To change it and to look at its audit trail."""
    theirs = desk.leads(X_Tenant="globex")[0]["id"]

    other = desk.post(row_of(theirs, "attempted"))
    unknown = desk.post(row_of("no-such-lead", "attempted"))
    trail = desk.client.get(f"/api/leads/{theirs}/audit")

    assert problem(other) == problem(unknown) == (404, "lead-not-found")
    assert without_request(other) == without_request(unknown)
    assert problem(trail) == (404, "lead-not-found")


def test_fifty_changes_at_once_lose_nothing(desk: StatusApi, app: AppProcess) -> None:
    """Each says what it made of what it found: the versions count up, none is lost."""
    (lead,) = desk.fresh("qualified")

    def press(number: int) -> httpx2.Response:
        return desk.post(row_of(lead, "booked" if number % 2 else "qualified"))

    with ThreadPoolExecutor(50) as pool:
        answers = list(pool.map(press, range(50)))

    trail = desk.audit(lead)[::-1]
    changed = [a.json()["lead"]["version"] for a in answers if a.json()["changed"]]
    events = rows(
        app.database,
        "SELECT json_extract(body, '$.data.lead.version') FROM syncpatterns_outbox "
        "WHERE json_extract(body, '$.data.lead.id') = ? ORDER BY pos",
        lead,
    )
    assert {a.status_code for a in answers} == {200}
    assert desk.lead(lead)["version"] == 1 + len(changed)
    assert sorted(changed) == [line["version_to"] for line in trail]
    assert [(version,) for version in sorted(changed)] == events
    assert all(a["to"] == b["from"] for a, b in pairwise(trail))


def test_of_fifty_changes_to_one_version_one_is_done(desk: StatusApi) -> None:
    """All others are told who was there first."""
    (lead,) = desk.fresh("new")

    with ThreadPoolExecutor(50) as pool:
        answers = list(
            pool.map(
                lambda _: desk.post(row_of(lead, "attempted", version=1)), range(50)
            )
        )

    statuses = sorted(a.status_code for a in answers)
    assert statuses == [200] + [412] * 49
    assert desk.lead(lead)["version"] == 2


# ------------------------------------------------------------------------ many


@pytest.mark.case("APP-20", part="over HTTP")
@pytest.mark.parametrize("form", ["updates", "lead_ids"])
def test_a_batch_in_either_form_is_heard_from_begin_to_end(
    desk: StatusApi, app: AppProcess, form: str
) -> None:
    """Fifty events of one batch on the stream of another page, and its progress."""
    ids = desk.fresh("new", 40)
    ids = ids[:20] if form == "updates" else ids[20:40]
    body = (
        {"updates": [row_of(i, "nurture", version=1) for i in ids]}
        if form == "updates"
        else {"lead_ids": ids, "to": "nurture"}
    )

    with listening(app) as stream:
        answer = desk.post(body)
        changes, told = hear_batch(stream, len(ids))

    found = answer.json()
    phases = [each["data"] for each in told]
    assert (answer.status_code, found["changed"]) == (200, len(ids))
    assert [c["data"]["lead"]["id"] for c in changes] == sorted(ids)
    assert {c["data"]["bulk_id"] for c in changes} == {found["bulk_id"]}
    assert {c["data"]["key_hash"] for c in changes} == {
        phase["op_key_hash"] for phase in phases
    }
    assert [phase["phase"] for phase in phases] == [
        *("validating", "writing", "committing", "done")
    ]
    assert phases[-1] == {
        "op_key_hash": phases[0]["op_key_hash"],
        "phase": "done",
        "done": len(ids),
        "total": len(ids),
        "by": "demo",
        "to": "nurture",
    }


@pytest.mark.case("APP-21", part="over HTTP")
def test_one_guilty_row_in_fifty(desk: StatusApi, app: AppProcess) -> None:
    """Atomic: 409 and nothing changed. Partial: 207 and 49 changed. Replays equal."""
    ids = desk.fresh("connected", 49)
    updates = [row_of(i, "qualified") for i in ids]
    updates.insert(7, row_of(desk.fresh("won")[0], "qualified"))
    keys, same = (fresh_key(), fresh_key()), "both-requests"

    def press(key: str, mode: str) -> httpx2.Response:
        return desk.post({"updates": updates, "mode": mode}, key, X_Request_Id=same)

    before = written(app)[0][0]
    failed = press(keys[0], "atomic")
    untouched = written(app)[0][0] == before
    partial = press(keys[1], "partial")
    again = [press(keys[0], "atomic"), press(keys[1], "partial")]

    results = failed.json()["results"]
    assert problem(failed) == (409, "batch-failed")
    assert [r["index"] for r in results if r["outcome"] == "refused"] == [7]
    assert {r["outcome"] for r in results} == {"refused", "not_applied"}
    assert untouched
    assert partial.status_code == 207
    assert (partial.json()["changed"], partial.json()["refused"]) == (49, 1)
    assert written(app)[0][0] == before + 49
    assert [a.content for a in again] == [failed.content, partial.content]
    assert [a.status_code for a in again] == [409, 207]
    assert [a.headers["idempotent-replayed"] for a in again] == ["true", "true"]


def test_a_dry_run_leaves_the_key_for_the_real_one(
    desk: StatusApi, app: AppProcess
) -> None:
    """It writes nothing, record and event included, and says the same."""
    ids, key = desk.fresh("attempted", 2), fresh_key()
    body = {"lead_ids": ids, "to": "connected", "mode": "partial"}
    before = written(app)

    tried = desk.post({**body, "dry_run": True}, key)
    untouched = written(app) == before
    done = desk.post(body, key)

    assert untouched
    assert (tried.status_code, tried.json()["dry_run"]) == (200, True)
    assert (tried.json()["bulk_id"], tried.json()["changed"]) == (None, 2)
    assert "idempotency-key-expires-in" not in tried.headers
    assert done.status_code == 200
    assert "idempotent-replayed" not in done.headers


@pytest.mark.case("APP-23", part="server")
@pytest.mark.parametrize("form", ["updates", "lead_ids"])
def test_a_lead_that_stands_twice_is_refused_with_its_places(
    desk: StatusApi, app: AppProcess, form: str
) -> None:
    """Also with two different wishes; nothing is written, the key is not used."""
    ids = ["l-001", "l-002", "l-001", "l-003", "l-002", "l-001"]
    body: dict[str, Any] = (
        {"updates": [row_of(i, "attempted") for i in ids]}
        if form == "updates"
        else {"lead_ids": ids, "to": "attempted"}
    )
    before = written(app)

    refused = desk.post(body)

    (error,) = refused.json()["errors"]
    assert problem(refused) == (422, "validation")
    assert (error["pointer"], error["code"]) == (f"#/{form}", "duplicate_lead")
    assert "rows 0, 2, 5; 1, 4 name" in error["detail"]
    assert written(app) == before


@pytest.mark.parametrize("rows_sent", [501, 5000])
@pytest.mark.parametrize("form", ["updates", "lead_ids"])
def test_more_than_five_hundred_rows_are_too_many(
    desk: StatusApi, app: AppProcess, form: str, rows_sent: int
) -> None:
    """413 with the limit, before any of them is looked at: even if each is wrong."""
    body: dict[str, Any] = (
        {"updates": [{"bad": True}] * rows_sent}
        if form == "updates"
        else {"lead_ids": [7] * rows_sent, "to": "attempted"}
    )
    before = written(app)

    refused = desk.post(body)

    assert problem(refused) == (413, "batch-too-large")
    assert refused.json()["max"] == 500
    assert written(app) == before


@pytest.mark.parametrize("mode", ["atomic", "partial"])
def test_batches_over_the_same_leads_at_once_all_end(
    desk: StatusApi, mode: str
) -> None:
    """In crossing orders, ten at a time: each lead ends where its trail says."""
    ids = desk.fresh("booked", 20)

    def press(number: int) -> httpx2.Response:
        to = "qualified" if number % 2 else "booked"
        order = ids if number % 3 else ids[::-1]
        return desk.post({"lead_ids": order, "to": to, "mode": mode})

    with ThreadPoolExecutor(10) as pool:
        answers = list(pool.map(press, range(10)))

    states = {each["id"]: each for each in desk.leads() if each["id"] in ids}
    assert {a.status_code for a in answers} == {200}
    assert len({each["version"] for each in states.values()}) == 1
    for lead, each in states.items():
        assert each["version"] == 1 + len(desk.audit(lead))
