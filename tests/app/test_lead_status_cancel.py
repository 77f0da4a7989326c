"""Cancelling a batch: none of its rows is changed, or it is said that they are."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import anyio
import pytest

from examples.critical_buttons.domain.lead_refusals import BatchCancelled, BatchFailed
from examples.critical_buttons.services.running import Running
from examples.critical_buttons.services.status_commands import CancelMany
from syncpatterns.errors import KeyReused, StoreUnavailable
from syncpatterns.realtime import Event
from tests.app.driver import problem
from tests.app.status_driver import (
    UPDATE,
    Office,
    StatusApi,
    fresh_key,
    key_for,
    many,
    press,
    row_of,
)

pytestmark = pytest.mark.xdist_group("app-lead-status-cancel")

LEADS = (
    *(f"l-{n:03},+1202555{n + 110:04},Lead {n},new,acme" for n in range(20)),
    "w-1,+12025550181,Won,won,acme",
)
IDS = [f"l-{n:03}" for n in range(20)]
MOVED = [(lead_id, "attempted") for lead_id in IDS]


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    """Twenty new leads and a won one."""
    with closing(Office(tmp_path, *LEADS)) as found:
        yield found


def untouched(office: Office) -> bool:
    """Whether no lead, no audit line and no event is there of any change."""
    states = {office.states()[lead_id] for lead_id in IDS}
    return (states, office.audit(), office.events()) == ({"new"}, [], [])


async def outcome_of(office: Office, command: Any, key: Any) -> str:
    """Return what the batch's own request is told."""
    try:
        answer = await office.desk.change_many(command, key=key)
    except (BatchCancelled, BatchFailed) as refused:
        return refused.problem
    return f"{answer.value['changed']} changed"


def cancelling(command: Any) -> CancelMany:
    """Return the wish not to do *command*."""
    return CancelMany(press(), len(command.rows))


# --------------------------------------------------------------- who comes first


@pytest.mark.case("APP-20", part="cancelled, server: before it began")
@pytest.mark.parametrize("mode", ["atomic", "partial"])
async def test_a_batch_that_was_cancelled_first_is_never_done(
    office: Office, mode: Any
) -> None:
    """However often its request comes later: it is told so, and nothing is written."""
    command = many(MOVED, mode)
    key = key_for(command)

    cancelled = [await office.desk.cancel(cancelling(command), key=key)]
    told = [await outcome_of(office, command, key) for _ in range(3)]
    cancelled.append(await office.desk.cancel(cancelling(command), key=key))

    assert cancelled == [True, True]
    assert told == ["batch-cancelled"] * 3
    assert untouched(office)
    assert office.told.phases == []


@pytest.mark.case("APP-20", part="cancelled, server: after its commit")
@pytest.mark.parametrize(
    ("wished", "told"),
    [(MOVED, "20 changed"), ([*MOVED, ("w-1", "attempted")], "batch-failed")],
)
async def test_a_batch_that_has_its_answer_keeps_it(
    office: Office, wished: list[tuple[str, str]], told: str
) -> None:
    """It is said that it was too late; the answer is the same as before."""
    command = many(wished)
    key = key_for(command)

    first = await outcome_of(office, command, key)
    before = office.states(), office.audit()
    cancelled = await office.desk.cancel(cancelling(command), key=key)
    again = await outcome_of(office, command, key)

    assert (first, cancelled, again) == (told, False, told)
    assert (office.states(), office.audit()) == before


@pytest.mark.case("APP-20", part="cancelled, server: in the middle")
@pytest.mark.parametrize("mode", ["atomic", "partial"])
@pytest.mark.parametrize(
    "moment", [("validating", 0), ("writing", 0), ("writing", 7), ("committing", 20)]
)
async def test_a_batch_stopped_on_its_way_leaves_nothing(
    office: Office, mode: Any, moment: tuple[str, int]
) -> None:
    """Its rows are taken back, audit and events too; whoever heard of it hears so."""
    command = many(MOVED, mode)
    key = key_for(command)
    cancelled: list[bool] = []

    async def stop() -> None:
        cancelled.append(await office.desk.cancel(cancelling(command), key=key))

    async with anyio.create_task_group() as tasks:

        def look(event: Event) -> None:
            office.clock.advance(1.0)  # so that every row is told
            if (event.data["phase"], event.data["done"]) == moment:
                # On the writer's thread, between two rows.
                running = office.desk._running
                stored = office.desk.operation.storage_key(key, scope="acme")
                running.cancel(stored, key.fingerprint)

        office.told.at = look
        told = await outcome_of(office, command, key)
        tasks.start_soon(stop)

    assert (told, cancelled) == ("batch-cancelled", [True])
    assert untouched(office)
    assert office.told.phases[-1] == ("done", 0)
    assert ("done", 20) not in office.told.phases


