"""Changing the state of one lead, on a real database and a clock of its own."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from examples.critical_buttons.domain.consent import Intent
from examples.critical_buttons.domain.lead_refusals import (
    ReasonRequired,
    TransitionNotAllowed,
    VersionConflict,
)
from examples.critical_buttons.domain.messages import Direction
from examples.critical_buttons.domain.sms_refusals import LeadNotFound
from examples.critical_buttons.services.lead_history import LeadHistory
from examples.critical_buttons.services.webhooks import Inbound, Webhooks
from syncpatterns.errors import KeyExpired, KeyReused, Refusal, StoreUnavailable
from syncpatterns.operation import Answer
from tests.app.driver import rows
from tests.app.status_driver import Office, key_for, many, one

PHONE = "+12025550147"
LEADS = (
    f"l-1,{PHONE},Ada,new,acme",
    "l-2,+12025550148,Bob,qualified,acme",
    "l-3,+12025550149,Cid,do_not_contact,acme",
    f"l-4,{PHONE},Ada too,booked,acme",
    f"g-1,{PHONE},Ada,new,globex",
)


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    """Four leads, of which two have one number, and one of another tenant."""
    found = Office(tmp_path, *LEADS)
    yield found
    found.close()


async def change(office: Office, lead_id: str, to: str, **more: Any) -> Answer[Any]:
    """Press once."""
    command = one(lead_id, to, **more)
    age = more.get("age", 0.0)
    return await office.desk.change(command, key=key_for(command, age=age))


async def refused(office: Office, lead_id: str, to: str, **more: Any) -> Refusal:
    """Press once, and return why it was refused."""
    with pytest.raises(Refusal) as caught:
        await change(office, lead_id, to, **more)
    return caught.value


async def test_row_audit_line_event_and_answer_say_the_same(office: Office) -> None:
    """In one commit, and by the same hash of the key."""
    command = one("l-1", "attempted", reason="rang twice")
    key = key_for(command)

    answer = await office.desk.change(command, key=key)

    lead = answer.value["lead"]  # type: ignore[typeddict-item]  # the answer for one
    key_hash = office.desk.operation.key_hash(key, scope="acme")
    assert answer.value["changed"] is True
    assert dict(answer.headers) == {"ETag": '"lead-l-1.2"'}
    assert (lead["status"], lead["version"]) == ("attempted", 2)
    assert office.states()["l-1"] == "attempted"
    assert office.audit() == [
        ("l-1", "lead.status", "new", "attempted", 1, 2, "ui", None)
    ]
    assert office.events() == [("l-1", 2, None, "new", "attempted")]
    assert rows(
        office.database, "SELECT reason, key_hash, request_id, client_at FROM audit"
    ) == [("rang twice", key_hash, "request-1", None)]
    assert rows(
        office.database,
        "SELECT json_extract(body, '$.data.key_hash'), json_extract(body, '$.data.by') "
        "FROM syncpatterns_outbox",
    ) == [(key_hash, "demo")]


async def test_the_same_state_again_changes_nothing(office: Office) -> None:
    """No row, no audit line, no event; the tag is the present one."""
    answer = await change(office, "l-1", "new")

    assert answer.value["changed"] is False
    assert dict(answer.headers) == {"ETag": '"lead-l-1.1"'}
    assert (office.audit(), office.events()) == ([], [])


@pytest.mark.case("APP-16", part="leads: what is written")
@pytest.mark.parametrize(
    ("lead_id", "to", "more", "kind"),
    [
        ("l-2", "attempted", {}, TransitionNotAllowed),
        ("l-2", "lost", {}, ReasonRequired),
        ("l-2", "won", {"version": 2}, VersionConflict),
        ("l-2", "won", {"if_match": ('"lead-l-2.7"',)}, VersionConflict),
        ("l-2", "won", {"if_match": ('W/"lead-l-2.1"',)}, VersionConflict),
        ("nobody", "won", {}, LeadNotFound),
        ("g-1", "attempted", {}, LeadNotFound),
    ],
)
async def test_a_refusal_writes_nothing(
    office: Office, lead_id: str, to: str, more: dict[str, Any], kind: type[Refusal]
) -> None:
    """No row, no audit line, no event; another tenant's lead is none."""
    before = office.states()

    error = await refused(office, lead_id, to, **more)

    assert type(error) is kind
    assert office.states() == before
    assert (office.audit(), office.events()) == ([], [])


