"""The use cases on a real database, in this process and on a clock of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy.exc import DBAPIError, IntegrityError

from examples.critical_buttons.app import confirm_operation
from examples.critical_buttons.domain.bookings import Booking, Status
from examples.critical_buttons.domain.refusals import (
    REFUSALS,
    HoldExpired,
    SlotTaken,
    TransitionNotAllowed,
    VersionConflict,
)
from examples.critical_buttons.repo import bookings as repo
from examples.critical_buttons.services.confirm import ConfirmCommand, confirm_booking
from examples.critical_buttons.services.views import Confirmed
from examples.critical_buttons.settings import Settings
from examples.critical_buttons.startup import Opened, open_database
from syncpatterns.errors import OutcomeGone
from syncpatterns.operation import Operation, Result, Transaction
from syncpatterns.testing import FakeClock
from tests.app.driver import halves, rows


@pytest.fixture
def clock() -> FakeClock:
    """A clock that stands until it is moved."""
    return FakeClock()


@pytest.fixture
def opened(tmp_path: Path, clock: FakeClock) -> Iterator[Opened]:
    """The app's database with the samples."""
    settings = Settings(db=f"sqlite:///{tmp_path}/app.db")
    found = open_database(settings, lambda _: None, clock=clock)
    yield found
    found.close()


def command(booking_id: str, **more: object) -> ConfirmCommand:
    """Return the wish to confirm one of acme's bookings."""
    return ConfirmCommand("acme", booking_id, "demo", **more)  # type: ignore[arg-type]  # any field


def the(opened: Opened, pick: Callable[[Booking], bool]) -> Booking:
    """Return the first of acme's bookings that *pick* takes."""
    listed = opened.engine.view(
        lambda snapshot: repo.list_bookings(snapshot.sqlalchemy(), "acme")
    )
    return next(booking for booking in listed if pick(booking))


def now_of(clock: FakeClock) -> datetime:
    """Return the clock's time."""
    return datetime.fromtimestamp(clock.time(), UTC)


def test_a_hold_lapses_while_the_app_runs(opened: Opened, clock: FakeClock) -> None:
    """It could be confirmed until its end, and at its end no more."""
    confirm = confirm_operation(opened.engine)
    now = now_of(clock)
    held = the(opened, lambda b: b.status is Status.HELD and not b.hold_lapsed(now))
    assert held.expires_at is not None

    clock.advance((held.expires_at - now).total_seconds())

    with pytest.raises(HoldExpired):
        confirm.call(command(held.id), key="late", scope="acme")


@pytest.mark.case("IDM-49", part="app")
def test_the_windows_of_a_key(opened: Opened, clock: FakeClock) -> None:
    """A replay up to 60 s; then gone, but known; after a day it runs again."""
    confirm = confirm_operation(opened.engine)
    booking = the(opened, lambda b: b.status is Status.REQUESTED)
    press = partial(confirm.call, command(booking.id), key="once", scope="acme")

    first = press()
    clock.advance(59.9)
    second = press()
    clock.advance(0.1)
    with pytest.raises(OutcomeGone):
        press()
    clock.advance(86_400 - 60)
    third = press()

    assert first.body == second.body
    assert [a.replayed for a in (first, second, third)] == [False, True, False]
    assert [a.value["changed"] for a in (first, third)] == [True, False]


@pytest.mark.case("RTM-31", part="bookings")
def test_a_hundred_changes_in_one_transaction_are_all_or_none(
    opened: Opened, clock: FakeClock, tmp_path: Path
) -> None:
    """One that is refused takes all back; without it the order is kept."""
    start = now_of(clock) + timedelta(days=30)
    bulk = [
        replace(
            the(opened, lambda b: b.status is Status.REQUESTED),
            id=f"bulk-{number}",
            starts_at=start + timedelta(hours=number),
            ends_at=start + timedelta(hours=number + 1),
        )
        for number in range(100)
    ]
    opened.engine.transact(lambda tx: repo.add(tx.sqlalchemy(), bulk))
    cancelled = the(opened, lambda b: b.status is Status.CANCELLED)
    ids = [booking.id for booking in bulk]

    def confirm_all(tx: Transaction, wanted: list[str]) -> None:
        for booking_id in wanted:
            confirm_booking(tx, command(booking_id))

    with pytest.raises(TransitionNotAllowed):
        opened.engine.transact(lambda tx: confirm_all(tx, [*ids, cancelled.id]))
    before = rows(tmp_path / "app.db", "SELECT count(*) FROM syncpatterns_outbox")
    opened.engine.transact(lambda tx: confirm_all(tx, ids))

    events = rows(
        tmp_path / "app.db",
        "SELECT json_extract(body, '$.data.booking.id') FROM syncpatterns_outbox "
        "ORDER BY pos",
    )
    assert before == [(0,)]
    assert [booking_id for (booking_id,) in events] == ids
    assert halves(tmp_path / "app.db") == []


