"""Stores against a model: any schedule of calls gets the model's answers.

The model is written from the contract, not from the core: a few lines a rule,
one key at a time, no optimisation. Every store of the machine is asked the
same, so that all of them also agree with each other (P16).
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings, strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from syncpatterns.engines import connect
from syncpatterns.engines.memory import MemoryEngine
from syncpatterns.idempotency._core import (
    UNKNOWN_RETENTION,
    Busy,
    ClaimRequest,
    Notes,
    Owned,
    StoredOutcome,
    Unresolved,
    Windows,
    storage_key,
)
from syncpatterns.testing import FakeClock
from tests.conformance.idempotency_faults import FAULTY
from tests.model.idempotency_keys import NAMES, Key, Model, steps_of

FINGERPRINTS = (b"1", b"2")
LEASE = 30.0
WINDOWS = (Windows(), Windows(60, 60), Windows(5, 50))
OUTCOMES = (
    StoredOutcome("value", b"1", 200, (("b", "1"), ("a", "2"))),
    StoredOutcome("refusal", b"2", 409),
    StoredOutcome("tombstone", b"", 303, (("location", "/x"),)),
)


class IdempotencyMachine(RuleBasedStateMachine):
    """Claims, endings and time in any order, on several stores at once."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = FakeClock()
        self.start = self.clock.time()
        self.model = Model()
        self.nonces = 0
        self.stores: list[Any] = []

    def make_stores(self) -> list[Any]:
        """Return the stores to compare; overridden by each machine."""
        return [MemoryEngine(clock=self.clock).idempotency_store()]

    @initialize()
    def begin(self) -> None:
        self.stores = self.make_stores()

    def ask(self, method: str, *args: Any) -> Any:
        """Ask every store and return the one answer of all of them (P16)."""
        answers = [getattr(store, method)(*args) for store in self.stores]
        for answer in answers:
            assert _rounded(answer) == _rounded(answers[0]), (method, answers)
        return answers[0]

    @property
    def now(self) -> float:
        """The stores' time: it does not follow a host clock that is set back."""
        return self.start + self.clock.monotonic()

    def settled(self, name: str) -> Key | None:
        """Return the key, unless it is forgotten but perhaps not swept yet.

        Whether a forgotten record can still be seen is the store's own affair.
        """
        key = self.model.keys[name]
        forgotten = key.state != "absent" and not key.live(self.now)
        return None if forgotten else key

    def key(self, name: str) -> str:
        return storage_key("", "t", "op", name)

    # ------------------------------------------------------------------ rules

    @rule(
        name=st.sampled_from(NAMES),
        fingerprint=st.sampled_from(FINGERPRINTS),
        windows=st.sampled_from(WINDOWS),
        policy=st.sampled_from(["rerun", "rerun", "quarantine", "probe"]),
        again=st.booleans(),
        age=st.sampled_from([0, 0, 0, 59, 60, 10_000_000]),
        notes=st.sampled_from([(), (("command", b"c"),)]),
    )
    def claim(
        self,
        name: str,
        fingerprint: bytes,
        windows: Windows,
        policy: Any,
        again: bool,
        age: float,
        notes: Notes,
    ) -> None:
        """P1, P2, P6, P7, P8: who owns, and what the others are told."""
        key = self.model.keys[name]
        self.nonces += 1
        nonce = key.nonce if again and key.nonce else f"n{self.nonces}"
        request = ClaimRequest(
            self.key(name),
            "op",
            fingerprint,
            nonce,
            LEASE,
            windows,
            policy,
            age,
            notes,
        )
        before = self.ask("inspect", self.key(name)) if self.settled(name) else None
        kind, facts = self.model.expected(name, request, self.now)
        answer = self.ask("claim", request)

        assert type(answer).__name__ == kind, (answer, kind, key)
        for fact, expected in facts.items():
            found = getattr(answer, fact)
            same = found == expected
            if isinstance(expected, float):
                same = abs(found - expected) < 1e-3
            assert same, (fact, found, expected)
        if before is not None and not isinstance(answer, Owned | Unresolved):
            assert self.ask("inspect", self.key(name)) == before
        if isinstance(answer, Owned):
            self._check_execution(name, answer)
            assert dict(answer.notes) == key.inherited(request, self.now)
        self.model.claimed(name, request, answer, self.now)
        self.clock.advance(0.001)  # tokens are made of the time

    def _check_execution(self, name: str, answer: Owned) -> None:
        key = self.model.keys[name]
        tokens = self.model.tokens[name]
        repeated = key.state == "running" and answer.token == key.token
        if not repeated:
            assert all(answer.token > token for token in tokens), (answer, tokens)
        others = [
            until for token, until in key.executing.items() if token != answer.token
        ]
        assert all(until <= self.now for until in others), "two executions overlap"
        key.executing[answer.token] = self.now + LEASE

    @rule(
        name=st.sampled_from(NAMES),
        which=st.sampled_from([-1, -1, -1, -2, 0]),
        outcome=st.sampled_from(OUTCOMES),
        windows=st.sampled_from(WINDOWS),
    )
    def complete(
        self, name: str, which: int, outcome: StoredOutcome, windows: Windows
    ) -> None:
        """P3, P4: the owner's answer is stored once; a stale one never."""
        key, token = self.settled(name), self.token(name, which)
        if key is None:
            return
        mine = token == key.token and key.state in ("running", "done")
        found = self.ask("complete", self.key(name), token, outcome, windows)

        assert found is mine
        if mine and key.state == "running":
            key.state, key.outcome, key.notes = "done", outcome, {}
            key.replay_until = self.now + windows.replay
            key.forget_at = self.now + windows.dedupe
            key.executing.pop(token, None)

    @rule(
        name=st.sampled_from(NAMES),
        which=st.sampled_from([-1, -1, -1, -2]),
        label=st.sampled_from(["command", "step:a", "step:b"]),
        body=st.sampled_from([b"", b"1", b"\x00\xff"]),
    )
    def note(self, name: str, which: int, label: str, body: bytes) -> None:
        """P4: only the owner keeps something with the claim, by name."""
        key, token = self.settled(name), self.token(name, which)
        if key is None:
            return
        mine = token == key.token and key.state == "running"

        assert self.ask("note", self.key(name), token, ((label, body),)) is mine
        if mine:
            key.notes = {**key.notes, label: body}
        record = self.ask("inspect", self.key(name))
        assert dict(record.notes if record else ()) == key.notes

    @rule(name=st.sampled_from(NAMES), which=st.sampled_from([-1, -1, -2]))
    def release(self, name: str, which: int) -> None:
        """P4, P11: only the owner gives back, and only what it holds."""
        key, token = self.settled(name), self.token(name, which)
        if key is None:
            return
        mine = token == key.token and key.state in ("running", "free")

        assert self.ask("release", self.key(name), token) is mine
        if mine and key.state == "running":
            key.state, key.forget_at = "free", self.now + 86400
            key.notes = steps_of(key.notes)
            key.executing.pop(token, None)
        record = self.ask("inspect", self.key(name))
        assert dict(record.notes if record else ()) == key.notes

    @rule(name=st.sampled_from(NAMES), which=st.sampled_from([-1, -1, -2]))
    def abandon(self, name: str, which: int) -> None:
        """P4, P7: an unknown outcome blocks its key."""
        key, token = self.settled(name), self.token(name, which)
        if key is None:
            return
        mine = token == key.token and key.state in ("running", "unknown")

        assert self.ask("abandon", self.key(name), token) is mine
        if mine and key.state == "running":
            key.state = "unknown"
            key.forget_at = max(key.forget_at, self.now + UNKNOWN_RETENTION)
            key.executing.pop(token, None)

    @rule(name=st.sampled_from(NAMES), which=st.sampled_from([-1, -1, -2]))
    def renew(self, name: str, which: int) -> None:
        """P2, P4: a lease moves for its owner only."""
        key, token = self.settled(name), self.token(name, which)
        if key is None:
            return
        mine = token == key.token and key.state == "running"

        assert self.ask("renew", self.key(name), token, LEASE, Windows()) is mine
        if mine:
            key.lease_until = self.now + LEASE
            key.forget_at = key.lease_until + UNKNOWN_RETENTION
            key.executing[token] = key.lease_until

    @rule(
        name=st.sampled_from(NAMES),
        outcome=st.sampled_from([None, *OUTCOMES[:2]]),
        windows=st.sampled_from(WINDOWS),
    )
    def resolve(
        self, name: str, outcome: StoredOutcome | None, windows: Windows
    ) -> None:
        """Only an unknown outcome is settled, and its old owner is fenced.

        A claim whose owner let its lease run out is unknown too.
        """
        key = self.settled(name)
        if key is None:
            return
        lapsed = key.state == "running" and self.now >= key.lease_until
        unknown = key.state == "unknown" or lapsed

        assert self.ask("resolve", self.key(name), outcome, windows) is unknown
        if not unknown:
            return
        key.token += 1
        self.model.tokens[name].append(key.token)
        if outcome is None:
            key.state, key.forget_at = "free", self.now + 86400
            key.notes = steps_of(key.notes)
            return
        key.state, key.outcome, key.notes = "done", outcome, {}
        key.replay_until = self.now + windows.replay
        key.forget_at = self.now + windows.dedupe

    @rule(name=st.sampled_from(NAMES))
    def evict(self, name: str) -> None:
        """P1 holds over it; a moment passes, as it does for any operator."""
        key = self.model.keys[name]
        for store in self.stores:
            evicted = store.evict(self.key(name))

            assert self.settled(name) is None or evicted is (key.state != "absent")
        key.state, key.notes = "absent", {}
        key.executing.clear()  # an operator's decision, not the store's
        self.clock.advance(0.001)

    @rule(limit=st.integers(0, 3))
    def sweep(self, limit: int) -> None:
        """P15: what goes is forgotten already, so no later answer changes."""
        for store in self.stores:
            assert 0 <= store.sweep(limit) <= limit

    @rule(
        seconds=st.sampled_from(
            [0.5, 4.5, 5, 10, 29.5, 30, 31, 59.5, 60, 600, 86400, UNKNOWN_RETENTION]
        )
    )
    def time_passes(self, seconds: float) -> None:
        """Leases and windows end half-open."""
        self.clock.advance(seconds)

    @rule()
    def the_hosts_clock_is_set_back(self) -> None:
        """P14: by an hour, and nothing lasts longer."""
        self.clock.set_time(self.clock.time() - 3600)

    @invariant()
    def unknown_keys_are_listed(self) -> None:
        """All of them, and nothing that is known."""
        expected = {self.key(n) for n in NAMES if self.model.keys[n].state == "unknown"}
        forgotten = {self.key(n) for n in NAMES if self.settled(n) is None}
        for store in self.stores:
            listed = {record.key for record in store.unresolved(10)}

            assert listed - forgotten == expected - forgotten

    def token(self, name: str, which: int) -> int:
        """Return a token of *name*: the newest, an older one, or none at all."""
        tokens = self.model.tokens[name]
        return tokens[which] if len(tokens) >= abs(which) and tokens else 7


