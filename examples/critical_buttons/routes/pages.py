"""The page, its files, and the pages that problem types lead to."""

from __future__ import annotations

import mimetypes
from pathlib import Path
from typing import Any, Final

from fastapi import APIRouter, FastAPI, Response
from fastapi.responses import FileResponse, HTMLResponse
from starlette.exceptions import HTTPException
from starlette.staticfiles import StaticFiles

from examples.critical_buttons import problems
from syncpatterns.browser import BrowserAssets


def problem_routes() -> APIRouter:
    """Return the pages that problem types lead to."""
    router = APIRouter(prefix="/problems", include_in_schema=False)

    @router.get("/{slug}")
    async def problem_page(slug: str) -> Response:
        found = problems.page(slug)
        if found is None:
            raise HTTPException(404)
        return HTMLResponse(found)

    return router


def mount_files(app: FastAPI) -> None:
    """Serve the page and the library's browser client, as they are on disk."""
    page = Path(__file__).parents[1] / "web"
    # Some systems know .js as text/plain, and browsers then refuse to run it.
    mimetypes.add_type("text/javascript", ".js")
    mimetypes.add_type("text/css", ".css")

    @app.get("/", include_in_schema=False)
    async def index() -> Response:
        return FileResponse(page / "index.html", headers=_CHECK)

    app.mount("/static", _Files(directory=page))
    app.mount("/syncpatterns", BrowserAssets())


class _Files(StaticFiles):
    """Files that browsers keep but ask about: a new release shows at once."""

    def file_response(self, *args: Any, **kwargs: Any) -> Response:
        response = super().file_response(*args, **kwargs)
        response.headers.update(_CHECK)
        return response


_CHECK: Final = {"Cache-Control": "no-cache"}
