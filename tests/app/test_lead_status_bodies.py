"""Bodies that cannot be read: refused with their place, and nothing is written."""

from __future__ import annotations

from typing import Any

import pytest

from tests.app.driver import AppProcess, problem
from tests.app.status_driver import (
    UPDATE,
    StatusApi,
    fresh_key,
    row_of,
    written,
)

# One app for all of them: a second worker would start a second one.
pytestmark = pytest.mark.xdist_group("app-lead-status-bodies")

JSON = {"Content-Type": "application/json"}


_ROW = {"lead_id": "l-001", "to": "attempted"}


@pytest.mark.parametrize(
    ("body", "pointers"),
    [
        ({}, {"#/lead_id", "#/to"}),
        ([], {"#"}),
        ("l-001", {"#"}),
        (None, {"#"}),
        (7, {"#"}),
        ({**_ROW, "to": "hold"}, {"#/to"}),
        ({**_ROW, "to": "New"}, {"#/to"}),
        ({**_ROW, "to": None}, {"#/to"}),
        ({**_ROW, "to": ["won"]}, {"#/to"}),
        ({**_ROW, "to": {"won": 1}}, {"#/to"}),
        ({**_ROW, "lead_id": ""}, {"#/lead_id"}),
        ({**_ROW, "lead_id": "x" * 65}, {"#/lead_id"}),
        ({**_ROW, "lead_id": 1}, {"#/lead_id"}),
        ({**_ROW, "lead_id": {"$ne": ""}}, {"#/lead_id"}),
        ({**_ROW, "version": 0}, {"#/version"}),
        ({**_ROW, "version": -1}, {"#/version"}),
        ({**_ROW, "version": 1.0}, {"#/version"}),
        ({**_ROW, "version": "1"}, {"#/version"}),
        ({**_ROW, "version": True}, {"#/version"}),
        ({**_ROW, "reason": ""}, {"#/reason"}),
        ({**_ROW, "reason": " \t\u00a0\u200b"}, {"#/reason"}),
        ({**_ROW, "reason": "x" * 201}, {"#/reason"}),
        ({**_ROW, "reason": 7}, {"#/reason"}),
        ({**_ROW, "status": "won"}, {"#/status"}),
        ({**_ROW, "dry_run": True}, {"#/dry_run"}),
        ({**_ROW, "mode": "partial"}, {"#/mode"}),
        ({"updates": []}, {"#/updates"}),
        ({"updates": {}}, {"#/updates"}),
        ({"updates": None}, {"#/updates"}),
        ({"updates": "l-001"}, {"#/updates"}),
        ({"updates": [None]}, {"#/updates/0"}),
        ({"updates": [[]]}, {"#/updates/0"}),
        ({"updates": [_ROW, {"lead_id": "l-002"}]}, {"#/updates/1/to"}),
        ({"updates": [{**_ROW, "updates": [_ROW]}]}, {"#/updates/0/updates"}),
        ({"updates": [_ROW], "mode": "all"}, {"#/mode"}),
        ({"updates": [_ROW], "mode": None}, {"#/mode"}),
        ({"updates": [_ROW], "dry_run": "yes"}, {"#/dry_run"}),
        ({"updates": [_ROW], "dry_run": 1}, {"#/dry_run"}),
        ({"updates": [_ROW], "to": "won"}, {"#/to"}),
        ({"updates": [_ROW], "lead_id": "l-001"}, {"#/lead_id"}),
        ({"updates": [_ROW], "lead_ids": ["l-1"]}, {"#/lead_ids"}),
        ({"lead_ids": [], "to": "won"}, {"#/lead_ids"}),
        ({"lead_ids": ["l-1"]}, {"#/to"}),
        ({"lead_ids": "l-001", "to": "won"}, {"#/lead_ids"}),
        ({"lead_ids": {"0": "l-1"}, "to": "won"}, {"#/lead_ids"}),
        ({"lead_ids": ["l-1", 2, ""], "to": "won"}, {"#/lead_ids/1", "#/lead_ids/2"}),
        ({"lead_ids": ["l-1"], "to": "won", "version": 1}, {"#/version"}),
        ({"lead_ids": ["l-1"], "to": "won", "lead_id": "x"}, {"#/lead_id"}),
        ({"(rows)": [_ROW]}, {"#/(rows)", "#/lead_id", "#/to"}),
    ],
)
def test_a_body_of_another_form_is_refused_with_its_place(
    desk: StatusApi, app: AppProcess, body: Any, pointers: set[str]
) -> None:
    """422 that points into the body as it was sent; nothing is written."""
    before = written(app)

    refused = desk.post(body)

    assert problem(refused) == (422, "validation")
    found = {error["pointer"].replace("%28", "(").replace("%29", ")")
             for error in refused.json()["errors"]}  # fmt: skip
    assert found == pointers
    assert {error["in"] for error in refused.json()["errors"]} == {"body"}
    assert written(app) == before


