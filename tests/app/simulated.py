"""Drive the SMS simulator as a real process, and receive its webhooks."""

from __future__ import annotations

import json
import os
import queue
import socket
import subprocess
import sys
import threading
import time
from base64 import b64encode
from collections.abc import Awaitable, Callable, Generator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple, Self, TypeVar
from urllib.parse import parse_qsl, urlencode

import httpx2

ROOT = Path(__file__).parents[2]
Found = TypeVar("Found")
PATIENCE = 120.0
PACE = 10.0
TO = "+12025550147"
FROM = "+15005550006"
ACCOUNTS = "/2010-04-01/Accounts"


class Simulator:
    """One running simulator.

    Its clock is moved by hand: a message becomes "sent" after `PACE` seconds
    and "delivered" after twice as many.

    Args:
        arguments: Of the command line.
        stdin: What its standard input is; a pipe ends it with this process.
        followed: Whether it ends with this process, also where that is killed.
    """

    def __init__(
        self,
        *arguments: str,
        chaos: bool = True,
        port: int = 0,
        stdin: int = subprocess.PIPE,
        followed: bool = True,
    ) -> None:
        options = ["--port", str(port), "--pace", str(PACE), *arguments]
        options += ["--chaos"] * chaos
        options += ["--parent", str(os.getpid())] * followed
        self.process = subprocess.Popen(
            [sys.executable, "-m", "examples.critical_buttons.simulator", *options],
            env=os.environ | {"PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "error"},
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
        )
        assert self.process.stdout is not None
        ready = json.loads(self.process.stdout.readline())
        self.url: str = ready["url"]
        self.admin_url: str | None = ready["admin_url"]
        self.account: str = ready["account_sid"]
        self.token: str = ready["auth_token"]
        self.messages_path = f"{ACCOUNTS}/{self.account}/Messages.json"
        self.api = httpx2.Client(
            base_url=self.url, auth=(self.account, self.token), timeout=PATIENCE
        )
        self.admin = httpx2.Client(base_url=self.admin_url or "", timeout=PATIENCE)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def port(self) -> int:
        """Where its API listens."""
        return int(self.url.rpartition(":")[2])

    def close(self) -> str:
        """End it; return what it said on stderr."""
        self.api.close()
        self.admin.close()
        self.process.kill()
        _, said = self.process.communicate(timeout=PATIENCE)
        return said

    def faults(self, **faults: Any) -> None:
        """Let *faults* hold from now on; without any it is healthy."""
        answer = self.admin.post("/_sim/faults", json=faults)
        assert answer.status_code == 200, answer.text

    def advance(self, seconds: float) -> None:
        """Move its clock forward."""
        answer = self.admin.post("/_sim/clock", json={"advance": seconds})
        assert answer.status_code == 200, answer.text

    def seen(self) -> dict[str, Any]:
        """Return what it knows of its messages."""
        found: dict[str, Any] = self.admin.get("/_sim/messages").json()
        return found

    def reset(self) -> None:
        """Heal it and forget all messages."""
        self.faults()
        self.admin.delete("/_sim/messages")

    def create(self, **form: str) -> httpx2.Response:
        """Create a message; the fields that are not given are fine."""
        fields = {"To": TO, "From": FROM, "Body": "Hello"} | form
        return self.api.post(self.messages_path, data=fields)

    def raw_create(self) -> bytes:
        """Return the bytes of a request that creates a message."""
        body = urlencode({"To": TO, "From": FROM, "Body": "Hello"}).encode()
        basic = b64encode(f"{self.account}:{self.token}".encode()).decode()
        head = [
            f"POST {self.messages_path} HTTP/1.1",
            f"Host: 127.0.0.1:{self.port}",
            f"Authorization: Basic {basic}",
            "Content-Type: application/x-www-form-urlencoded",
            f"Content-Length: {len(body)}",
        ]
        return "\r\n".join([*head, "", ""]).encode() + body

    @contextmanager
    def hanging(self) -> Generator[socket.socket]:
        """Yield a connection whose request was read and is not answered."""
        self.faults(mode="hang")
        before = self.seen()["requests"]["create"]
        with socket.create_connection(("127.0.0.1", self.port), PATIENCE) as hung:
            hung.sendall(self.raw_create())
            eventually(lambda: bool(self.seen()["requests"]["create"] > before))
            yield hung

    def message(self, sid: str) -> dict[str, Any]:
        """Fetch one message."""
        path = f"{ACCOUNTS}/{self.account}/Messages/{sid}.json"
        found: dict[str, Any] = self.api.get(path).json()
        return found


class Webhook(NamedTuple):
    """A request that came in."""

    url: str
    form: list[tuple[str, str]]
    headers: dict[str, str]

    @property
    def status(self) -> str:
        """The status it tells."""
        return dict(self.form)["MessageStatus"]

    @property
    def signature(self) -> str:
        """Its signature."""
        return self.headers["x-twilio-signature"]


class Receiver:
    """A server that takes every webhook in; `url` is where.

    Args:
        answer: The status it answers with.
    """

    def __init__(self, answer: int = 204) -> None:
        got: queue.Queue[Webhook] = queue.Queue()

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                url = f"http://{self.headers['Host']}{self.path}"
                headers = {name.lower(): value for name, value in self.headers.items()}
                form = parse_qsl(body.decode(), keep_blank_values=True)
                got.put(Webhook(url, form, headers))
                self.send_response(answer)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - its name
                del format, args

        self._got = got
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/status"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join(PATIENCE)
        self._server.server_close()

    def next(self) -> Webhook:
        """Return the next webhook, once it has come."""
        return self._got.get(timeout=PATIENCE)

    def none_left(self) -> bool:
        """Whether every webhook that came was looked at."""
        return self._got.empty()


def eventually(true: Callable[[], bool], within: float = PATIENCE) -> float:
    """Return the seconds until *true* was; another process makes it so.

    Raises:
        AssertionError: It did not become so *within* that time.
    """
    began = time.monotonic()
    pause = threading.Event()
    while not true():
        assert time.monotonic() - began < within, "it did not happen in time"
        pause.wait(0.01)
    return time.monotonic() - began


async def with_more_patience(
    once: Callable[[float], Awaitable[Found]], expected: Found
) -> Found:
    """Return what *once* found with half a second for a request, or with more.

    A request that hangs is given up soon, as nobody wants to wait for it. But a
    machine that stands still for half a second makes any other one look like it;
    so what was not *expected* is looked at again with more patience.

    Args:
        once: Does all of it, on a simulator that has forgotten the time before.
        expected: What it finds at the latest with a minute.
    """
    found = await once(0.5)
    for seconds in (5.0, 60.0):
        if found != expected:
            found = await once(seconds)
    return found


def alive(pid: int) -> bool:
    """Whether a process exists, and is not merely unburied."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="ascii")
    except OSError:
        return False
    return state.rpartition(")")[2].split()[0] != "Z"
