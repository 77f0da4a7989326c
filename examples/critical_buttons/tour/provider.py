"""The SMS provider of the tour: the simulator, with its faults at hand."""

from __future__ import annotations

import json
import secrets
import sys
from pathlib import Path
from typing import Any

from examples.critical_buttons.options import TOKEN_VARIABLE
from examples.critical_buttons.tour import client
from examples.critical_buttons.tour.client import Reply
from syncpatterns.testing.servers import ServerProcess, free_port

ROOT = Path(__file__).parents[3]


class Provider:
    """The simulator as a process; both apps send through it.

    Args:
        folder: Where its output goes; the first line says where it is.
    """

    def __init__(self, folder: Path) -> None:
        self.account = "AC" + secrets.token_hex(16)
        self.token = secrets.token_hex(16)
        self._log = folder / "provider.log"
        self._server = ServerProcess(
            [
                sys.executable,
                "-m",
                "examples.critical_buttons.simulator",
                *("--port", str(free_port())),
                *("--account", self.account),
                *("--pace", "0.05"),
                "--chaos",
            ],
            ready=lambda: self._said() is not None,
            cwd=ROOT,
            env={TOKEN_VARIABLE: self.token},
            log=self._log,
        )
        self.url = ""
        self._admin = 0

    def start(self) -> Provider:
        """Start it and learn where it is."""
        self._server.start()
        said = self._said() or {}
        self.url = said["url"]
        self._admin = int(said["admin_url"].rpartition(":")[2])
        return self

    def stop(self) -> None:
        """Ask it to stop and wait."""
        self._server.stop()

    def break_down(self, **faults: Any) -> None:
        """Switch faults on; without any, it is healthy again."""
        self._post("/_sim/faults", faults)

    def heal(self) -> None:
        """End every fault, and let go of what hangs."""
        self.break_down()

    def messages(self, to: str) -> list[dict[str, Any]]:
        """Return the messages that it took for the number *to*."""
        query = to.replace("+", "%2B")
        found = self._get(f"/_sim/messages?to={query}")["messages"]
        return [each for each in found if each["direction"] != "inbound"]

    def requests(self) -> int:
        """Return how many messages it was asked to send, refused ones too."""
        return int(self._get("/_sim/messages")["requests"]["create"])

    def write_back(self, phone: str, body: str, webhook: str) -> Reply:
        """Have the person at *phone* write *body*; the webhook has it after that."""
        return self._post(
            "/_sim/inbound",
            {"from": phone, "to": "+15005550006", "body": body, "url": webhook},
        )

    def _get(self, path: str) -> Any:
        return client.request(self._admin, "GET", path).json

    def _post(self, path: str, body: object) -> Reply:
        reply = client.request(
            self._admin,
            "POST",
            path,
            headers={"Content-Type": "application/json"},
            body=json.dumps(body).encode(),
        )
        if reply.status >= client.BAD:
            raise AssertionError(f"{path}: {reply.status} {reply.body!r}")
        return reply

    def _said(self) -> dict[str, Any] | None:
        text = self._log.read_text(encoding="utf-8") if self._log.exists() else ""
        for line in text.splitlines():
            if line.startswith("{"):
                said: dict[str, Any] = json.loads(line)
                return said
        return None
