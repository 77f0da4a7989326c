"""Results and steps are sealed under their key; what does not open is unknown."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from syncpatterns import connect
from syncpatterns.errors import (
    ConfigurationError,
    KeyReused,
    OutcomeGone,
    OutcomeUnknown,
)
from syncpatterns.idempotency import SINGLE_TENANT, Committed, Idempotency, idempotent
from syncpatterns.idempotency._core import ClaimRequest, Mismatch, Windows
from syncpatterns.idempotency._ports import AsyncIdempotencyStore, IdempotencyStore
from syncpatterns.idempotency._sealing import (
    PASSED_ON,
    AsyncOpenRecords,
    OpenRecords,
    RecordSeals,
)
from syncpatterns.sealing import Keyring
from syncpatterns.testing import FakeClock

CANARY = "canary-q7Zx2"
OLD_KEY, INDEX = Keyring.new_key(), Keyring.new_key()
OLD = Keyring({"old": OLD_KEY}, index=INDEX)
BOTH = Keyring({"old": OLD_KEY, "new": Keyring.new_key()}, index=INDEX, current="new")
WRONG = Keyring({"old": Keyring.new_key()}, index=INDEX)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the database is."""
    return tmp_path / "app.db"


@pytest.fixture
def shop(path: Path, clock: FakeClock) -> Iterator[Any]:
    """A database with records."""
    with connect(f"sqlite:///{path}", clock=clock) as engine:
        yield engine


def said(guard: Idempotency, key: str, payload: str = CANARY) -> str:
    """Do something once; its result is what it was asked."""
    answer: str = guard.execute(
        key,
        lambda ctx: payload.upper(),
        scope=SINGLE_TENANT,
        operation="say",
        payload=payload,
        windows=Windows(),
    )
    return answer


async def asaid(guard: Idempotency, key: str, payload: str = CANARY) -> str:
    """Do the same on an event loop."""

    async def effect(ctx: Any) -> str:
        return payload.upper()

    answer: str = await guard.aexecute(
        key, effect, scope=SINGLE_TENANT, operation="say", payload=payload
    )
    return answer


def files(path: Path) -> bytes:
    """Return everything that lies on the disk."""
    return b"".join(each.read_bytes() for each in path.parent.glob(f"{path.name}*"))


def test_a_result_is_replayed_and_lies_nowhere(shop: Any, path: Path) -> None:
    """Not in the database, not in its log; nor what could be guessed from."""
    sealed, plain = Idempotency(shop, sealer=OLD), Idempotency(shop)

    assert [said(sealed, "k"), said(sealed, "k")] == [CANARY.upper()] * 2
    assert CANARY.upper().encode() not in files(path)
    said(plain, "other")
    assert CANARY.upper().encode() in files(path)
    rows = records(path, "SELECT fingerprint FROM syncpatterns_record")
    assert len({print_ for (print_,) in rows}) == 2


async def test_it_is_the_same_on_an_event_loop(shop: Any, path: Path) -> None:
    """And what a thread stored is replayed there."""
    guard = Idempotency(shop, sealer=OLD)

    assert await asaid(guard, "k") == CANARY.upper()
    assert said(guard, "k") == CANARY.upper()
    with pytest.raises(KeyReused):
        await asaid(guard, "k", "something else")
    assert CANARY.upper().encode() not in files(path)


def records(path: Path, sql: str, *values: Any) -> list[Any]:
    """Ask the database, or change it, as anybody could."""
    with closing(sqlite3.connect(path)) as connection, connection:
        return connection.execute(sql, values).fetchall()


