"""Changing many leads: one key, one commit, a verdict for each row."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import anyio
import pytest

from examples.critical_buttons.domain.lead_refusals import MAX_ROWS, BatchFailed
from examples.critical_buttons.services.progress import BatchProgress
from syncpatterns.errors import EngineClosed, StoreUnavailable
from syncpatterns.operation import Answer
from syncpatterns.realtime import Event, Hub
from syncpatterns.testing import FakeClock
from tests.app.driver import rows
from tests.app.status_driver import Office, Told, key_for, many

SHARED = "+12025550100"
LEADS = (
    *(f"l-{n:03},+1202555{n + 110:04},Lead {n},new,acme" for n in range(20)),
    "w-1,+12025550181,Won,won,acme",
    f"s-1,{SHARED},Twin,qualified,acme",
    f"s-2,{SHARED},Twin,booked,acme",
    f"s-3,{SHARED},Twin,connected,acme",
    "g-1,+12025550182,Theirs,new,globex",
)
#: Lets the database itself refuse one row.
REFUSE = """
CREATE TRIGGER no_l_002 BEFORE UPDATE ON leads WHEN NEW.id = 'l-002'
BEGIN SELECT RAISE(ABORT, 'not this one: +12025550112'); END
"""


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    """Twenty new leads, a won one, three with one number, one of another tenant."""
    found = Office(tmp_path, *LEADS)
    yield found
    found.close()


async def change(
    office: Office, wished: list[tuple[Any, ...]], mode: Any = "atomic", **more: Any
) -> Answer[Any]:
    """Press once."""
    command = many(wished, mode, **more)
    return await office.desk.change_many(command, key=key_for(command))


def outcomes(results: list[dict[str, Any]]) -> list[str]:
    """Return what became of each row."""
    return [result["outcome"] for result in results]


def slugs(results: list[dict[str, Any]]) -> list[str | None]:
    """Return the problem of each row."""
    return [
        result["problem"] and result["problem"]["type"].removeprefix("/problems/")
        for result in results
    ]


NOTHING: tuple[list[Any], list[Any]] = ([], [])


# ------------------------------------------------------------------ the answer


@pytest.mark.case("APP-20", part="server")
async def test_fifty_leads_change_in_one_commit(tmp_path: Path) -> None:
    """50 audit lines and 50 events of one batch, in the order of their ids."""
    with closing(Office(tmp_path)) as office:
        ids = [lead for lead, status in office.states().items() if status == "new"][:50]

        answer = await change(office, [(i, "attempted") for i in reversed(ids)])

        body = answer.value
        bulk_id = body["bulk_id"]
        assert (answer.status, body["mode"], body["dry_run"]) == (200, "atomic", False)
        assert (body["total"], body["changed"], body["refused"]) == (50, 50, 0)
        assert [result["lead_id"] for result in body["results"]] == ids[::-1]
        assert [result["index"] for result in body["results"]] == [*range(50)]
        assert {result["lead"]["version"] for result in body["results"]} == {2}
        assert office.audit() == [
            (i, "lead.status", "new", "attempted", 1, 2, "bulk", bulk_id)
            for i in sorted(ids)
        ]
        assert office.events() == [
            (i, 2, bulk_id, "new", "attempted") for i in sorted(ids)
        ]


@pytest.mark.case("APP-21", part="server: atomic")
async def test_one_guilty_row_of_an_atomic_batch_changes_nothing(
    office: Office,
) -> None:
    """It is named with its own problem, all others are not applied."""
    wished = [("l-001", "attempted"), ("w-1", "new"), ("l-002", "new")]

    with pytest.raises(BatchFailed) as caught:
        await change(office, wished)

    facts = caught.value.facts
    assert outcomes(facts["results"]) == ["not_applied", "refused", "not_applied"]
    assert slugs(facts["results"]) == [None, "transition-not-allowed", None]
    assert facts["results"][1]["problem"]["allowed"] == []
    assert (facts["total"], facts["changed"], facts["refused"]) == (3, 0, 1)
    assert {result["lead"] is None for result in facts["results"]} == {True}
    assert (office.audit(), office.events()) == NOTHING
    assert office.told.phases == [("validating", 0), ("done", 0)]


@pytest.mark.case("APP-21", part="server: partial")
async def test_a_guilty_row_of_a_partial_batch_is_left_out(office: Office) -> None:
    """207: the others are changed or so already, each row says what it is."""
    wished = [
        *[("l-003", "attempted"), ("w-1", "new"), ("l-002", "new")],
        *[("nobody", "new"), ("g-1", "attempted"), ("l-001", "lost")],
        *[("l-000", "attempted", 7), ("l-004", "lost", 1, "moved away")],
    ]

    answer = await change(office, wished, "partial")

    body = answer.value
    assert answer.status == 207
    assert (body["changed"], body["unchanged"], body["refused"]) == (2, 1, 5)
    assert slugs(body["results"]) == [
        *[None, "transition-not-allowed", None],
        *["lead-not-found", "lead-not-found", "reason-required"],
        *["version-conflict", None],
    ]
    assert [result["lead"] and result["lead"]["id"] for result in body["results"]] == [
        *["l-003", "w-1", "l-002", None, None, "l-001", "l-000", "l-004"]
    ]
    assert [line[0] for line in office.audit()] == ["l-003", "l-004"]
    assert body["results"][6]["problem"]["current"]["version"] == 1


@pytest.mark.parametrize(
    ("wished", "status"),
    [
        ([("l-001", "attempted"), ("l-002", "new")], 200),
        ([("l-001", "new"), ("l-002", "new")], 200),
        ([("w-1", "new"), ("nobody", "new")], 207),
    ],
)
async def test_a_partial_batch_is_207_as_soon_as_one_row_is_refused(
    office: Office, wished: list[tuple[Any, ...]], status: int
) -> None:
    """Also if all are: the request was worked, its rows were not."""
    answer = await change(office, wished, "partial")

    assert answer.status == status


async def test_a_row_that_the_database_refuses_spoils_no_other(
    office: Office, caplog: pytest.LogCaptureFixture
) -> None:
    """Its savepoint is undone: no line, no event; the log names row and reason."""
    office.execute(REFUSE)
    wished = [(f"l-{n:03}", "attempted") for n in (4, 2, 0)]

    answer = await change(office, wished, "partial")

    body = answer.value
    problem = body["results"][1]["problem"]
    assert (answer.status, outcomes(body["results"])) == (
        *(207, ["changed", "refused", "changed"]),
    )
    assert problem["type"] == "/problems/row-not-written"
    assert problem["error"] == "SQLITE_CONSTRAINT_TRIGGER"
    assert [line[0] for line in office.audit()] == ["l-000", "l-004"]
    assert [event[0] for event in office.events()] == ["l-000", "l-004"]
    assert office.states()["l-002"] == "new"
    (record,) = caplog.records
    assert "row 1 was refused by the database" in record.getMessage()
    assert "5550112" not in caplog.text + str(body)


async def test_an_atomic_batch_that_the_database_refuses_leaves_nothing(
    office: Office,
) -> None:
    """Nothing is stored either: the same key does it once the fault is mended."""
    office.execute(REFUSE)
    command = many([(f"l-{n:03}", "attempted") for n in range(5)])
    key = key_for(command)
    with pytest.raises(Exception, match="not this one"):
        await office.desk.change_many(command, key=key)
    undone = (office.audit(), office.events())
    office.execute("DROP TRIGGER no_l_002")

    answer = await office.desk.change_many(command, key=key)

    assert undone == NOTHING
    assert (answer.replayed, answer.value["changed"]) == (False, 5)


@pytest.mark.parametrize("mode", ["atomic", "partial"])
async def test_a_replay_has_the_same_bytes_and_does_nothing(
    office: Office, mode: Any
) -> None:
    """Whatever happened since; no progress is told a second time."""
    command = many([("l-001", "attempted"), ("l-002", "attempted")], mode)
    key = key_for(command)
    first = await office.desk.change_many(command, key=key)
    later = many([("l-001", "connected")])
    await office.desk.change_many(later, key=key_for(later))
    told = len(office.told.events)

    second = await office.desk.change_many(command, key=key)

    assert second.replayed is True
    assert (second.body, second.status) == (first.body, first.status)
    assert len(office.told.events) == told
    assert len(office.audit()) == 3


async def test_what_was_pressed_offline_is_said_of_every_row(office: Office) -> None:
    """A replay of a batch is first of all a replay."""
    command = many([("l-001", "attempted"), ("l-002", "attempted")], age=60.0)

    await office.desk.change_many(command, key=key_for(command, age=60.0))

    assert {line[6] for line in office.audit()} == {"offline_replay"}
    assert rows(office.database, "SELECT count(*) FROM audit WHERE client_at < at") == [
        (2,)
    ]


# ---------------------------------------------------------- leads of one number


@pytest.mark.parametrize("mode", ["atomic", "partial"])
@pytest.mark.parametrize("dry", [False, True])
async def test_rows_that_close_one_number_are_no_conflict_with_each_other(
    office: Office, mode: Any, dry: bool
) -> None:
    """The versions that were seen are those before the batch; all views are final.

    s-1 is written before the number is closed, s-3 after it; closing it counts
    each of the three one version on, once. A dry run foretells just that.
    """
    wished = [
        *[("s-3", "do_not_contact", 1), ("s-1", "won", 1)],
        ("s-2", "do_not_contact", 1),
    ]
    command = many(wished, mode)

    if dry:
        tried = await office.desk.try_many(command)
        body: Any = tried.value
    else:
        answer = await office.desk.change_many(command, key=key_for(command))
        body = answer.value

    seen = [
        (r["lead"]["id"], r["lead"]["version"], r["lead"]["opted_out"])
        for r in body["results"]
    ]
    assert outcomes(body["results"]) == ["changed"] * 3
    assert seen == [("s-3", 3, True), ("s-1", 3, True), ("s-2", 3, True)]
    if not dry:
        assert [office.entry(i).lead.version for i, _, _ in seen] == [3, 3, 3]
        assert len([line for line in office.audit() if line[7]]) == 3


# --------------------------------------------------------------------- dry runs


@pytest.mark.parametrize("mode", ["atomic", "partial"])
async def test_a_dry_run_says_what_would_be_and_writes_nothing(
    office: Office, mode: Any
) -> None:
    """The same verdicts; afterwards the same key does it."""
    wished = [("l-001", "attempted"), ("l-002", "new"), ("l-003", "lost", 1, "gone")]
    command = many(wished, mode)

    tried = await office.desk.try_many(command)
    before = (office.audit(), office.events(), [*office.told.events])
    done = await office.desk.change_many(command, key=key_for(command))

    assert before == (*NOTHING, [])
    assert (tried.value["bulk_id"], tried.value["dry_run"]) == (None, True)
    assert done.value["dry_run"] is False  # type: ignore[typeddict-item]  # of many
    assert timeless(tried.value["results"]) == timeless(done.value["results"])  # type: ignore[typeddict-item]  # as above


async def test_a_dry_run_of_an_atomic_batch_names_the_guilty(office: Office) -> None:
    """As the batch itself would, and says that it was only tried."""
    command = many([("l-001", "attempted"), ("w-1", "new")])
    with pytest.raises(BatchFailed) as tried:
        await office.desk.try_many(command)

    with pytest.raises(BatchFailed) as done:
        await office.desk.change_many(command, key=key_for(command))

    assert tried.value.facts == {**done.value.facts, "dry_run": True}


def timeless(results: Any) -> Any:
    """Return *results* without the instants, which differ."""
    return [
        {**each, "lead": each["lead"] and {**each["lead"], "updated_at": ""}}
        for each in results
    ]


# ---------------------------------------------------------------- while it runs


@pytest.mark.case("APP-20", part="server: 500 at once, never seen by half")
async def test_a_rival_reader_never_sees_half_of_a_batch(tmp_path: Path) -> None:
    """At every row written it still sees none, after the commit it sees all 500."""
    lines = [
        f"l-{n:03},+1415555{n // 100 + 1:02}{n % 100:02},Lead,new,acme"
        for n in range(MAX_ROWS)
    ]
    with (
        closing(Office(tmp_path, *lines)) as office,
        closing(sqlite3.connect(office.database, check_same_thread=False)) as rival,
    ):
        seen: list[tuple[str, int]] = []
        began = rows(office.database, "SELECT count(*) FROM leads")

        def look(event: Event) -> None:
            office.clock.advance(1.0)  # so that every row is told
            ((changed,),) = rival.execute(
                "SELECT count(*) FROM leads WHERE status = 'attempted'"
            )
            seen.append((event.data["phase"], changed))

        office.told.at = look
        version = office.engine.data_version()
        answer = await change(office, [(f"l-{n:03}", "attempted") for n in range(500)])

        assert began == [(MAX_ROWS,)]
        assert answer.value["changed"] == 500
        assert {(phase, n) for phase, n in seen if phase != "done"} == {
            *[("validating", 0), ("writing", 0), ("committing", 0)]
        }
        assert seen[-1] == ("done", 500)
        assert office.told.phases[2:502] == [("writing", n) for n in range(1, 501)]
        assert len({line[7] for line in office.audit()}) == 1
        assert len(office.audit()) == len(office.events()) == 500
        assert office.engine.data_version() != version


async def test_the_phases_are_told_in_their_order(office: Office) -> None:
    """Done is told after the commit, with what stands in the database then."""
    stands: list[str] = []
    office.told.at = lambda event: stands.append(
        f"{event.data['phase']} {office.states()['l-001']}"
    )

    await change(office, [("l-001", "attempted"), ("l-002", "new")], "partial")

    assert stands == [
        *["validating new", "writing new", "committing new", "done attempted"]
    ]
    assert office.told.phases == [
        *[("validating", 0), ("writing", 0), ("committing", 2), ("done", 2)]
    ]
    (event, *_) = office.told.events
    assert event.channel == "tenant.acme.progress"
    assert set(event.data) == {*("op_key_hash", "phase", "done", "total", "by", "to")}


async def test_two_batches_that_share_leads_in_crossing_order_both_end(
    office: Office,
) -> None:
    """Neither waits for the other; each row is changed by the one or the other."""
    ids = [f"l-{n:03}" for n in range(20)]
    answers: dict[str, Any] = {}

    async def press(to: str, order: list[str]) -> None:
        answers[to] = await change(office, [(i, to) for i in order], "partial")

    with anyio.fail_after(120):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(press, "connected", ids)
            tasks.start_soon(press, "qualified", ids[::-1])

    changed = {to: answer.value["changed"] for to, answer in answers.items()}
    assert changed["qualified"] == 20
    assert changed["connected"] in {0, 20}
    assert {office.states()[i] for i in ids} == {"qualified"}
    assert len(office.audit()) == sum(changed.values())


async def test_a_batch_survives_that_nobody_can_be_told(office: Office) -> None:
    """The hub is closed first when a server stops."""
    hub = Hub()
    hub.close()

    def closed(event: Event) -> None:
        hub.publish(event)

    office.told.at = closed

    answer = await change(office, [("l-001", "attempted")])

    with pytest.raises(EngineClosed):
        hub.publish(office.told.events[0])
    assert answer.value["changed"] == 1


async def test_a_batch_that_cannot_be_written_is_not_done(office: Office) -> None:
    """No `done` is told, and nothing is stored for its key."""
    command = many([("l-001", "attempted")])
    office.close()

    with pytest.raises(StoreUnavailable):
        await office.desk.change_many(command, key=key_for(command))

    assert [phase for phase, _ in office.told.phases if phase == "done"] == []


@pytest.mark.parametrize("rows_a_second", [1, 7, 100, 10_000])
def test_at_most_ten_events_are_told_a_second(rows_a_second: int) -> None:
    """However fast the rows are, in any second of a batch."""
    clock, told = FakeClock(), Told()
    times: list[float] = []
    told.at = lambda _: times.append(clock.monotonic())
    report = BatchProgress(told, clock, "acme", "0" * 8, MAX_ROWS)

    report.phase("validating", 0)
    report.phase("writing", 0)
    for done in range(1, MAX_ROWS + 1):
        clock.advance(1 / rows_a_second)
        report.step(done)
    report.phase("committing", MAX_ROWS)
    report.phase("done", MAX_ROWS)

    busiest = max(sum(at <= t < at + 1 for t in times) for at in times)
    assert busiest <= 10
    assert told.phases[-1] == ("done", MAX_ROWS)
