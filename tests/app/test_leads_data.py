"""Leads: the samples, a file of one's own, and what may be wrong with it."""

from __future__ import annotations

import sqlite3
from collections import Counter
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from examples.critical_buttons.data.csv_file import ParsedFile, parse_file
from examples.critical_buttons.data.csv_leads import COLUMNS, leads_layout
from examples.critical_buttons.data.lead_samples import sample_leads
from examples.critical_buttons.domain.consent import Consent
from examples.critical_buttons.domain.leads import Lead, LeadStatus
from examples.critical_buttons.domain.phones import parse_phone
from examples.critical_buttons.options import parse as parse_options
from examples.critical_buttons.settings import Settings, StartupError
from examples.critical_buttons.startup import open_database
from tests.app.driver import rows

NOW = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
HEADER = ",".join(COLUMNS)


def parse(*lines: str, region: str = "US") -> ParsedFile[Lead]:
    """Parse *lines* under the full header."""
    return parse_file("\n".join([HEADER, *lines]), leads_layout(region), NOW)


def opened(tmp_path: Path, **choices: object) -> list[str]:
    """Open the database in *tmp_path*, close it, return what was said."""
    said: list[str] = []
    settings = Settings(db=f"sqlite:///{tmp_path}/app.db", **choices)  # type: ignore[arg-type]  # any setting
    open_database(settings, said.append).close()
    return said


# ----------------------------------------------------------------- the samples


def test_the_samples_are_the_same_every_time() -> None:
    """500, of two tenants, whatever the date."""
    again = [(s.id, s.phone, s.status) for s in sample_leads(NOW + timedelta(days=99))]

    assert [(s.id, s.phone, s.status) for s in sample_leads(NOW)] == again
    assert Counter(s.tenant for s in sample_leads(NOW)) == {"acme": 400, "globex": 100}
    assert {s.status for s in sample_leads(NOW)} == set(LeadStatus)


def test_every_sample_has_a_number_of_its_own_that_rings_nobody() -> None:
    """From the ranges that countries keep for fiction, and readable as numbers."""
    fiction = (
        *("+1202555", "+1312555", "+1303555", "+1415555", "+1808555"),
        *("+1416555", "+1604555", "+447700900", "+4917139200", "+3363998"),
        *("+4670174", "+61491570"),
    )
    phones = [lead.phone for lead in sample_leads(NOW)]

    assert len(set(phones)) == 500
    assert all(phone.startswith(fiction) for phone in phones)
    assert all(p[8:10] == "01" for p in phones if p.startswith("+1"))
    assert [parse_phone(phone, "ZZ") for phone in phones] == phones


def test_the_samples_are_added_once(tmp_path: Path) -> None:
    """With the numbers of those who said STOP before."""
    first, second = opened(tmp_path), opened(tmp_path)

    database = tmp_path / "app.db"
    assert "500 sample leads" in first[0]
    assert second == []
    assert rows(database, "SELECT count(*), max(version) FROM leads") == [(500, 1)]
    assert rows(database, "SELECT state, source, count(*) FROM opt_outs") == [
        ("opted_out", "samples", 32)
    ]


# ---------------------------------------------------------------------- a file


def test_a_row_becomes_a_lead() -> None:
    """National numbers are read in the region of the start."""
    parsed = parse(
        "1,(202) 555-0147,Ada,America/New_York,qualified,no,globex",
        "2,+44 7700 900123,,,,yes,",
    )

    (_, one), (_, two) = parsed.rows
    assert parsed.bad == ()
    assert one == Lead(
        tenant="globex",
        id="1",
        name="Ada",
        phone="+12025550147",
        time_zone="America/New_York",
        status=LeadStatus.QUALIFIED,
        version=1,
        updated_at=NOW,
        updated_by="csv",
    )
    assert (two.phone, two.tenant, two.time_zone) == ("+447700900123", "acme", None)
    assert (two.status, two.consent) == (LeadStatus.NEW, Consent.OPTED_OUT)
    assert parse("1,07700 900123,,,,,", region="GB").rows[0][1].phone == two.phone


@pytest.mark.parametrize(
    "name", ["می\u200cنو", "\U0001f469\u200d\U0001f467 Ada", "Ada\u00a0Lovelace"]
)
def test_a_name_is_taken_as_its_owner_writes_it(name: str) -> None:
    """Persian parts letters by a character that shows nothing; so do emoji join."""
    parsed = parse(f"1,+12025550147,{name},,,,")

    assert parsed.bad == ()
    assert parsed.rows[0][1].name == name


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (",+12025550147,,,,,", "id is empty"),
        (".,+12025550147,,,,,", "id . cannot stand in an address"),
        ("..,+12025550147,,,,,", "id .. cannot stand in an address"),
        ("1,,,,,,", "phone is empty"),
        ("1,555,,,,,", "phone is not a number that exists in its country"),
        ("1,=1+1,,,,,", "phone is not a phone number"),
        ('1,"=HYPERLINK(""x"")",,,,,', "phone is not a phone number"),
        (f"1,{'1' * 41},,,,,", "phone is too long for a phone number"),
        ("1,+12025550147,,Mars/Olympus,,,", "unknown time_zone 'Mars/Olympus'"),
        ("1,+12025550147,,,famous,,", "unknown status 'famous'"),
        ("1,+12025550147,,,,maybe,", "opted_out must be yes or no"),
        ("1,+12025550147,,,,,initech", "unknown tenant 'initech'"),
        ("1,+12025550147,a\x1b[2J,,,,", "name holds a control character"),
        ("1,+12025550147,a\u202eb,,,,", "name holds a control character"),
        ("1\u200d,+12025550147,Ada,,,,", "id holds a control character"),
        ("1,+12025550147", "2 cells, but the header names 7"),
    ],
)
def test_a_bad_row_says_why(row: str, reason: str) -> None:
    """And the good ones stay."""
    parsed = parse(row, "good,+12025550148,,,,,")

    ((line, (told, *_)),) = [(bad.line, bad.reasons) for bad in parsed.bad]
    assert line == 2
    assert told.startswith(reason)
    assert [lead.id for _, lead in parsed.rows] == ["good"]