async def test_a_cancel_is_the_batchs_own(office: Office) -> None:
    """Under a key that was used for another batch it is refused, and that one holds."""
    command = many(MOVED)
    key = key_for(command)
    other = many(MOVED[:3])
    await office.desk.change_many(command, key=key)

    with pytest.raises(KeyReused):
        await office.desk.cancel(cancelling(other), key=key_for(other, key.key))

    assert {office.states()[lead_id] for lead_id in IDS} == {"attempted"}


async def test_a_cancel_that_cannot_be_kept_is_no_cancel(office: Office) -> None:
    """Without the database nothing is promised: the caller is told to ask again."""
    command = many(MOVED)
    office.close()

    with pytest.raises(StoreUnavailable):
        await office.desk.cancel(cancelling(command), key=key_for(command))


async def test_who_followed_a_batch_that_failed_is_told(office: Office) -> None:
    """Its rows were told as written, and then the disk said no."""
    command = many(MOVED)

    def fail(event: Event) -> None:
        if event.data["phase"] == "committing":
            raise StoreUnavailable("The disk is full.")

    office.told.at = fail

    with pytest.raises(StoreUnavailable):
        await office.desk.change_many(command, key=key_for(command))

    assert office.told.phases[-1] == ("undone", 0)
    assert untouched(office)


# ------------------------------------------------------- batches on their way


def test_two_batches_whose_keys_begin_alike_do_not_stop_each_other() -> None:
    """An effect knows eight digits of its key; where they fit two, neither stops."""
    running = Running()
    first, second = "0123abcd" + "1" * 56, "0123abcd" + "2" * 56

    with running.batch(first, b"a"):
        running.cancel(second, b"a")
        spared = running.cancelled("0123abcd")
        running.cancel(first, b"a")
        meant = running.cancelled("0123abcd")
        with running.batch(second, b"a"):
            doubtful = running.cancelled("0123abcd")

    assert (spared, meant, doubtful) == (False, True, False)
    assert not running.cancelled("0123abcd")


def test_who_sends_something_else_under_a_key_stops_nothing() -> None:
    """It is refused as another request, so it must not have cancelled this one."""
    running = Running()
    key = "0123abcd" + "1" * 56

    with running.batch(key, b"a"):
        running.cancel(key, b"b")
        spared = running.cancelled("0123abcd")
        running.cancel(key, b"a")
        meant = running.cancelled("0123abcd")
        with running.batch(key, b"b"):
            doubtful = running.cancelled("0123abcd")

    assert (spared, meant, doubtful) == (False, True, False)


def test_a_batch_is_on_its_way_until_its_last_request_is_answered() -> None:
    """A client that asked twice, and was answered once, still wants it stopped."""
    running = Running()
    key = "0123abcd" + "1" * 56

    with running.batch(key, b"a"):
        with running.batch(key, b"a"):
            running.cancel(key, b"a")
        still = running.cancelled("0123abcd"), key in running

    assert still == (True, True)
    assert key not in running
    assert not running.cancelled("0123abcd")


# ------------------------------------------------------------------- over HTTP


