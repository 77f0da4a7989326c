"""What a channel and its subscribers decide: pure, no clock, no waiting."""

from __future__ import annotations

from syncpatterns.realtime._core._batch import Batch, Part, Run, take
from syncpatterns.realtime._core._envelope import (
    MAX_BODY,
    Fields,
    check_address,
    check_fields,
    decode_body,
    envelope,
    one_line,
    stored_form,
    valid_channel,
)
from syncpatterns.realtime._core._log import Columns, Limits, Log, columns
from syncpatterns.realtime._core._results import PublishResults
from syncpatterns.realtime._core._resume import (
    ON_LAG,
    OnLag,
    Origin,
    Start,
    Step,
    after_lag,
    join_history,
    lag_gap,
    newest_of_each_key,
    next_step,
    of_types,
    start,
)
from syncpatterns.realtime._core._values import (
    MAX_OFFSET,
    Bounds,
    Delivered,
    Gap,
    Position,
    PublishResult,
    StoredEvent,
)

__all__ = [
    "MAX_BODY",
    "MAX_OFFSET",
    "ON_LAG",
    "Batch",
    "Bounds",
    "Columns",
    "Delivered",
    "Fields",
    "Gap",
    "Limits",
    "Log",
    "OnLag",
    "Origin",
    "Part",
    "Position",
    "PublishResult",
    "PublishResults",
    "Run",
    "Start",
    "Step",
    "StoredEvent",
    "after_lag",
    "check_address",
    "check_fields",
    "columns",
    "decode_body",
    "envelope",
    "join_history",
    "lag_gap",
    "newest_of_each_key",
    "next_step",
    "of_types",
    "one_line",
    "start",
    "stored_form",
    "take",
    "valid_channel",
]
