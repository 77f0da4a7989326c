"""What a disk may hold after the power went out.

The rules are those that SQLite's own crash tests assume (its "crash VFS") and
that LazyFS injects into a real file system: what was synced is there; of what
was written since, any part may be there, down to single 512-byte sectors, in
any combination; a file that was created or deleted since the last sync of its
directory may or may not be there.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

__all__ = ["Disk", "ImageKind", "PowerIsOff"]

ImageKind: TypeAlias = Literal["drop", "keep", "random", "torn"]

SECTOR = 512


class PowerIsOff(Exception):
    """The power went out during this operation, or before it."""


@dataclass(frozen=True, slots=True)
class _Write:
    offset: int
    data: bytes


@dataclass(frozen=True, slots=True)
class _Truncate:
    size: int


@dataclass(slots=True)
class _File:
    synced: bytearray
    in_directory: bool  # its entry survives a power cut
    unsynced: list[_Write | _Truncate] = field(default_factory=list[_Write | _Truncate])
    deleted: bool = False  # but its directory was not synced since
    former: _File | None = None  # the deleted file that had this name before


class Disk:
    """Files by name, each with its synced content and what came after.

    Args:
        cut_at: The power goes out during the n-th operation; None is never.
        honours_fsync: False is a disk that says "synced" and is not.

    Attributes:
        operations: Operations so far: writes, truncations, deletions, syncs of
            files and of the directory.
        off: Whether the power is out.
    """

    def __init__(
        self, cut_at: int | None = None, *, honours_fsync: bool = True
    ) -> None:
        self.operations = 0
        self.off = False
        self._cut_at = cut_at
        self._honours_fsync = honours_fsync
        self._files: dict[str, _File] = {}

    def open(self, name: str, found: bytes | None) -> None:
        """Note that *name* is open; *found* is what it held, None if created."""
        file = self._files.get(name)
        if file is None:
            self._files[name] = _File(bytearray(found or b""), found is not None)
        elif file.deleted:  # the name may still lead to the deleted one
            self._files[name] = _File(bytearray(), in_directory=False, former=file)

    def write(self, name: str, offset: int, data: bytes) -> None:
        """Write *data*; it is not safe yet."""
        pending = self._files[name].unsynced
        self._operation(lambda: pending.append(_Write(offset, data)))

    def truncate(self, name: str, size: int) -> None:
        """Cut the file to *size* bytes; it is not safe yet."""
        pending = self._files[name].unsynced
        self._operation(lambda: pending.append(_Truncate(size)))

    def sync(self, name: str) -> None:
        """Make all of this file safe, unless the power goes out meanwhile."""
        self._operation(lambda: None)
        if self._honours_fsync:
            self._settle(self._files[name])

    def delete(self, name: str, *, sync_directory: bool) -> None:
        """Delete the file; without a sync it may come back."""
        file = self._files.get(name)

        def unlink() -> None:
            if file is not None:
                file.deleted = True

        self._operation(unlink)
        if sync_directory and self._honours_fsync:
            self._files.pop(name, None)

    def sync_directory(self) -> None:
        """Make all names safe: files created are there, files deleted are gone."""
        self._operation(lambda: None)
        if not self._honours_fsync:
            return
        for name, file in list(self._files.items()):
            if file.deleted:
                del self._files[name]
            else:
                file.in_directory = True
                file.former = None

    def settle(self) -> None:
        """Make everything safe, as an orderly shutdown does."""
        for name, file in list(self._files.items()):
            if file.deleted:
                del self._files[name]
            else:
                self._settle(file)

    def image(self, kind: ImageKind, rng: random.Random) -> dict[str, bytes]:
        """Return what is on the disk when the power comes back.

        Args:
            kind: Of what was not synced, ``drop`` keeps nothing, ``keep`` all
                (a killed process, not a power cut), ``random`` each write or
                not, ``torn`` each sector in any of the states it went through.
            rng: The coin.
        """
        image: dict[str, bytes] = {}
        for name, file in self._files.items():
            survivor = _survivor(file, kind, rng)
            if survivor is not None:
                image[name] = bytes(_content(survivor, kind, rng))
        return image

    def _operation(self, begin: Callable[[], None]) -> None:
        """Count an operation; at the fatal one it has begun, not ended."""
        if self.off:
            raise PowerIsOff
        self.operations += 1
        begin()
        if self.operations == self._cut_at:
            self.off = True
            raise PowerIsOff

    @staticmethod
    def _settle(file: _File) -> None:
        for change in file.unsynced:
            _apply(file.synced, change)
        file.unsynced.clear()
        file.in_directory = True
        file.former = None


def _survivor(file: _File, kind: ImageKind, rng: random.Random) -> _File | None:
    """Return the file that the name leads to after the cut, if there is one."""
    if kind == "keep":
        return None if file.deleted else file
    here = None if file.deleted and kind != "drop" and _heads(rng) else file
    if file.in_directory or (kind != "drop" and _heads(rng)):
        return here
    return _survivor(file.former, kind, rng) if file.former is not None else None


def _heads(rng: random.Random) -> bool:
    return rng.random() < 0.5  # noqa: PLR2004 - a coin


def _content(file: _File, kind: ImageKind, rng: random.Random) -> bytearray:
    content = bytearray(file.synced)
    if kind == "torn":
        return _torn(content, file.unsynced, rng)
    for change in file.unsynced:
        if kind == "keep" or (kind == "random" and _heads(rng)):
            _apply(content, change)
    return content


def _torn(
    content: bytearray, changes: list[_Write | _Truncate], rng: random.Random
) -> bytearray:
    """Give each sector its own moment at which it was last written out.

    A sector is atomic: it holds what it held at some moment, never a mixture
    of a later write without an earlier one to the same sector.
    """
    moments: dict[int, int] = {}

    def moment(sector: int) -> int:
        if sector not in moments:
            anywhere = rng.randint(0, len(changes))
            moments[sector] = rng.choice((0, anywhere, len(changes)))
        return moments[sector]

    for i, change in enumerate(changes):
        if isinstance(change, _Truncate):
            if i < moment(-1):  # the length of the file, kept in its inode
                _apply(content, change)
            continue
        for piece in _by_sector(change):
            if i < moment(piece.offset // SECTOR):
                _apply(content, piece)
    return content


def _by_sector(write: _Write) -> list[_Write]:
    pieces: list[_Write] = []
    start, end = write.offset, write.offset + len(write.data)
    while start < end:
        stop = min(end, (start // SECTOR + 1) * SECTOR)
        piece = write.data[start - write.offset : stop - write.offset]
        pieces.append(_Write(start, piece))
        start = stop
    return pieces


def _apply(content: bytearray, change: _Write | _Truncate) -> None:
    if isinstance(change, _Truncate):
        del content[change.size :]
        content.extend(bytes(change.size - len(content)))
        return
    end = change.offset + len(change.data)
    content.extend(bytes(max(0, end - len(content))))
    content[change.offset : end] = change.data
