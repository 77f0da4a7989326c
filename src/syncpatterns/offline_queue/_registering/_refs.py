"""`Ref`: a place in a payload that a parent's result fills."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

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
        ConfigurationError: The path cannot be read.
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

    @property
    def seq(self) -> int:
        """Number of the item whose result is meant."""
        return self.receipt if isinstance(self.receipt, int) else self.receipt.id


def take_out(payload: Any) -> tuple[Any, tuple[Reference, ...]]:
    """Return *payload* with None in the place of each `Ref`, and the references."""
    found: list[Reference] = []
    emptied = _emptied(payload, (), found)
    return emptied, tuple(found)


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


class Outline:
    """A payload with empty places, as ``lane=`` and ``entity=`` see it.

    Args:
        payload: With every `Ref` in its place.
        where: How errors begin.
    """

    def __init__(self, payload: Mapping[str, Any], where: str) -> None:
        self._payload = payload
        self._where = where

    def __getattr__(self, name: str) -> Any:
        return self._known(name, self._payload.get(name))

    def __getitem__(self, name: str) -> Any:
        return self._known(name, self._payload.get(name))

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