@pytest.mark.case("APP-20", part="cancelled, over HTTP")
@pytest.mark.parametrize("form", ["updates", "lead_ids"])
def test_cancelled_over_http(desk: StatusApi, form: str) -> None:
    """The batch's body under the batch's key; the batch is then refused for good."""
    ids = desk.fresh("new", 5)
    body: dict[str, Any] = (
        {"updates": [row_of(lead_id, "attempted") for lead_id in ids]}
        if form == "updates"
        else {"lead_ids": ids, "to": "attempted"}
    )
    key = fresh_key()
    headers = {"Idempotency-Key": key}

    cancelled = desk.client.post(f"{UPDATE}/cancel", json=body, headers=headers)
    refused = desk.post(body, key)
    other = desk.post({**body, "mode": "partial"}, key)
    done = desk.post(body)

    assert (cancelled.status_code, cancelled.json()) == (
        200,
        {"cancelled": True, "total": 5},
    )
    assert cancelled.headers["cache-control"] == "no-store"
    assert problem(refused) == (409, "batch-cancelled")
    assert refused.json()["total"] == 5
    assert problem(other) == (422, "key-reused")
    assert done.json()["changed"] == 5


@pytest.mark.case("APP-20", part="cancelled, over HTTP, at once")
def test_a_batch_and_its_cancel_at_once_agree(desk: StatusApi) -> None:
    """Whoever wins: cancelled and no row changed, or not cancelled and all of them."""
    told: set[tuple[bool, int]] = set()
    ids = desk.fresh("new", 80)

    for number in range(8):
        rows = [row_of(i, "attempted") for i in ids[number * 10 : number * 10 + 10]]
        body, key = {"updates": rows}, fresh_key()
        with ThreadPoolExecutor(2) as pool:
            moving = pool.submit(desk.post, body, key)
            cancelling = pool.submit(
                desk.client.post,
                f"{UPDATE}/cancel",
                json=body,
                headers={"Idempotency-Key": key},
            )
        cancelled = cancelling.result().json()["cancelled"]
        states = {each["id"]: each["status"] for each in desk.leads()}
        moved = sum(states[each["lead_id"]] == "attempted" for each in rows)
        assert moving.result().status_code == (409 if cancelled else 200)
        told.add((cancelled, moved))

    assert told <= {(True, 0), (False, 10)}


def test_two_processes_agree_on_what_was_cancelled(start_app: Any) -> None:
    """The batch comes to the one, its cancel to the other; the key is the same."""
    first, second = start_app(), start_app()
    with first.client() as one, second.client() as other:
        here, there = StatusApi(one), StatusApi(other)
        ids = here.fresh("new", 4)
        never = {"lead_ids": ids[:2], "to": "attempted"}
        done = {"lead_ids": ids[2:], "to": "attempted"}
        keys = fresh_key(), fresh_key()

        here.post(done, keys[1])
        cancelled = [
            there.client.post(
                f"{UPDATE}/cancel", json=body, headers={"Idempotency-Key": key}
            ).json()["cancelled"]
            for body, key in zip((never, done), keys, strict=True)
        ]
        refused = here.post(never, keys[0])

        assert cancelled == [True, False]
        assert problem(refused) == (409, "batch-cancelled")
        assert {here.lead(i)["status"] for i in ids[2:]} == {"attempted"}


@pytest.mark.parametrize(
    ("body", "pointers"),
    [
        ({"lead_id": "l-001", "to": "won"}, {"#/updates", "#/lead_id", "#/to"}),
        ({"lead_ids": ["l-001"], "to": "won", "dry_run": True}, {"#/dry_run"}),
        ({"updates": []}, {"#/updates"}),
        ([], {"#"}),
        (None, {"#"}),
    ],
)
def test_what_is_no_batch_cannot_be_cancelled(
    desk: StatusApi, body: Any, pointers: set[str]
) -> None:
    """Refused with its place, and the key stays unused."""
    key = fresh_key()
    headers = {"Idempotency-Key": key}
    refused = desk.client.post(f"{UPDATE}/cancel", json=body, headers=headers)
    (lead,) = desk.fresh("new")
    after = desk.post(row_of(lead, "attempted"), key)

    assert problem(refused) == (422, "validation")
    assert {each["pointer"] for each in refused.json()["errors"]} == pointers
    assert after.status_code == 200


def test_cancelling_needs_the_batchs_key(desk: StatusApi) -> None:
    """Without one there is nothing to say which batch is meant."""
    body = {"lead_ids": ["l-001"], "to": "attempted"}

    refused = desk.client.post(f"{UPDATE}/cancel", json=body)

    assert problem(refused) == (400, "key-missing")
