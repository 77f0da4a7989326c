"""What can be said on the command line."""

from __future__ import annotations

import argparse
import math
import os
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from examples.critical_buttons.data import csv_leads, csv_rows
from examples.critical_buttons.domain.phones import known_region
from examples.critical_buttons.settings import DEFAULT_DB, DEFAULT_PORT, Settings

#: Holds the secret of the SMS account: a command line can be read by every user
#: of the machine.
TOKEN_VARIABLE: Final = "CRITICAL_BUTTONS_SMS_TOKEN"  # noqa: S105 - a name, not a secret

_URL: Final = re.compile(
    r"https?://[A-Za-z0-9.-]+(:[0-9]{1,5})?|https?://\[[0-9a-f:]+\](:[0-9]{1,5})?"
)
_ACCOUNT: Final = re.compile(r"AC[0-9a-fA-F]{32}")
#: A name would do for the provider, but nobody can answer STOP to a name.
_SENDER: Final = re.compile(r"\+[1-9][0-9]{6,14}|[0-9]{3,8}", re.ASCII)


def parse(arguments: Sequence[str] | None = None) -> Settings:
    """Return what was chosen on the command line; wrong options exit with 2."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.strict and options.bookings is None and options.leads is None:
        parser.error("--strict is about a file; name it with --bookings or --leads")
    token = os.environ.get(TOKEN_VARIABLE, "")
    if options.sms_url is None and options.sms_account is not None:
        parser.error("--sms-account is an account at --sms-url; name that too")
    if options.sms_url is not None and not (options.sms_account and token):
        parser.error(
            f"--sms-url needs --sms-account, and its secret in {TOKEN_VARIABLE}"
        )
    return Settings(
        db=options.db,
        host=options.host,
        port=options.port,
        allowed_hosts=tuple(options.allow_host),
        bookings=options.bookings,
        leads=options.leads,
        strict=options.strict,
        fresh=options.fresh,
        chaos=options.chaos,
        public_url=options.public_url,
        region=options.region,
        quiet_hours=options.quiet_hours == "on",
        sms_url=options.sms_url,
        sms_admin_url=options.sms_admin_url,
        sms_account=options.sms_account or "",
        sms_token=token,
        sms_from=options.sms_from,
        sms_rate=options.sms_rate,
        sms_timeout=options.sms_timeout,
        breaker_recovery=options.breaker_recovery,
        lease=options.lease,
    )


def _parser() -> argparse.ArgumentParser:
    files = "\n\n".join(
        f"columns of a {what} file (UTF-8, with a header line):\n"
        + "\n".join(
            f"  {name:<12}{'' if needed else 'optional; '}{holds}"
            for name, (needed, holds) in columns.items()
        )
        for what, columns in (
            ("bookings", csv_rows.COLUMNS),
            ("leads", csv_leads.COLUMNS),
        )
    )
    parser = argparse.ArgumentParser(
        prog="python -m examples.critical_buttons",
        description="Bookings that are confirmed once and messages that are sent once, "
        "whatever happens.",
        epilog=files,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    add = parser.add_argument
    add("--port", type=_port, default=DEFAULT_PORT, help="0 is any free port")
    add("--host", default="127.0.0.1", help="address to listen on")
    add(
        "--allow-host",
        action="append",
        default=[],
        metavar="NAME",
        help="a further host name under which the app may be asked",
    )
    add("--db", default=DEFAULT_DB, metavar="URL", help=f"default {DEFAULT_DB}")
    add("--bookings", type=Path, metavar="FILE.csv", help="instead of the samples")
    add("--leads", type=Path, metavar="FILE.csv", help="instead of the sample leads")
    add("--strict", action="store_true", help="one bad row refuses the whole file")
    add("--fresh", action="store_true", help="delete the demo's data first")
    _add_sms(parser)
    return parser


def _add_sms(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument_group("messages").add_argument
    defaults = Settings()
    add("--chaos", action="store_true", help="offer switches that break things")
    add(
        "--quiet-hours",
        choices=("on", "off"),
        default="off",
        help="send nothing from 21:00 to 8:00 of the recipient; default off",
    )
    add(
        "--region",
        type=_region,
        default=defaults.region,
        metavar="CC",
        help="country of numbers in the leads file without +; default US",
    )
    add(
        "--public-url",
        type=_url,
        metavar="URL",
        help="how the SMS provider reaches this app; default: as it listens",
    )
    add(
        "--sms-url",
        type=_url,
        metavar="URL",
        help="a provider with Twilio's API, instead of a simulator started here; "
        f"its secret is read from {TOKEN_VARIABLE}",
    )
    add("--sms-account", type=_account, metavar="SID", help="account at --sms-url")
    add("--sms-admin-url", type=_url, metavar="URL", help="a simulator's /_sim")
    add(
        "--sms-from",
        type=_sender,
        default=defaults.sms_from,
        metavar="NUMBER",
        help="who sends: +12025550147 or a short code",
    )
    add(
        "--sms-rate",
        type=_within(0.01, 1000),
        metavar="N",
        help="messages a second that the number may send; default 1",
    )
    add(
        "--sms-timeout",
        type=_within(0.1, 120),
        default=defaults.sms_timeout,
        metavar="SECONDS",
        help="for one request to the provider; default 10",
    )
    add(
        "--breaker-recovery",
        type=_within(0.1, 86_400),
        default=defaults.breaker_recovery,
        metavar="SECONDS",
        help="rest of a provider that fails; default 300",
    )
    add(
        "--lease",
        type=_within(0.5, 3600),
        default=defaults.lease,
        metavar="SECONDS",
        help="until a send whose process died is taken over; default 30",
    )


def _within(least: float, most: float) -> Callable[[str], float]:
    def read(text: str) -> float:
        try:
            number = float(text)
        except ValueError:
            number = math.nan
        if not least <= number <= most:
            raise argparse.ArgumentTypeError(f"{text!r} is not {least:g} to {most:g}")
        return number

    return read


def _region(text: str) -> str:
    region = text.upper()
    if not known_region(region):
        raise argparse.ArgumentTypeError(f"{text!r} is no country code such as US")
    return region


def _url(text: str) -> str:
    url = text.rstrip("/")
    if not _URL.fullmatch(url):
        raise argparse.ArgumentTypeError(
            f"{text!r} is no address such as https://sms.example.com"
        )
    return url


def _sender(text: str) -> str:
    if not _SENDER.fullmatch(text):
        raise argparse.ArgumentTypeError(
            f"{text!r} is no number such as +12025550147, and no short code"
        )
    return text


def _account(text: str) -> str:
    if not _ACCOUNT.fullmatch(text):
        raise argparse.ArgumentTypeError("an account is AC and 32 hex digits")
    return text


def _port(text: str) -> int:
    try:
        port = int(text)
    except ValueError:
        port = -1
    if not 0 <= port <= 65535:  # noqa: PLR2004 - what TCP knows
        raise argparse.ArgumentTypeError(f"{text!r} is not a port, 0 to 65535")
    return port
