"""A queue's store against the model: any schedule of calls gets its answers.

The invariants of the contract, as far as one store and one process can break
them: I2 one holder, I3 order in a lane, I4 nobody stranded, I5 one item a key,
I6 a stale token changes nothing, I7 attempts, I8 counters, I9 payloads, I10
every end is told, I11 no lane in another's way. I1 and I8 after a crash, and
the costs of I12, have tests of their own.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from syncpatterns.engines.memory import MemoryEngine
from syncpatterns.errors import KeyReused, QueueFull
from syncpatterns.offline_queue._core import (
    LIVE,
    Ended,
    Enqueued,
    Hold,
    Item,
    ItemState,
    NewItem,
    Parent,
    QueueRules,
    Replace,
    Settled,
    Settlement,
)
from syncpatterns.offline_queue._ports import ClaimRequest, EnqueueRequest
from syncpatterns.testing import FakeClock
from syncpatterns.testing._queue_model import Answer, Edge, ModelItem
from syncpatterns.testing._queue_model_work import WorkingModel
from tests.model.queue_draws import (
    EVER,
    FIELDS,
    HOW,
    KEYS,
    LANES,
    LEASE,
    QUEUE,
    SAID,
    TARGETS,
    sayings,
)


class QueueMachine(RuleBasedStateMachine):
    """Producers, workers, people and time in any order, on one store."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = FakeClock()
        self.model = WorkingModel(QueueRules(), self.clock.time())
        self.items: dict[int, ModelItem] = {}
        self.holds: list[Hold] = []
        self.tokens: dict[int, int] = {}
        self.payloads: dict[int, bytes] = {}
        self.highest = 0
        self.untold: list[ModelItem] = []

    def make_store(self) -> Any:
        """Return the store; overridden by each machine."""
        return MemoryEngine(clock=self.clock).queue_store()

    @initialize(on_dead=st.sampled_from(["continue", "block", "cascade"]))
    def begin(self, on_dead: Any) -> None:
        self.store = self.make_store()
        self.model.rules = QueueRules(
            max_items=6, on_dead=on_dead, max_lapses=2, redeliver_within=200.0
        )
        self.store.configure(QUEUE, self.model.rules)

    # ----------------------------------------------------------------- producers

    @rule(
        key=st.sampled_from(KEYS),
        fields=FIELDS,
        parents=st.lists(st.integers(0, 30), max_size=2),
        policy=st.sampled_from(["cascade", "hold", "run"]),
        other=st.sampled_from([False] * 9 + [True]),
        overflow=st.sampled_from(["reject", "drop_oldest"]),
        lease=st.sampled_from([0.0, 0.0, LEASE]),
    )
    def enqueue(
        self,
        key: str,
        fields: dict[str, Any],
        parents: list[int],
        policy: Any,
        other: bool,
        overflow: Any,
        lease: float,
    ) -> None:
        """A new item, perhaps with parents, perhaps known, perhaps one too many."""
        known = [item for item in self.items.values() if self._named(item)]
        chosen = {known[n % len(known)].seq: 0 for n in parents if known}
        edges = [Edge(self.items[seq], policy, self.items[seq]) for seq in chosen]
        above = tuple(Parent(seq, policy) for seq in chosen)
        new = self.new(key, other, parents=above, keep_result=100.0, **fields)
        self.store_one(new, edges, overflow, lease)

    @rule(
        key=st.sampled_from(KEYS),
        lane=LANES,
        entity=st.sampled_from(["e", "f"]),
        how=st.sampled_from(["last", "first", "pair", ""]),
        operation=st.sampled_from(["create", "update"]),
        expires=st.sampled_from([EVER, 50.0]),
        scope=st.sampled_from(["t", "t", "u"]),
    )
    def enqueue_about(
        self,
        key: str,
        lane: str | None,
        entity: str,
        how: str,
        operation: str,
        expires: float,
        scope: str,
    ) -> None:
        """A new item about something that others may be about too."""
        new = self.new(
            key,
            False,
            operation=operation,
            lane=lane,
            entity=entity,
            target=TARGETS[0],
            expires_in=expires,
            coalesce=HOW[how],
            keep_result=100.0,
            scope=scope,
        )
        self.store_one(new, [], "reject", 0.0)

    def new(self, key: str, other: bool, **more: Any) -> NewItem:
        payload = f"{key} {other}".encode()
        operation = more.pop("operation", "op")
        scope = more.pop("scope", "t")
        return NewItem(operation, key, scope, payload, payload, **more)

    def _named(self, item: ModelItem) -> bool:
        """Tell whether an item can be named as a parent."""
        while item.state == "superseded" and item.survivor is not None:
            if not self.model.remembered(item):
                return False
            item = item.survivor
        return item in self.model.rows or self.model.remembered(item)

    def store_one(
        self, new: NewItem, edges: list[Edge], overflow: Any, lease: float
    ) -> None:
        before = self.everything()
        expected = self.model.enqueue(new, edges, drop=overflow == "drop_oldest")
        request = EnqueueRequest(QUEUE, [new], overflow, lease)
        refusal = {"reused": KeyReused, "full": QueueFull}.get(expected.what)
        if refusal is not None:
            assert self.is_refused(request, refusal), expected
            assert self.everything() == before, "what was refused left something"
            return
        (answer,) = self.store.enqueue(request)
        self.take_down(new, expected, answer, lease)

    def is_refused(self, request: EnqueueRequest, refusal: type[Exception]) -> bool:
        try:
            self.store.enqueue(request)
        except refusal:
            return True
        return False

    def take_down(
        self, new: NewItem, expected: Answer, answer: Enqueued, lease: float
    ) -> None:
        """Compare the answer, and note the number."""
        item = expected.item
        assert item is not None, (answer, expected)
        assert answer.duplicate == (expected.what == "known"), (answer, expected)
        if expected.what == "known":
            assert (answer.seq, answer.state) == (item.seq, item.state), (answer, item)
            return
        assert answer.seq > self.highest, "a number was used again"
        self.highest = item.seq = answer.seq
        self.items[item.seq] = item
        self.payloads[item.seq] = new.payload
        self.same_ends(answer.dropped, expected.ended)
        survivor = 0 if item.survivor is None else item.survivor.seq
        assert answer.survivor == survivor, (answer, item)
        paused = self.model.paused(new.target)
        if lease and item.state == "ready" and not paused:
            assert answer.claimed is not None, "a lease should have been granted"
            self.was_claimed(item, answer.claimed.token, lease)
            self.holds.append(answer.claimed.hold)
        else:
            assert answer.claimed is None, "a lease should not have been granted"
        assert answer.state == item.state, (answer, item)

    # ------------------------------------------------------------------- workers

    @rule(
        limit=st.sampled_from([1, 1, 2, 10]),
        only=st.sampled_from([None, None, frozenset({"x"})]),
        caps=st.sampled_from([{}, {}, {"x": 1}]),
    )
    def claim(self, limit: int, only: Any, caps: dict[str, int]) -> None:
        """I2, I3, I11: who gets what, in which order."""
        request = ClaimRequest(QUEUE, limit, LEASE, caps, only)
        expected = self.claimable(request)
        self.got(self.store.claim(request), expected)

    def claimable(self, request: ClaimRequest) -> list[ModelItem]:
        """Let time pass in the model, and return what a claim is to get."""
        _, limit, _, caps, only = request
        passed = self.model.look()
        self.untold += [*passed.ended, *passed.parked]
        expected: list[ModelItem] = []
        for item in self.model.claimable():
            mine = only is None or item.new.target in only
            taken = sum(each.new.target == item.new.target for each in expected)
            if mine and taken < caps.get(item.new.target, limit):
                expected.append(item)
        return expected[:limit]

    def got(self, got: Sequence[Item], expected: Sequence[ModelItem]) -> None:
        assert [each.seq for each in got] == [each.seq for each in expected]
        for each in got:
            assert each.payload == self.payloads[each.seq], "I9"
            self.was_claimed(self.items[each.seq], each.token, LEASE)
            self.holds.append(each.hold)

    def was_claimed(self, item: ModelItem, token: int, lease: float) -> None:
        assert token > self.tokens.get(item.seq, 0), "tokens must grow"
        self.tokens[item.seq] = token
        self.model.claimed(item, token, lease)

    @rule(what=SAID, delay=st.sampled_from([0.0, 20.0]), which=st.integers(0, 20))
    @precondition(lambda self: self.holds)
    def settle(self, what: str, delay: float, which: int) -> None:
        """I6: a good hold does what it says, a stale one nothing."""
        self.say(self.holds[-1 - which % len(self.holds)], what, delay)

    @rule(what=SAID, delay=st.sampled_from([0.0, 0.0, 20.0]))
    def work(self, what: str, delay: float) -> None:
        """One item is claimed, and something comes of it."""
        before = len(self.holds)
        self.claim(1, None, {})
        for hold in self.holds[before:]:
            self.say(hold, what, delay)

    @rule(what=SAID, delay=st.sampled_from([0.0, 20.0]))
    @precondition(lambda self: self.holds)
    def a_worker_stalls(self, what: str, delay: float) -> None:
        """Its lease ends, others claim, and then it says something (QUE-09)."""
        hold = self.holds[-1]
        self.time_passes(LEASE)
        self.claim(10, None, {})
        self.renew(hold, 60.0)
        self.say(hold, what, delay)

    @rule(
        what=SAID,
        delay=st.sampled_from([0.0, 0.0, 20.0]),
        which=st.integers(0, 20),
        limit=st.sampled_from([0, 1, 1, 3]),
    )
    @precondition(lambda self: self.holds)
    def go_on(self, what: str, delay: float, which: int, limit: int) -> None:
        """A settlement and the claim of the same commit, in this order."""
        said = sayings(self.holds[-1 - which % len(self.holds)], delay)[what]
        request = ClaimRequest(QUEUE, limit, LEASE)
        item = self.model.held(*said.hold)
        (settled,), items = self.store.settle_and_claim(request, [said])
        self.heard(said, item, settled)
        self.got(items, self.claimable(request))

    def say(self, hold: Hold, what: str, delay: float) -> None:
        said = sayings(hold, delay)[what]
        item = self.model.held(*hold)
        (settled,) = self.store.settle(QUEUE, [said])
        self.heard(said, item, settled)

    def heard(self, said: Settlement, item: ModelItem | None, settled: Settled) -> None:
        assert settled.accepted is (item is not None), (said, item)
        if item is not None:
            self.same_ends(settled.ended, self.model.settled(item, said))

    @rule(which=st.integers(0, 20), key=st.sampled_from(KEYS), lane=LANES)
    @precondition(lambda self: self.holds)
    def replace(self, which: int, key: str, lane: str | None) -> None:
        """A conflict is settled by another payload under another key."""
        hold = self.holds[-1 - which % len(self.holds)]
        new = self.new(key, True, operation="replaced", lane=lane, keep_result=100.0)
        item = self.model.held(*hold)
        if item is not None and self.model.known(new) is not None:
            return
        (settled,) = self.store.settle(QUEUE, [Replace(hold, new)])

        assert settled.accepted is (item is not None), (hold, item)
        if item is None:
            return
        self.model._places += 1
        place, due = self.model._places, self.model.steady
        successor = ModelItem(new, place, due, EVER, seq=settled.seq)
        assert settled.seq > self.highest, "a number was used again"
        self.highest = settled.seq
        self.items[settled.seq] = successor
        self.payloads[settled.seq] = new.payload
        self.same_ends(settled.ended, self.model.replaced(item, successor))

    @rule(which=st.integers(0, 20), lease=st.sampled_from([5.0, 60.0]))
    @precondition(lambda self: self.holds)
    def extend(self, which: int, lease: float) -> None:
        """A lease moves for its holder only."""
        self.renew(self.holds[-1 - which % len(self.holds)], lease)

    def renew(self, hold: Hold, lease: float) -> None:
        item = self.model.held(*hold)
        kept = self.store.extend(QUEUE, [hold], lease)

        assert kept == ([] if item is None else [hold])
        if item is not None:
            item.until = self.model.steady + lease

    # -------------------------------------------------------------------- people

    @rule(
        picks=st.lists(st.integers(0, 30), min_size=1, max_size=3),
        what=st.sampled_from(["requeue", "requeue", "tail", "discard", "cancel"]),
    )
    @precondition(lambda self: self.items)
    def people(self, picks: list[int], what: str) -> None:
        """Somebody requeues, discards or cancels whatever it is."""
        numbers = sorted(self.items)
        seqs = list(dict.fromkeys(numbers[n % len(numbers)] for n in picks))
        items = [self.items[seq] for seq in seqs]
        if what in ("requeue", "tail"):
            tail = what == "tail"
            found = self.store.requeue(QUEUE, seqs, tail=tail)
            again = self.model.requeue(items, tail=tail)

            assert sorted(found) == sorted(item.seq for item in again)
            return
        ended: list[ModelItem] = []
        if what == "cancel":
            for item in items:
                if item.state in ("ready", "waiting", "scheduled", "parked"):
                    ended += self.model.end("cancelled", "by-hand", [item])
        else:
            for item in items:
                if item in self.model.rows and item.state in ("dead", "parked"):
                    reason = item.reason if item.state == "dead" else "by-hand"
                    ended += self.model.end("dead", reason, [item], final=True)
        self.same_ends(getattr(self.store, what)(QUEUE, seqs), ended)

    @rule(
        aim=st.sampled_from(["", *TARGETS]),
        seconds=st.sampled_from([0.0, 15.0, 40.0, EVER]),
    )
    def pause(self, aim: str, seconds: float) -> None:
        """A longer pause is never cut short."""
        self.store.pause(QUEUE, aim, seconds)
        self.model.pause(aim, seconds)

    @rule(aim=st.sampled_from(["", *TARGETS]))
    def resume(self, aim: str) -> None:
        """Pauses end, and what waited for a sign-in goes on."""
        ended = sorted(each.target for each in self.store.resume(QUEUE, aim))

        assert ended == sorted(self.model.resume(aim))

    @rule(policy=st.sampled_from(["continue", "block", "cascade"]))
    def other_rules(self, policy: Any) -> None:
        """The last rules told count."""
        rules = self.model.rules._replace(on_dead=policy)
        self.store.configure(QUEUE, rules)
        self.model.configure(rules)

    @rule()
    def purge(self) -> None:
        """What is past its time is forgotten, as if it had been before."""
        self.store.purge(QUEUE)
        self.model.purge()

    # ---------------------------------------------------------------------- time

    @rule(seconds=st.sampled_from([1.0, 10.0, 30.0, 50.0, 100.0]))
    def time_passes(self, seconds: float) -> None:
        """Nobody looks: everything stands as it is stored."""
        self.clock.advance(seconds)
        self.model.steady += seconds
        self.model.wall += seconds

    @rule(step=st.sampled_from([-60.0, 60.0]))
    def the_wall_clock_is_set(self, step: float) -> None:
        """Leases, delays and pauses do not notice."""
        self.clock.set_time(self.clock.time() + step)
        self.model.wall += step

    @rule()
    def stage(self) -> None:
        """I10: what time did is told once."""
        staged = self.store.stage(QUEUE)
        passed = self.model.look()
        told = [*self.untold, *passed.ended, *passed.parked]
        self.untold = []
        found = [*(each.seq for each in staged.ended), *staged.parked]

        wanted = {item.seq for item in told}  # one may be parked twice, if requeued
        assert set(found) == wanted, (found, wanted)
        assert abs(staged.next_due - self.model.next_due()) < 1e-3 or (
            staged.next_due == self.model.next_due()
        )

    # ----------------------------------------------------------------- comparing

    def everything(self) -> Any:
        return self.store.items(QUEUE, limit=1000)

    def same_ends(self, found: Any, expected: list[ModelItem]) -> None:
        """Every end is told, and nothing that did not end (I10)."""
        ends = sorted((each.seq, str(each.state), each.reason) for each in found)
        wanted = sorted((item.seq, item.state, item.reason) for item in expected)
        assert ends == wanted, (ends, wanted)

    @invariant()
    def items_are_the_models(self) -> None:
        """Each stands where the model says, and the figures fit (I4, I7, I8)."""
        if not hasattr(self, "store"):
            return
        stored = {each.seq: each for each in self.everything()}
        assert list(stored) == sorted(item.seq for item in self.model.rows)
        for item in self.model.rows:
            each = stored[item.seq]
            found = (
                *(str(each.state), each.reason, each.attempts, each.lapses),
                *(each.deliveries, each.token, each.blocked, each.sent_at is None),
                *(each.priority, each.payload),
            )
            expected = (
                *(item.state, item.reason, item.attempts, item.lapses),
                *(item.deliveries, item.token, item.blocked, item.sent_at is None),
                *(item.new.priority, item.new.payload),
            )
            assert found == expected, (item.seq, found, expected)
        stats = self.store.stats(QUEUE)
        for state in (*LIVE, ItemState.DEAD):
            there = sum(item.state == state for item in self.model.rows)
            assert stats.states.get(state, 0) == there, state
        assert self.store.blocked_lanes(QUEUE) == self.model.blocked_lanes()

    @invariant()
    def outcomes_are_the_models(self) -> None:
        """How each ended is kept for its time, and its key with it (I5, I10)."""
        for item in self.model.past[-3:]:
            ended: Ended | None = self.store.ended(QUEUE, item.seq)
            if not self.model.remembered(item):
                assert ended is None, item
                continue
            assert ended is not None, item
            survivor = 0 if item.survivor is None else item.survivor.seq
            found = (str(ended.state), ended.reason, ended.result, ended.survivor)
            assert found == (item.state, item.reason, item.result, survivor)
            known = self.store.find(
                QUEUE, item.new.scope, item.new.operation, item.new.key
            )
            current = self.model.known(item.new)
            assert known == (None if current is None else current.seq)

    @invariant()
    def children_see_their_parents(self) -> None:
        """How a parent ended is kept with the child, however long ago it was."""
        for item in self.model.rows:
            if item.edges:
                parents = self.store.parents(QUEUE, item.seq)
                found = {
                    seq: (str(ended.state), ended.result)
                    for seq, ended in parents.items()
                }
                expected = {
                    edge.parent.seq: edge.outcome for edge in item.edges if edge.outcome
                }
                assert found == expected, item.seq

    def teardown(self) -> None:
        if hasattr(self, "store"):
            assert self.store.check(QUEUE) == []