@pytest.mark.parametrize(
    "tags", [("*",), ('"lead-l-2.1"',), ('"lead-l-2.9"', '"lead-l-2.1"')]
)
async def test_a_tag_of_the_present_version_lets_it_through(
    office: Office, tags: tuple[str, ...]
) -> None:
    """Also as one of several, and the star."""
    answer = await change(office, "l-2", "won", if_match=tags, version=1)

    assert answer.value["changed"] is True


async def test_a_refusal_is_the_answer_of_its_key(office: Office) -> None:
    """Given again with the same words, although it would be allowed by now."""
    command = one("l-2", "won", version=2)
    key = key_for(command)
    with pytest.raises(VersionConflict) as first:
        await office.desk.change(command, key=key)
    await change(office, "l-2", "booked")

    with pytest.raises(VersionConflict) as second:
        await office.desk.change(command, key=key)

    assert second.value.replayed is True
    assert str(second.value) == str(first.value)
    assert second.value.facts == first.value.facts


async def test_a_key_serves_one_lead_or_a_batch_and_not_both(office: Office) -> None:
    """It is one operation, so that a key cannot do two things."""
    command, batch = one("l-2", "booked"), many([("l-1", "attempted")])
    await office.desk.change(command, key=key_for(command, "shared"))

    with pytest.raises(KeyReused):
        await office.desk.change_many(batch, key=key_for(batch, "shared"))

    assert office.states()["l-1"] == "new"


# -------------------------------------------------------------- do not contact


async def test_do_not_contact_closes_the_number_in_the_same_commit(
    office: Office,
) -> None:
    """For every lead of that number, with a line and an event for each."""
    answer = await change(office, "l-1", "do_not_contact")

    lead = answer.value["lead"]
    assert (lead["status"], lead["version"], lead["opted_out"]) == (
        *("do_not_contact", 3, True),
    )
    assert rows(
        office.database, f"SELECT state, source FROM opt_outs WHERE phone = '{PHONE}'"
    ) == [("opted_out", "ui")]
    assert office.audit() == [
        ("l-1", "consent.change", "open", "opted_out", 1, 2, "ui", None),
        ("l-4", "consent.change", "open", "opted_out", 1, 2, "ui", None),
        ("g-1", "consent.change", "open", "opted_out", 1, 2, "system", None),
        ("l-1", "lead.status", "new", "do_not_contact", 2, 3, "ui", None),
    ]
    # The last event of a lead says what the answer says.
    assert office.events() == [
        ("l-1", 2, None, None, None),
        ("l-4", 2, None, None, None),
        ("g-1", 2, None, None, None),
        ("l-1", 3, None, "new", "do_not_contact"),
    ]
    assert office.entry("g-1", "globex").lead.opted_out


async def test_another_tenant_learns_what_happened_and_not_who_did_it(
    office: Office,
) -> None:
    """Neither user nor key, request or hour, in its audit log, event and lead."""
    await change(office, "l-1", "do_not_contact", age=60.0)

    theirs = rows(
        office.database,
        "SELECT actor_type, actor_id, source, request_id, key_hash, client_at FROM "
        "audit WHERE tenant = 'globex'",
    )
    events = rows(
        office.database,
        "SELECT json_extract(body, '$.data.by'), json_extract(body, '$.data.key_hash') "
        "FROM syncpatterns_outbox WHERE channel = 'tenant.globex.leads'",
    )
    assert theirs == [("system", "elsewhere", "system", None, None, None)]
    assert events == [("elsewhere", None)]
    assert office.entry("g-1", "globex").lead.updated_by == "elsewhere"
    assert office.entry("l-4").lead.updated_by == "demo"


async def test_a_number_that_is_closed_already_is_closed_once(office: Office) -> None:
    """One version, one line."""
    await change(office, "l-1", "do_not_contact")

    answer = await change(office, "l-4", "do_not_contact")

    assert answer.value["lead"]["version"] == 3  # consent, then state
    assert office.audit()[-1][:4] == ("l-4", "lead.status", "booked", "do_not_contact")


