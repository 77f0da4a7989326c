"""The provider's receipt: as it was kept, or as somebody brings it along."""

from __future__ import annotations

import json
import sys
from codecs import BOM_UTF8
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NoReturn

from syncpatterns.cli._errors import Stop
from syncpatterns.cli._output import safe
from syncpatterns.operation._fenced._call import RECEIPT

if TYPE_CHECKING:
    from pydantic import ValidationError

    from syncpatterns.cli._loading import AnyOperation
    from syncpatterns.cli._source import Entry
    from syncpatterns.idempotency import Record

_LARGEST: Final = 1024 * 1024  # bytes; a receipt is a few hundred


def given(text: str | None, file: Path | None) -> bytes | None:
    """Return the JSON that the options give; None if they give none.

    Raises:
        Stop: Both are given, or it is no JSON; what it is, is not repeated.
    """
    if file is None:
        body = None if text is None else text.encode(errors="surrogateescape")
    elif text is not None:
        raise Stop("Give the receipt once: --receipt or --receipt-file.")
    else:
        body = _read(file)
    if body is not None:
        body = body.removeprefix(BOM_UTF8)
        _check(body)
    return body


def is_kept(record: Record) -> bool:
    """Tell whether the call left its receipt: it was done, the rows are missing."""
    return RECEIPT in dict(record.notes)


def decoded(operation: AnyOperation, entry: Entry, body: bytes | None) -> Any:
    """Return the receipt as the operation's ``commit=`` takes it.

    Raises:
        Stop: There is none, or it is not what ``call=`` returns.
    """
    if body is None and not is_kept(entry.record):
        raise Stop(
            f"{entry.where}: commit= needs the receipt, which call= would have "
            "returned. Give it with --receipt JSON, or let recheck ask the provider."
        )
    settling = operation._settling()  # noqa: SLF001 - the command line is part of the house  # pyright: ignore[reportPrivateUsage]
    from pydantic import ValidationError  # noqa: PLC0415 - slow, rarely used

    try:
        return (
            settling.kept(entry.record)[1] if body is None else settling.receipt(body)
        )
    except ValidationError as error:
        raise Stop(
            f"{entry.where}: the receipt is not what call= returns: {_wrong(error)}."
        ) from None


def _wrong(error: ValidationError) -> str:
    """Say where it does not fit; never with the values that stand there."""
    found = error.errors(include_url=False, include_context=False, include_input=False)
    return "; ".join(
        f"{'.'.join(map(str, each['loc'])) or 'the whole'}: {safe(each['msg'])}"
        for each in found
    )


def _read(file: Path) -> bytes:
    if str(file) == "-":
        body = sys.stdin.buffer.read(_LARGEST + 1)
    else:
        try:
            with file.open("rb") as stream:
                body = stream.read(_LARGEST + 1)
        except OSError as error:
            raise Stop(f"--receipt-file {file}: {error.strerror}.") from None
    if len(body) > _LARGEST:
        raise Stop("The receipt is larger than 1 MiB; that is no receipt.")
    return body


def _check(body: bytes) -> None:
    try:
        json.loads(str(body, "utf-8"), parse_constant=_no_constant)
    except json.JSONDecodeError as error:
        raise Stop(
            f"The receipt is no JSON (line {error.lineno}, column {error.colno}). Text "
            "stands in quotes: --receipt '\"SM123\"'."
        ) from None
    except (ValueError, RecursionError):  # no UTF-8, NaN, or too deep
        raise Stop("The receipt is no JSON in UTF-8.") from None


def _no_constant(name: str) -> NoReturn:
    raise ValueError(name)
