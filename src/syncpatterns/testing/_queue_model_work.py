"""What workers, people and time do to the model of a queue; see `_queue_model`."""

from __future__ import annotations

from collections.abc import Iterable

from syncpatterns.offline_queue._core import (
    Ack,
    Fail,
    Nack,
    Park,
    QueueRules,
    Release,
    Settlement,
)
from syncpatterns.testing._queue_model import (
    FREE,
    UNHELD,
    ModelItem,
    QueueModel,
    TimePassed,
)

__all__ = ["WorkingModel"]


class WorkingModel(QueueModel):
    """A queue that is worked on."""

    # ------------------------------------------------------------------- workers

    def look(self) -> TimePassed:
        """Let time pass, as every claim and staging does first, in the ports' order."""
        passed = TimePassed()
        self._end_leases(passed)
        for item in sorted(self.rows, key=lambda item: (item.expires, item.seq)):
            unsent = item.state in UNHELD and item.sent_at is None
            if unsent and item.expires <= self.wall:
                passed.ended += self.end("expired", "expired", [item])
        for item in list(self.rows):
            if self._is_too_old(item):
                item.state, item.reason = "parked", "unknown"
                passed.parked.append(item)
                self.settle()
        for item in self.rows:
            if item.state == "scheduled" and item.due <= self.steady:
                item.state = "ready"
                passed.ready += 1
        over = [each for each, until in self.pauses.items() if until <= self.steady]
        for target in over:
            del self.pauses[target]
        passed.resumed = over
        passed.lapsed = [item for item in passed.lapsed if item not in passed.parked]
        return passed

    def _end_leases(self, passed: TimePassed) -> None:
        leased = [item for item in self.rows if item.state == "leased"]
        for item in sorted(leased, key=lambda item: (item.until, item.seq)):
            if item.until > self.steady:
                continue
            item.lapses += 1
            if item.lapses >= self.rules.max_lapses:
                passed.ended += self.end("dead", "poison", [item])
            else:
                item.state = "waiting"
                passed.lapsed.append(item)
                self.settle()

    def _is_too_old(self, item: ModelItem) -> bool:
        """Tell whether its key may be forgotten where it was sent."""
        if item.state not in FREE or item.sent_at is None:
            return False
        return item.sent_at + self.rules.redeliver_within <= self.wall

    def claimable(self) -> list[ModelItem]:
        """Return what a claim may take, in the order in which it takes it."""
        ready = [item for item in self.rows if item.state == "ready"]
        free = [item for item in ready if not self.paused(item.new.target)]
        return sorted(free, key=lambda item: (-item.new.priority, item.place, item.seq))

    def claimed(self, item: ModelItem, token: int, lease: float) -> None:
        """Take down that *item* was claimed under *token*."""
        item.state, item.token = "leased", token
        item.deliveries += 1
        item.until = self.steady + max(0.0, lease)
        if item.sent_at is None:
            item.sent_at, item.sent_token = self.wall, token

    def held(self, seq: int, token: int) -> ModelItem | None:
        """Return the item of a hold, if that is still good (I2, I6)."""
        for item in self.rows:
            if item.seq == seq and item.token == token and item.state == "leased":
                return item
        return None

    def settled(self, item: ModelItem, said: Settlement) -> list[ModelItem]:
        """Do what the holder of *item* says; return what ended."""
        if isinstance(said, Ack):
            item.result = said.result
            return self.end("done", "", [item])
        if isinstance(said, Fail):
            item.attempts += said.failed
            return self.end("dead", said.reason, [item], final=said.discard)
        if isinstance(said, Park):
            self._unsend(item, unsent=said.unsent)
            item.state, item.reason = "parked", said.reason
        elif isinstance(said, Nack):
            item.attempts += 1
            self._put_back(item, said.delay)
        elif isinstance(said, Release):
            self._unsend(item, unsent=said.unsent)
            self._put_back(item, said.delay)
        self.settle()
        return []

    def replaced(self, item: ModelItem, successor: ModelItem) -> list[ModelItem]:
        """End *item* by one that takes its place in the lane."""
        if successor.new.lane == item.new.lane:
            successor.place = item.place
        self.rows.append(successor)
        return self.end("superseded", "", [item], survivor=successor)

    def _put_back(self, item: ModelItem, delay: float) -> None:
        item.state, item.due = "waiting", self.steady + max(0.0, delay)

    @staticmethod
    def _unsend(item: ModelItem, *, unsent: bool) -> None:
        if unsent and item.sent_token == item.token:
            item.sent_at = None

    # -------------------------------------------------------------------- people

    def configure(self, rules: QueueRules) -> None:
        """Go by other rules; lanes that they do not hold up go on."""
        frees = self.rules.on_dead == "block" and rules.on_dead != "block"
        self.rules = rules
        if frees:
            for item in self.rows:
                item.holds_lane = False
        self.settle()

    def pause(self, target: str, seconds: float) -> None:
        """Stop a target, unless it is stopped for longer."""
        until = self.steady + seconds
        if seconds > 0 and until > self.pauses.get(target, 0.0):
            self.pauses[target] = until

    def resume(self, target: str) -> list[str]:
        """End pauses, and let go what waits for a sign-in; return what was paused."""
        asked = [target] if target else list(self.pauses)
        ended = [each for each in asked if self.pauses.get(each, 0.0) > self.steady]
        for each in asked:
            self.pauses.pop(each, None)
        for item in self.rows:
            signs_in = item.state == "parked" and item.reason == "sign-in"
            if signs_in and target in ("", item.new.target):
                item.state, item.reason = "waiting", ""
        self.settle()
        return ended

    def requeue(self, items: Iterable[ModelItem], *, tail: bool) -> list[ModelItem]:
        """Let DEAD and PARKED items run again, parents before children."""
        asked = sorted(items, key=lambda item: item.seq)
        there = [item for item in asked if item in self.rows]
        again = [item for item in there if item.state in ("dead", "parked")]
        for item in again:
            # Behind who waits for it, it would wait for that, and both for ever.
            moves = tail and not self._awaited(item)
            if item.state == "dead":
                for child in self.rows:
                    for edge in child.edges:
                        if edge.waits is item and edge.open:
                            edge.outcome = None
            for edge in item.edges:
                edge.open = edge.open and edge.outcome is None
            if moves:
                self._places += 1
                item.place = self._places
            item.state, item.reason, item.holds_lane = "waiting", "", False
            item.attempts = item.lapses = 0
            item.due = self.steady
            item.expires = self.wall + item.new.expires_in
            item.sent_at = None if item.sent_at is None else self.wall
        self.settle()
        return again

    def _awaited(self, item: ModelItem) -> bool:
        edges = [edge for child in self.rows for edge in child.edges]
        return any(edge.waits is item and edge.open for edge in edges)
