"""One queue's seal: what it does to an item on its way in, and on its way out.

Sealed: the payload with its headers, lane and entity, and the result. In the
clear: the queue, names of operations and targets, key and scope (an item is
found by them), versions, times, states and counters. The store gets pseudonyms
for the lane, for the entity, and for the fingerprint, which is a plain digest:
whoever can guess a payload, such as a phone number, could test the guess on it.
"""

from __future__ import annotations

import base64
import logging
from typing import Final, cast

from syncpatterns.errors import ConfigurationError
from syncpatterns.offline_queue._core import Ended, Item, ItemState, NewItem
from syncpatterns.offline_queue._registering._payloads import REFERENCES
from syncpatterns.offline_queue._sealing._inside import Inside, folded, unfolded
from syncpatterns.sealing._errors import NotSealed, SealBroken, SealError
from syncpatterns.sealing._frames import (
    checked_sealer,
    is_sealed,
    opened,
    packed,
    place,
    sealed,
    unpacked,
)
from syncpatterns.sealing._sealer import Sealer

_log = logging.getLogger("syncpatterns.offline_queue")

#: What stands in the place of the headers: no header of a user's begins with $.
_MARK: Final = '{"$sealed":1'
#: What everything begins with that is not as it was given: see `_frames`.
_ESCAPE: Final = b"\x00"
#: Bytes of a pseudonym that stand for a lane: two never meet by chance.
_PSEUDONYM_BYTES: Final = 18


class ShutItem(Item):
    """An item as it is stored, which cannot be opened here.

    Attributes:
        why: Why not.
    """

    why: SealError = SealBroken()


class ShutEnded(Ended):
    """How an item ended, with a result that cannot be opened here.

    Attributes:
        why: Why not.
    """

    why: SealError = SealBroken()


def seals_of(name: str, sealer: object, require: object, compress: object) -> Seals:
    """Return the seals of queue *name*, if they can work.

    Raises:
        ConfigurationError: They cannot.
    """
    checked = checked_sealer(name, sealer)
    if not isinstance(require, bool) or (require and checked is None):
        raise ConfigurationError(
            f"{name}: require_sealed= is True or False; True needs sealer=."
        )
    if compress is not None and (type(compress) is not int or compress < 0):
        raise ConfigurationError(
            f"{name}: compress= takes the bytes above which a payload is compressed, "
            f"such as 1024, or None: never; not {compress!r}."
        )
    return Seals(name, checked, require=require, compress=compress)


