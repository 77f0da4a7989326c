"""How the API says no: the provider's error body."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from starlette.responses import JSONResponse

NOT_FOUND: Final = 20404


class ApiError(Exception):
    """A request that is refused.

    Args:
        status: The HTTP status.
        code: The provider's number for the reason.
        message: The reason in words.
        headers: Further headers of the answer.
    """

    def __init__(
        self,
        status: int,
        code: int,
        message: str,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.headers = headers

    def response(self) -> JSONResponse:
        """Return it as the API does."""
        body = {
            "code": self.code,
            "message": str(self),
            "more_info": f"https://www.twilio.com/docs/errors/{self.code}",
            "status": self.status,
        }
        return JSONResponse(body, self.status, dict(self.headers or {}))


def not_found(path: str) -> ApiError:
    """Return the answer to a resource that is not there."""
    # A path of any length would otherwise come back as long.
    return ApiError(
        404, NOT_FOUND, f"The requested resource {path[:200]} was not found"
    )
