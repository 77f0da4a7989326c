"""The tour keeps every promise, and would say so if one broke."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from examples.critical_buttons.tour import promises
from examples.critical_buttons.tour.client import Reply

ROOT = Path(__file__).resolve().parents[2]
OTHER = "the app's row is about another message"
RAN = Reply(200, {}, b"{}")
REPLAYED = Reply(200, {"idempotent-replayed": "true"}, b"{}")
PROBLEM = Reply(
    422,
    {"content-type": "application/problem+json"},
    json.dumps({"type": "/problems/key-reused"}).encode(),
)


def booking(**changes: Any) -> dict[str, Any]:
    """Return a booking that was confirmed once."""
    return {"status": "confirmed", "version": 2, **changes}


def test_one_effect_and_its_replays_keep_the_promise() -> None:
    """One call ran, the others got the same bytes."""
    assert promises.one_effect([REPLAYED, RAN, REPLAYED]) == []


@pytest.mark.parametrize(
    ("replies", "sentence"),
    [
        ([RAN, RAN], "2 calls ran the effect instead of one"),
        ([REPLAYED, REPLAYED], "0 calls ran the effect instead of one"),
        ([RAN, PROBLEM], "an answer was 422 key-reused"),
        (
            [RAN, Reply(200, REPLAYED.headers, b"[]")],
            "two callers of one key got different answers",
        ),
    ],
)
def test_a_second_effect_or_another_answer_breaks_the_promise(
    replies: list[Reply], sentence: str
) -> None:
    """Each way to break it is named."""
    assert promises.one_effect(replies) == [sentence]


@pytest.mark.parametrize(
    ("row", "audit", "sentence"),
    [
        (booking(status="requested"), [{}], "b is requested, not confirmed"),
        (booking(version=3), [{}], "b was changed 2 times"),
        (booking(), [{}, {}], "b has 2 audit rows"),
        (booking(), [], "b has 0 audit rows"),
    ],
)
def test_a_lost_or_doubled_row_breaks_the_promise(
    row: dict[str, Any], audit: list[dict[str, Any]], sentence: str
) -> None:
    """State, version and audit must agree."""
    assert promises.confirmed_once(["b"], {"b": row}, {"b": audit}) == [sentence]


@pytest.mark.parametrize(
    ("events", "gaps", "sentence"),
    [
        (Counter(), [], "b was announced 0 times"),
        (Counter(b=2), [], "b was announced 2 times"),
        (Counter(b=1), [{}], "the stream had 1 gaps"),
    ],
)
def test_a_lost_or_repeated_event_breaks_the_promise(
    events: Counter[str], gaps: list[object], sentence: str
) -> None:
    """A subscriber hears of every change once, without a gap."""
    assert promises.announced_once(["b"], events, gaps) == [sentence]


TAKEN = {"sid": "SM1"}
ROW = {"direction": "outbound", "provider_id": "SM1"}


@pytest.mark.parametrize(
    ("taken", "history", "sentences"),
    [
        ([TAKEN], [ROW, {"direction": "inbound"}], []),
        ([TAKEN], [], ["the app has 0 rows instead of one", OTHER]),
        (
            [TAKEN, {"sid": "SM2"}],
            [ROW],
            ["the provider took 2 messages instead of one", OTHER],
        ),
        ([TAKEN], [{**ROW, "provider_id": "SM2"}], [OTHER]),
        ([TAKEN], [ROW, ROW], ["the app has 2 rows instead of one"]),
    ],
)
def test_a_second_message_or_another_row_breaks_the_promise(
    taken: list[dict[str, Any]], history: list[dict[str, Any]], sentences: list[str]
) -> None:
    """What the provider took and what the app shows must be one and the same."""
    assert promises.sent_once(taken, history) == sentences


@pytest.mark.parametrize("header", ["", "0", "soon", "-1"])
def test_a_refusal_that_does_not_say_when_breaks_the_promise(header: str) -> None:
    """Somebody has to know when to press again."""
    reply = Reply(503, {"retry-after": header}, b"{}")

    assert promises.told_when(reply) == [f"the answer's Retry-After is {header!r}"]
    assert promises.told_when(Reply(503, {"retry-after": "3"}, b"{}")) == []


def test_another_answer_than_the_refusal_breaks_the_promise() -> None:
    """A reused key must be refused as such."""
    assert promises.refused(PROBLEM, 422, "key-reused") == []
    assert promises.refused(RAN, 422, "key-reused") == [
        "the answer was 200 , not 422 key-reused"
    ]


LATER = {"source": "offline_replay", "client_at": "08:00", "at": "09:00"}


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"source": "ui"}, "b was written as ui, pressed at 08:00"),
        ({"client_at": None}, "b was written as offline_replay, pressed at None"),
        ({"client_at": "09:00"}, "b was written as offline_replay, pressed at 09:00"),
    ],
)
def test_a_press_that_was_not_written_as_older_breaks_the_promise(
    change: dict[str, Any], sentence: str
) -> None:
    """Who reads the log must see that it was wished for before."""
    assert promises.pressed_before({"b": [LATER]}) == []
    assert promises.pressed_before({"b": [{**LATER, **change}]}) == [sentence]


@pytest.mark.parametrize(
    ("moves", "version", "sentences"),
    [
        (["b", "a"], 3, []),
        (["a", "b"], 3, ["l went through ['b', 'a']"]),
        (["b"], 2, ["l went through ['b']", "l was changed 1 times"]),
        (
            ["b", "b", "a"],
            4,
            ["l went through ['a', 'b', 'b']", "l was changed 3 times"],
        ),
    ],
)
def test_moves_out_of_order_lost_or_doubled_break_the_promise(
    moves: list[str], version: int, sentences: list[str]
) -> None:
    """The log is newest first, and a lane is oldest first."""
    audit = {"l": [{"to": to} for to in moves]}
    leads = {"l": {"version": version}}

    assert promises.moved_in_order(["l"], leads, audit, ["a", "b"]) == sentences


@pytest.mark.parametrize(
    ("figures", "sentences"),
    [
        ([(0, 70), (70, 70)], []),
        ([(9, 70), (0, 61), (61, 61)], []),
        ([], ["nobody was told how far it is"]),
        ([(5, 70)], ["the progress ended at 5 of 70"]),
        ([(71, 71)], ["the progress was [(71, 71)], and there are 70"]),
    ],
)
def test_a_progress_that_is_wrong_breaks_the_promise(
    figures: list[tuple[int, int]], sentences: list[str]
) -> None:
    """A drain that was interrupted counts what is left anew."""
    assert promises.told_how_far(figures, 70) == sentences


def failed(changed: int, *guilty: str) -> Reply:
    """Return the refusal of a batch of two."""
    results: list[dict[str, Any]] = [
        {"lead_id": name, "outcome": "refused", "problem": {"type": "/problems/no"}}
        for name in guilty
    ]
    results += [{"lead_id": "x", "outcome": "not_applied", "problem": None}]
    body = {"type": "/problems/batch-failed", "changed": changed, "results": results}
    kind = {"content-type": "application/problem+json"}
    return Reply(409, kind, json.dumps(body).encode())


def test_a_batch_that_was_half_done_or_blames_another_breaks_the_promise() -> None:
    """All or nothing, and the guilty row by its name."""
    assert promises.none_moved(failed(0, "g"), 2, {"g": "no"}) == []
    assert promises.none_moved(failed(1, "g"), 2, {"g": "no"}) == [
        "1 of 2 rows were changed"
    ]
    assert promises.none_moved(failed(0, "h"), 2, {"g": "no"}) == [
        "the rows at fault are {'h': 'no'}, not {'g': 'no'}"
    ]
    assert promises.none_moved(RAN, 2, {}) == [
        "the answer was 200 , not 409 batch-failed"
    ]
    leads = {"x": {"status": "new", "version": 2}}
    assert promises.untouched(["x"], leads) == ["x is new, version 2"]


def test_a_batch_with_a_lost_row_or_two_identities_breaks_the_promise() -> None:
    """One audit row a lead, all with one identity."""
    done = Reply(200, {}, json.dumps({"changed": 2, "bulk_id": "b"}).encode())
    line, other = {"bulk_id": "b"}, {"bulk_id": "c"}

    assert promises.all_moved(done, [line, line], 2) == []
    assert promises.all_moved(done, [line], 2) == ["1 audit rows, of 1 batches"]
    assert promises.all_moved(done, [line, other], 2) == ["2 audit rows, of 2 batches"]
    assert promises.all_moved(done, [line] * 3, 3) == ["2 of 3 rows were changed"]
    assert promises.all_moved(PROBLEM, [], 2) == ["the answer was 422 key-reused"]


@pytest.mark.slow
@pytest.mark.timeout(1000)
@pytest.mark.case("OPR-03", part="app")
@pytest.mark.case("OPR-06", part="app")
@pytest.mark.case("OPR-13", part="app")
@pytest.mark.case("OPR-15", part="app")
@pytest.mark.case("OPR-19", part="app")
@pytest.mark.case("OPR-25", part="app")
@pytest.mark.case("QUE-05", part="app")
@pytest.mark.case("QUE-37", part="app")
@pytest.mark.case("RTM-17", part="app")
def test_the_whole_tour_keeps_every_promise() -> None:
    """Real processes, kill -9, lost answers, a lying provider, a day offline."""
    done = subprocess.run(
        [sys.executable, "-m", "examples.critical_buttons.tour", "--seed", "7"],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{ROOT}"},
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr
