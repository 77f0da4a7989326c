"""The figures of a queue, checked when it is made."""

from __future__ import annotations

import random
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias, cast, get_args

from syncpatterns.errors import ConfigurationError
from syncpatterns.offline_queue._core import Durability, LanePolicy, QueueRules
from syncpatterns.retry import Wait

#: What a full queue does with a new item.
OnFull: TypeAlias = Literal["reject", "drop_oldest", "block"]

_NAME: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.:-]{0,99}")
_MAX_PAYLOAD: Final = 1 << 20
_CENTURY: Final = 100 * 365 * 86400.0


@dataclass(frozen=True, slots=True)
class Settings:
    """What was said when the queue was made; see `OfflineQueue`."""

    name: str
    max_items: int
    max_bytes: int
    max_payload: int
    overflow: OnFull
    block_for: float
    max_age: float
    redeliver_within: float
    margin: float
    lease: float
    max_attempts: int
    max_deliveries: int
    durability: Durability
    on_dead: LanePolicy
    keep_results: float
    keep_failed: bool
    backoff: Wait

    @property
    def rules(self) -> QueueRules:
        """What the store must know."""
        return QueueRules(
            max_items=self.max_items,
            max_bytes=self.max_bytes,
            on_dead=self.on_dead,
            max_lapses=self.max_deliveries,
            redeliver_within=self.redeliver_within,
            durability=self.durability,
        )

    @property
    def horizon(self) -> float:
        """Seconds for which whoever executes an item has to know its key."""
        return self.redeliver_within + self.margin


def settings(name: object, **given: Any) -> Settings:
    """Return the figures, if they can work.

    Raises:
        ConfigurationError: One cannot.
    """
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise ConfigurationError(
            "OfflineQueue: name= is 1 to 100 of A-Z a-z 0-9 _ . : -, such as 'field'; "
            f"got {name!r}."
        )
    for each in ("max_items", "max_bytes", "max_attempts", "max_deliveries"):
        _whole(name, each, given[each])
    if given["max_payload"] is None:
        given["max_payload"] = min(_MAX_PAYLOAD, given["max_bytes"])
    _whole(name, "max_payload", given["max_payload"])
    for each in ("block_for", "margin", "keep_results"):
        given[each] = _seconds(name, each, given[each], least=0.0)
    for each in ("max_age", "redeliver_within", "lease"):
        given[each] = _seconds(name, each, given[each], least=0.001)
    _one_of(name, "overflow", given["overflow"], get_args(OnFull))
    _one_of(name, "durability", given["durability"], get_args(Durability))
    _one_of(name, "on_dead", given["on_dead"], get_args(LanePolicy))
    if not isinstance(given["keep_failed"], bool):
        raise ConfigurationError(f"{name}: keep_failed= is True or False.")
    _check_backoff(name, given["backoff"])
    if given["max_payload"] > given["max_bytes"]:
        raise ConfigurationError(
            f"{name}: max_payload={given['max_payload']} would never fit into "
            f"max_bytes={given['max_bytes']}."
        )
    return Settings(name=name, **given)


def _whole(name: str, option: str, value: object) -> None:
    if type(value) is not int or not 1 <= value < 1 << 62:
        raise ConfigurationError(
            f"{name}: {option}= takes a whole number above 0, not {value!r}."
        )


def _seconds(name: str, option: str, value: object, *, least: float) -> float:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not least <= cast("float", value) <= _CENTURY:
        above = "0 or more" if least == 0 else "above 0"
        raise ConfigurationError(
            f"{name}: {option}= takes seconds, {above}; not {value!r}."
        )
    return float(cast("float", value))


def _one_of(name: str, option: str, value: object, choices: Iterable[str]) -> None:
    if value not in tuple(choices):
        raise ConfigurationError(
            f"{name}: {option}= is one of {', '.join(choices)}, not {value!r}."
        )


def _check_backoff(name: str, backoff: object) -> None:
    if not isinstance(backoff, Wait):
        raise ConfigurationError(
            f"{name}: backoff= takes full_jitter(), equal_jitter() or no_jitter() of "
            f"syncpatterns.retry, not {backoff!r}."
        )
    if backoff.backoff.jitter == "decorrelated":
        raise ConfigurationError(
            f"{name}: decorrelated_jitter() needs the last wait, which no store keeps "
            "over days. Use full_jitter(), which spreads as well."
        )


def checked_rng(name: str, rng: object, default: random.Random) -> random.Random:
    """Return *rng* if it is a generator, *default* if it is None.

    Raises:
        ConfigurationError: It is something else.
    """
    if rng is None:
        return default
    if not isinstance(rng, random.Random):
        raise ConfigurationError(f"{name}: rng= takes a random.Random, not {rng!r}.")
    return rng


def by_target(name: str, option: str, given: object) -> dict[str, Any]:
    """Return *given* by target: one for all, or a dict.

    Raises:
        ConfigurationError: A target is no text.
    """
    if given is None:
        return {}
    if not isinstance(given, Mapping):
        return {"": given}
    found: dict[Any, Any] = dict(cast("Any", given))
    if not all(isinstance(target, str) for target in found):
        raise ConfigurationError(
            f"{name}: {option}= takes one for all targets, or a dict by target."
        )
    return found


def checked_probes(name: str, probes: dict[str, Any]) -> dict[str, Any]:
    """Return *probes* if each can be asked from a thread and from a loop.

    Raises:
        ConfigurationError: One cannot; or it is a class and not its object.
    """
    for probe in probes.values():
        able = callable(getattr(probe, "probe", None)) and callable(
            getattr(probe, "aprobe", None)
        )
        if not able or isinstance(probe, type):
            raise ConfigurationError(
                f"{name}: probe= takes HTTPProbe(url), TCPProbe(host, port), "
                f"CallbackProbe(function) or BreakerProbe(breaker), not {probe!r}."
            )
    return probes
