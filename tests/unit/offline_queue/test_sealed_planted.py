"""Seals with a mistake in them: what the other tests prove has to find each."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import pytest

from syncpatterns import connect
from syncpatterns.offline_queue import ItemState, OfflineQueue
from syncpatterns.offline_queue._core import Ended
from syncpatterns.offline_queue._ports import AsyncQueueStore, QueueStore
from syncpatterns.offline_queue._sealing import _seals
from syncpatterns.offline_queue._sealing._stores import (
    PASSED_ON,
    AsyncOpenStore,
    OpenStore,
)
from syncpatterns.sealing import Keyring, SealError
from syncpatterns.sealing._frames import opened, sealed
from tests.unit.offline_queue.sealed import BOTH, OLD, OP, field, raw, seals_in
from tests.unit.offline_queue.surface import Crm, Update

Plant = Callable[[pytest.MonkeyPatch], None]


def swaps_are_found_out(queue: OfflineQueue) -> bool:
    """Tell whether a payload of another item is refused."""
    one, two = raw(queue).items("field")
    out = seals_in(queue).item_out(one._replace(payload=two.payload))
    return isinstance(out, _seals.ShutItem)


def renamed_keys_are_found_out(queue: OfflineQueue) -> bool:
    """Tell whether the name of the key is bound to what it sealed."""
    bound = b"here"
    data = sealed(Loose(), b"1", bound)
    try:
        opened(Loose(), data.replace(b"\x03old", b"\x03new"), bound)
    except SealError:
        return True
    return False


def words_are_hidden(queue: OfflineQueue) -> bool:
    """Tell whether nothing of a payload, a header or a lane lies open."""
    return all(
        word not in repr(tuple(each))
        for each in raw(queue).items("field")
        for word in ("won", "lead:", "lost")
    )


def guesses_are_not_confirmed(queue: OfflineQueue) -> bool:
    """Tell whether the fingerprint is none that anybody could make."""
    plain = field(connect("memory://"), Crm())
    plain.enqueue(OP, Update(7, "won"))
    (guess,) = raw(plain).items("field")
    return all(
        each.fingerprint != guess.fingerprint for each in raw(queue).items("field")
    )


def lanes_outlive_keys(queue: OfflineQueue) -> bool:
    """Tell whether a lane has one name under the old key and the new one."""
    names = {_seals.Seals("field", each).lane("lead:7") for each in (OLD, BOTH)}
    return len(names) == 1


def results_are_bound(queue: OfflineQueue) -> bool:
    """Tell whether the result of one item is refused for another."""
    seals = seals_in(queue)
    result = seals.result_in(1, b"1")
    return isinstance(
        seals.ended_out(Ended(2, ItemState.DONE, result)), _seals.ShutEnded
    )


class Loose:
    """A sealer that believes whatever name it is told: one key for all of them."""

    key_id = "old"
    _ring = Keyring({"one": Keyring.new_key()}, index=Keyring.new_key())

    def seal(self, key_id: str, plain: bytes, aad: bytes) -> bytes:
        return self._ring.seal("one", plain, aad)

    def open(self, key_id: str, sealed: bytes, aad: bytes) -> bytes:
        return self._ring.open("one", sealed, aad)

    def pseudonym(self, data: bytes) -> bytes:
        return self._ring.pseudonym(data)


def no_place(patch: pytest.MonkeyPatch) -> None:
    """The place is not bound."""
    patch.setattr(_seals, "place", lambda *parts: b"")


def no_key_in_place(patch: pytest.MonkeyPatch) -> None:
    """The place knows the operation, and not the key."""
    patch.setattr(_seals.Seals, "_place", lambda self, operation, *rest: b"item")


def no_head(patch: pytest.MonkeyPatch) -> None:
    """What is said of the key is not bound."""
    seal, open_ = Loose.seal, Loose.open
    patch.setattr(Loose, "seal", lambda self, k, p, aad: seal(self, k, p, aad[-4:]))
    patch.setattr(Loose, "open", lambda self, k, s, aad: open_(self, k, s, aad[-4:]))


def open_headers(patch: pytest.MonkeyPatch) -> None:
    """Headers are sealed, and left in the clear as well."""
    real = _seals.Seals.item_in

    def item_in(self: Any, new: Any, **options: Any) -> Any:
        return real(self, new, **options)._replace(headers=new.headers)

    patch.setattr(_seals.Seals, "item_in", item_in)


def open_lanes(patch: pytest.MonkeyPatch) -> None:
    """Lanes are stored as they are."""
    patch.setattr(_seals.Seals, "_pseudonym", lambda self, kind, text: text)


def open_prints(patch: pytest.MonkeyPatch) -> None:
    """The fingerprint is stored as it is."""
    real = _seals.Seals.item_in

    def item_in(self: Any, new: Any, **options: Any) -> Any:
        return real(self, new, **options)._replace(fingerprint=new.fingerprint)

    patch.setattr(_seals.Seals, "item_in", item_in)


def rotating_lanes(patch: pytest.MonkeyPatch) -> None:
    """Lanes are named with the key that seals."""
    real = Keyring.pseudonym
    patch.setattr(
        Keyring, "pseudonym", lambda self, data: real(self, data + self.key_id.encode())
    )


def unbound_results(patch: pytest.MonkeyPatch) -> None:
    """A result fits any item."""
    patch.setattr(_seals.Seals, "_of_result", lambda self, seq: b"result")


PLANTED: list[tuple[Plant, Callable[[OfflineQueue], bool]]] = [
    (no_place, swaps_are_found_out),
    (no_key_in_place, swaps_are_found_out),
    (no_head, renamed_keys_are_found_out),
    (open_headers, words_are_hidden),
    (open_lanes, words_are_hidden),
    (open_prints, guesses_are_not_confirmed),
    (rotating_lanes, lanes_outlive_keys),
    (unbound_results, results_are_bound),
]


@pytest.mark.parametrize(
    ("plant", "check"), PLANTED, ids=[plant.__name__ for plant, _ in PLANTED]
)
def test_a_planted_mistake_is_found(
    plant: Plant, check: Callable[[OfflineQueue], bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each check holds without the mistake, and fails with it."""
    answers: list[bool] = []
    for planted in (False, True):
        with monkeypatch.context() as patch:
            if planted:
                plant(patch)
            queue = field(connect("memory://"), Crm(), sealer=OLD)
            for lead in (7, 8):
                queue.enqueue(OP, Update(lead, "won"), headers={"h": "lost"})
            answers.append(check(queue))

    assert answers == [True, False]


@pytest.mark.parametrize(
    ("port", "wrapper"), [(QueueStore, OpenStore), (AsyncQueueStore, AsyncOpenStore)]
)
def test_no_method_of_a_store_is_handed_on_unseen(port: Any, wrapper: Any) -> None:
    """What a store learns to do is sealed, or is known to have nothing to seal."""
    promised = {name for name in dir(port) if not name.startswith("_")}
    own = {name for name in vars(wrapper) if not name.startswith("_")}

    assert promised == own | PASSED_ON
    assert own & PASSED_ON == set()


def test_both_wrappers_have_the_same_methods() -> None:
    """The awaited ones are the same calls."""
    blocking, awaited = (
        {name for name in vars(each) if not name.startswith("_")}
        for each in (OpenStore, AsyncOpenStore)
    )

    assert blocking == awaited
    assert all(inspect.iscoroutinefunction(getattr(AsyncOpenStore, n)) for n in awaited)
