"""The rows of a damaged table: whatever its sound pages still hold.

A table is a tree of pages. A bad leaf costs the rows on it, and the page above
says between which numbers they lay. A bad page further up hides all leaves
below: those are looked for among the pages that no tree leads to.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

from syncpatterns.engines.sqlite._salvage._pages import Damage, Pages

LOWEST: Final = -(1 << 63)
HIGHEST: Final = (1 << 63) - 1
#: Kinds of pages: the low ones lead on, the high ones hold rows.
ROWS_BELOW: Final = 5
ROWS: Final = 13
KEYS_BELOW: Final = 2
KEYS: Final = 10

_DEEPEST: Final = 20  # as in SQLite
_FIRST_PAGE: Final = 100  # bytes of its own header
_SMALLEST_CELL: Final = 4
_SIGN: Final = 1 << 63
_VARINT: Final = 9
_FIXED: Final = {1: 1, 2: 2, 3: 3, 4: 4, 5: 6, 6: 8}
_FLOAT: Final = 7
_ZERO, _ONE = 8, 9
_SIZED: Final = 12

#: The values of one row, in the order in which they are stored.
Values = tuple[Any, ...]


class Row(NamedTuple):
    """One row. *number* is its rowid; 0 in a tree that is sorted by its keys."""

    number: int
    values: Values


class Lost(NamedTuple):
    """Rows with numbers above *after*, up to *last*, could not be read."""

    after: int
    last: int


class Node(NamedTuple):
    """One page of a tree."""

    kind: int
    cells: tuple[int, ...]
    right: int
    page: bytes


class Trees:
    """Reads the trees of one database, and remembers which pages they took.

    Args:
        pages: The pages of the database.
    """

    def __init__(self, pages: Pages) -> None:
        self._pages = pages
        self.reached: set[int] = set()

    def rows(self, root: int) -> Iterator[Row | Lost]:
        """Return the rows below *root*, and what is missing between them."""
        return self._below(root, LOWEST, HIGHEST, 0)

    def again(self) -> Trees:
        """Return another reader of the same pages, which has read none of them."""
        return Trees(self._pages)

    def progress(self) -> tuple[int, int]:
        """Return how many pages were read, and how many there are."""
        return len(self.reached), self._pages.header.pages

    def orphans(self) -> Iterator[list[Row]]:
        """Return the rows of each leaf that no tree led to and nobody has freed.

        Nothing, where the list of free pages is damaged too: a page on it may
        hold rows that were deleted long ago, and to bring back an action that
        was done could do it again.
        """
        free, complete = self._pages.free()
        if not complete:
            return
        for number in range(2, self._pages.header.pages + 1):
            if number in free or number in self.reached:
                continue
            try:
                node = self._node(number)
            except Damage:
                continue
            if node.kind in (ROWS, KEYS):
                rows = [self._row(node, cell) for cell in node.cells]
                yield [row for row in rows if isinstance(row, Row)]

    # ----------------------------------------------------------------- pages

    def _node(self, number: int) -> Node:
        page = self._pages.page(number)
        at = _FIRST_PAGE if number == 1 else 0
        kind, _, count, _, _ = struct.unpack_from(">BHHHB", page, at)
        if kind not in (ROWS_BELOW, ROWS, KEYS_BELOW, KEYS):
            raise Damage
        leads_on = kind in (ROWS_BELOW, KEYS_BELOW)
        (right,) = struct.unpack_from(">I", page, at + 8) if leads_on else (0,)
        start = at + (12 if leads_on else 8)
        usable = self._pages.header.usable
        if start + 2 * count > usable:
            raise Damage
        cells: tuple[int, ...] = struct.unpack_from(f">{count}H", page, start)
        if any(
            not start + 2 * count <= cell <= usable - _SMALLEST_CELL for cell in cells
        ):
            raise Damage
        return Node(kind, cells, right, page)

    def _unread(self, number: int, depth: int) -> Node:
        if number in self.reached or depth > _DEEPEST:
            raise Damage  # two ways lead here, or no tree that SQLite makes
        return self._node(number)

    def _below(
        self, number: int, after: int, last: int, depth: int
    ) -> Iterator[Row | Lost]:
        try:
            node = self._unread(number, depth)
            children = self._children(node, after, last)
        except Damage:
            yield Lost(after, last)
            return
        self.reached.add(number)
        if node.kind in (ROWS_BELOW, KEYS_BELOW):
            for child, low, high in children:
                yield from self._below(child, low, high, depth + 1)
        if node.kind in (ROWS, KEYS_BELOW, KEYS):
            yield from self._cells(node, after, last)

    def _children(
        self, node: Node, after: int, last: int
    ) -> list[tuple[int, int, int]]:
        """Return each page below, with the numbers between which its rows lie."""
        found: list[tuple[int, int, int]] = []
        if node.kind not in (ROWS_BELOW, KEYS_BELOW):
            return found
        low = after
        for cell in node.cells:
            (child,) = struct.unpack_from(">I", node.page, cell)
            high = last
            if node.kind == ROWS_BELOW:
                high = _signed(_varint(node.page, cell + 4)[0])
                if not low <= high <= last:
                    raise Damage
            found.append((child, low, high))
            low = high if node.kind == ROWS_BELOW else after
        found.append((node.right, low, last))
        return found

    def _cells(self, node: Node, after: int, last: int) -> Iterator[Row | Lost]:
        broken = False
        for cell in node.cells:
            row = self._row(node, cell)
            if isinstance(row, Lost):
                broken = True
            elif node.kind == ROWS and not after < row.number <= last:
                broken = True  # another page's content, at the wrong place
            else:
                yield row
        if broken:
            yield Lost(after, last)

    # ------------------------------------------------------------------ rows

    def _row(self, node: Node, cell: int) -> Row | Lost:
        try:
            at = cell + 4 if node.kind == KEYS_BELOW else cell
            length, at = _varint(node.page, at)
            number = 0
            if node.kind == ROWS:
                number, at = _varint(node.page, at)
            payload = self._payload(node, at, length)
            return Row(_signed(number), _values(payload))
        except (Damage, struct.error, IndexError, UnicodeDecodeError):
            return Lost(LOWEST, HIGHEST)

    def _payload(self, node: Node, at: int, length: int) -> bytes:
        usable = self._pages.header.usable
        if length > usable * self._pages.header.pages:
            raise Damage
        here = _on_the_page(usable, length, rows=node.kind == ROWS)
        if at + here > usable:
            raise Damage
        parts = [node.page[at : at + here]]
        missing = length - here
        if not missing:
            return parts[0]
        (following,) = struct.unpack_from(">I", node.page, at + here)
        while missing:
            page = self._pages.page(following)
            (following,) = struct.unpack_from(">I", page)
            part = page[4 : min(usable, 4 + missing)]
            parts.append(part)
            missing -= len(part)
        if following:
            # Nothing comes after the last one; a page of garbage says otherwise.
            raise Damage
        return b"".join(parts)


def _on_the_page(usable: int, length: int, *, rows: bool) -> int:
    """Return how much of a payload stands on the page itself."""
    most = usable - 35 if rows else (usable - 12) * 64 // 255 - 23
    if length <= most:
        return length
    least = (usable - 12) * 32 // 255 - 23
    rest = least + (length - least) % (usable - 4)
    return rest if rest <= most else least


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """Return a number of 1 to 9 bytes, and where it ends."""
    value = 0
    for n in range(_VARINT):
        if at + n >= len(data):
            raise Damage
        byte = data[at + n]
        if n == _VARINT - 1:
            return value << 8 | byte, at + n + 1
        value = value << 7 | byte & 0x7F
        if not byte & 0x80:
            return value, at + n + 1
    raise Damage


def _signed(value: int) -> int:
    return value - (1 << 64) if value & _SIGN else value


def _values(payload: bytes) -> Values:
    """Return the values of a record.

    Raises:
        Damage: Its parts do not add up.
    """
    size, at = _varint(payload, 0)
    kinds: list[int] = []
    while at < size:
        kind, at = _varint(payload, at)
        kinds.append(kind)
    if at != size:
        raise Damage
    values: list[Any] = []
    for kind in kinds:
        value, at = _value(payload, at, kind)
        values.append(value)
    if at != len(payload):
        raise Damage
    return tuple(values)


def _value(payload: bytes, at: int, kind: int) -> tuple[Any, int]:
    if kind == 0:
        return None, at
    if kind in (_ZERO, _ONE):
        return kind - _ZERO, at
    if kind == _FLOAT:
        (number,) = struct.unpack_from(">d", payload, at)
        return number, at + 8
    if kind in _FIXED:
        end = at + _FIXED[kind]
        _require(payload, end)
        return int.from_bytes(payload[at:end], "big", signed=True), end
    if kind < _SIZED:
        raise Damage  # reserved
    end = at + (kind - _SIZED) // 2
    _require(payload, end)
    part = payload[at:end]
    return (part.decode() if kind % 2 else part), end


def _require(payload: bytes, end: int) -> None:
    if end > len(payload):
        raise Damage
