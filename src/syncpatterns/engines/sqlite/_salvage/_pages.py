"""A database file page by page, as its format is documented, without SQLite.

Whoever reads a damaged file through SQLite loses everything behind the first
bad page it meets, and changes the file by looking: closing a connection moves
the log into it. Here nothing is written, and a bad page is only a bad page.

Source: https://www.sqlite.org/fileformat2.html
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Final, NamedTuple

_MAGIC: Final = b"SQLite format 3\0"
_HEADER: Final = 100
_UTF8: Final = 1
_WAL_HEADER: Final = 32
_FRAME_HEADER: Final = 24
_WAL_MAGIC: Final = {0x377F0682: "<", 0x377F0683: ">"}
_U32: Final = 0xFFFFFFFF

#: Reads so many bytes from a place in a file; fewer at its end.
Read = Callable[[int, int], bytes]


class Damage(Exception):
    """These bytes are not what SQLite writes there."""


class Header(NamedTuple):
    """What the first page says about all of them.

    Args:
        page_size: Bytes of a page.
        usable: How many of them hold content.
        pages: How many there are.
        free_first: First page of the list of free pages; 0 if there is none.
        free_count: How many free pages there are.
        application_id: Whose file it is.
    """

    page_size: int
    usable: int
    pages: int
    free_first: int
    free_count: int
    application_id: int


class Pages:
    """The pages of a database, with the newer ones of its log in their place.

    Args:
        read: Reads from the database file.
        size: Bytes of the database file.
        log: The write-ahead log, b"" if there is none.

    Raises:
        Damage: The first page is no longer one of a database.
    """

    def __init__(self, read: Read, size: int, log: bytes = b"") -> None:
        self._read = read
        self._log = log
        self._at: dict[int, int] = {}
        self._size = size
        page_size = self._replay()
        self.header = self._header(page_size)

    def page(self, number: int) -> bytes:
        """Return the content of page *number*, counted from 1.

        Raises:
            Damage: There is no such page.
        """
        if not 1 <= number <= self.header.pages:
            raise Damage
        return self._content(number, self.header.page_size)

    def free(self) -> tuple[set[int], bool]:
        """Return the pages that are free, and whether all of them were found."""
        found: set[int] = set()
        trunk = self.header.free_first
        while trunk and trunk not in found:
            try:
                page = self.page(trunk)
            except Damage:
                break
            found.add(trunk)
            trunk, count = struct.unpack_from(">II", page)
            if count > self.header.usable // 4 - 2:
                break
            found.update(struct.unpack_from(f">{count}I", page, 8))
        return found, len(found) == self.header.free_count

    # ---------------------------------------------------------------- inside

    def _content(self, number: int, page_size: int) -> bytes:
        at = self._at.get(number)
        if at is not None:
            return self._log[at : at + page_size]
        page = self._read((number - 1) * page_size, page_size)
        if len(page) != page_size:
            raise Damage
        return page

    def _header(self, page_size: int) -> Header:
        first = self._content(1, page_size) if page_size else self._read(0, _HEADER)
        if len(first) < _HEADER or not first.startswith(_MAGIC):
            raise Damage
        (said,) = struct.unpack_from(">H", first, 16)
        said = 65536 if said == 1 else said
        if said < 512 or said & (said - 1) or page_size not in (0, said):  # noqa: PLR2004 - the least there is
            raise Damage
        changed, pages, free_first, free_count = struct.unpack_from(">4I", first, 24)
        (encoding,) = struct.unpack_from(">I", first, 56)
        application_id, *_, valid_for, _version = struct.unpack_from(">8I", first, 68)
        if encoding != _UTF8:
            raise Damage
        if changed != valid_for or not pages:  # written by a very old release
            pages = self._size // said
        return Header(
            said, said - first[20], pages, free_first, free_count, application_id
        )

    def _replay(self) -> int:
        """Find the newest page of each number in the log; return its page size.

        As SQLite does: up to the last commit whose checksums are right. What
        comes after it was never committed, or is left from an earlier round.
        """
        log = self._log
        if len(log) < _WAL_HEADER:
            return 0
        magic, _, page_size, _, *salts = struct.unpack_from(">6I", log)
        order = _WAL_MAGIC.get(magic)
        if order is None or not 512 <= page_size <= 65536:  # noqa: PLR2004 - what is allowed
            return 0
        sums = _checksum(log[:24], order, (0, 0))
        if sums != struct.unpack_from(">2I", log, 24):
            return 0
        written: dict[int, int] = {}
        step = _FRAME_HEADER + page_size
        for at in range(_WAL_HEADER, len(log) - step + 1, step):
            number, commit, *rest = struct.unpack_from(">6I", log, at)
            body = at + _FRAME_HEADER
            sums = _checksum(log[at : at + 8], order, sums)
            sums = _checksum(log[body : body + page_size], order, sums)
            if rest != [*salts, *sums]:
                break
            written[number] = body
            if commit:
                self._at.update(written)
                written.clear()
                self._size = commit * page_size
        return page_size if self._at else 0


def _checksum(data: bytes, order: str, sums: tuple[int, int]) -> tuple[int, int]:
    first, second = sums
    words = struct.unpack(f"{order}{len(data) // 4}I", data)
    for even, odd in zip(words[::2], words[1::2], strict=True):
        first = (first + even + second) & _U32
        second = (second + odd + first) & _U32
    return first, second