def _rounded(answer: Any) -> Any:
    """Leave rounding errors out of the comparison of stores."""
    if isinstance(answer, float):
        return round(answer, 3)
    if isinstance(answer, Busy):
        return Busy(round(answer.retry_after, 3))
    if isinstance(answer, list):
        return [_rounded(each) for each in answer]
    if isinstance(answer, tuple) and type(answer) is not tuple:
        return type(answer), tuple(_rounded(each) for each in answer)
    return answer


class BothEnginesMachine(IdempotencyMachine):
    """Memory and SQLite side by side."""

    def make_stores(self) -> list[Any]:
        self.folder = tempfile.TemporaryDirectory()
        self.engine = connect(f"sqlite:///{self.folder.name}/r.db", clock=self.clock)
        return [*super().make_stores(), self.engine.idempotency_store()]

    def teardown(self) -> None:
        if self.stores:
            self.engine.close()
            self.folder.cleanup()


QUIET = [HealthCheck.too_slow, HealthCheck.filter_too_much]

TestMemory = IdempotencyMachine.TestCase
TestMemory.settings = settings(
    max_examples=150, stateful_step_count=50, deadline=None, suppress_health_check=QUIET
)

TestBothEngines = pytest.mark.engine(BothEnginesMachine.TestCase)
TestBothEngines.settings = settings(
    max_examples=25, stateful_step_count=40, deadline=None, suppress_health_check=QUIET
)


#: Those that a few schedules find; the conformance suite finds them all.
SOON = {
    "BusyForItsOwnNonce",
    "CompletesWithoutToken",
    "ForgetsOnRelease",
    "KeepsAVoidReceipt",
    "ListsNothing",
    "NotesForAnybody",
    "ReleasesWithoutToken",
    "RenewsAnybody",
    "RepeatsTokens",
    "SweepsTheLiving",
    "TakesOverForAnotherPayload",
}


@pytest.mark.parametrize(
    "faulty", [cls for cls in FAULTY if cls.__name__ in SOON], ids=lambda c: c.__name__
)
def test_the_machine_finds_a_planted_bug(faulty: Callable[[FakeClock], Any]) -> None:
    """Each wrong store fails, by an assertion, within a few hundred schedules."""

    class Planted(IdempotencyMachine):
        def make_stores(self) -> list[Any]:
            return [faulty(self.clock)]

    with pytest.raises(AssertionError):
        run_state_machine_as_test(
            Planted,
            settings=settings(
                max_examples=3000,
                stateful_step_count=30,
                deadline=None,
                database=None,
                derandomize=True,
                suppress_health_check=QUIET,
                print_blob=False,
                phases=[Phase.generate],
            ),
        )
