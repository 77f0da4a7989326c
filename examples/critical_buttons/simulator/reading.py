"""Reading what strangers send: bounded, strict, and never a traceback."""

from __future__ import annotations

import base64
import binascii
import hmac
from typing import Final
from urllib.parse import parse_qsl

import anyio
from starlette.requests import ClientDisconnect, Request

from examples.critical_buttons.simulator.answers import ApiError

#: Bytes of a body; a message of 1600 characters, escaped, has under 20,000.
MAX_BODY: Final = 65_536
_MAX_FIELDS: Final = 100
_PATIENCE: Final = 10.0
_INVALID: Final = 20001


async def read_body(request: Request) -> bytes:
    """Return the body.

    Raises:
        ApiError: It is too large, or does not come.
    """
    body = bytearray()
    try:
        with anyio.fail_after(_PATIENCE):
            async for chunk in request.stream():
                body += chunk
                if len(body) > MAX_BODY:
                    raise ApiError(413, _INVALID, "The body is too large")
    except TimeoutError as error:
        raise ApiError(408, _INVALID, "The body did not come") from error
    except ClientDisconnect as error:
        raise ApiError(400, _INVALID, "The client went away") from error
    return bytes(body)


def form(request: Request, body: bytes) -> dict[str, str]:
    """Return the fields of a form.

    Raises:
        ApiError: It is none.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/x-www-form-urlencoded":
        raise ApiError(415, _INVALID, "Send application/x-www-form-urlencoded")
    return fields(body)


def fields(encoded: bytes) -> dict[str, str]:
    """Return the fields of a form or of a query; of a doubled one the last.

    Raises:
        ApiError: It cannot be read.
    """
    try:
        pairs = parse_qsl(
            encoded.decode("utf-8"),
            keep_blank_values=True,
            max_num_fields=_MAX_FIELDS,
            errors="strict",
        )
    except ValueError as error:
        raise ApiError(400, _INVALID, "The parameters cannot be read") from error
    return dict(pairs)


def authenticate(request: Request, account: str, token: str) -> None:
    """Check the account and its token.

    Raises:
        ApiError: They are not ours.
    """
    scheme, _, value = request.headers.get("authorization", "").partition(" ")
    try:
        given = base64.b64decode(value.strip().encode("ascii"), validate=True)
    except (binascii.Error, ValueError):
        given = b""
    expected = f"{account}:{token}".encode()
    if scheme.lower() != "basic" or not hmac.compare_digest(given, expected):
        raise ApiError(
            401,
            20003,
            "Authenticate",
            {"WWW-Authenticate": 'Basic realm="Twilio API"'},
        )
