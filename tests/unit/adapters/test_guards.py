from __future__ import annotations

from typing import Any

import pytest

from syncpatterns.adapters.asgi import HostGuard
from syncpatterns.errors import ConfigurationError

HOSTS = ["127.0.0.1", "localhost", "[::1]", "app.example.com", "only.example.com:8080"]


def headers(**values: str) -> list[tuple[bytes, bytes]]:
    """Return header lines; an underscore in a name stands for a hyphen."""
    return [
        (name.replace("_", "-").encode(), value.encode("latin-1"))
        for name, value in values.items()
    ]


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "127.0.0.1:8123",
        "localhost:1",
        "LocalHost",
        "[::1]",
        "[::1]:8123",
        "app.example.com",
        "only.example.com:8080",
    ],
)
async def test_our_own_names_are_answered(host: str, ask: Any, echo: Any) -> None:
    """In any case; with any port unless a port is listed."""
    answer = await ask(HostGuard(echo, HOSTS), "GET", headers=headers(host=host))

    assert answer.status == 200


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:8123",
        "127.0.0.1.evil.example",
        "localhost.",
        "localhost@evil.example",
        "evil.example#localhost",
        "localhost:8123:1",
        "localhost:port",
        "only.example.com",
        "only.example.com:80",
        "x.app.example.com",
        "0.0.0.0",
        "",
        " ",
        "löcalhost",
        "[::1",
        "localhost, localhost",
    ],
)
async def test_a_foreign_host_is_refused(host: str, ask: Any, echo: Any) -> None:
    """421 for every method; a rebound name never reaches the application."""
    for method in ("GET", "POST"):
        answer = await ask(HostGuard(echo, HOSTS), method, headers=headers(host=host))

        assert answer.status == 421
        assert answer.problem["type"] == "/problems/host-not-allowed"
    assert echo.scopes == []


@pytest.mark.parametrize("hosts", [[], ["localhost", "localhost"]])
async def test_no_host_and_two_hosts_are_refused(
    hosts: list[str], ask: Any, echo: Any
) -> None:
    """Which of two would count is a matter of taste among servers."""
    lines = [(b"host", host.encode()) for host in hosts] or [(b"x-host", b"localhost")]
    app = HostGuard(echo, HOSTS)

    async def without_default(scope: Any, receive: Any, send: Any) -> None:
        await app({**scope, "headers": lines}, receive, send)

    assert (await ask(without_default, "GET")).status == 421


@pytest.mark.parametrize(
    ("host", "origin"),
    [
        ("localhost:8123", "http://localhost:8123"),
        ("localhost:8123", "HTTP://LOCALHOST:8123"),
        ("localhost:8123", "https://localhost:8123"),  # TLS ends at a proxy
        ("localhost", "http://localhost"),
        ("localhost", "http://localhost:80"),
        ("localhost:80", "http://localhost"),
        ("app.example.com:443", "https://app.example.com"),
        ("[::1]:8123", "http://[::1]:8123"),
        ("localhost", "https://other.example"),
        ("localhost", "https://other.example:443"),
        ("localhost", "http://shop.example:8080"),
    ],
)
async def test_our_own_pages_and_listed_ones_may_act(
    host: str, origin: str, ask: Any, echo: Any
) -> None:
    """Default ports are not written out; both spellings are the same origin."""
    app = HostGuard(echo, HOSTS, ["https://other.example", "http://shop.example:8080"])
    answer = await ask(app, headers=headers(host=host, origin=origin))

    assert answer.status == 200


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "BREW"])
@pytest.mark.parametrize(
    "origin",
    [
        "http://evil.example",
        "null",
        "",
        "http://localhost:9999",
        "http://localhost.evil.example:8123",
        "http://localhost:8123/path",
        "http://localhost:8123 http://evil.example",
        "localhost:8123",
        "file://",
        "https://other.example:8443",
        "http://other.example",
    ],
)
async def test_a_foreign_page_may_not_act(
    method: str, origin: str, ask: Any, echo: Any
) -> None:
    """403, and the application is not called."""
    app = HostGuard(echo, HOSTS, ["https://other.example"])
    answer = await ask(
        app, method, headers=headers(host="localhost:8123", origin=origin)
    )

    assert answer.status == 403
    assert answer.problem["type"] == "/problems/origin-not-allowed"
    assert echo.scopes == []


