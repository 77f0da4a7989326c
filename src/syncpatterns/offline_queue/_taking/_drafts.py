"""From what a caller wants done to what the store is given: no I/O."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, cast
from uuid import UUID

from typing_extensions import TypedDict

from syncpatterns._http import MAX_KEY_LENGTH, RequestKey
from syncpatterns.errors import ConfigurationError, KeyInvalid
from syncpatterns.offline_queue._core import Coalesce, Item, NewItem, Parent
from syncpatterns.offline_queue._registering._payloads import headers_of, packed_headers
from syncpatterns.offline_queue._registering._refs import described, found_in, number_of
from syncpatterns.offline_queue._taking._foreign import refuse_foreign
from syncpatterns.offline_queue._taking._keys import storable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from syncpatterns.offline_queue._registering._handlers import Handler
    from syncpatterns.offline_queue._registering._payloads import Packed
    from syncpatterns.offline_queue._shared import Shared
    from syncpatterns.offline_queue._taking._receipts import Receipt

#: Says that ``lane=`` was not given: None is a lane, too: none.
UNSAID: Final[Any] = ...
_LONGEST_NAME: Final = 500
_LONGEST_SCOPE: Final = 1000
_MOST_PARENTS: Final = 100


class LaterOptions(TypedDict, total=False):
    """What can be said about when and where an action is done.

    Keys:
        priority: Higher goes first, across lanes.
        delay: Seconds before the first delivery.
        expires_in: Seconds after which it is not worth doing any more, if by
            then it never left; the queue's ``max_age=`` if None.
        after: Receipts of what must be DONE first.
        headers: Small texts handed to the handler; no credentials.
        lane: Instead of what the handler's ``lane=`` makes of the payload.
    """

    priority: int
    delay: float
    expires_in: float | None
    after: Sequence[Receipt[Any] | int]
    headers: Mapping[str, str]
    lane: str | None


class SendOptions(LaterOptions, total=False):
    """What can be said about one action: `LaterOptions`, and whose it is.

    Keys:
        key: Idempotency key, 1 to 255 characters, or what an adapter made of an
            HTTP request; made before the first try if None.
        scope: Whose key it is, such as the tenant.
    """

    key: str | UUID | RequestKey | None
    scope: str


_OPTIONS: Final = frozenset(SendOptions.__annotations__)


@dataclass(frozen=True, slots=True)
class Draft:
    """One action, ready to be stored but for what it meets there.

    Args:
        handler: Who delivers it.
        item: As it would be stored.
        value: The payload, for `merge`.
        known: The key was given by the caller, so it may be known.
    """

    handler: Handler
    item: NewItem
    value: Any
    known: bool


def draft(shared: Shared, op: object, payload: Any, options: SendOptions) -> Draft:
    """Return *payload* for the handler of *op*, with *options*.

    Raises:
        ConfigurationError: Something was said that can never work.
        KeyInvalid: The key is empty or too long.
        ResultNotStorable: The payload is not what the handler takes.
    """
    handler = shared.handlers.of(op)
    given: object = options
    if not isinstance(given, Mapping):
        raise ConfigurationError(
            f"{handler.name}: options are a dict, such as {{'key': '17'}}, not a "
            f"{type(given).__name__}."
        )
    unknown = set(options) - _OPTIONS
    if unknown:
        raise ConfigurationError(
            f"{handler.name}: there is no option {unknown.pop()}=."
        )
    scope = _scope(handler, options.get("scope", ""))
    packed = handler.payloads.pack(payload, shared.settings.max_payload)
    lane, entity = _places(handler, packed.value, options.get("lane", UNSAID))
    parents = _parents(shared, handler, packed, options.get("after", ()))
    if packed.references:
        for ref in found_in(payload):
            refuse_foreign(shared, ref.receipt)
    if handler.coalesce is not None and parents:
        raise ConfigurationError(
            f"{handler.name}: an action that waits for others (after=, Ref) is not "
            "merged with one that waits, so coalesce= and after= exclude each other. "
            "Register a second handler without coalesce= for it."
        )
    key = options.get("key")
    asked = key if isinstance(key, RequestKey) else None
    item = NewItem(
        operation=handler.name,
        key=_key(shared, handler, asked.key if asked else key),
        scope=scope,
        fingerprint=packed.fingerprint,
        payload=packed.data,
        version=handler.payloads.version,
        target=handler.target,
        lane=lane,
        entity=entity,
        priority=_priority(handler, options.get("priority", 0)),
        delay=_seconds(handler, "delay", options.get("delay", 0.0)),
        expires_in=_expiry(shared, handler, options.get("expires_in")),
        parents=parents,
        coalesce=_plain(handler),
        headers=packed_headers(
            handler.name, options.get("headers", {}), packed.references, asked
        ),
        keep_result=shared.settings.keep_results,
    )
    return Draft(handler, item, payload, key is not None)


def merged(shared: Shared, this: Draft, waiting: Item, value: Any) -> Draft:
    """Return *this* with the payload *value*, made of it and of *waiting*."""
    handler = this.handler
    packed = handler.payloads.pack(value, shared.settings.max_payload)
    # The fingerprint stays that of what the caller gave: asked again with the
    # same key and payload, it is a duplicate and not another wish.
    item = this.item._replace(
        payload=packed.data,
        coalesce=Coalesce("replace", expected=waiting.seq),
    )
    return replace(this, item=item)


def replacement(shared: Shared, handler: Handler, old: Item, payload: Any) -> NewItem:
    """Return what takes the place of *old*: another payload, so another key."""
    packed = handler.payloads.pack(payload, shared.settings.max_payload)
    if packed.references:
        raise ConfigurationError(
            f"{handler.name}: RetryWith() takes the place of an item that waits for "
            "nothing any more, so its payload holds no Ref. Use the value itself."
        )
    _lane, entity = _places(handler, packed.value, old.lane)
    return NewItem(
        operation=old.operation,
        key=shared.keys.make(),
        scope=old.scope,
        fingerprint=packed.fingerprint,
        payload=packed.data,
        version=handler.payloads.version,
        target=old.target,
        lane=old.lane,
        entity=entity,
        priority=old.priority,
        expires_in=shared.settings.max_age,
        headers=packed_headers(handler.name, headers_of(old), packed.references),
        keep_result=old.keep_result,
    )


def _plain(handler: Handler) -> Coalesce | None:
    rule = handler.coalesce
    if rule is None or rule.how == "merge":  # merged outside of the store
        return None
    return Coalesce(rule.how, creates=rule.creates)


def _scope(handler: Handler, scope: object) -> str:
    if not isinstance(scope, str) or (scope and not storable(scope, _LONGEST_SCOPE)):
        raise ConfigurationError(
            f"{handler.name}: scope= says whose key it is, such as the tenant's id, "
            f"and must be text of at most {_LONGEST_SCOPE} characters."
        )
    if handler.operation is not None and not scope:
        raise ConfigurationError(
            f"{handler.name}: an operation needs scope=, whose key it is, such as the "
            "tenant's id. Say scope=SINGLE_TENANT if there is one tenant only."
        )
    return scope


def _key(shared: Shared, handler: Handler, key: object) -> str:
    if key is None:
        return shared.keys.make()
    text = str(key) if isinstance(key, UUID) else cast("str", key)
    if not storable(text, MAX_KEY_LENGTH) or not text.strip():
        raise KeyInvalid(
            f"{handler.name}: key= is text of 1 to {MAX_KEY_LENGTH} characters that "
            "can be stored, not all of them blank, or None for a new one. Take one "
            "that stands for this action, such as the click's."
        )
    return text


def _places(handler: Handler, value: Any, lane: Any) -> tuple[str | None, str | None]:
    if lane is UNSAID:
        lane = _place(handler, "lane", handler.lane, value)
    else:
        _check_place(handler, "lane", lane)
    if handler.entity is handler.lane:
        entity = lane if handler.entity is not None else None
    else:
        entity = _place(handler, "entity", handler.entity, value)
    return lane, entity


def _place(handler: Handler, option: str, function: Any, value: Any) -> str | None:
    if function is None:
        return None
    found: object = function(value)
    _check_place(handler, option, found)
    return cast("str | None", found)


def _check_place(handler: Handler, option: str, found: object) -> None:
    if found is None:
        return
    if not storable(found, _LONGEST_NAME):
        raise ConfigurationError(
            f"{handler.name}: {option}= must give text of 1 to {_LONGEST_NAME} "
            f"characters that can be stored, or None; it gave {_shown(found)}. Write "
            f'lambda p: f"lead:{{p.lead_id}}".'
        )


def _shown(found: object) -> str:
    if isinstance(found, str):  # which may be personal data
        if 0 < len(found) <= _LONGEST_NAME:
            return "half of a surrogate pair, which is no text"
        return f"{len(found)} characters" if found else "none"
    return f"a {type(found).__name__}"


def _parents(
    shared: Shared, handler: Handler, packed: Packed, after: Iterable[object]
) -> tuple[Parent, ...]:
    if isinstance(after, str) or not isinstance(after, Iterable):
        raise ConfigurationError(f"{handler.name}: after= takes a list of receipts.")
    seqs: dict[int, None] = {}
    for each in after:
        seq = number_of(each)
        if seq is None:
            raise ConfigurationError(
                f"{handler.name}: after= takes receipts of this queue, not "
                f"{described(each)}."
            )
        refuse_foreign(shared, each)
        seqs[seq] = None
    seqs.update(dict.fromkeys(reference.seq for reference in packed.references))
    if len(seqs) > _MOST_PARENTS:
        raise ConfigurationError(
            f"{handler.name}: one action waits for at most {_MOST_PARENTS} others."
        )
    return tuple(Parent(seq, handler.on_parent) for seq in seqs)


def _priority(handler: Handler, priority: object) -> int:
    if type(priority) is not int or not -(1 << 31) <= priority < 1 << 31:
        raise ConfigurationError(f"{handler.name}: priority= takes a whole number.")
    return priority


def _expiry(shared: Shared, handler: Handler, seconds: object) -> float:
    if seconds is None:
        return shared.settings.max_age
    if seconds == math.inf:
        return math.inf
    return _seconds(handler, "expires_in", seconds)


def _seconds(handler: Handler, option: str, seconds: object) -> float:
    number = isinstance(seconds, int | float) and not isinstance(seconds, bool)
    if not number or not 0 <= cast("float", seconds) < 1e10:  # noqa: PLR2004 - 300 years
        raise ConfigurationError(
            f"{handler.name}: {option}= takes seconds, 0 or more; not {seconds!r}."
        )
    return float(cast("float", seconds))
