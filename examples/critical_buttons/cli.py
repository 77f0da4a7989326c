"""The command line: ``python -m examples.critical_buttons``."""

from __future__ import annotations

import signal
import sys
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import Final, NoReturn

from examples.critical_buttons import logs
from examples.critical_buttons.options import parse
from examples.critical_buttons.settings import Settings, StartupError

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
            address = url(listener.getsockname())
            app = create_app(opened.engine, settings, address)
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