def test_a_refusal_takes_back_what_was_written_before_it(
    opened: Opened, clock: FakeClock, tmp_path: Path
) -> None:
    """A hold is ended for nobody if the slot is refused in the end."""
    now = now_of(clock)

    def refuse_late(tx: Transaction, wish: ConfirmCommand) -> Result[Confirmed]:
        confirm_booking(tx, wish)
        raise SlotTaken

    late = Operation(
        "bookings.late", opened.engine, effect=refuse_late, refusals=REFUSALS
    )
    holder = the(opened, lambda b: b.hold_lapsed(now))
    wanted = the(
        opened,
        lambda b: (
            b.status is Status.REQUESTED
            and (b.resource, b.starts_at) == (holder.resource, holder.starts_at)
        ),
    )

    with pytest.raises(SlotTaken):
        late.call(command(wanted.id), key="late", scope="acme")

    assert the(opened, lambda b: b.id == holder.id) == holder
    assert the(opened, lambda b: b.id == wanted.id) == wanted
    assert rows(tmp_path / "app.db", "SELECT count(*) FROM audit") == [(0,)]
    assert halves(tmp_path / "app.db") == []


def test_the_checker_for_torn_commits_finds_one(opened: Opened, tmp_path: Path) -> None:
    """Planted: a confirm that publishes in a transaction of its own."""

    class Torn:
        def __init__(self, tx: Transaction) -> None:
            self._tx = tx

        def __getattr__(self, name: str) -> object:
            return getattr(self._tx, name)

        def publish(self, *events: object) -> None:
            """Forget it, as a process that dies in between does."""

    def torn(tx: Transaction, wish: ConfirmCommand) -> Result[Confirmed]:
        return confirm_booking(Torn(tx), wish)  # type: ignore[arg-type]  # the planted bug

    booking = the(opened, lambda b: b.status is Status.REQUESTED)
    Operation("bookings.torn", opened.engine, effect=torn).call(
        command(booking.id), key="torn", scope="acme"
    )

    assert halves(tmp_path / "app.db") == [("acme", booking.id, 2)]


def test_a_version_that_moved_is_never_written_over(opened: Opened) -> None:
    """The fence stands in the UPDATE, whatever was read before it."""
    booking = the(opened, lambda b: b.status is Status.REQUESTED)

    def stale(tx: Transaction) -> tuple[bool, bool]:
        connection = tx.sqlalchemy()
        first = repo.save(connection, booking, _next(booking))
        return first, repo.save(connection, booking, _next(booking))

    assert opened.engine.transact(stale) == (True, False)


def test_if_match_is_looked_at_before_the_state(opened: Opened) -> None:
    """What the caller saw is out of date: that comes first."""
    cancelled = the(opened, lambda b: b.status is Status.CANCELLED)
    confirm = confirm_operation(opened.engine)
    wish = command(cancelled.id, if_match=('"booking-other.1"',))

    with pytest.raises(VersionConflict) as refused:
        confirm.call(wish, key="seen", scope="acme")

    assert refused.value.facts["current"]["status"] == "cancelled"


def test_the_index_itself_refuses_a_double_booking(opened: Opened) -> None:
    """Also to code that never asked."""
    confirmed = the(opened, lambda b: b.status is Status.CONFIRMED)
    rival = the(
        opened,
        lambda b: (
            b.status is Status.REQUESTED
            and (b.resource, b.starts_at) == (confirmed.resource, confirmed.starts_at)
        ),
    )

    with pytest.raises(IntegrityError, match="UNIQUE"):
        opened.engine.transact(
            lambda tx: repo.save(tx.sqlalchemy(), rival, _next(rival))
        )


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE bookings SET status = 'maybe'",
        "UPDATE bookings SET version = 0",
        "UPDATE bookings SET ends_at = starts_at",
        "UPDATE bookings SET status = 'held', expires_at = NULL",
        "UPDATE audit SET reason = 'nothing to see'",
        "DELETE FROM audit",
    ],
)
def test_the_database_keeps_the_rules_by_itself(opened: Opened, statement: str) -> None:
    """Constraints and triggers refuse what no code of the app would write."""
    booking = the(opened, lambda b: b.status is Status.REQUESTED)
    confirm_operation(opened.engine).call(
        command(booking.id), key="a-line-to-change", scope="acme"
    )

    with pytest.raises(DBAPIError, match=r"constraint failed|append-only"):
        opened.engine.transact(lambda tx: tx.sqlalchemy().exec_driver_sql(statement))


def _next(booking: Booking) -> Booking:
    return replace(booking, status=Status.CONFIRMED, version=booking.version + 1)