def test_all_that_is_wrong_is_told_at_once() -> None:
    """Nobody corrects a file one reason at a time; the number is not repeated."""
    (bad,) = parse("1,+1202555014,,Nowhere,famous,maybe,initech").bad

    assert len(bad.reasons) == 5
    assert not any("1202555014" in reason for reason in bad.reasons)


def test_a_formula_in_a_name_is_text() -> None:
    """Nothing is ever calculated."""
    ((_, lead),) = parse("1,+12025550147,=1+1,,,,").rows

    assert lead.name == "=1+1"


def test_a_leads_file_replaces_the_samples(tmp_path: Path) -> None:
    """Loaded once; a second time it adds what is new and changes nothing."""
    file = tmp_path / "leads.csv"
    file.write_text(f"{HEADER}\n1,+12025550147,,,,yes,\nx\n1,+12025550148,,,,,\n")
    first = opened(tmp_path, leads=file)
    file.write_text(f"{HEADER}\n1,+12025550199,,,,,\n2,+12025550148,,,,,\n")

    second = opened(tmp_path, leads=file)

    database = tmp_path / "app.db"
    assert first[-2:] == [
        f"{file}: 1 leads added, 0 were there already, 2 rows left out.",
        f"Added 120 sample bookings to {database}.",
    ]
    assert second == [f"{file}: 1 leads added, 1 were there already, 0 rows left out."]
    assert rows(database, "SELECT id, phone FROM leads ORDER BY id") == [
        ("1", "+12025550147"),
        ("2", "+12025550148"),
    ]
    assert rows(database, "SELECT state FROM opt_outs") == [("opted_out",)]


def test_strict_refuses_the_whole_file(tmp_path: Path) -> None:
    """Nothing is written, of no file."""
    file = tmp_path / "leads.csv"
    file.write_text(f"{HEADER}\n1,+12025550147,,,,,\nx\n")

    with pytest.raises(StartupError, match="1 bad rows"):
        opened(tmp_path, leads=file, strict=True)

    assert not (tmp_path / "app.db").exists()


def test_a_file_that_is_none_says_so(tmp_path: Path) -> None:
    """With the option that named it, and the columns it needs."""
    with pytest.raises(StartupError, match=r"--leads: .* does not exist"):
        opened(tmp_path, leads=tmp_path / "none.csv")
    (tmp_path / "empty.csv").write_text("name\nAda\n")
    with pytest.raises(StartupError, match="lacks the column id, phone"):
        opened(tmp_path, leads=tmp_path / "empty.csv")


def test_a_database_of_the_first_release_gets_the_new_tables(tmp_path: Path) -> None:
    """Its bookings and its audit log stay as they are."""
    opened(tmp_path)
    database = tmp_path / "app.db"
    new = ("leads", "opt_outs", "sms_messages", "sms_statuses", "sms_sending")

    with closing(sqlite3.connect(database)) as connection:
        for table in (*new, "inbound"):
            connection.execute(f"DROP TABLE {table}")
        connection.execute("UPDATE bookings SET version = 7 WHERE id = 'b-001'")
        connection.execute("PRAGMA user_version=1")
        connection.commit()

    said = opened(tmp_path)

    assert said == [f"Added 500 sample leads to {database}."]
    assert rows(database, "SELECT version FROM bookings WHERE id = 'b-001'") == [(7,)]
    assert rows(database, "PRAGMA user_version") == [(3,)]


# ---------------------------------------------------------- the command line


@pytest.mark.parametrize(
    "arguments",
    [
        ["--region", "ZZ"],
        ["--region", "Mars"],
        ["--quiet-hours", "maybe"],
        ["--sms-url", "ftp://x"],
        ["--sms-url", "https://api.example.com"],
        ["--sms-url", "https://api.example.com", "--sms-account", "AC1"],
        ["--sms-account", f"AC{'0' * 32}"],
        ["--sms-url", "https://x.example", "--sms-account", f"AC{'0' * 32}"],
        ["--public-url", "not a url"],
        ["--breaker-recovery", "0"],
        ["--breaker-recovery", "nan"],
        ["--sms-timeout", "-1"],
        ["--sms-timeout", "soon"],
        ["--lease", "inf"],
        ["--sms-rate", "0"],
        ["--sms-from", "abc"],
        ["--sms-from", "+0"],
        ["--strict"],
    ],
)
def test_a_wrong_option_ends_with_2(
    arguments: list[str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """And a sentence that says what is wrong."""
    monkeypatch.delenv("CRITICAL_BUTTONS_SMS_TOKEN", raising=False)

    with pytest.raises(SystemExit) as ended:
        parse_options(arguments)

    assert ended.value.code == 2
    assert "error:" in capsys.readouterr().err


def test_the_secret_comes_from_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A command line can be read by everybody on the machine."""
    monkeypatch.setenv("CRITICAL_BUTTONS_SMS_TOKEN", "a-secret")

    settings = parse_options(
        ["--sms-url", "https://sms.example/", "--sms-account", f"AC{'0' * 32}"]
    )

    assert (settings.sms_url, settings.sms_token) == ("https://sms.example", "a-secret")
    assert "a-secret" not in repr(settings)
