"""The command line: ``python -m examples.critical_buttons.simulator``."""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import os
import re
import secrets
import socket
import sys
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from random import Random
from typing import Final

import uvicorn

from examples.critical_buttons.simulator.admin import Admin
from examples.critical_buttons.simulator.answers import ApiError
from examples.critical_buttons.simulator.api import Api
from examples.critical_buttons.simulator.app import create_app
from examples.critical_buttons.simulator.clock import SimClock
from examples.critical_buttons.simulator.create import check_webhook
from examples.critical_buttons.simulator.faults import Faults
from examples.critical_buttons.simulator.orphan import end_with
from examples.critical_buttons.simulator.provider import Provider
from examples.critical_buttons.simulator.server import Server, bound, port_of

#: Holds the account's token, here and in the app; a command line can be read by
#: every user of the machine.
TOKEN_VARIABLE: Final = "CRITICAL_BUTTONS_SMS_TOKEN"  # noqa: S105 - a name
DEFAULT_PORT: Final = 8124
_GRACE: Final = 1


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the simulator until it is stopped; return the exit code."""
    options = _parser().parse_args(arguments)
    logging.basicConfig(level=logging.ERROR, format="%(levelname)s %(message)s")
    if options.parent is not None:
        # Nothing is kept that would have to be saved first.
        end_with(options.parent, lambda: os._exit(0))
    with suppress(KeyboardInterrupt):  # it was asked to stop
        asyncio.run(_run(options))
    return 0


async def _run(options: argparse.Namespace) -> None:
    rng = Random(options.seed)  # noqa: S311 - chance for faults, not for secrets
    provider = Provider(
        account=options.account or "AC" + secrets.token_hex(16),
        token=os.environ.get(TOKEN_VARIABLE) or secrets.token_hex(16),
        pace=options.pace,
        clock=SimClock(),
        rng=rng,
    )
    with ExitStack() as stack:
        sockets = [stack.enter_context(_listener(options.port))]
        if options.chaos:
            sockets.append(stack.enter_context(bound(0)))
        await _serve(provider, sockets, options)


def _listener(port: int) -> socket.socket:
    """Return a socket on *port*, or on a free one if that is taken."""
    try:
        return bound(port)
    except OSError as error:
        made = bound(0)
        print(
            f"SMS simulator: port {port} cannot be used ({error.strerror}); "
            f"using {port_of(made)}.",
            file=sys.stderr,
            flush=True,
        )
        return made


async def _serve(
    provider: Provider, sockets: list[socket.socket], options: argparse.Namespace
) -> None:
    url, *admin_url = [f"http://127.0.0.1:{port_of(each)}" for each in sockets]
    ready = {
        "url": url,
        "admin_url": admin_url[0] if admin_url else None,
        "account_sid": provider.account,
        "auth_token": provider.token,
    }
    config = uvicorn.Config(
        lambda *_: None,  # replaced below: the app and the server know each other
        http="h11",
        ws="none",
        access_log=False,
        log_config=None,
        server_header=False,
        timeout_graceful_shutdown=_GRACE,
        timeout_keep_alive=30,
    )
    server = Server(
        config,
        on_started=lambda: print(json.dumps(ready), flush=True),
        on_stopping=lambda: provider.switchboard.set(Faults()),
        followed=options.parent is not None,
    )
    admin = Admin(
        provider,
        chaos=options.chaos,
        listen=server.listen,
        inbound_url=options.inbound_url,
    )
    config.app = create_app(provider, Api(provider, server.drop), admin)
    await server.serve(sockets=sockets)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m examples.critical_buttons.simulator",
        description="Pretends to be an SMS provider that speaks Twilio's API. The "
        "first line of its output says, as JSON, where it is and who may ask.",
        epilog=f"The account's token is {TOKEN_VARIABLE}, or made up.",
        allow_abbrev=False,
    )
    add = parser.add_argument
    add("--port", type=_port, default=DEFAULT_PORT, help="another one if it is taken")
    add("--chaos", action="store_true", help="open the admin routes, /_sim")
    add("--seed", type=int, help="make chance repeatable")
    add("--account", type=_account, metavar="SID", help="AC and 32 hex digits")
    add(
        "--pace",
        type=_seconds,
        default=0.3,
        metavar="SECONDS",
        help="from one status of a message to the next; default 0.3",
    )
    add("--inbound-url", type=_webhook, metavar="URL", help="for /_sim/inbound")
    add("--parent", type=int, metavar="PID", help="end when this process does")
    return parser


def _port(text: str) -> int:
    try:
        port = int(text)
    except ValueError:
        port = -1
    if not 0 <= port <= 65535:  # noqa: PLR2004 - what TCP knows
        raise argparse.ArgumentTypeError(f"{text!r} is not a port, 0 to 65535")
    return port


def _account(text: str) -> str:
    if not re.fullmatch(r"AC[0-9a-f]{32}", text):
        raise argparse.ArgumentTypeError("an account is AC and 32 hex digits")
    return text


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds <= 3600:  # noqa: PLR2004 - an hour
        raise argparse.ArgumentTypeError(f"{text!r} is not 0 to 3600 seconds")
    return seconds


def _webhook(text: str) -> str:
    try:
        check_webhook(text)
    except ApiError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
    return text