class Seals:
    """Seals and opens for one queue; pure, and for any thread.

    Args:
        queue: Its name.
        sealer: Holds the keys; None: nothing is sealed.
        require: What lies open is not taken.
        compress: Bytes above which something is compressed; None: never.
    """

    def __init__(
        self,
        queue: str,
        sealer: Sealer | None = None,
        *,
        require: bool = False,
        compress: int | None = None,
    ) -> None:
        self._queue: Final = queue.encode()
        self._sealer: Final = sealer
        self.require: Final = require
        self._compress: Final = compress
        #: Nothing is changed on its way in.
        self.idle: Final = sealer is None and compress is None
        self.seals: Final = sealer is not None

    # ---------------------------------------------------------------- items

    def item_in(self, new: NewItem, *, lane: bool = True) -> NewItem:
        """Return *new* as it is stored.

        Args:
            new: As its caller gave it.
            lane: Whether lane and entity get pseudonyms.
        """
        payload = packed(new.payload, self._compress)
        if self._sealer is None:
            return new._replace(payload=payload)
        inside = Inside(payload, new.fingerprint, new.headers, new.lane, new.entity)
        references = f',"{REFERENCES}":[]' if REFERENCES in new.headers else ""
        bound = self._place(new.operation, new.scope, new.key, new.version)
        new = new._replace(
            payload=sealed(self._sealer, folded(inside), bound),
            headers=f"{_MARK}{references}}}",
            fingerprint=self._print(new),
        )
        if not lane:
            return new
        return new._replace(lane=self.lane(new.lane), entity=self.entity(new.entity))

    def _print(self, new: NewItem) -> bytes:
        """Return what stands for the fingerprint; equal payloads have others."""
        texts = (new.operation, new.scope, new.key)
        who = [text.encode("utf-8", "surrogatepass") for text in texts]
        data = place(b"print", self._queue, *who, new.fingerprint)
        return cast("Sealer", self._sealer).pseudonym(data)

    def item_out(self, item: Item) -> Item:
        """Return *item* as its caller gave it, or a `ShutItem`; never raises."""
        if item.payload[:1] != _ESCAPE and not item.headers.startswith(_MARK):
            return self._shut(item, NotSealed()) if self.require else item
        if is_sealed(item.payload):
            try:
                return self._opened(item)
            except SealError as error:
                return self._shut(item, error)
        if item.headers.startswith(_MARK):
            return self._shut(item, SealBroken())
        if self.require:
            return self._shut(item, NotSealed())
        return self._unpacked(item)

    def _opened(self, item: Item) -> Item:
        bound = self._place(item.operation, item.scope, item.key, item.version)
        plain = opened(self._sealer, item.payload, bound)
        try:
            inside = unfolded(plain)
        except ValueError:
            raise SealBroken from None
        return self._unpacked(item._replace(**inside._asdict()))

    def _unpacked(self, item: Item) -> Item:
        try:
            payload = unpacked(item.payload)
        except ValueError:
            return item  # which no codec reads: DEAD, with the bytes as they are
        return item if payload is item.payload else item._replace(payload=payload)

    def _shut(self, item: Item, why: SealError) -> ShutItem:
        shut = ShutItem(*item)
        shut.why = why.with_traceback(None)  # an item may be kept for long
        return shut

    # -------------------------------------------------------------- results

    def result_in(self, seq: int, result: bytes) -> bytes:
        """Return the result of item *seq* as it is stored; b"" if it cannot be.

        It has happened by now, so an error of the sealer ends nothing.
        """
        if not result and not self.require:
            return result
        result = packed(result, self._compress)
        if self._sealer is None:
            return result
        try:
            return sealed(self._sealer, result, self._of_result(seq))
        except Exception as error:  # noqa: BLE001 - of anybody's sealer
            # Without its traceback, which may quote the result.
            _log.error(
                "Queue %r: item %d was done, but its result cannot be sealed (%s); "
                "receipts will say None.",
                self._queue.decode(),
                seq,
                type(error).__name__,
            )
            return b""

    def ended_out(self, ended: Ended) -> Ended:
        """Return *ended* with its result as it was, or a `ShutEnded`; never raises."""
        result = ended.result
        if not result:
            if self.require and ended.state is ItemState.DONE:
                return self._shut_end(ended, NotSealed())
            return ended
        try:
            if is_sealed(result):
                result = opened(self._sealer, result, self._of_result(ended.seq))
            elif self.require:
                raise NotSealed
            result = unpacked(result)
        except ValueError:
            return self._shut_end(ended, SealBroken())
        except SealError as error:
            return self._shut_end(ended, error)
        return ended if result is ended.result else ended._replace(result=result)

    def _shut_end(self, ended: Ended, why: SealError) -> ShutEnded:
        shut = ShutEnded(*ended)
        shut.why = why.with_traceback(None)  # as above
        return shut

    # ------------------------------------------------------------ pseudonyms

    def lane(self, lane: str | None) -> str | None:
        """Return what stands for *lane* in the store."""
        return self._pseudonym(b"lane", lane)

    def entity(self, entity: str | None) -> str | None:
        """Return what stands for *entity* in the store."""
        return self._pseudonym(b"entity", entity)

    def _pseudonym(self, kind: bytes, text: str | None) -> str | None:
        if text is None or self._sealer is None:
            return text
        data = place(kind, self._queue, text.encode("utf-8", "surrogatepass"))
        digits = self._sealer.pseudonym(data)[:_PSEUDONYM_BYTES]
        return f"sealed:{base64.urlsafe_b64encode(digits).decode()}"

    # ---------------------------------------------------------------- places

    def _place(self, operation: str, scope: str, key: str, version: int) -> bytes:
        texts = (operation, scope, key, str(version))
        shared = [text.encode("utf-8", "surrogatepass") for text in texts]
        return place(b"item", self._queue, *shared)

    def _of_result(self, seq: int) -> bytes:
        return place(b"result", self._queue, b"%d" % seq)
