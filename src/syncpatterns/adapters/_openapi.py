"""The OpenAPI schema of an application whose errors are problems."""

from __future__ import annotations

import json
from typing import Any, Final

from fastapi import FastAPI

from syncpatterns._http import MAX_KEY_LENGTH, PROBLEM_JSON

KEY_HEADER: Final = "Idempotency-Key"

_METHODS: Final = ("get", "put", "post", "delete", "options", "head", "patch", "trace")
_FASTAPIS_OWN: Final = ("HTTPValidationError", "ValidationError")
_PROBLEM: Final[dict[str, Any]] = {
    "type": "object",
    "title": "Problem",
    "description": "An error as RFC 9457 describes it; other members may follow.",
    "required": ["type", "title", "status", "request_id"],
    "properties": {
        "type": {"type": "string", "format": "uri-reference"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "request_id": {"type": "string"},
        "retry_after": {"type": "integer"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["pointer", "in", "detail", "code"],
                "properties": {
                    "pointer": {"type": "string"},
                    "in": {"type": "string"},
                    "detail": {"type": "string"},
                    "code": {"type": "string"},
                },
            },
        },
    },
}
_GUARDED: Final = {
    "400": "The key is missing or malformed, or the body is not JSON.",
    "409": "In progress, refused, or the outcome is gone or unknown.",
    "422": "The request is not valid, or the key was used for another request.",
    "503": "The store is not available; nothing was done.",
}


def describe_problems(app: FastAPI) -> None:
    """Let ``app.openapi()`` describe errors as they really look."""
    original = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _rewritten(original())
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]  # FastAPI's documented way


def _rewritten(schema: dict[str, Any]) -> dict[str, Any]:
    for path in schema.get("paths", {}).values():
        for method in _METHODS:
            if method in path:
                _rewrite_operation(path[method])
    schemas = schema.setdefault("components", {}).setdefault("schemas", {})
    schemas["Problem"] = _PROBLEM
    for name in _FASTAPIS_OWN:
        own = schemas.pop(name, None)
        if own is not None and f'"#/components/schemas/{name}"' in json.dumps(schema):
            schemas[name] = own  # the application refers to it by itself
    return schema


def _rewrite_operation(operation: dict[str, Any]) -> None:
    responses = operation.setdefault("responses", {})
    invalid = responses.get("422", {})
    if "HTTPValidationError" in json.dumps(invalid.get("content", {})):
        responses["422"] = _response("The request is not valid.")
    for parameter in operation.get("parameters", ()):
        if parameter.get("in") == "header" and parameter.get("name") == KEY_HEADER:
            parameter["required"] = True
            parameter["schema"] = {
                "type": "string",
                "minLength": 1,
                "maxLength": MAX_KEY_LENGTH,
            }
            for status, description in _GUARDED.items():
                if status == "422" or status not in responses:
                    responses[status] = _response(description)


def _response(description: str) -> dict[str, Any]:
    reference = {"$ref": "#/components/schemas/Problem"}
    return {
        "description": description,
        "content": {PROBLEM_JSON: {"schema": reference}},
    }
