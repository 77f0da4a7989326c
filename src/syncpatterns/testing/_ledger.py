"""A record of effects outside every database, that a kill -9 cannot damage.

One line is one ``write(2)`` to a file opened with ``O_APPEND``: the kernel
puts lines of several processes one after the other, and a process killed at
any moment has written a whole line or nothing.
"""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from syncpatterns.testing._audit import (
    Ack,
    Effect,
    Promise,
    StoredRecord,
    Violation,
    audit,
)

__all__ = ["Ack", "Effect", "EffectsLedger"]


_HEAD = b'{"kind": "'


class EffectsLedger:
    """What really happened (effects) and what callers were told (acks).

    Any number of processes and threads may write to one ledger; each makes its
    own object with the same path. The ledger is for tests: keys and answers
    stand in it in clear.

    Args:
        path: The file; made on first use, never truncated.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)

    def record(self, key: str, token: int = 1, worker: str | int = "") -> None:
        """Note that the effect of *key* has just happened.

        Args:
            key: Key of the operation.
            token: Fencing token or number of the attempt that caused it.
            worker: Whoever did it; the default is the process id.

        Raises:
            OSError: If the line could not be written whole.
        """
        self._append("effect", key, worker, token=token)

    def ack(self, key: str, answer: bytes, worker: str | int = "") -> None:
        """Note that a caller was told that *key* is done, with *answer*.

        Raises:
            OSError: If the line could not be written whole.
        """
        text = base64.b64encode(answer).decode("ascii")
        self._append("ack", key, worker, answer=text)

    def effects(self) -> list[Effect]:
        """Return all effects, in the order they were written."""
        return [
            Effect(line["key"], line["token"], line["worker"])
            for line in self._lines("effect")
        ]

    def acks(self) -> list[Ack]:
        """Return all acks, in the order they were written."""
        return [
            Ack(line["key"], base64.b64decode(line["answer"]), line["worker"])
            for line in self._lines("ack")
        ]

    def audit(
        self,
        promise: Promise,
        records: Mapping[str, StoredRecord],
        *,
        effects: Mapping[str, int] | None = None,
        integrity: str = "ok",
    ) -> list[Violation]:
        """Judge this ledger against the store; see `syncpatterns.testing.audit`.

        Args:
            promise: What the store promises about effects.
            records: What the store holds after recovery, by key.
            effects: Effects per key where they are rows of the same database;
                None takes those of the ledger.
            integrity: The store's verdict on its own files; ``ok`` is good.
        """
        return audit(
            promise,
            records,
            acks=self.acks(),
            effects=self.effects() if effects is None else effects,
            integrity=integrity,
        )

    def _append(self, kind: str, key: str, worker: str | int, **facts: Any) -> None:
        entry = {"kind": kind, "key": key, "worker": str(worker or os.getpid())}
        line = json.dumps(entry | facts).encode("ascii") + b"\n"
        flags = os.O_RDWR | os.O_APPEND | os.O_CREAT
        fd = os.open(self.path, flags, 0o600)
        try:
            # A kill -9 ends a write between two pages: what it left, a line that
            # nobody was promised, must not spoil ours.
            size = os.lseek(fd, 0, os.SEEK_END)
            if size:
                os.lseek(fd, size - 1, os.SEEK_SET)
                line = (b"" if os.read(fd, 1) == b"\n" else b"\n") + line
            if os.write(fd, line) != len(line):
                raise OSError(f"{self.path}: the disk took only a part of a line")
        finally:
            os.close(fd)

    def _lines(self, kind: str) -> Iterator[dict[str, Any]]:
        if not self.path.exists():
            return
        with self.path.open("rb") as file:
            for number, raw in enumerate(file, 1):
                if _is_torn(raw):
                    continue
                try:
                    line = json.loads(raw)
                except ValueError as error:
                    raise ValueError(f"{self.path}:{number}: not a line") from error
                if line["kind"] == kind:
                    yield line

    def __repr__(self) -> str:
        return f"EffectsLedger({str(self.path)!r})"


def _is_torn(raw: bytes) -> bool:
    """Tell whether a line is only the beginning of one: its writer was killed."""
    line = raw.rstrip(b"\n")
    return _HEAD.startswith(line[: len(_HEAD)]) and not line.endswith(b"}")
