"""How an item stands in a file: one line of JSON, exact to the byte."""

from __future__ import annotations

import base64
import binascii
import json
import math
from dataclasses import dataclass
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from syncpatterns.offline_queue._core import Item, ItemState, NewItem

FORMAT: Final = "queue-export"
VERSION: Final = 1


class Unreadable(Exception):
    """This is no line of an export; the message says why, without what it holds."""


@dataclass(frozen=True, slots=True)
class Header:
    """First line of a file: what it is."""

    queue: str


@dataclass(frozen=True, slots=True)
class End:
    """Last line of a file: how many items there should be before it."""

    items: int


class Record(BaseModel):
    """One item. Times are seconds since the epoch."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    number: int
    state: Literal["ready", "waiting", "scheduled", "leased", "parked", "dead"]
    operation: str
    key: str
    scope: str
    fingerprint: str
    payload: str | None
    payload_base64: str | None
    version: int
    target: str
    lane: str | None
    entity: str | None
    priority: int
    created_at: float
    due_at: float
    expires_at: float | None
    sent_at: float | None
    waits_for: int
    reason: str
    error: str
    headers: str
    keep_result: float

    def body(self) -> bytes:
        """Return the payload as it was.

        Raises:
            Unreadable: There is none, or it is no base64.
        """
        if (self.payload is None) is (self.payload_base64 is None):
            raise Unreadable("it has no payload, or two")
        if self.payload is not None:
            return self.payload.encode(errors="surrogatepass")
        return _unpacked(self.payload_base64 or "")

    def new(self, now: float) -> NewItem:
        """Return it as it can be enqueued again at *now*.

        Raises:
            Unreadable: Its payload or fingerprint is no base64.
        """
        return NewItem(
            self.operation,
            self.key,
            self.scope,
            _unpacked(self.fingerprint),
            self.body(),
            self.version,
            self.target,
            self.lane,
            self.entity,
            self.priority,
            max(0.0, self.due_at - now),
            math.inf if self.expires_at is None else max(0.0, self.expires_at - now),
            headers=self.headers,
            keep_result=self.keep_result,
        )


_objects: Final = TypeAdapter(dict[str, Any])


def header_line(queue: str) -> str:
    """Return the first line."""
    return json.dumps({"syncpatterns": FORMAT, "version": VERSION, "queue": queue})


def end_line(items: int) -> str:
    """Return the last line."""
    return json.dumps({"end": items})


def line_of(item: Item) -> str:
    """Return the line of *item*; ASCII, so that nothing on the way can change it."""
    try:
        payload: str | None = item.payload.decode()
    except UnicodeDecodeError:
        payload = None
    packed = None if payload is not None else base64.b64encode(item.payload).decode()
    return json.dumps(
        {
            "number": item.seq,
            "state": item.state.value,
            "operation": item.operation,
            "key": item.key,
            "scope": item.scope,
            "fingerprint": base64.b64encode(item.fingerprint).decode(),
            "payload": payload,
            "payload_base64": packed,
            "version": item.version,
            "target": item.target,
            "lane": item.lane,
            "entity": item.entity,
            "priority": item.priority,
            "created_at": item.created_at,
            "due_at": item.due_at,
            "expires_at": None if math.isinf(item.expires_at) else item.expires_at,
            "sent_at": item.sent_at,
            "waits_for": item.blocked,
            "reason": item.reason,
            "error": item.error,
            "headers": item.headers,
            "keep_result": item.keep_result,
        },
        allow_nan=False,
    )


def parse(line: bytes) -> Header | Record | End:
    """Return what a line says.

    Raises:
        Unreadable: It is none of an export.
    """
    try:
        said = _objects.validate_json(line)
    except (ValueError, RecursionError):
        raise Unreadable("it is no JSON object") from None
    if "syncpatterns" in said:
        return _header(said)
    if "end" in said:
        if type(said["end"]) is not int or len(said) > 1:
            raise Unreadable("its end does not say how many items there are")
        return End(said["end"])
    try:
        record = Record.model_validate(said)
        record.new(0.0)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"])) or "the whole"
        raise Unreadable(f"{where}: {first['msg']}") from None
    times = (record.due_at, record.keep_result, record.sent_at or 0.0)
    if not all(map(math.isfinite, times)):
        raise Unreadable("a time in it is no number")
    return record


def _header(said: dict[str, Any]) -> Header:
    if said.get("syncpatterns") != FORMAT or not isinstance(said.get("queue"), str):
        raise Unreadable("it begins another file")
    if said.get("version") != VERSION:
        raise Unreadable(
            f"its version is not {VERSION}: it was written by another release"
        )
    return Header(said["queue"])


def _unpacked(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise Unreadable("it holds something that is no base64") from None


def is_dead(record: Record) -> bool:
    """Tell whether it is not to be delivered until somebody says so."""
    return record.state == ItemState.DEAD.value
