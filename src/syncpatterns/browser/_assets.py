"""Serve the package's own ES modules, from memory, by exact name."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable, Iterator, Mapping, MutableMapping
from importlib.abc import Traversable
from importlib.resources import files
from typing import Any, Final, NamedTuple, TypeAlias

from syncpatterns._http import PROBLEM_JSON, render_problem

_Scope: TypeAlias = MutableMapping[str, Any]
_Message: TypeAlias = MutableMapping[str, Any]
_Receive: TypeAlias = Callable[[], Awaitable[_Message]]
_Send: TypeAlias = Callable[[_Message], Awaitable[None]]

# By suffix and not from the machine's own table, which calls .ts a video.
_TYPES: Final = {
    ".d.ts": b"text/plain; charset=utf-8",
    ".js": b"text/javascript; charset=utf-8",
}


class _Asset(NamedTuple):
    body: bytes
    content_type: bytes
    etag: bytes


class BrowserAssets:
    """An ASGI application that serves the browser client.

    ::

        app.mount("/syncpatterns", BrowserAssets())

    The files are read once, at construction, and found by their exact name:
    no request ever becomes a path on the disk. Every answer has a strong ETag
    and must be asked for again (``no-cache``), so that a new release of the
    package is seen at the next load of the page.

    Attributes:
        names: What is served, relative to the mount, sorted.
    """

    __slots__ = ("_assets", "names")

    def __init__(self) -> None:
        self._assets = dict(_load(files("syncpatterns.browser")))
        self.names: tuple[str, ...] = tuple(sorted(self._assets))

    async def __call__(self, scope: _Scope, receive: _Receive, send: _Send) -> None:
        """Serve one request."""
        if scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": 1008, "reason": ""})
            return
        if scope["type"] != "http":
            return  # the lifespan belongs to the application around
        asset = self._assets.get(_relative(scope))
        if asset is None:
            await _problem(scope, send, 404, "not-found", "There is no such file.")
        elif scope["method"] not in {"GET", "HEAD"}:
            await _problem(
                scope,
                send,
                405,
                "method-not-allowed",
                "A file can only be read.",
                [(b"allow", b"GET, HEAD")],
            )
        else:
            await _serve(scope, send, asset)


def _load(folder: Traversable, prefix: str = "") -> Iterator[tuple[str, _Asset]]:
    for item in folder.iterdir():
        if item.is_dir():
            yield from _load(item, f"{prefix}{item.name}/")
            continue
        for suffix, content_type in _TYPES.items():
            if item.name.endswith(suffix):
                body = item.read_bytes()
                etag = b'"%s"' % hashlib.sha256(body).hexdigest()[:32].encode()
                yield prefix + item.name, _Asset(body, content_type, etag)
                break


def _relative(scope: Mapping[str, Any]) -> str:
    """Return the path below the mount, without its slash."""
    path: str = scope["path"]
    root: str = scope.get("root_path", "")
    return path.removeprefix(root).removeprefix("/")


async def _serve(scope: Mapping[str, Any], send: _Send, asset: _Asset) -> None:
    headers = [
        (b"etag", asset.etag),
        (b"cache-control", b"no-cache"),
        (b"x-content-type-options", b"nosniff"),
    ]
    if _is_known(scope, asset.etag):
        await send({"type": "http.response.start", "status": 304, "headers": headers})
        await send({"type": "http.response.body", "body": b""})
        return
    headers += [
        (b"content-type", asset.content_type),
        (b"content-length", b"%d" % len(asset.body)),
    ]
    body = b"" if scope["method"] == "HEAD" else asset.body
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _is_known(scope: Mapping[str, Any], etag: bytes) -> bool:
    sent = b",".join(
        value for name, value in scope["headers"] if name == b"if-none-match"
    )
    tags = {tag.strip().removeprefix(b"W/") for tag in sent.split(b",")}
    return etag in tags or b"*" in tags


async def _problem(
    scope: Mapping[str, Any],
    send: _Send,
    status: int,
    slug: str,
    title: str,
    headers: list[tuple[bytes, bytes]] | None = None,
) -> None:
    members = {"type": f"/problems/{slug}", "title": title, "status": status}
    body = render_problem(members)
    lines = [
        (b"content-type", PROBLEM_JSON.encode()),
        (b"content-length", b"%d" % len(body)),
        (b"cache-control", b"no-store"),
        (b"x-content-type-options", b"nosniff"),
        *(headers or []),
    ]
    await send({"type": "http.response.start", "status": status, "headers": lines})
    empty = scope["method"] == "HEAD"
    await send({"type": "http.response.body", "body": b"" if empty else body})
