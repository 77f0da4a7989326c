"""The command as a process: two at once, Ctrl-C, a terminal, a broken pipe."""

from __future__ import annotations

import errno
import json
import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from syncpatterns.idempotency import State
from tests.unit.cli.conftest import CANARY, COMMAND, DB, Shop, finish, start

WHY = ("--by", "kim", "--reason", "console shows it", "--yes")
HAPPENED = ("--app", "shop:send_sms", "--happened", "--receipt", '{"sid": "SM1"}', *WHY)


def test_the_module_lists_settles_and_logs(shop: Shop) -> None:
    """From the list to the trail, each step in a fresh process."""
    key = shop.lose()

    listed = finish(start("ls", "--db", DB, "--json", "--fail-if-any"))
    settled = finish(start("resolve", key[:8], *HAPPENED))
    after = finish(start("ls", "--db", DB))
    logged = finish(start("log", "--db", DB, "--json"))

    assert (1, key) == (
        listed[0],
        json.loads(listed[1])["unresolved"][0]["storage_key"],
    )
    assert settled[0] == 0, settled[2]
    assert after == (0, "Nothing is unresolved.\n", "")
    assert json.loads(logged[1])["resolutions"][0]["by"] == "kim"
    assert shop.rows() == [(CANARY, "SM1")]


def test_of_two_at_once_one_settles(shop: Shop) -> None:
    """Rows and trail are written once, and the other one is told."""
    key = shop.lose()

    both = [start("resolve", key[:8], *HAPPENED) for _ in range(2)]
    ended = sorted(finish(process) for process in both)

    assert [code for code, _, _ in ended] == [0, 1], ended
    assert "settled already" in ended[1][2]
    assert shop.rows() == [(CANARY, "SM1")]
    assert len(shop.trail()) == 1
    assert State.COMPLETED is shop.record(key).state


def test_opposite_verdicts_at_once_leave_one(shop: Shop) -> None:
    """Whichever was first holds; the rows agree with it."""
    key = shop.lose()
    denied = ("resolve", key[:8], "--db", DB, "--not-happened", *WHY)

    both = [start("resolve", key[:8], *HAPPENED), start(*denied)]
    codes = sorted(finish(process)[0] for process in both)

    assert codes == [0, 1]
    (note,) = shop.trail()
    assert note[2] == len(shop.rows())


HANGING = """
import asyncio
from pathlib import Path
from shop import Receipt, Sms, engine, record, send
from syncpatterns import Operation

async def find(command: Sms, ctx) -> Receipt | None:
    Path("asked").touch()
    await asyncio.Event().wait()

op = Operation("sms.send", engine, call=send, commit=record, lookup=find)
"""


def test_ctrl_c_ends_a_lookup_that_hangs(shop: Shop) -> None:
    """At once, with one sentence; the call is as unknown as before."""
    key = shop.lose()
    (shop.folder / "hanging.py").write_text(HANGING)

    process = start("recheck", key[:8], "--app", "hanging:op")
    _wait_for(shop.folder / "asked", process)
    process.send_signal(signal.SIGINT)
    code, _, err = finish(process)

    assert code == 130
    assert "Error: stopped." in err
    assert "Traceback" not in err
    assert State.UNKNOWN is shop.record(key).state


def _wait_for(path: Path, process: subprocess.Popen[str]) -> None:
    """Wait until the other process made *path*."""
    deadline = time.monotonic() + 120
    while not path.exists():
        assert process.poll() is None, finish(process)
        assert time.monotonic() < deadline
        select.select([], [], [], 0.01)


def test_a_reader_that_went_away_is_no_traceback(shop: Shop) -> None:
    """As with ``ls | head -1`` of a long list."""
    shop.lose()
    reading, writing = os.pipe()
    os.close(reading)
    process = subprocess.Popen(
        [*COMMAND, "ls", "--db", DB], stdout=writing, stderr=subprocess.PIPE, text=True
    )
    os.close(writing)
    _, err = process.communicate(timeout=200)

    assert "Traceback" not in err


def test_an_encoding_that_cannot_say_a_name_says_its_number(shop: Shop) -> None:
    """A list in an old locale is still a list."""
    key = shop.lose()
    words = ("--not-happened", "--by", "Žofie", "--reason", "gefragt", "--yes")
    finish(start("resolve", key[:8], "--db", DB, *words))

    code, out, _ = finish(start("log", "--db", DB, PYTHONIOENCODING="latin-1"))

    assert code == 0
    assert r"\u017dofie" in out


# ------------------------------------------------------------------- terminal


