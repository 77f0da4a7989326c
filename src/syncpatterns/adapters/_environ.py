"""A WSGI request in the words of this package: headers as bytes, its identity."""

from __future__ import annotations

import re
from collections.abc import MutableMapping
from typing import Any, Final
from urllib.parse import quote

from syncpatterns.adapters._messages import REQUEST_ID, Header, Scope, request_id

Environ = MutableMapping[str, Any]

#: As RFC 3986 has it; what else stands in a path was sent with a percent sign.
_IN_PATHS: Final = "/:@!$&'()*+,;=~-._"
_ORIGIN: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^/?#]*")


def environ_headers(environ: Environ, *names: str) -> list[Header]:
    """Return those of the headers *names* that the request has.

    A header sent twice is one here: WSGI servers join the lines with a comma,
    which no key, age or identity may hold.
    """
    found: list[Header] = []
    for name in names:
        value = environ.get(f"HTTP_{name.upper().replace('-', '_')}")
        if value is not None:
            found.append((name.encode("ascii"), value.encode("latin-1")))
    return found


def identified(environ: Environ) -> Scope:
    """Return the scope that `problem_response` needs, with the request's identity.

    It is kept in *environ*, so that whoever answers names the request alike.
    """
    scope: dict[str, Any] = {"headers": environ_headers(environ, "x-request-id")}
    known = environ.get(REQUEST_ID)
    if known is not None:
        scope[REQUEST_ID] = known
    environ[REQUEST_ID] = request_id(scope)
    return scope


def raw_path(environ: Environ) -> str:
    """Return the path as it was sent, as an ASGI server would tell it.

    gunicorn and Werkzeug say it in ``RAW_URI``, uWSGI, mod_wsgi and waitress
    in ``REQUEST_URI``. Where none does, the unquoted path is quoted again: the
    same for equal requests of one server.
    """
    for name in ("RAW_URI", "REQUEST_URI"):
        sent = environ.get(name)
        if sent:
            path = _ORIGIN.sub("", str(sent), count=1).partition("?")[0]
            if path.startswith("/"):
                return path
    mounted = f"{environ.get('SCRIPT_NAME', '')}{environ.get('PATH_INFO', '')}"
    return quote(mounted.encode("latin-1"), safe=_IN_PATHS) or "/"
