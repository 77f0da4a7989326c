"""P-APP-1: confirming over HTTP, against the same route without the library's part.

Both apps are the reference app in a process of its own, on a file of its own,
at FULL. The reference does the same: it parses the key, runs the same effect
on the same engine, writes the booking and the audit line. What it leaves out
is the idempotency record with the stored answer, and the event in the outbox.

Eight clients on kept-alive connections each confirm bookings of their own, one
after the other. A sample is one round of all eight; ours and the reference take
turns, and the figures are requests per second.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

from benchmarks._harness import DISK_PAIRS, Row, row, summary

_ROOT = Path(__file__).parents[1]
_CLIENTS = 8
_EACH = 2
_WARM = 10
_ROUNDS = DISK_PAIRS + _WARM
_HEADER = "id,resource,starts_at,ends_at\n"


def rows() -> Iterator[Row]:
    """Measure confirms of bookings that change, and nothing else."""
    with tempfile.TemporaryDirectory(prefix="bench-", dir=Path.cwd()) as folder:
        bookings = Path(folder) / "bookings.csv"
        bookings.write_text(_HEADER + "\n".join(_bookings()), encoding="utf-8")
        with (
            _serving("examples.critical_buttons", Path(folder), bookings) as ours,
            _serving("benchmarks._plain_app", Path(folder), bookings) as reference,
        ):
            figures = summary(asyncio.run(_measure(ours, reference)))
    yield row(
        "P-APP-1",
        f"confirm over HTTP, {_CLIENTS} clients, FULL: requests per second, to the "
        "same route, rows and audit without record and outbox",
        figures,
        0.8,
        better="higher",
        unit=1,
    )


def _bookings() -> Iterator[str]:
    start = datetime(2030, 1, 1, tzinfo=UTC)
    hour = timedelta(hours=1)
    for number in range(_ROUNDS * _CLIENTS * _EACH):
        begin = start + number * hour
        yield f"b-{number},Room,{begin.isoformat()},{(begin + hour).isoformat()}"


@contextmanager
def _serving(module: str, folder: Path, bookings: Path) -> Generator[str]:
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", module),
            *("--port", "0", "--bookings", str(bookings)),
            *("--db", f"sqlite:///{folder / module}.db"),
        ],
        cwd=_ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        if not line.startswith("Serving on "):
            raise RuntimeError(f"{module} did not start: {line!r}")
        yield line.removeprefix("Serving on ").strip()
    finally:
        process.terminate()
        process.wait()


class _Client:
    """One kept-alive connection that spends its time on sending, not on parsing."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, host: str
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._host = host

    async def confirm(self, number: int) -> None:
        """Confirm one booking and read the whole answer."""
        body = json.dumps({"booking_id": f"b-{number}"})
        self._writer.write(
            f"POST /api/bookings/confirm HTTP/1.1\r\nHost: {self._host}\r\n"
            f"Content-Type: application/json\r\nIdempotency-Key: key-{number}\r\n"
            f"Content-Length: {len(body)}\r\n\r\n{body}".encode()
        )
        head = await self._reader.readuntil(b"\r\n\r\n")
        status, *lines = head.lower().split(b"\r\n")
        (length,) = (
            int(line.partition(b":")[2])
            for line in lines
            if line.startswith(b"content-length:")
        )
        answer = await self._reader.readexactly(length)
        if b" 200 " not in status or b'"changed":true' not in answer:
            raise RuntimeError(f"confirm failed: {head!r} {answer!r}")

    def close(self) -> None:
        self._writer.close()


async def _measure(ours: str, reference: str) -> list[tuple[float, float]]:
    sides = [
        [await _connect(url) for _ in range(_CLIENTS)] for url in (ours, reference)
    ]
    samples: list[tuple[float, float]] = []
    for turn in range(_ROUNDS):
        order = (0, 1) if turn % 2 else (1, 0)
        took = {side: await _round(sides[side], turn) for side in order}
        if turn >= _WARM:
            samples.append((took[0], took[1]))
    for client in (*sides[0], *sides[1]):
        client.close()
    return samples


async def _connect(url: str) -> _Client:
    parts = urlsplit(url)
    assert parts.hostname is not None
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    return _Client(reader, writer, parts.netloc)


async def _round(clients: list[_Client], turn: int) -> float:
    """Return requests per second of one round."""
    first = turn * _CLIENTS * _EACH

    async def press(index: int, client: _Client) -> None:
        for each in range(_EACH):
            await client.confirm(first + index * _EACH + each)

    start = time.perf_counter()
    async with asyncio.TaskGroup() as tasks:
        for index, client in enumerate(clients):
            tasks.create_task(press(index, client))
    return _CLIENTS * _EACH / (time.perf_counter() - start)
