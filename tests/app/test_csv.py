"""Bookings from a CSV file: good rows stay, bad rows say why."""

from __future__ import annotations

import codecs
from datetime import UTC, datetime
from pathlib import Path

import pytest

from examples.critical_buttons.data import csv_file
from examples.critical_buttons.data.csv_file import (
    BOOKINGS,
    BadFile,
    ParsedFile,
    parse_file,
    read_file,
)
from examples.critical_buttons.domain.bookings import Booking, Status

NOW = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
HEADER = "id,resource,starts_at,ends_at,customer,time_zone,status,expires_at,tenant\n"
TIMES = "2026-06-01T10:00,2026-06-01T11:00"
SKIPPED = "starts_at '2026-03-29T02:30' does not exist in Europe/Berlin: clocks skip it"
DOUBLED = (
    "ends_at '2026-10-25T02:30' happens twice in Europe/Berlin: add its UTC offset"
)


def parse(*rows: str) -> ParsedFile[Booking]:
    """Parse *rows* under the full header."""
    return parse_file(HEADER + "\n".join(rows), BOOKINGS, NOW)


def only(parsed: ParsedFile[Booking]) -> Booking:
    """Return the one good row of a file without bad ones."""
    assert parsed.bad == ()
    ((_, booking),) = parsed.rows
    return booking


def reasons(*rows: str) -> list[tuple[int, tuple[str, ...]]]:
    """Return line and reasons of the bad rows."""
    return [(row.line, row.reasons) for row in parse(*rows).bad]


def test_a_full_row_becomes_a_booking() -> None:
    """Local times are read in the row's own zone."""
    row = f"b-1,Room,{TIMES},Zoë,Europe/Berlin,held,2026-05-31T20:00Z,globex"

    booking = only(parse(row))

    assert booking == Booking(
        tenant="globex",
        id="b-1",
        resource="Room",
        customer="Zoë",
        starts_at=datetime(2026, 6, 1, 8, 0, tzinfo=UTC),
        ends_at=datetime(2026, 6, 1, 9, 0, tzinfo=UTC),
        time_zone="Europe/Berlin",
        status=Status.HELD,
        expires_at=datetime(2026, 5, 31, 20, 0, tzinfo=UTC),
        version=1,
        updated_at=NOW,
        updated_by="csv",
    )


def test_optional_columns_have_defaults() -> None:
    """Without them a row is requested, in UTC, by the default tenant."""
    booking = only(
        parse_file(f"id,resource,starts_at,ends_at\n1,R,{TIMES}\n", BOOKINGS, NOW)
    )

    assert (booking.tenant, booking.status) == ("acme", Status.REQUESTED)
    assert (booking.time_zone, booking.customer) == ("UTC", "")


@pytest.mark.parametrize(
    "text",
    [
        f"ID; Resource ;Starts-At;ends at\r\n1;R;{TIMES.replace(',', ';')}\r\n",
        f"id\tresource\tstarts_at\tends_at\n1\tR\t{TIMES.replace(',', chr(9))}",
        f"\n\nid,resource,starts_at,ends_at\n\n1,R,{TIMES}\n,,,\n\n",
        f'"id","resource","starts_at","ends_at"\n1,"R",{TIMES}',
    ],
)
def test_spreadsheets_may_write_it_their_way(text: str) -> None:
    """Semicolons, tabs, quotes, empty lines, headers in capitals."""
    assert only(parse_file(text, BOOKINGS, NOW)).resource == "R"


def test_a_formula_is_text() -> None:
    """Nothing in a cell is ever calculated."""
    booking = only(parse(f"1,=1+1,{TIMES},\"=cmd|' /C calc'!A0\",,,,"))

    assert (booking.resource, booking.customer) == ("=1+1", "=cmd|' /C calc'!A0")


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        (f",R,{TIMES},,,,,", ("id is empty",)),
        (f"{'x' * 65},R,{TIMES},,,,,", ("id has 65 characters, at most 64",)),
        (f"1,{'x' * 101},{TIMES},,,,,", ("resource has 101 characters, at most 100",)),
        (f"1,R,{TIMES},{'x' * 201},,,,", ("customer has 201 characters, at most 200",)),
        (
            f"1,R,{TIMES},a\x1b[2J,,,,",
            (r"customer holds a control character: 'a\x1b[2J'",),
        ),
        (f"1,R,{TIMES},,,held,,", ("expires_at is empty",)),
        (f"1,R,{TIMES},,America,,,", ("unknown time_zone 'America'",)),
        (
            f"1,R,{TIMES},,,,,initech",
            ("unknown tenant 'initech', one of acme, globex",),
        ),
        ("1,R,,2026-06-01T11:00,,,,,", ("starts_at is empty",)),
        ("1,R", ("2 cells, but the header names 9",)),
        (f"1,R,{TIMES},,,,,,,", ("11 cells, but the header names 9",)),
        (
            "1,R,2026-06-01T11:00,2026-06-01T11:00,,,,,",
            ("ends_at is not after starts_at",),
        ),
        (
            "1,R,2026-06-01,2026-02-30T10:00,,,,,",
            (
                "starts_at is not a time such as 2026-03-29T14:00: '2026-06-01'",
                "ends_at '2026-02-30T10:00' is not a date and time that exist",
            ),
        ),
        (
            "1,R,1969-06-01T10:00,9999-12-31T23:59-12:00,,,,,",
            (
                "starts_at '1969-06-01T10:00' is not between 1970 and 2199",
                "ends_at '9999-12-31T23:59-12:00' is not between 1970 and 2199",
            ),
        ),
        (
            "1,R,2026-03-29T02:30,2026-10-25T02:30,,Europe/Berlin,,,",
            (
                SKIPPED,
                DOUBLED,
            ),
        ),
    ],
)
def test_a_bad_row_says_all_that_is_wrong(row: str, expected: tuple[str, ...]) -> None:
    """Each reason names the column, the value and what would be right."""
    assert reasons(row) == [(2, expected)]


