"""A subscriber that reads the event stream, and resumes whenever it is cut off."""

from __future__ import annotations

import http.client
import json
import socket
import threading
from collections import Counter
from contextlib import closing, suppress
from typing import Any

from syncpatterns.clock import SystemClock

_PAUSE = 0.05
#: Seconds after which what must come has not come.
_PATIENCE = 120.0


class Follower:
    """Reads ``/events`` on a thread until stopped.

    Args:
        port: Where to connect; may be a proxy's.
        cursor: Where to begin.
    """

    def __init__(self, port: int, cursor: str) -> None:
        self.port = port
        self._cursor = cursor
        self._clock = SystemClock()
        self._changed = threading.Condition()
        self._stopping = False
        self._socket: socket.socket | None = None
        self._seen: set[str] = set()
        #: Events by booking, each event id counted once.
        self.events: Counter[str] = Counter()
        #: The bookings in the order in which their events came.
        self.order: list[str] = []
        self.gaps: list[Any] = []
        self.connects = 0
        self._thread = threading.Thread(target=self._run, name="follower", daemon=True)

    def start(self) -> Follower:
        """Begin to read."""
        self._thread.start()
        return self

    def wait_for_connects(self, number: int) -> bool:
        """Wait until the stream was opened *number* times."""
        return self._wait(lambda: self.connects >= number)

    def wait_for(self, wanted: set[str]) -> bool:
        """Wait until there was an event of every booking in *wanted*."""
        return self._wait(lambda: wanted <= set(self.events))

    def stop(self) -> None:
        """Close the connection and end."""
        with self._changed:
            self._stopping = True
            open_socket = self._socket
        if open_socket is not None:
            with suppress(OSError):  # it may have ended by itself
                open_socket.shutdown(socket.SHUT_RDWR)
        self._thread.join(10)

    def _wait(self, fact: Any) -> bool:
        with self._changed:
            return bool(self._changed.wait_for(fact, _PATIENCE))

    def _run(self) -> None:
        while not self._stopping:
            # Cut off, or the app is away: that is what resuming is for.
            with suppress(OSError, http.client.HTTPException, ValueError):
                self._read_one_connection()
            self._clock.sleep(_PAUSE)

    def _read_one_connection(self) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        with closing(connection):
            connection.connect()
            with self._changed:
                self._socket = connection.sock
            seen = {"Last-Event-ID": self._cursor}
            connection.request("GET", "/events?channel=bookings", headers=seen)
            response = connection.getresponse()
            if response.status != http.HTTPStatus.OK:
                return
            with self._changed:
                self.connects += 1
                self._changed.notify_all()
            fields: dict[str, str] = {}
            while line := response.readline():
                text = line.decode().rstrip("\n")
                if not text:
                    self._dispatch(fields)
                    fields = {}
                elif not text.startswith(":"):
                    name, _, value = text.partition(":")
                    fields[name] = value.removeprefix(" ")

    def _dispatch(self, fields: dict[str, str]) -> None:
        with self._changed:
            if fields.get("event") == "gap":
                self.gaps.append(json.loads(fields["data"]))
            elif "data" in fields:
                self._count(json.loads(fields["data"]))
            # Only now: an event whose id was kept but not counted would be lost.
            self._cursor = fields.get("id", self._cursor)
            self._changed.notify_all()

    def _count(self, event: dict[str, Any]) -> None:
        # The cursor stands on the last event of a batch, so a cut inside a batch
        # brings its first events again, with the ids they had.
        if event["id"] in self._seen:
            return
        self._seen.add(event["id"])
        booking = str(event["data"]["booking"]["id"])
        self.events[booking] += 1
        self.order.append(booking)
