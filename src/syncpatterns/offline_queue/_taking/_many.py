"""Several actions, stored together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from syncpatterns.errors import ConfigurationError
from syncpatterns.offline_queue._taking._drafts import Draft, SendOptions, draft

if TYPE_CHECKING:
    from syncpatterns.offline_queue._shared import Shared

#: Items of one commit; more would hold up everybody else who writes.
MOST = 10_000


class Action(NamedTuple):
    """One action of `OfflineQueue.enqueue_many`.

    Args:
        op: The handler's function or name, or the operation.
        payload: What to do.
        options: As in `OfflineQueue.enqueue`: ``{"key": ..., "priority": 1}``.
    """

    op: Any
    payload: Any
    options: SendOptions = {}  # noqa: RUF012 - never changed; a NamedTuple's default


def drafts_of(
    shared: Shared, actions: Iterable[Action | tuple[Any, Any]]
) -> list[Draft]:
    """Return *actions*, ready to be stored.

    Raises:
        ConfigurationError: One is neither an `Action` nor a pair, or there are
            too many for one commit.
    """
    drafts: list[Draft] = []
    given: Any = actions
    if not isinstance(given, Iterable) or isinstance(given, str | Mapping):
        raise ConfigurationError(
            f"{shared.name}: enqueue_many() takes a list of Action(op, payload, "
            f"options), not a {type(actions).__name__}."
        )
    listed: Iterable[object] = actions
    for each in listed:
        if not isinstance(each, tuple) or len(each) not in (2, 3):
            raise ConfigurationError(
                f"{shared.name}: enqueue_many() takes Action(op, payload, options) or "
                f"(op, payload), not {type(each).__name__}."
            )
        action = Action(*cast("tuple[Any, Any]", each))
        drafts.append(draft(shared, action.op, action.payload, action.options))
        if len(drafts) > MOST:
            raise ConfigurationError(
                f"{shared.name}: enqueue_many() stores up to {MOST} at a time, in one "
                "commit. Call it for one part after the other."
            )
    if any(
        each.handler.coalesce is not None and each.handler.coalesce.merged
        for each in drafts
    ):
        _refuse_meetings(shared, drafts)
    return drafts


def _refuse_meetings(shared: Shared, drafts: list[Draft]) -> None:
    """Refuse two actions that would be merged with each other: only one waits."""
    seen: set[tuple[str, str | None]] = set()
    for each in drafts:
        rule = each.handler.coalesce
        if rule is None or rule.merged is None or each.item.entity is None:
            continue
        met = (each.item.operation, each.item.entity)
        if met in seen:
            raise ConfigurationError(
                f"{shared.name}: enqueue_many() got two actions of {each.handler.name} "
                "about the same thing, which merge() makes one of. Merge them before, "
                "or enqueue them one after the other."
            )
        seen.add(met)
