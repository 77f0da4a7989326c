"""`Ref`: a place in a payload that a parent's result fills."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final, cast

from syncpatterns.errors import ConfigurationError
from syncpatterns.offline_queue._core._references import Place, Reference, parse_path

if TYPE_CHECKING:
    from syncpatterns.offline_queue._taking._receipts import Receipt


@dataclass(frozen=True, slots=True)
class Ref:
    """Stands in a payload for what another action will return.

    Somebody who is offline makes a lead and a note on it::

        lead = queue.enqueue("leads.create", NewLead(name="Ada"))
        queue.enqueue("notes.add", {"lead_id": Ref(lead, "$.id"), "text": "Hi"})

    The second waits for the first, and is filled when it is delivered. A
    payload with a `Ref` is a dict: a model could not hold it.

    Args:
        receipt: Whose result; or the number of its item.
        path: What of it: ``$`` for all, ``$.id``, ``$.lines[0].id``.

    Raises:
        ConfigurationError: The path cannot be read, or the receipt is none of a
            stored item: what was done at once with ``journal=False`` has no number.
    """

    receipt: Receipt[Any] | int
    path: str = "$"

    def __post_init__(self) -> None:
        path: object = self.path
        try:
            if not isinstance(path, str):
                raise ValueError(path)  # noqa: TRY301, TRY004 - one sentence for both
            parse_path(path)
        except ValueError:
            raise ConfigurationError(
                f"Ref: {path!r} is no path. Write $, $.id or $.lines[0].id."
            ) from None
        if number_of(self.receipt) is None:
            raise ConfigurationError(
                "Ref takes the receipt of an item that is stored, or its number; not "
                f"{described(self.receipt)}. What was done already has a value: use "
                "that."
            )

    @property
    def seq(self) -> int:
        """Number of the item whose result is meant."""
        given = self.receipt
        return given if isinstance(given, int) else given.id


def number_of(given: object) -> int | None:
    """Return the number of the stored item that *given* is or stands for, else None.

    Any object with an ``id`` once would do: the lead that an action returned was
    taken for item 7, because it is lead 7.
    """
    from syncpatterns.offline_queue._taking._receipts import Receipt  # noqa: PLC0415 - it imports handlers, which import this

    if isinstance(given, Receipt):
        number: object = given.id
    else:
        number = given
    return number if type(number) is int and number > 0 else None


def described(given: object) -> str:
    """Return what *given* is, for an error: a number, or its type and no value.

    A `Done` would show the result of an action, which may be personal data.
    """
    return str(given) if type(given) is int else f"a {type(given).__name__}"


def take_out(payload: Any) -> tuple[Any, tuple[Reference, ...]]:
    """Return *payload* with None in the place of each `Ref`, and the references."""
    found: list[Reference] = []
    emptied = _emptied(payload, (), found)
    return emptied, tuple(found)


def found_in(payload: Any) -> Iterator[Ref]:
    """Yield every `Ref` in *payload*."""
    if isinstance(payload, Ref):
        yield payload
    elif isinstance(payload, Mapping):
        for each in cast("Mapping[str, Any]", payload).values():
            yield from found_in(each)
    elif isinstance(payload, list | tuple):
        for each in cast("Iterable[Any]", payload):
            yield from found_in(each)


def _emptied(value: Any, place: Place, found: list[Reference]) -> Any:
    if isinstance(value, Ref):
        found.append(Reference(place, value.seq, value.path))
        return None
    if isinstance(value, Mapping):
        inside = cast("Mapping[str, Any]", value)
        return {
            name: _emptied(each, (*place, name), found) for name, each in inside.items()
        }
    if isinstance(value, list | tuple):
        items = cast("list[Any]", value)
        return [_emptied(each, (*place, at), found) for at, each in enumerate(items)]
    return value


class _NotSaid(ConfigurationError, AttributeError, KeyError):
    """`lane=` or `entity=` asks for what the dict does not say.

    An `AttributeError` and a `KeyError` too, for those that say what they take
    then: ``getattr(payload, "team", None)``, or ``except KeyError`` around
    ``payload["team"]``.
    """

    def __str__(self) -> str:
        return str(self.args[0])  # a KeyError would quote it


class Outline:
    """A payload with empty places, as ``lane=`` and ``entity=`` see it.

    They were written for the payload itself, which is a model or a dict: what it
    says is found as a name and as an item. ``get()``, ``items()``, ``keys()`` and
    ``values()`` are those of a dict, unless the payload itself says such a name:
    then the name is what it says, as it is of a model, and ``payload["items"]``
    is the same.

    Args:
        payload: With every `Ref` in its place.
        where: How errors begin.
    """

    def __init__(self, payload: Mapping[str, Any], where: str) -> None:
        self._payload = payload
        self._where = where

    def __getattr__(self, name: str) -> Any:
        if name not in self._payload and name in _OF_A_DICT:
            return partial(_OF_A_DICT[name], self)
        return self[name]

    def __getitem__(self, name: str) -> Any:
        if name in self._payload:
            return self._known(name, self._payload[name])
        # Nobody has validated the dict, so a model's default is not in it: a lane
        # made without it would be another one than the lane of its neighbours.
        raise _NotSaid(
            f"{self._where}: lane= or entity= needs {name!r}, which the payload does "
            "not say; a dict with a Ref gets no defaults before it is delivered. Say "
            "it, or say lane= where you enqueue it."
        )

    def __contains__(self, name: object) -> bool:
        return name in self._payload

    def __iter__(self) -> Iterator[str]:
        return iter(self._payload)

    def __len__(self) -> int:
        return len(self._payload)

    def _known(self, name: str, value: Any) -> Any:
        if isinstance(value, Ref):
            raise ConfigurationError(
                f"{self._where}: lane= or entity= needs {name!r}, which is a Ref and "
                "not known yet. Say lane= where you enqueue it; what only waits for "
                "its parent needs no lane: lane=None."
            )
        if isinstance(value, Mapping):
            return Outline(cast("Mapping[str, Any]", value), self._where)
        return value


def _get(outline: Outline, name: str, default: Any = None) -> Any:
    return outline[name] if name in outline else default  # noqa: SIM401 - this is get()


def _values(outline: Outline) -> list[Any]:
    return [outline[name] for name in outline]


def _items(outline: Outline) -> list[tuple[str, Any]]:
    return [(name, outline[name]) for name in outline]


_OF_A_DICT: Final[Mapping[str, Callable[..., Any]]] = {
    "get": _get,
    "items": _items,
    "keys": list[str],
    "values": _values,
}