@pytest.mark.parametrize(
    "body",
    [
        b'{"lead_id":"l-001","to":NaN}',
        b'{"lead_id":"l-001","to":"attempted","version":Infinity}',
        b'{"lead_id":"l-001","to":"attempted","version":1e999}',
        b'{"lead_id":"\\ud800","to":"attempted"}',
        b'{"lead_id":"l-001","to":"attempted","reason":"\\udfff"}',
        b'{"lead_id":"\xff","to":"attempted"}',
        b'{"lead_id":"l-001","to":"attempted","to":"lost"}',
        b'{"updates":' + b"[" * 50_000,
        b'{"updates":' + b'[{"a":' * 20_000,
        b'{"lead_id":"l-001","to":"attempted","version":' + b"9" * 5000 + b"}",
    ],
    ids=lambda body: repr(body[:48]),
)
def test_what_two_parsers_could_read_differently_is_no_json(
    desk: StatusApi, app: AppProcess, body: bytes
) -> None:
    """400, and nothing is written."""
    before = written(app)

    refused = desk.client.post(
        UPDATE, content=body, headers={**JSON, "Idempotency-Key": fresh_key()}
    )

    assert problem(refused) == (400, "malformed-json")
    assert written(app) == before


def test_a_huge_version_is_a_conflict_like_any_other(desk: StatusApi) -> None:
    """It is only compared."""
    (lead,) = desk.fresh("new")

    refused = desk.post(row_of(lead, "attempted", version=2**53 - 1))

    assert problem(refused) == (412, "version-conflict")


@pytest.mark.parametrize("tag", ["*", '"lead-l-001.1"'])
def test_a_batch_under_a_condition_is_refused(desk: StatusApi, tag: str) -> None:
    """A condition on the whole would say nothing about its rows."""
    refused = desk.post({"updates": [_ROW]}, If_Match=tag)

    assert problem(refused) == (422, "validation")


def test_an_action_needs_its_key(desk: StatusApi, app: AppProcess) -> None:
    """A dry run too: it is the same request with one word more."""
    before = written(app)

    answers = [
        desk.client.post(UPDATE, json=body)
        for body in (_ROW, {"updates": [_ROW]}, {"updates": [_ROW], "dry_run": True})
    ]

    assert {problem(a) for a in answers} == {(400, "key-missing")}
    assert written(app) == before


@pytest.mark.parametrize(
    "lead_id", ["../etc/passwd", "l-001/audit", "%00", "' OR 1=1 --", "ünï", "x" * 64]
)
def test_a_strange_id_is_simply_not_there(desk: StatusApi, lead_id: str) -> None:
    """In a body and in a path."""
    assert problem(desk.post(row_of(lead_id, "attempted"))) == (404, "lead-not-found")
    assert desk.client.get(f"/api/leads/{lead_id}/audit").status_code in {200, 404}