@pytest.mark.case("IDM-64")
@pytest.mark.parametrize("awaited", [False, True], ids=["plain", "awaited"])
async def test_an_answer_under_another_key_is_unknown(
    shop: Any, path: Path, caplog: pytest.LogCaptureFixture, *, awaited: bool
) -> None:
    """It is not given, nothing is run again, and the log says why and not what."""
    guard = Idempotency(shop, sealer=OLD)
    for key, payload in (("mine", CANARY), ("yours", "x")):
        said(guard, key, payload)
    where = guard._storage_key(SINGLE_TENANT, "say", "yours")
    records(
        path,
        "UPDATE syncpatterns_record SET outcome_body = (SELECT outcome_body FROM "
        "syncpatterns_record WHERE key <> ?1) WHERE key = ?1",
        bytes.fromhex(where),
    )
    caplog.set_level(logging.WARNING, "syncpatterns")
    if awaited:
        with pytest.raises(OutcomeUnknown):
            await asaid(guard, "yours", "x")
    else:
        with pytest.raises(OutcomeUnknown):
            said(guard, "yours", "x")

    assert f"say [{where[:8]}]" in caplog.text
    assert "(tampered)" in caplog.text
    assert CANARY.upper() not in caplog.text
    assert said(guard, "mine") == CANARY.upper()


@pytest.mark.parametrize("sealer", [WRONG, BOTH], ids=["wrong", "both"])
def test_keys_may_change_and_must_be_there(shop: Any, sealer: Keyring) -> None:
    """With the old one beside the new one it is replayed; with a wrong one unknown."""
    said(Idempotency(shop, sealer=OLD), "k")
    guard = Idempotency(shop, sealer=sealer)
    ran: list[int] = []

    def effect(ctx: Any) -> str:
        ran.append(1)
        return ""

    def again() -> str:
        answer: str = guard.execute(
            "k",
            effect,
            scope=SINGLE_TENANT,
            operation="say",
            payload=CANARY,
        )
        return answer

    if sealer is BOTH:
        assert again() == CANARY.upper()
    else:
        with pytest.raises(OutcomeUnknown):
            again()
    assert ran == []


def test_what_was_stored_in_the_clear_is_replayed_unless_a_seal_is_required(
    shop: Any,
) -> None:
    """Its plain fingerprint is compared; another payload is still refused."""
    said(Idempotency(shop), "k")
    later = Idempotency(shop, sealer=OLD)
    strict = Idempotency(shop, sealer=OLD, require_sealed=True)

    assert said(later, "k") == CANARY.upper()
    with pytest.raises(KeyReused):
        said(later, "k", "something else")
    with pytest.raises(KeyReused):
        said(strict, "k")


def test_a_value_cannot_be_made_a_refusal(shop: Any, path: Path) -> None:
    """What kind of an answer it is, and its status, are bound to it."""
    guard = Idempotency(shop, sealer=OLD)
    said(guard, "k")
    for change in ("outcome_kind = 'refusal'", "outcome_status = 409"):
        records(path, f"UPDATE syncpatterns_record SET {change}")
        with pytest.raises(OutcomeUnknown):
            said(guard, "k")


def test_a_forged_answer_is_not_given_where_a_seal_is_required(
    shop: Any, path: Path
) -> None:
    """Put there in the clear by whoever may write to the database."""
    strict = Idempotency(shop, sealer=OLD, require_sealed=True)
    said(strict, "k")
    records(
        path, "UPDATE syncpatterns_record SET outcome_body = CAST('\"forged\"' AS BLOB)"
    )

    with pytest.raises(OutcomeUnknown):
        said(strict, "k")
    assert said(Idempotency(shop, sealer=OLD), "k") == "forged"


def test_no_byte_of_a_stored_answer_can_be_changed(shop: Any, path: Path) -> None:
    """Each byte once, and each way of cutting it off."""
    guard = Idempotency(shop, sealer=OLD, require_sealed=True)
    said(guard, "k")
    ((body,),) = records(path, "SELECT outcome_body FROM syncpatterns_record")
    changed = [
        body[:at] + bytes([body[at] ^ 1 << at % 8]) + body[at + 1 :]
        for at in range(len(body))
    ]
    cut = [body[:at] for at in range(1, len(body))]
    for each in (*changed, *cut):
        records(path, "UPDATE syncpatterns_record SET outcome_body = ?", each)
        with pytest.raises(OutcomeUnknown):
            said(guard, "k")
    records(path, "UPDATE syncpatterns_record SET outcome_body = ?", body)

    assert said(guard, "k") == CANARY.upper()