class Terminal:
    """The command on a terminal of its own; reads what it shows, types answers."""

    def __init__(self, *args: str, **env: str) -> None:
        self.shown = ""
        self._ours, theirs = pty.openpty()
        quiet = {name: os.environ[name] for name in os.environ if name != "NO_COLOR"}
        self.process = subprocess.Popen(
            [*COMMAND, *args],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            env={**quiet, "TERM": "xterm-256color", "COLUMNS": "120", **env},
            start_new_session=True,
        )
        os.close(theirs)

    def wait_for(self, text: str) -> None:
        """Read until *text* is shown."""
        while text not in self.shown:
            assert self._read(), self.shown

    def type(self, text: str) -> None:
        """Answer a question."""
        os.write(self._ours, text.encode())

    def interrupt(self) -> None:
        """Press Ctrl-C until it is heard.

        A signal between Python's last look and the system's read waits for
        the next key, as in every program that asks with `input`.
        """
        heard: list[int] = []
        while not heard:
            self.process.send_signal(signal.SIGINT)
            heard = select.select([self._ours], [], [], 2)[0]

    def end(self) -> int:
        """Read to the end and return the exit code."""
        while self._read():
            pass
        os.close(self._ours)
        return self.process.wait(120)

    def _read(self) -> bool:
        ready, _, _ = select.select([self._ours], [], [], 40)
        assert ready, self.shown
        try:
            data = os.read(self._ours, 4096)
        except OSError as error:  # Linux says so when the other side has gone
            assert error.errno == errno.EIO  # noqa: PT017 - not what is tested
            return False
        self.shown += data.decode()
        return bool(data)


def test_a_person_is_asked_for_reason_and_consent(shop: Shop) -> None:
    """What is about to happen stands there before the answer."""
    key = shop.lose()

    terminal = Terminal("resolve", key[:8], *HAPPENED[:5], "--by", "kim")
    terminal.wait_for("Reason: ")
    terminal.type("seen in the console\n")
    terminal.wait_for("Settle it so? [y/N]: ")
    terminal.type("y\n")
    code = terminal.end()

    assert code == 0, terminal.shown
    assert f"sms.send {key[:8]}, claimed " in terminal.shown
    assert "It was done; its rows are written." in terminal.shown
    assert [(key, "sms.send", 1, "kim", "seen in the console")] == shop.trail()


@pytest.mark.parametrize("answer", ["n\n", "\n"], ids=["no", "enter"])
def test_without_consent_nothing_changes(shop: Shop, answer: str) -> None:
    """No is what Enter means."""
    key = shop.lose()
    words = ("--not-happened", "--by", "kim", "--reason", "x")

    terminal = Terminal("resolve", key[:8], "--db", DB, *words)
    terminal.wait_for("Settle it so? [y/N]: ")
    terminal.type(answer)
    code = terminal.end()

    assert code == 1
    assert "Nothing was changed." in terminal.shown
    assert State.UNKNOWN is shop.record(key).state


@pytest.mark.parametrize("typed", ["signal", "\x04"], ids=["ctrl-c", "ctrl-d"])
def test_ctrl_c_and_the_end_of_input_are_no_consent(shop: Shop, typed: str) -> None:
    """130, one sentence, and nothing is settled."""
    key = shop.lose()
    words = ("--not-happened", "--by", "kim", "--reason", "x")

    terminal = Terminal("resolve", key[:8], "--db", DB, *words)
    terminal.wait_for("Settle it so? [y/N]: ")
    if typed == "signal":
        terminal.interrupt()
    else:
        terminal.type(typed)
    code = terminal.end()

    assert code == 130
    assert "Traceback" not in terminal.shown
    assert State.UNKNOWN is shop.record(key).state


ESCAPE = re.compile("\x1b\\[")


def test_colours_are_for_terminals_that_want_them(shop: Shop) -> None:
    """None with NO_COLOR, none in a pipe."""
    shop.lose()

    colourful, plain = (
        Terminal("ls", "--db", DB),
        Terminal("ls", "--db", DB, NO_COLOR="1"),
    )
    ended = [colourful.end(), plain.end()]
    _, piped, _ = finish(start("ls", "--db", DB))

    assert ended == [0, 0]
    assert ESCAPE.search(colourful.shown)
    assert not ESCAPE.search(plain.shown)
    assert not ESCAPE.search(piped)


# ------------------------------------------------------------------ the extra


@pytest.mark.parametrize("missing", ["typer", "rich"])
def test_without_the_extra_its_name_is_told(tmp_path: Path, missing: str) -> None:
    """The script is installed with or without it."""
    code = (
        f"import sys; sys.modules[{missing!r}] = None\n"
        "from syncpatterns.cli import main\nsys.exit(main(['unresolved', 'ls']))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )

    assert done.returncode == 2
    assert done.stdout == ""
    assert "pip install 'syncpatterns[cli]'" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_another_missing_module_is_not_blamed_on_the_extra() -> None:
    """A broken installation shows what is broken."""
    code = (
        "import sys; sys.modules['syncpatterns.cli._unresolved._settle'] = None\n"
        "from syncpatterns.cli import main\nsys.exit(main(['unresolved', 'ls']))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )

    assert done.returncode == 1
    assert "syncpatterns.cli._unresolved._settle" in done.stderr


def test_the_library_loads_neither_typer_nor_rich() -> None:
    """Only who types a command pays for them; naming `main` does not yet."""
    code = (
        "import sys, syncpatterns, syncpatterns.cli\n"
        "from syncpatterns import Operation, connect, Idempotency\n"
        "from syncpatterns.cli import main\n"
        "print(sorted({'typer', 'rich', 'click'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )

    assert done.stdout == "[]\n"


@pytest.mark.parametrize(
    ("args", "code"), [(["--version"], 0), ([], 2), (["nonsense"], 2)]
)
def test_main_returns_the_exit_code(
    args: list[str], code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """As the script that pip installs expects."""
    from syncpatterns.cli import main

    assert code == main(args)
