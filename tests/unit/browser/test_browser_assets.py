from __future__ import annotations

import re
from importlib.resources import files
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.routing import Mount

from syncpatterns.browser import BrowserAssets

FOLDER = files("syncpatterns.browser")
NAMES = sorted(
    item.name for item in FOLDER.iterdir() if item.name.endswith((".js", ".d.ts"))
)


async def ask(
    app: Any,
    path: str,
    method: str = "GET",
    headers: list[tuple[bytes, bytes]] | None = None,
    root_path: str = "",
) -> tuple[int, dict[str, str], bytes]:
    """Send one request to an ASGI application."""
    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "http_version": "1.1",
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "root_path": root_path,
        "query_string": b"",
        "headers": headers or [],
    }
    await app(scope, receive, send)
    found = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
    return sent[0]["status"], found, b"".join(m.get("body", b"") for m in sent[1:])


@pytest.mark.parametrize("name", NAMES)
async def test_every_module_of_the_package_is_served(name: str) -> None:
    """As it is in the package, with a type that a browser executes."""
    status, headers, body = await ask(BrowserAssets(), f"/{name}")

    assert status == 200
    assert body == FOLDER.joinpath(name).read_bytes()
    assert headers["content-length"] == str(len(body))
    kind = "text/javascript" if name.endswith(".js") else "text/plain"
    assert headers["content-type"] == f"{kind}; charset=utf-8"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cache-control"] == "no-cache"


def test_the_names_are_those_of_the_package() -> None:
    """Modules and type declarations, nothing else."""
    assert list(BrowserAssets().names) == NAMES
    assert any(name.endswith(".js") for name in NAMES)


async def test_imports_between_modules_lead_to_served_files() -> None:
    """A page that imports one module finds all the others."""
    assets = BrowserAssets()
    for name in NAMES:
        text = FOLDER.joinpath(name).read_text("utf-8")
        for target in re.findall(r"""from\s+["']\./([^"']+)["']""", text):
            assert target in assets.names


async def test_a_mount_finds_its_files() -> None:
    """Below any prefix of any application."""
    app = Starlette(routes=[Mount("/syncpatterns", BrowserAssets())])
    status, _, body = await ask(app, f"/syncpatterns/{NAMES[0]}")
    nested, _, again = await ask(
        app, f"/proxy/syncpatterns/{NAMES[0]}", root_path="/proxy"
    )

    assert (status, nested) == (200, 200)
    assert body == again


async def test_a_file_seen_before_is_not_sent_again() -> None:
    """304 for its ETag, weak or in a list, with no body."""
    app = BrowserAssets()
    _, headers, _ = await ask(app, f"/{NAMES[0]}")
    tag = headers["etag"].encode()
    for sent in (tag, b"W/" + tag, b'"other", ' + tag, b"*"):
        status, again, body = await ask(
            app, f"/{NAMES[0]}", headers=[(b"if-none-match", sent)]
        )

        assert (status, body) == (304, b"")
        assert again["etag"] == headers["etag"]
    status, _, _ = await ask(app, f"/{NAMES[0]}", headers=[(b"if-none-match", b'"x"')])
    assert status == 200


async def test_head_is_get_without_the_body() -> None:
    """The length is told, the bytes are not sent."""
    status, headers, body = await ask(BrowserAssets(), f"/{NAMES[0]}", "HEAD")

    assert (status, body) == (200, b"")
    assert int(headers["content-length"]) > 0


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "TRACE"])
async def test_a_file_can_only_be_read(method: str) -> None:
    """405 says how."""
    status, headers, _ = await ask(BrowserAssets(), f"/{NAMES[0]}", method)

    assert status == 405
    assert headers["allow"] == "GET, HEAD"
    assert headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/",
        "/.",
        "/..",
        "/__init__.py",
        "/_assets.py",
        "/../errors.py",
        "/../browser/_assets.py",
        f"/../browser/{NAMES[0]}",
        f"//{NAMES[0]}",
        f"/./{NAMES[0]}",
        f"/{NAMES[0]}/",
        f"/{NAMES[0]}\0",
        f"/{NAMES[0].upper()}",
        f"\\{NAMES[0]}",
        "/%2e%2e/errors.py",
        "/..\\errors.py",
        "/etc/passwd",
        "//etc/passwd",
        "/C:/Windows/win.ini",
    ],
)
async def test_anything_else_is_not_there(path: str) -> None:
    """No request becomes a path on the disk: 404, as a problem."""
    for root in ("", "/syncpatterns"):
        status, headers, _ = await ask(BrowserAssets(), root + path, root_path=root)

        assert status == 404
        assert headers["content-type"] == "application/problem+json"
        assert headers["x-content-type-options"] == "nosniff"
