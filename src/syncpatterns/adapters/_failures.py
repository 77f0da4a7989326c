"""What is no error of this library, as members of a problem document."""

from __future__ import annotations

import http
import re
from typing import Any, Final, cast

from syncpatterns.adapters._messages import problem
from syncpatterns.errors import Refusal, SyncPatternsError

INTERNAL: Final = 500

_CONFLICT: Final = 409
_OURS: Final = frozenset({"type", "title", "status", "request_id"})
_ADVICE: Final = {
    404: "There is nothing at this address. Check the path. Nothing was done.",
    405: "Use one of the methods in the Allow header. Nothing was done.",
}


def foreign_refusal(error: Exception) -> dict[str, Any]:
    """Return the problem for a refusal that is no subclass of `Refusal`."""
    slug = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", type(error).__name__).lower()
    return problem(
        int(getattr(error, "status", _CONFLICT)),
        str(getattr(error, "problem", slug)),
        str(getattr(error, "title", Refusal.title)),
        str(error),
    )


def http_error(status: int, detail: object = None) -> dict[str, Any]:
    """Return the problem for a framework's own error.

    Args:
        status: Of the answer.
        detail: What was said when it was raised: a sentence, or a dict whose
            entries become members; None if nothing was.
    """
    title = phrase(status)
    slug = re.sub(r"[^a-z0-9]+", "-", title.lower())
    return {**problem(status, slug, title), **_said(detail, title, status)}


def internal_error() -> dict[str, Any]:
    """Return the problem for everything else: it says nothing."""
    return problem(INTERNAL, "internal", SyncPatternsError.title)


def phrase(status: int) -> str:
    """Return what HTTP calls *status*."""
    try:
        return http.HTTPStatus(status).phrase
    except ValueError:
        return "Error"


def _said(detail: object, title: str, status: int) -> dict[str, Any]:
    if isinstance(detail, dict):
        members = cast("dict[str, Any]", detail)
        return {name: members[name] for name in members if name not in _OURS}
    if status in _ADVICE and detail in (None, title):
        return {"detail": _ADVICE[status]}
    if not detail or detail == title or status == INTERNAL:
        return {}
    return {"detail": str(detail)}
