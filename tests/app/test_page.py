"""The page and the library's browser client, as they are served."""

from __future__ import annotations

import re

import pytest

from tests.app.conftest import StartApp
from tests.app.driver import Api

# One app for all of them: a second worker would start a second one.
pytestmark = pytest.mark.xdist_group("app-page")


def test_the_page_and_everything_it_loads_is_served(api: Api) -> None:
    """Modules followed to the end, each with a type that browsers run."""
    page = api.client.get("/")
    waiting = re.findall(r'(?:src|href)="(/[^"#]+)"', page.text)
    types: dict[str, str] = {}
    while waiting:
        path = waiting.pop()
        if path in types:
            continue
        found = api.client.get(path)
        assert found.status_code == 200, path
        types[path] = found.headers["content-type"].partition(";")[0]
        assert found.headers["cache-control"] == "no-cache"
        if path.endswith(".js"):
            base = path.rpartition("/")[0]
            for name in re.findall(r'(?:from|import)\s*\(?"([^"]+)"', found.text):
                waiting.append(_resolved(base, name))

    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert {types[path] for path in types if path.endswith(".js")} == {
        "text/javascript"
    }
    assert {types[path] for path in types if path.endswith(".css")} == {"text/css"}
    assert any(path.startswith("/syncpatterns/") for path in types)


def test_a_page_that_did_not_change_is_not_sent_again(api: Api) -> None:
    """The browser asks with the ETag it has."""
    tag = api.client.get("/static/favicon.svg").headers["etag"]

    again = api.client.get("/static/favicon.svg", headers={"If-None-Match": tag})

    assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize(
    "path", ["/static/", "/static", "/syncpatterns/", "/static/js"]
)
def test_folders_are_not_listed(api: Api, path: str) -> None:
    """Only files are served."""
    assert api.client.get(path).status_code == 404


def test_a_further_host_name_is_answered_when_allowed(start_app: StartApp) -> None:
    """Others stay refused."""
    app = start_app("--allow-host", "bookings.internal")

    with app.client() as client:
        known = client.get("/api/bookings", headers={"Host": "bookings.internal:80"})
        other = client.get("/api/bookings", headers={"Host": "other.internal"})

    assert (known.status_code, other.status_code) == (200, 421)


def _resolved(base: str, name: str) -> str:
    if name.startswith("/"):
        return name
    parts = base.split("/")
    for step in name.split("/"):
        if step == "..":
            parts.pop()
        elif step != ".":
            parts.append(step)
    return "/".join(parts)
