"""Accepted is stored; delivered later, in order, once.

`OfflineQueue` keeps actions until they are done: what cannot be done now is
delivered when its target is back, in the order of its lane, under the same
key. `call` does it now if it can be and says `Done`, else stores it and says
`Queued`.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from syncpatterns.offline_queue._core import (
        Item,
        ItemState,
        Pause,
        QueueStats,
    )
    from syncpatterns.offline_queue._core._answer_errors import (
        HttpConflict,
        HttpRefused,
        ServerFailed,
        error_of_http,
    )
    from syncpatterns.offline_queue._core._answers import HttpVerdict, verdict_of_http
    from syncpatterns.offline_queue._delivering._context import ItemContext
    from syncpatterns.offline_queue._draining._report import DrainReport
    from syncpatterns.offline_queue._events import (
        DrainFinished,
        DrainProgress,
        DrainStarted,
        ItemCancelled,
        ItemCoalesced,
        ItemDead,
        ItemDelivered,
        ItemDiscarded,
        ItemDropped,
        ItemDuplicate,
        ItemEnqueued,
        ItemExpired,
        ItemLeaseLost,
        ItemParked,
        ItemReleased,
        ItemRequeued,
        ItemRetried,
        QueueFact,
        QueuePaused,
        QueueResumed,
        SignInNeeded,
        TargetOffline,
        TargetOnline,
    )
    from syncpatterns.offline_queue._looking._shelf import Shelf
    from syncpatterns.offline_queue._queue import OfflineQueue
    from syncpatterns.offline_queue._reaching._probes import (
        BreakerProbe,
        CallbackProbe,
        HTTPProbe,
        TCPProbe,
        all_of,
        any_of,
    )
    from syncpatterns.offline_queue._reaching._witnesses import Probe
    from syncpatterns.offline_queue._registering._coalescing import (
        Coalescing,
        cancel_pair,
        keep_first,
        last_write,
        merge,
    )
    from syncpatterns.offline_queue._registering._handlers import HandlerOptions
    from syncpatterns.offline_queue._registering._refs import Ref
    from syncpatterns.offline_queue._registering._resolutions import (
        Accept,
        Discard,
        Reject,
        RetryWith,
        SetAside,
    )
    from syncpatterns.offline_queue._results import Done, Queued
    from syncpatterns.offline_queue._taking._drafts import LaterOptions, SendOptions
    from syncpatterns.offline_queue._taking._many import Action
    from syncpatterns.offline_queue._taking._receipts import Receipt

__all__ = [
    "Accept",
    "Action",
    "BreakerProbe",
    "CallbackProbe",
    "Coalescing",
    "Discard",
    "Done",
    "DrainFinished",
    "DrainProgress",
    "DrainReport",
    "DrainStarted",
    "HTTPProbe",
    "HandlerOptions",
    "HttpConflict",
    "HttpRefused",
    "HttpVerdict",
    "Item",
    "ItemCancelled",
    "ItemCoalesced",
    "ItemContext",
    "ItemDead",
    "ItemDelivered",
    "ItemDiscarded",
    "ItemDropped",
    "ItemDuplicate",
    "ItemEnqueued",
    "ItemExpired",
    "ItemLeaseLost",
    "ItemParked",
    "ItemReleased",
    "ItemRequeued",
    "ItemRetried",
    "ItemState",
    "LaterOptions",
    "OfflineQueue",
    "Pause",
    "Probe",
    "QueueFact",
    "QueuePaused",
    "QueueResumed",
    "QueueStats",
    "Queued",
    "Receipt",
    "Ref",
    "Reject",
    "RetryWith",
    "SendOptions",
    "ServerFailed",
    "SetAside",
    "Shelf",
    "SignInNeeded",
    "TCPProbe",
    "TargetOffline",
    "TargetOnline",
    "all_of",
    "any_of",
    "cancel_pair",
    "error_of_http",
    "keep_first",
    "last_write",
    "merge",
    "verdict_of_http",
]

_HOMES = {
    "Accept": "_registering._resolutions",
    "Action": "_taking._many",
    "BreakerProbe": "_reaching._probes",
    "CallbackProbe": "_reaching._probes",
    "Coalescing": "_registering._coalescing",
    "Discard": "_registering._resolutions",
    "Done": "_results",
    "DrainFinished": "_events",
    "DrainProgress": "_events",
    "DrainReport": "_draining._report",
    "DrainStarted": "_events",
    "HTTPProbe": "_reaching._probes",
    "HandlerOptions": "_registering._handlers",
    "HttpConflict": "_core._answer_errors",
    "HttpRefused": "_core._answer_errors",
    "HttpVerdict": "_core._answers",
    "Item": "_core",
    "ItemCancelled": "_events",
    "ItemCoalesced": "_events",
    "ItemContext": "_delivering._context",
    "ItemDead": "_events",
    "ItemDelivered": "_events",
    "ItemDiscarded": "_events",
    "ItemDropped": "_events",
    "ItemDuplicate": "_events",
    "ItemEnqueued": "_events",
    "ItemExpired": "_events",
    "ItemLeaseLost": "_events",
    "ItemParked": "_events",
    "ItemReleased": "_events",
    "ItemRequeued": "_events",
    "ItemRetried": "_events",
    "ItemState": "_core",
    "LaterOptions": "_taking._drafts",
    "OfflineQueue": "_queue",
    "Pause": "_core",
    "Probe": "_reaching._witnesses",
    "QueueFact": "_events",
    "QueuePaused": "_events",
    "QueueResumed": "_events",
    "QueueStats": "_core",
    "Queued": "_results",
    "Receipt": "_taking._receipts",
    "Ref": "_registering._refs",
    "Reject": "_registering._resolutions",
    "RetryWith": "_registering._resolutions",
    "SendOptions": "_taking._drafts",
    "ServerFailed": "_core._answer_errors",
    "SetAside": "_registering._resolutions",
    "Shelf": "_looking._shelf",
    "SignInNeeded": "_events",
    "TCPProbe": "_reaching._probes",
    "TargetOffline": "_events",
    "TargetOnline": "_events",
    "all_of": "_reaching._probes",
    "any_of": "_reaching._probes",
    "cancel_pair": "_registering._coalescing",
    "error_of_http": "_core._answer_errors",
    "keep_first": "_registering._coalescing",
    "last_write": "_registering._coalescing",
    "merge": "_registering._coalescing",
    "verdict_of_http": "_core._answers",
}


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        message = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(message)
    value = getattr(importlib.import_module(f"{__name__}.{home}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
