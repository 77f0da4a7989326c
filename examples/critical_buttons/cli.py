"""The command line: ``python -m examples.critical_buttons``."""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Final, NoReturn

from examples.critical_buttons import logs
from examples.critical_buttons.data.csv_rows import COLUMNS
from examples.critical_buttons.settings import (
    DEFAULT_DB,
    DEFAULT_PORT,
    Settings,
    StartupError,
)

#: What a start that was refused exits with, as a wrong option does.
REFUSED: Final = 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the app until it is stopped; return the exit code."""
    settings = parse(arguments)
    logs.set_up()
    try:
        with _stopping_is_success():
            run(settings)
    except StartupError as error:
        print(f"critical_buttons: {error}", file=sys.stderr)
        return REFUSED
    return 0


def parse(arguments: Sequence[str] | None = None) -> Settings:
    """Return what was chosen on the command line; wrong options exit with 2."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.strict and options.bookings is None:
        parser.error("--strict is about a bookings file; name it with --bookings")
    return Settings(
        db=options.db,
        host=options.host,
        port=options.port,
        allowed_hosts=tuple(options.allow_host),
        bookings=options.bookings,
        strict=options.strict,
        fresh=options.fresh,
    )


def run(settings: Settings) -> None:
    """Start and serve.

    Raises:
        StartupError: The app cannot start; nothing was changed but, perhaps,
            an empty database made.
    """
    # Imported here, so that --help does not wait for the framework.
    from examples.critical_buttons.app import create_app  # noqa: PLC0415 - see above
    from examples.critical_buttons.server import serve  # noqa: PLC0415 - see above
    from examples.critical_buttons.startup import (  # noqa: PLC0415 - see above
        listen,
        open_database,
    )

    with listen(settings) as listener:
        opened = open_database(settings, _say)
        try:
            app = create_app(opened.engine, settings)
            address = url(listener.getsockname())
            serve(
                app.asgi,
                listener,
                on_started=lambda: print(f"Serving on {address}", flush=True),
                on_stopping=app.end_streams,
            )
        finally:
            opened.close()


@contextmanager
def _stopping_is_success() -> Generator[None]:
    """End with exit code 0 on SIGINT and SIGTERM, whenever they come.

    Stopping is what was asked for. Without this a Ctrl-C while the app starts
    shows a traceback, and `make demo` ends with an error.
    """

    def stop(_number: int, _frame: FrameType | None) -> NoReturn:
        raise SystemExit(0)

    signals = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(each, stop) for each in signals]
    try:
        yield
    finally:
        for each, handler in zip(signals, before, strict=True):
            signal.signal(each, handler)


def url(address: tuple[object, ...]) -> str:
    """Return the URL of a bound socket's *address*."""
    host, port = str(address[0]), address[1]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _parser() -> argparse.ArgumentParser:
    columns = "\n".join(
        f"  {name:<12}{'' if needed else 'optional; '}{what}"
        for name, (needed, what) in COLUMNS.items()
    )
    parser = argparse.ArgumentParser(
        prog="python -m examples.critical_buttons",
        description="Bookings that are confirmed once, whatever happens.",
        epilog=f"columns of a bookings file (UTF-8, with a header line):\n{columns}",
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
    add("--strict", action="store_true", help="one bad row refuses the whole file")
    add("--fresh", action="store_true", help="delete the demo's data first")
    return parser


def _port(text: str) -> int:
    try:
        port = int(text)
    except ValueError:
        port = -1
    if not 0 <= port <= 65535:  # noqa: PLR2004 - what TCP knows
        raise argparse.ArgumentTypeError(f"{text!r} is not a port, 0 to 65535")
    return port
