"""``--db`` and ``--app``: what is named wrongly is said, and never made."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.unit.cli.conftest import CANARY, DB, Run, Shop, document


def test_neither_database_nor_application_is_told_both_ways(
    shop: Shop, run: Run
) -> None:
    """With the options and the variables."""
    result = run("ls")

    assert result.exit_code == 2
    for word in ("--db", "--app", "SYNCPATTERNS_DB", "SYNCPATTERNS_APP"):
        assert word in result.stderr


@pytest.mark.parametrize(
    "words",
    [
        ("ls",),
        ("show", "abcdef"),
        ("log",),
        ("resolve", "abcdef", "--not-happened", "--reason", "x", "--yes"),
    ],
    ids=lambda words: words[0],
)
def test_a_file_that_is_not_there_is_not_made(
    shop: Shop, run: Run, words: tuple[str, ...]
) -> None:
    """A typing error must not look like an empty list."""
    result = run(*words, "--db", "sqlite:///typo.db")

    assert result.exit_code == 2
    assert "typo.db does not exist" in result.stderr
    assert list(shop.folder.glob("typo*")) == []


def test_the_application_s_file_is_not_made_either(shop: Shop, run: Run) -> None:
    """In the wrong folder its URL leads nowhere."""
    shop.path.unlink()

    result = run("ls", "--app", "shop:send_sms")

    assert result.exit_code == 2
    assert "app.db does not exist" in result.stderr
    assert list(shop.folder.glob("app.db*")) == []


def test_a_business_database_of_others_is_not_claimed(shop: Shop, run: Run) -> None:
    """Opened, it would get tables and a mark that it never asked for."""
    path = shop.folder / "other.db"
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE customer (name)")
    before = path.read_bytes()

    result = run("ls", "--db", "sqlite:///other.db")

    assert result.exit_code == 2
    assert "holds no records of this library" in result.stderr
    assert before == path.read_bytes()


def test_an_empty_file_stays_empty(shop: Shop, run: Run) -> None:
    """Somebody may have touched it to see whether it works."""
    path = shop.folder / "empty.db"
    path.touch()

    result = run("ls", "--db", "sqlite:///empty.db")

    assert result.exit_code == 2
    assert path.read_bytes() == b""


def test_a_database_of_an_older_release_is_not_upgraded(shop: Shop, run: Run) -> None:
    """The application that still runs would refuse it at its next start."""
    shop.change("UPDATE syncpatterns_meta SET value = 1 WHERE name = 'schema'")

    result = run("ls", "--db", DB)

    assert result.exit_code == 2
    assert "of an older release" in result.stderr
    assert shop.rows("SELECT value FROM syncpatterns_meta WHERE name = 'schema'") == [
        (1,)
    ]


def test_a_database_of_a_newer_release_is_refused(shop: Shop, run: Run) -> None:
    """With the sentence that the engine has for it."""
    shop.change("UPDATE syncpatterns_meta SET value = 99 WHERE name = 'schema'")

    result = run("ls", "--db", DB)

    assert result.exit_code == 2
    assert "newer release" in result.stderr


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("app.db", "No engine is known for a URL without a scheme"),
        ("", "No engine is known for a URL without a scheme"),
        ("sqlite://app.db", "A SQLite URL names a file"),
        ("sqlite:///app.db?mode=ro", "Unknown option in the database URL: mode"),
        ("postgresql://u:secret@h/d", "no engine for postgresql://"),
        ("sqlite:///none/app.db", "folder"),
        ("sqlite:///shop.py", "is not a SQLite database"),
        ("memory://", "--app module:attribute"),
    ],
)
def test_a_wrong_url_is_said(shop: Shop, run: Run, url: str, sentence: str) -> None:
    """One sentence, and no password in it."""
    (shop.folder / "shop.py").write_text("# " + "x" * 600)

    result = run("ls", "--db", url)

    assert result.exit_code == 2
    assert sentence in result.stderr
    assert "secret" not in result.output
    assert len(result.stderr.splitlines()) == 1


def test_a_busy_database_is_no_traceback(shop: Shop, run: Run) -> None:
    """1: the same command may do later."""
    key = shop.lose()
    words = ("--not-happened", "--by", "kim", "--reason", "x", "--yes")
    with closing(sqlite3.connect(shop.path)) as connection:
        connection.execute("BEGIN IMMEDIATE")

        result = run("resolve", key[:8], "--db", f"{DB}?busy_timeout=0", *words)

    assert result.exit_code == 1
    assert result.stderr.startswith("Error: ")
    assert shop.trail() == []


# ---------------------------------------------------------------------- --app

APPS = """
from shop import looking, other, send_sms
from syncpatterns import Operation, connect

listed = [send_sms, other]
named = {"sms": send_sms, "mail": other}
once = (each for each in listed)
doubled = [send_sms, send_sms]
def made(): return listed
def one(): return send_sms
async def later(): return listed
def needy(settings): return listed
def broken(): raise ValueError("no settings")
def wired(): return Operation("", connect("sqlite:///app.db"), call=len)
nothing = []
plain = dict
number = 3
text = "send_sms"
mixed = [send_sms, 3]
class space: inner = send_sms
class Refusing:
    def __getattr__(self, name): raise LookupError(f"no {name} yet")