async def test_two_origins_are_refused(ask: Any, echo: Any) -> None:
    """Even if one of them is ours."""
    lines = headers(host="localhost", origin="http://localhost")
    answer = await ask(HostGuard(echo, HOSTS), headers=[*lines, *lines[1:]])

    assert answer.status == 403


@pytest.mark.parametrize(
    ("site", "status"),
    [("cross-site", 403), ("same-origin", 200), ("none", 200), ("same-site", 200)],
)
async def test_the_browsers_own_word_counts_without_an_origin(
    site: str, status: int, ask: Any, echo: Any
) -> None:
    """Sec-Fetch-Site cannot be set by a page."""
    lines = headers(host="localhost", sec_fetch_site=site)

    assert (await ask(HostGuard(echo, HOSTS), headers=lines)).status == status


async def test_a_caller_that_is_no_browser_passes(ask: Any, echo: Any) -> None:
    """Without Origin and Sec-Fetch-Site there is no page to protect from."""
    assert (await ask(HostGuard(echo, HOSTS))).status == 200


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
async def test_reading_from_another_page_is_the_browsers_business(
    method: str, ask: Any, echo: Any
) -> None:
    """A link from elsewhere works; the answer carries no CORS header."""
    lines = headers(host="localhost", origin="http://evil.example")
    answer = await ask(HostGuard(echo, HOSTS), method, headers=lines)

    assert answer.status == 200
    assert not any(name.startswith("access-control") for name in answer.headers)


@pytest.mark.parametrize("accept", ["text/event-stream", "*/*, Text/Event-Stream;q=1"])
@pytest.mark.parametrize(
    "foreign", [{"origin": "http://evil.example"}, {"sec_fetch_site": "cross-site"}]
)
async def test_a_foreign_page_may_not_listen(
    accept: str, foreign: dict[str, str], ask: Any, echo: Any
) -> None:
    """An event stream holds a connection and tells what happens: 403."""
    lines = headers(host="localhost", accept=accept, **foreign)

    assert (await ask(HostGuard(echo, HOSTS), "GET", headers=lines)).status == 403


@pytest.mark.parametrize(
    ("lines", "passes"),
    [
        (headers(host="localhost", origin="http://localhost"), True),
        (headers(host="localhost", origin="http://evil.example"), False),
        (headers(host="evil.example"), False),
    ],
)
async def test_a_websocket_is_judged_before_it_opens(
    lines: list[tuple[bytes, bytes]], passes: bool, echo: Any
) -> None:
    """The same-origin policy does not cover WebSockets; this does."""
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message["type"])

    async def receive() -> Any:
        return {"type": "websocket.connect"}

    scope = {"type": "websocket", "headers": lines, "path": "/"}
    await HostGuard(echo, HOSTS)(scope, receive, send)

    assert len(echo.scopes) == passes
    assert sent == ([] if passes else ["websocket.close"])


async def test_the_lifespan_passes(echo: Any) -> None:
    """It has no headers to judge."""
    await HostGuard(echo)({"type": "lifespan"}, None, None)  # type: ignore[arg-type]  # never called

    assert echo.scopes == [{"type": "lifespan"}]


@pytest.mark.parametrize(
    "options",
    [
        {"allowed_hosts": []},
        {"allowed_hosts": "localhost"},
        {"allowed_hosts": ["http://localhost"]},
        {"allowed_hosts": ["*"]},
        {"allowed_hosts": ["::1"]},
        {"allowed_origins": ["localhost"]},
        {"allowed_origins": ["https://example.com/"]},
        {"allowed_origins": ["*"]},
        {"allowed_origins": "https://example.com"},
    ],
)
def test_an_entry_that_can_never_match_is_refused(
    options: dict[str, Any], echo: Any
) -> None:
    """Said at start: later it would look like an attack."""
    with pytest.raises(ConfigurationError):
        HostGuard(echo, **options)
