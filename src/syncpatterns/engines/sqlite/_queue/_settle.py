"""What workers say about the items they held.

A settlement whose hold is stale changes nothing. Told twice, because the answer
to a commit was lost, it is answered as the first time: the token of the claim
that ended or gave back an item stands beside it.
"""

from __future__ import annotations

from syncpatterns.engines.sqlite._queue._claims import held
from syncpatterns.engines.sqlite._queue._damage import at_the_desk
from syncpatterns.engines.sqlite._queue._desk import (
    DEAD,
    LEASED,
    PARKED,
    READY,
    SCHEDULED,
    WAITING,
    Desk,
    Row,
    place_of,
)
from syncpatterns.engines.sqlite._queue._ends import End, acknowledge, finish
from syncpatterns.engines.sqlite._queue._enqueue import add
from syncpatterns.engines.sqlite._queue._lanes import free_state, settle_lane, stand
from syncpatterns.engines.sqlite._queue._numbers import Numbers, check_numbers
from syncpatterns.engines.sqlite._queue._parents import edges_of
from syncpatterns.offline_queue._core import (
    Ack,
    Ended,
    Fail,
    ItemState,
    Nack,
    NewItem,
    Park,
    Release,
    Replace,
    Settled,
    Settlement,
    key_reused,
)


@at_the_desk
def settle(desk: Desk, said: Settlement, *, again: bool = False) -> Settled:
    """Do what one worker says, if it still holds the item.

    Args:
        desk: Of the queue.
        said: What it says.
        again: It may have been done already: the answer was lost.
    """
    seq, token = said.hold
    if isinstance(said, Ack):
        ended = acknowledge(desk, desk.id_of(seq), token, said.result)
        if ended is not None:
            return _accepted(seq, ended)
    row = None if isinstance(said, Ack) else held(desk, said.hold)
    if row is None or isinstance(said, Ack):
        return (_before(desk, said) if again else None) or Settled(
            accepted=False, seq=seq
        )
    if isinstance(said, Fail):
        if said.failed:
            desk.run("count_failure", row.id)
        dead = End(
            row.id,
            ItemState.DEAD,
            said.reason,
            said.error,
            discard=said.discard,
            token=token,
        )
        return _accepted(seq, finish(desk, [dead]))
    if isinstance(said, Replace):
        return _replace(desk, row, said.item)
    if isinstance(said, Park):
        sent_at = _sent_at(row, unsent=said.unsent)
        desk.run("park", sent_at, said.reason, said.error or None, row.id)
        if row.lane is not None:
            settle_lane(desk, row.lane)
    elif isinstance(said, Nack):
        failed = row._replace(attempts=row.attempts + 1)
        _put_back(desk, failed, said.delay, said.error)
    else:
        sent_at = _sent_at(row, unsent=said.unsent)
        _put_back(desk, row._replace(sent_at=sent_at), said.delay, said.error)
    return _accepted(seq)


def _accepted(seq: int, ended: list[Ended] | None = None) -> Settled:
    return Settled(accepted=True, seq=seq, ended=tuple(ended or ()))


def _put_back(desk: Desk, row: Row, delay: float, error: str) -> None:
    due_at = desk.now.steady + max(0.0, delay)
    waits = row.lane is not None  # until settle_lane has looked
    state = WAITING if waits else free_state(desk, row.blocked, due_at)
    wake = due_at if state == SCHEDULED else None
    desk.run(
        "put_back",
        state,
        wake,
        due_at,
        row.attempts,
        row.sent_at,
        error or None,
        row.id,
    )
    if row.lane is not None:
        settle_lane(desk, row.lane)


def _sent_at(row: Row, *, unsent: bool) -> float | None:
    # Only the delivery that first reached out can say that it reached nobody.
    return None if unsent and row.sent_by == row.token else row.sent_at


def _replace(desk: Desk, row: Row, new: NewItem) -> Settled:
    check_numbers(new)
    place = place_of(new.scope, new.operation, new.key)
    numbers = Numbers(desk)
    seq = numbers.next()
    if not desk.run("add_key", desk.id, place, seq).rowcount:
        (known,) = desk.one("key", desk.id, place)
        id_ = desk.base + known
        if desk.row(id_) is not None or desk.outcome(id_) is not None:
            raise key_reused("sqlite", desk.name, new, known)
        desk.run("forget", id_)
        desk.run("take_key", seq, desk.id, place)
    edges = edges_of(desk, new)
    mine = new.lane == row.lane
    waits = new.lane is not None and (
        mine or desk.one("head", desk.id, new.lane) is not None
    )
    added = add(
        desk, new, seq, edges=edges, place=row.place if mine else 0, waits=waits
    )
    superseded = End(row.id, ItemState.SUPERSEDED, survivor=seq, token=row.token)
    ended = finish(desk, [superseded])
    if any(edge.fatal for edge in edges):
        ended += finish(desk, [End(added.id, ItemState.DEAD, "parent")])
    elif added.lane is not None:
        stand(desk, added)
    return _accepted(seq, ended)


def _before(desk: Desk, said: Settlement) -> Settled | None:
    """Return the answer to a settlement that was done, but whose answer was lost."""
    seq, token = said.hold
    id_ = desk.id_of(seq)
    kept = desk.outcome(id_)
    if kept is not None:
        ended, _, by = kept
        if by != token or isinstance(said, Nack | Release | Park):
            return None
        return _accepted(ended.survivor or seq, [ended])
    row = desk.row(id_)
    if row is None or row.token != token or row.state == LEASED:
        return None
    if isinstance(said, Fail):
        return _accepted(seq, [desk.dead(row)]) if row.state >= DEAD else None
    if isinstance(said, Park):
        return _accepted(seq) if row.state == PARKED else None
    back = row.state in (READY, WAITING, SCHEDULED)
    return _accepted(seq) if back and isinstance(said, Nack | Release) else None