lazy = Refusing()
"""


@pytest.fixture
def apps(shop: Shop) -> Shop:
    """One module with everything that could be named."""
    (shop.folder / "apps.py").write_text(APPS)
    return shop


@pytest.mark.parametrize(
    "name",
    ["listed", "named", "once", "doubled", "made", "one", "send_sms", "space.inner"],
)
def test_operations_are_named_in_many_ways(apps: Shop, run: Run, name: str) -> None:
    """One, several, or a function that makes them; their engine is the database."""
    apps.lose()

    result = run("ls", "--app", f"apps:{name}", "--json")

    assert document(result)["total"] == 1


@pytest.mark.parametrize(
    ("spec", "sentence"),
    [
        ("apps", "takes module:attribute"),
        ("apps:", "takes module:attribute"),
        (":made", "takes module:attribute"),
        ("apps.py:made", "there is no module apps.py"),
        ("./apps:made", "takes module:attribute"),
        ("apps:made()", "takes module:attribute"),
        ("nowhere:made", "there is no module nowhere in"),
        ("nowhere.deep:made", "there is no module nowhere in"),
        ("apps:unmade", "the module has no attribute unmade"),
        ("apps:lazy.inner", "LookupError at apps.py:22: no inner yet"),
        ("apps:later", "is an async function"),
        ("apps:needy", "needs arguments"),
        ("apps:broken", "ValueError at apps.py:13: no settings"),
        ("apps:wired", "An operation's name is"),
        ("apps:nothing", "holds no operation"),
        ("apps:number", "is of type int"),
        ("apps:text", "is of type str"),
        ("apps:mixed", "holds an object of type int"),
        ("apps:plain", "holds no operation"),
        ("crash:op", "ZeroDivisionError at crash.py:1"),
        ("wires:op", "Known are memory:// and sqlite:///path"),
        ("typo:op", "SyntaxError"),
        ("needs:op", "ModuleNotFoundError at needs.py:1: No module named 'absent'"),
        ("ends:op", "ends the program when imported"),
    ],
)
def test_a_wrong_application_is_said(
    apps: Shop, run: Run, spec: str, sentence: str
) -> None:
    """One sentence that names the option's value, and no traceback."""
    for name, line in {
        "crash": "1 / 0",
        "typo": "def",
        "wires": "import syncpatterns; syncpatterns.connect('nonsense')",
        "needs": "import absent",
        "ends": "raise SystemExit(3)",
    }.items():
        (apps.folder / f"{name}.py").write_text(f"{line}\n")

    result = run("ls", "--app", spec)

    last = result.stderr.splitlines()[-1]
    assert result.exit_code == 2
    assert last.startswith("Error: ")
    assert sentence in last
    assert "Traceback" not in result.output


def test_a_mode_without_unknowns_has_nothing_to_list(shop: Shop, run: Run) -> None:
    """An operation in mode single is no mistake beside the others."""
    shop.lose()
    (shop.folder / "single.py").write_text(
        "from shop import engine\nfrom syncpatterns import Operation\n"
        "def effect(tx, command): return None\n"
        "op = Operation('book', engine, effect=effect)\n"
    )

    assert document(run("ls", "--app", "single:op", "--json"))["total"] == 1


def test_database_and_application_must_agree(shop: Shop, run: Run) -> None:
    """Rows written into another database than the record's would be lost."""
    shop.lose()

    same = run("ls", "--db", f"sqlite:///{shop.path}", "--app", "shop:send_sms")
    other = run("ls", "--db", "sqlite:///other.db", "--app", "shop:send_sms")

    assert same.exit_code == 0, same.stderr
    assert other.exit_code == 2
    assert "No operation of --app shop:send_sms keeps its records" in other.stderr


def test_memory_is_reached_through_its_application(shop: Shop, run: Run) -> None:
    """What one process holds is listed, settled and rechecked in that process."""
    (shop.folder / "fleeting.py").write_text(
        f"""
from contextlib import suppress
from syncpatterns import Operation, connect
from syncpatterns.errors import OutcomeUnknown

def send(command, ctx):
    raise TimeoutError

op = Operation("sms.send", connect("memory://"), call=send)
with suppress(OutcomeUnknown):
    op.call({{"to": "{CANARY}"}}, key="k1", scope="acme")
key = op.storage_key("k1", scope="acme")
"""
    )
    app = ("--app", "fleeting:op")

    listed = document(run("ls", *app, "--json"))["unresolved"]
    words = ("--happened", "--receipt", '"SM1"', "--reason", "seen", "--yes")
    result = run("resolve", listed[0]["key_hash"], *app, *words)

    assert result.exit_code == 0, result.stderr
    assert document(run("ls", *app, "--json"))["total"] == 0


def test_several_engines_are_looked_at_together(
    shop: Shop, run: Run, tmp_path: Path
) -> None:
    """Each call is settled where its record is."""
    shop.lose()
    (tmp_path / "two.py").write_text(
        """
from contextlib import suppress
from shop import send_sms, send
from syncpatterns import Operation, connect
from syncpatterns.errors import OutcomeUnknown

def fail(command, ctx):
    raise TimeoutError

op = Operation("fax.send", connect("memory://"), call=fail)
with suppress(OutcomeUnknown):
    op.call({}, key="k1", scope="acme")
both = [send_sms, op]
"""
    )

    listed = document(run("ls", "--app", "two:both", "--json"))["unresolved"]

    assert [call["operation"] for call in listed] == ["sms.send", "fax.send"]