@pytest.mark.parametrize("words", ["", "HELP", "please stop", "hello"])
async def test_only_start_opens_the_way_out_of_do_not_contact(
    office: Office, words: str
) -> None:
    """Neither an imported lead nor another reply is a consent."""
    if words:
        await says(office, "l-3", words)

    error = await refused(office, "l-3", "new", reason="they will not mind")

    assert isinstance(error, TransitionNotAllowed)
    assert error.facts["allowed"] == []
    assert "writing START" in str(error)


@pytest.mark.case("APP-27", part="leads: the way out of do_not_contact")
@pytest.mark.parametrize("to", ["new", "nurture"])
async def test_after_start_a_lead_may_be_taken_up_again(
    office: Office, to: str
) -> None:
    """The person's word is the reason; the audit trail has both."""
    await says(office, "l-3", "START")

    answer = await change(office, "l-3", to)

    lead = answer.value["lead"]
    assert (lead["status"], lead["opted_out"]) == (to, False)
    assert [line[1:4] for line in office.audit()] == [
        ("consent.change", "opted_out", "open"),
        ("lead.status", "do_not_contact", to),
    ]


async def test_who_is_closed_again_stays_closed(office: Office) -> None:
    """START counts until the next time somebody says not to contact them."""
    await says(office, "l-3", "START")
    await change(office, "l-3", "new")
    await change(office, "l-3", "do_not_contact")

    error = await refused(office, "l-3", "new")

    assert isinstance(error, TransitionNotAllowed)


async def says(office: Office, lead_id: str, words: str) -> Intent:
    """Let the person behind a lead write."""
    phone = office.entry(lead_id).lead.phone
    came = Inbound(f"SM{words}", phone, words)
    return await Webhooks(office.engine).inbound(came)


async def test_a_reply_is_kept_beside_a_change_of_state(office: Office) -> None:
    """Both are in the lead's view: the last message counts only what we sent."""
    await says(office, "l-3", "START")

    assert office.entry("l-3").consented is True
    assert office.entry("l-3").sms_status is None
    assert rows(office.database, "SELECT direction FROM sms_messages") == [
        (Direction.INBOUND.value,)
    ]


# --------------------------------------------------------------------- offline


async def test_what_was_pressed_offline_says_when(office: Office) -> None:
    """`at` is when it was applied, `client_at` when it was wished for."""
    now = datetime.fromtimestamp(office.clock.time(), UTC)

    await change(office, "l-1", "attempted", age=3600.0)

    ((source, at, client_at),) = rows(
        office.database, "SELECT source, at, client_at FROM audit"
    )
    assert source == "offline_replay"
    assert datetime.fromisoformat(at) == now
    assert datetime.fromisoformat(client_at) == now - timedelta(hours=1)


@pytest.mark.parametrize("age", [86_400.0, 999_999_999_999.0])
async def test_what_is_older_than_keys_are_remembered_is_not_done(
    office: Office, age: float
) -> None:
    """Also if it is older than any calendar."""
    with pytest.raises(KeyExpired):
        await change(office, "l-1", "attempted", age=age)

    assert office.states()["l-1"] == "new"


# -------------------------------------------------------------------- the table


@pytest.mark.parametrize("page", [1, 2, 3, 4, 5])
async def test_a_table_is_read_page_by_page_and_misses_nothing(
    office: Office, page: int
) -> None:
    """Also where the last page is full, and of the tenant's leads only."""
    history = LeadHistory(office.engine, page=page)

    pieces = [piece async for piece in await history.table("acme")]

    lines = b"".join(pieces).decode().splitlines()
    assert [line.partition(",")[0] for line in lines] == [
        *["id", "l-1", "l-2", "l-3", "l-4"]
    ]
    assert len(pieces) == 1 + -(-4 // page)


async def test_a_table_that_cannot_be_read_is_not_begun(office: Office) -> None:
    """A 503, not half a file that looks whole."""
    history = LeadHistory(office.engine)
    office.close()

    with pytest.raises(StoreUnavailable):
        await history.table("acme")