class Talkative:
    """A sealer that fails on order, and says what it was given."""

    key_id = "old"
    fails = True

    def seal(self, key_id: str, plain: bytes, aad: bytes) -> bytes:
        if self.fails:
            raise RuntimeError(f"cannot wrap {plain!r}")
        return OLD.seal(key_id, plain, aad)

    def open(self, key_id: str, sealed: bytes, aad: bytes) -> bytes:
        return OLD.open(key_id, sealed, aad)

    def pseudonym(self, data: bytes) -> bytes:
        return OLD.pseudonym(data)


def test_what_cannot_be_sealed_is_done_all_the_same(
    shop: Any, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    """It is not done again when the lease is over, and no log quotes it."""
    sealer = Talkative()
    guard = Idempotency(shop, sealer=sealer)
    calls: list[str] = []

    def effect(ctx: Any) -> str:
        calls.append("done")
        return CANARY

    def once() -> Any:
        return guard.execute(
            "k", effect, scope=SINGLE_TENANT, operation="say", payload=None
        )

    assert once() == CANARY
    sealer.fails = False
    clock.advance(3600)
    with pytest.raises(OutcomeGone):
        once()
    assert calls == ["done"]
    assert "its result cannot be sealed" in caplog.text
    assert CANARY not in caplog.text


class Broken(Exception):
    """Ends an execution between two steps."""


def in_steps(guard: Idempotency, ran: list[str], *, fails: bool) -> str:
    """Do something in two steps."""

    def step(name: str) -> str:
        ran.append(name)
        return CANARY

    def effect(ctx: Any) -> str:
        one: str = ctx.step("one", lambda: step("one"))
        if fails:
            raise Broken
        ctx.step("two", lambda: step("two"))
        return one

    answer: str = guard.execute(
        "k", effect, scope=SINGLE_TENANT, operation="steps", payload=None
    )
    return answer


def test_steps_are_sealed_and_not_run_twice(shop: Any, path: Path) -> None:
    """The next execution is handed what the first one had done."""
    guard = Idempotency(shop, sealer=OLD)
    ran: list[str] = []
    with pytest.raises(Broken):
        in_steps(guard, ran, fails=True)
    assert CANARY.encode() not in files(path)

    assert in_steps(guard, ran, fails=False) == CANARY
    assert ran == ["one", "two"]


def test_steps_that_cannot_be_opened_leave_it_unknown(shop: Any) -> None:
    """Without its key nobody can tell what was done, so nothing is done again."""
    ran: list[str] = []
    with pytest.raises(Broken):
        in_steps(Idempotency(shop, sealer=OLD), ran, fails=True)
    wrong = Idempotency(shop, sealer=WRONG)
    for _ in range(2):
        with pytest.raises(OutcomeUnknown):
            in_steps(wrong, ran, fails=False)
    (record,) = wrong.unresolved()

    assert ran == ["one"]
    assert wrong.resolve(record, Committed("by hand"))
    assert in_steps(wrong, ran, fails=False) == "by hand"


def test_what_somebody_settles_is_sealed_too(shop: Any, path: Path) -> None:
    """And operators see it opened; without the key they see it sealed."""
    guard = Idempotency(shop, sealer=OLD, on_abandoned="quarantine")

    def lost(ctx: Any) -> str:
        ctx.point_of_no_return()
        raise Broken

    with pytest.raises(Broken):
        guard.execute("k", lost, scope=SINGLE_TENANT, operation="say", payload=CANARY)
    (record,) = guard.unresolved()
    guard.resolve(record, Committed(CANARY.upper()))
    opened, shut = (
        Idempotency(shop, sealer=each).inspect(record) for each in (OLD, WRONG)
    )

    assert said(guard, "k") == CANARY.upper()
    assert CANARY.upper().encode() not in files(path)
    assert opened is not None
    assert opened.outcome is not None
    assert opened.outcome.body == f'"{CANARY.upper()}"'.encode()
    assert shut is not None
    assert shut.outcome is not None
    assert shut.outcome.body[:3] == b"\x00S1"


def test_the_decorator_hands_the_seal_on(shop: Any, path: Path) -> None:
    """As an option, like the others."""
    ran: list[str] = []

    @idempotent(shop, key="order", scope=SINGLE_TENANT, sealer=OLD, require_sealed=True)
    def reserve(order: str) -> str:
        ran.append(order)
        return CANARY.upper() + order

    assert reserve("o-1") == reserve("o-1")
    assert ran == ["o-1"]
    assert CANARY.upper().encode() not in files(path)


@pytest.mark.parametrize(
    "wrong",
    [
        {"sealer": "key"},
        {"require_sealed": True},
        {"sealer": OLD, "require_sealed": "yes"},
    ],
    ids=repr,
)
def test_a_seal_that_can_never_work_is_refused(wrong: dict[str, Any]) -> None:
    """When the guard is made."""
    with pytest.raises(ConfigurationError, match=r"^Idempotency: "):
        Idempotency(connect("memory://"), **wrong)


@pytest.mark.parametrize(
    ("port", "wrapper"),
    [(IdempotencyStore, OpenRecords), (AsyncIdempotencyStore, AsyncOpenRecords)],
)
def test_no_method_of_a_store_is_handed_on_unseen(port: Any, wrapper: Any) -> None:
    """What a store learns to do is sealed, or is known to have nothing to seal."""
    promised = {name for name in dir(port) if not name.startswith("_")}
    own = {name for name in vars(wrapper) if not name.startswith("_")}

    assert promised == own | PASSED_ON
    assert own & PASSED_ON == set()


def unbound(patch: pytest.MonkeyPatch) -> None:
    """Answers fit any key."""
    patch.setattr("syncpatterns.idempotency._sealing.place", lambda *parts: b"")


def guessable(patch: pytest.MonkeyPatch) -> None:
    """The fingerprint is stored as it is."""
    patch.setattr(RecordSeals, "_asked", lambda self, key, print_: print_)


@pytest.mark.parametrize("plant", [unbound, guessable])
def test_a_planted_mistake_is_found(
    plant: Callable[[pytest.MonkeyPatch], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the tests above look for is told apart from a seal that lacks it."""

    def sound() -> bool:
        engine = connect("memory://")
        guard, store = Idempotency(engine, sealer=OLD), engine.idempotency_store()
        for key in ("a", "b"):
            said(guard, key)
        keys = [guard._storage_key(SINGLE_TENANT, "say", key) for key in ("a", "b")]
        one, two = (store.inspect(key) for key in keys)
        assert one is not None
        assert two is not None
        records: Any = guard.require_blocking()
        swapped = records._seals.record_out(one._replace(outcome=two.outcome))
        bound: bool = swapped.outcome == two.outcome  # stays shut
        return bound and one.fingerprint != two.fingerprint

    assert sound()
    with monkeypatch.context() as patch:
        plant(patch)
        assert not sound()


def test_a_mismatch_is_asked_again_only_without_require() -> None:
    """The second question would store a plain fingerprint if the key were free."""

    class Asked:
        name = "asked"

        def __init__(self) -> None:
            self.prints: list[bytes] = []

        def claim(self, request: Any) -> Mismatch:
            self.prints.append(request.fingerprint)
            return Mismatch()

    for require, times in ((False, 2), (True, 1)):
        store = Asked()
        wrapper = OpenRecords(store, RecordSeals(OLD, require=require))
        wrapper.claim(ClaimRequest("0" * 64, "say", b"print", "nonce"))
        assert len(store.prints) == times
        assert store.prints[0] != b"print"