def test_an_unknown_state_lists_the_known_ones() -> None:
    """So that the file can be corrected without the documentation."""
    ((line, (reason,)),) = reasons(f"1,R,{TIMES},,,perhaps,,")

    assert line == 2
    assert reason == f"unknown status 'perhaps', one of {', '.join(Status)}"


def test_good_rows_stay_beside_bad_ones() -> None:
    """Lines are counted as an editor counts them, quoted line breaks included."""
    parsed = parse(
        f"1,R,{TIMES},,,,,", f'2,"a\nb",{TIMES},,,,,', f"3,S,{TIMES},,,,,", "x"
    )

    assert [(line, booking.id) for line, booking in parsed.rows] == [(2, "1"), (5, "3")]
    assert [row.line for row in parsed.bad] == [3, 6]


def test_the_second_row_with_an_id_is_bad() -> None:
    """The first one stays; the same id of another tenant is another booking."""
    parsed = parse(f"1,R,{TIMES},,,,,", f"1,S,{TIMES},,,,,", f"1,S,{TIMES},,,,,globex")

    assert [line for line, _ in parsed.rows] == [2, 4]
    assert [(row.line, row.reasons) for row in parsed.bad] == [
        (3, ("the id stands in line 2 already",))
    ]


def test_an_open_quote_is_a_bad_row() -> None:
    """It swallows the rest of the file, and says where it began."""
    assert reasons(f"1,R,{TIMES},,,,,", f'2,"S,{TIMES}', "3") == [
        (3, ("not valid CSV: unexpected end of data",))
    ]


def test_an_unknown_column_is_told() -> None:
    """A misspelt optional column would otherwise be lost in silence."""
    parsed = parse_file(
        f"id,resource,starts_at,ends_at,expires\n1,R,{TIMES},", BOOKINGS, NOW
    )

    assert parsed.notes == ("unknown column 'expires' ignored",)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty"),
        ("\n \n", "is empty"),
        ("id,starts_at\n", "lacks the column resource, ends_at"),
        ("1,R,2026\n", "lacks the column id, resource"),
        ("id,id,resource,starts_at,ends_at\n", "has the column id twice"),
        ('"id\n', "header of the file cannot be read"),
    ],
)
def test_a_file_without_a_proper_header_is_refused(text: str, message: str) -> None:
    """The refusal names the columns."""
    with pytest.raises(BadFile, match=message):
        parse_file(text, BOOKINGS, NOW)


def test_too_many_rows_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of a file above the limit is used."""
    monkeypatch.setattr(csv_file, "MAX_ROWS", 2)

    with pytest.raises(BadFile, match="more than 2 rows"):
        parse("a", "b", "c")


# ----------------------------------------------------------------- from a file


def test_a_byte_order_mark_is_no_part_of_the_header(tmp_path: Path) -> None:
    """Excel writes one, others do not."""
    path = tmp_path / "b.csv"
    text = (HEADER + f"1,R,{TIMES},Zoë,,,,").encode()

    path.write_bytes(text)
    plain = read_file(path, BOOKINGS, NOW)
    path.write_bytes(codecs.BOM_UTF8 + text)
    marked = read_file(path, BOOKINGS, NOW)

    assert only(plain) == only(marked)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ((HEADER + "1,Ü").encode("latin-1"), r"not UTF-8 \(line 2, byte \d+\)"),
        ((HEADER + "1").encode("utf-16"), r"not UTF-8 \(line 1, byte 0\)"),
        (b"x" * 65, "larger than"),
        (b"", "is empty"),
    ],
)
def test_an_unreadable_file_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, data: bytes, message: str
) -> None:
    """Each refusal says what to do with the file."""
    monkeypatch.setattr(csv_file, "MAX_BYTES", 64 if data[:1] == b"x" else 10_000)
    path = tmp_path / "b.csv"
    path.write_bytes(data)

    with pytest.raises(BadFile, match=message):
        read_file(path, BOOKINGS, NOW)


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    """A folder and nothing at all are told apart."""
    with pytest.raises(BadFile, match="is not a file"):
        read_file(tmp_path, BOOKINGS, NOW)
    with pytest.raises(BadFile, match="does not exist"):
        read_file(tmp_path / "none.csv", BOOKINGS, NOW)
