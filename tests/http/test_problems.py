"""Every error is a problem document, and says no more than it should."""

from __future__ import annotations

from typing import Any

import pytest


@pytest.mark.parametrize(
    ("method", "path", "status", "slug"),
    [
        ("GET", "/nothing", 404, "not-found"),
        ("POST", "/nothing", 404, "not-found"),
        ("GET", "/confirm", 405, "method-not-allowed"),
        ("DELETE", "/effects", 405, "method-not-allowed"),
        ("GET", "/items/0", 503, "service-unavailable"),
        ("GET", "/items/x", 422, "validation"),
        ("GET", "/items/1?limit=x", 422, "validation"),
        ("GET", "/items/1?limit=" + "9" * 5000, 422, "validation"),
        ("GET", "/broken", 500, "internal"),
    ],
)
def test_an_error_is_a_problem(
    method: str, path: str, status: int, slug: str, client: Any
) -> None:
    """With its own type, its status and the request's identity."""
    answer = client.send(method, path)

    assert (answer.status, answer.slug) == (status, slug)
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cache-control"] == "no-store"


def test_a_wrong_method_is_told_the_right_one(client: Any) -> None:
    """405 keeps Allow."""
    assert client.send("GET", "/confirm").headers["allow"] == "POST"


def test_headers_of_an_http_exception_are_kept(client: Any) -> None:
    """Retry-After, and the sentence it was raised with."""
    answer = client.send("GET", "/items/0")

    assert answer.headers["retry-after"] == "7"
    assert answer.problem["detail"] == "Closed today."


def test_a_wrong_parameter_is_located(client: Any) -> None:
    """In the path and in the query, not only in bodies; values are not repeated."""
    answer = client.send("GET", "/items/kanary?limit=kanary")
    places = [(error["in"], error["pointer"]) for error in answer.problem["errors"]]

    assert sorted(places) == [("path", "#/number"), ("query", "#/limit")]
    assert b"kanary" not in answer.body


def test_an_internal_error_says_nothing_and_is_logged(client: Any, server: Any) -> None:
    """The caller gets an identity to quote, the operator the traceback."""
    answer = client.send("GET", "/broken")

    assert set(answer.problem) == {"type", "title", "status", "request_id"}
    assert b"canary-secret" not in answer.body
    assert "canary-secret" in server.log_tail(200)


def test_the_schema_describes_the_errors_as_they_are(client: Any) -> None:
    """Problems instead of FastAPI's own model; the key is documented."""
    import json

    schema = json.loads(client.send("GET", "/openapi.json").body)
    confirm = schema["paths"]["/confirm"]["post"]
    problem = {"schema": {"$ref": "#/components/schemas/Problem"}}

    assert "HTTPValidationError" not in json.dumps(schema)
    assert confirm["responses"]["422"]["content"] == {
        "application/problem+json": problem
    }
    assert confirm["responses"]["409"]["content"] == {
        "application/problem+json": problem
    }
    assert [
        (parameter["name"], parameter["in"], parameter["required"])
        for parameter in confirm["parameters"]
    ] == [("Idempotency-Key", "header", True)]
    assert "HTTPValidationError" not in schema["components"]["schemas"]
    assert schema["components"]["schemas"]["Problem"]["required"] == [
        "type",
        "title",
        "status",
        "request_id",
    ]


def test_the_browser_client_is_served(client: Any) -> None:
    """Mounted below the application, with the guards' headers around it."""
    answer = client.send("GET", "/syncpatterns/idempotent-fetch.js")
    missing = client.send("GET", "/syncpatterns/../_http.py")

    assert answer.status == 200
    assert answer.headers["content-type"] == "text/javascript; charset=utf-8"
    assert "default-src 'self'" in answer.headers["content-security-policy"]
    assert missing.status == 404
