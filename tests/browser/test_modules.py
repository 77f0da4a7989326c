"""The library's modules alone, in Chromium, without any server."""

from __future__ import annotations

from collections.abc import AsyncIterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, Page, Route

from syncpatterns.idempotency._core import storage_key

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]

# Nothing listens there; every request is answered from files. A loopback address
# is a secure context, which locks and hashing need.
ORIGIN = "http://127.0.0.1:9"
MODULES = files("syncpatterns").joinpath("browser")
CASES = Path(__file__).parent / "js"


@pytest.fixture(scope="module")
async def page(browser: Browser) -> AsyncIterator[Page]:
    """An empty page that can import the modules and the cases."""
    context = await browser.new_context()

    async def serve(route: Route) -> None:
        name = route.request.url.removeprefix(f"{ORIGIN}/")
        if name == "":
            await route.fulfill(body="<!doctype html>", content_type="text/html")
            return
        case = CASES / name
        text = case.read_text("utf-8") if case.exists() else None
        module = text or MODULES.joinpath(name).read_text("utf-8")
        await route.fulfill(body=module, content_type="text/javascript")

    await context.route(f"{ORIGIN}/**", serve)
    opened = await context.new_page()
    await opened.goto(f"{ORIGIN}/")
    yield opened
    await context.close()


async def ask(page: Page, case: str, argument: Any = None) -> Any:
    """Run the case called ``module.name`` and return what it found."""
    call = """async ([module, name, argument]) =>
      (await import(`/${module}_cases.js`))[name](argument)"""
    return await page.evaluate(call, [*case.split("."), argument])


@pytest.mark.parametrize(
    ("status", "slug", "verdict", "definite"),
    [
        (200, "", "done", True),
        (201, "", "done", True),
        (409, "in-progress", "retry", False),
        (409, "lease-lost", "retry", False),
        (409, "outcome-gone", "done", True),
        (409, "outcome-unknown", "parked", False),
        (409, "key-expired", "parked", False),
        (409, "slot-taken", "refused", True),
        (409, "", "refused", True),
        (412, "version-conflict", "conflict", True),
        (412, "", "conflict", True),
        (422, "key-reused", "refused", True),
        (400, "key-invalid", "refused", True),
        (404, "booking-not-found", "refused", True),
        (401, "", "signed-out", False),
        (403, "", "forbidden", False),
        (408, "", "retry", False),
        (425, "", "retry", False),
        (429, "", "retry", False),
        (500, "", "retry", False),
        (502, "", "retry", False),
        (503, "store-busy", "retry", False),
        (503, "circuit-open", "retry", False),
        (504, "", "retry", False),
    ],
)
async def test_the_problem_type_is_looked_at_before_the_status(
    page: Page, status: int, slug: str, verdict: str, definite: bool
) -> None:
    """One row of the table in docs/reference/browser.md."""
    judged = await ask(page, "client.judged", [status, slug])

    assert (judged["verdict"], judged["definite"]) == (verdict, definite)


async def test_a_login_page_is_no_success(page: Page) -> None:
    """200 and HTML is what a captive portal says; a bare 204 is a success."""
    assert (await ask(page, "client.loginPage"))["verdict"] == "retry"
    assert (await ask(page, "client.noContent"))["verdict"] == "done"


async def test_a_conflict_that_cannot_be_read_is_asked_again(page: Page) -> None:
    """409 could be "in progress"; what a 422 or a 404 says, its status says too."""
    verdicts = [
        (await ask(page, "client.brokenOff", status))["verdict"]
        for status in (409, 422, 404, 401, 503)
    ]

    assert verdicts == ["retry", "refused", "refused", "signed-out", "retry"]


async def test_retry_after_is_seconds_or_a_date(page: Page) -> None:
    """Anything else asks for nothing; a date in the past neither."""
    date = "Sun, 06 Nov 1994 08:49:37 GMT"
    past = "Sun, 06 Nov 1994 08:49:00 GMT"
    headers = ["3", " 0 ", date, past, "-5", "1.5", "soon", "", None]

    expected = [3000, 0, 7000, 0, 0, 0, 0, 0, 0]
    assert expected == await ask(page, "client.waits", headers)


async def test_backoff_is_full_jitter_up_to_a_cap(page: Page) -> None:
    """1-2-4-4 s at most, and anything down to zero."""
    expected = [[0, 0, 0, 0], [500, 1000, 2000, 2000], [1000, 2000, 4000, 4000]]

    assert expected == await ask(page, "client.backoffs")


async def test_a_stream_may_be_cut_anywhere(page: Page) -> None:
    """Every way to cut the text in two gives the same messages."""
    text = (
        ": ok\r\nretry: 1500\r\n\r\nid: a\n\nevent: x\ndata: 1\ndata:2\nid: b\n\n"
        ": beat\n\ndata\r\rid: no\0pe\rdata:  two\r\n\r\ndata: unfinished\n"
    )
    expected = [
        {"event": "message", "data": None, "id": "a"},
        {"event": "x", "data": "1\n2", "id": "b"},
        {"event": "message", "data": None, "id": "b"},
        {"event": "message", "data": "", "id": "b"},
        {"event": "message", "data": " two", "id": "b"},
    ]

    assert await ask(page, "stream.cutAnywhere", text) == [[expected, 1500]]


async def test_the_hash_of_a_key_is_the_servers(page: Page) -> None:
    """Both sides name a key alike, also beyond ASCII."""
    parts = ["Żak & Söhne", "bookings.confirm", "0b1c-🔑"]

    assert await ask(page, "client.hash", parts) == storage_key("", *parts)


async def test_the_key_is_kept_until_a_definite_answer(page: Page) -> None:
    """Unreachable, then pressed again: same key, same bytes, with its age."""
    told = await ask(page, "client.keptUntilDefinite")

    assert [told["first"]["kind"], told["second"]["kind"]] == ["unreachable", "done"]
    assert [told["first"]["definite"], told["first"]["sent"]] == [False, True]
    assert [told["kept"], told["left"]] == [1, 0]
    assert len({(call["key"], call["body"]) for call in told["calls"]}) == 1
    assert [call["age"] for call in told["calls"][:2]] == [None, "0"]


async def test_another_wish_has_another_key(page: Page) -> None:
    """Another body, scope, method or version seen; not other headers."""
    changes: list[dict[str, Any]] = [
        {},
        {"headers": {"X-A": "1"}},
        {"body": {"id": 8}},
        {"scope": "globex"},
        {"method": "PUT"},
        {"ifMatch": '"7.2"'},
    ]
    keys = await ask(page, "client.keysOf", changes)

    assert keys[0] == keys[1]
    assert len(set(keys)) == 5


async def test_a_wish_in_flight_is_joined(page: Page) -> None:
    """Two sends of one wish are one request with one outcome."""
    assert await ask(page, "client.joined") == {"same": True, "sent": 1}


async def test_offline_sends_nothing_unless_a_probe_proves_otherwise(
    page: Page,
) -> None:
    """A browser that wrongly claims to be offline does not stop a press."""
    unproved = await ask(page, "client.offline", [False, None])
    disproved = await ask(page, "client.offline", [False, "/live"])
    proved = await ask(page, "client.offline", [True, "/live"])

    assert unproved == ["offline", False, []]
    assert disproved == ["offline", False, ["/live"]]
    assert proved == ["done", True, ["/live", "/act"]]


async def test_an_event_ends_the_tries(page: Page) -> None:
    """It settles the press at once; a later answer and further tries are void."""
    assert await ask(page, "client.settledByEvent") == {
        "kind": "done",
        "by": "event",
        "body": {"by": 1},
        "definite": True,
        "stranger": False,
        "left": 0,
        "sent": 1,
    }


async def test_nothing_is_waited_for_longer_than_patience(page: Page) -> None:
    """Retry-After 300: given up at once, with the time from which to try again."""
    assert await ask(page, "client.outOfPatience") == {
        "kind": "failed",
        "retryAt": 1_300_000,
        "tries": 1,
        "definite": False,
    }


async def test_a_resting_service_is_waited_for_without_a_try(page: Page) -> None:
    """circuit-open: paused for Retry-After and up to a second; nudged, it goes on."""
    told = await ask(page, "client.nudged")
    pause = ["paused", 1, 300_001, 1_300_000, "circuit-open"]
    sending = [["sending", 1, 0, 1_000_000, reason] for reason in ("", "circuit-open")]

    assert told["told"] == [sending[0], pause, sending[1], pause, sending[1]]
    assert (told["kind"], told["tries"], told["sent"], told["keys"]) == (
        "done",
        1,
        3,
        1,
    )
    assert told["left"] == 0


async def test_a_pause_ends_by_itself(page: Page) -> None:
    """After Retry-After the same request leaves again, as the first try."""
    told = await ask(page, "client.pauseEndsByItself")

    assert told == {"kind": "done", "tries": 1, "sent": 2}


async def test_a_cancelled_pause_leaves_nothing(page: Page) -> None:
    """The service said that nothing was done: the key is not needed any more."""
    told = await ask(page, "client.pauseCancelled")

    assert (told["kind"], told["definite"], told["sent"]) == ("cancelled", True, 1)
    assert told["left"] == 0


async def test_pauses_do_not_count_and_failures_do(page: Page) -> None:
    """Nine pauses and two cut connections are two tries."""
    told = await ask(page, "client.pauseCostsNoTry")

    assert (told["kind"], told["tries"], told["sent"]) == ("unreachable", 2, 11)
    assert told["left"] == 1


async def test_a_pause_longer_than_rest_is_not_begun(page: Page) -> None:
    """The press ends, with its key kept; a person may press again later."""
    told = await ask(page, "client.restedTooLong")

    assert (told["kind"], told["definite"], told["sent"]) == ("failed", False, 1)


async def test_a_service_may_say_what_its_own_problems_mean(page: Page) -> None:
    """502 is asked for again, unless its type is declared to be a refusal."""
    declared = await ask(page, "client.ownVerdicts", {"provider-rejected": "refused"})
    unknown = await ask(page, "client.ownVerdicts", {})

    assert (declared["kind"], declared["definite"], declared["sent"]) == (
        "refused",
        True,
        1,
    )
    assert (unknown["kind"], unknown["definite"], unknown["sent"]) == (
        "failed",
        False,
        5,
    )


async def test_no_failure_rejects(page: Page) -> None:
    """A time-out, a cut body, a redirect, an abort: outcomes, not exceptions."""
    timed_out, cut, aborted = await ask(page, "client.failures")

    assert timed_out == ["unreachable", "timeout", 2]
    assert cut == ["done", "http-200", 2]
    assert aborted[0] == "cancelled"


async def test_two_tabs_take_one_key(page: Page) -> None:
    """Whoever comes second to the store gets the first one's key."""
    told = await ask(page, "client.twoTabs")

    assert len(set(told["keys"])) == 1
    assert [told["kept"], told["left"]] == [1, 0]


async def test_a_page_that_is_being_left_does_not_count_as_asking(page: Page) -> None:
    """Its lock goes a moment later: waited for; a tab that lives keeps its own."""
    assert await ask(page, "client.lastBreath", [False]) == ["breath"]
    assert await ask(page, "client.lastBreath", [True]) == []


async def test_what_was_sent_is_kept_longer_than_what_was_not(page: Page) -> None:
    """After a day an unsent key goes; a sent one stays for thirty days."""
    left = await ask(page, "client.ages", [0.9, 1.1, 29, 31])

    assert left == [["sent", "unsent"], ["sent"], ["sent"], []]


async def test_without_a_database_memory_does(page: Page) -> None:
    """A private window without IndexedDB still sends once, and says what is lost."""
    told = await ask(page, "client.inMemory")

    assert told == {"kind": "done", "durable": False, "keys": 1}


async def test_a_stream_resumes_after_its_last_message(page: Page) -> None:
    """Each connection asks for what comes after the last id it was given."""
    seen = await ask(page, "stream.resumed")

    assert seen["asked"] == ["start", "a", "a", "b"]
    assert seen["messages"] == ["1"]
    assert seen["states"][:3] == ["connecting", "live", "reconnecting"]
    assert "refused" in seen["states"]


async def test_a_position_that_is_refused_is_given_up(page: Page) -> None:
    """400 for the cursor would repeat for ever; the page is told to fetch."""
    seen = await ask(page, "stream.refusedPosition")

    assert seen["asked"] == ["start", None]
    assert seen["lost"] == ["cursor-refused"]


async def test_a_stream_that_says_nothing_is_dead(page: Page) -> None:
    """Without a heartbeat the connection is made anew; EventSource never would."""
    seen = await ask(page, "stream.dead")

    assert seen["asked"] == ["start", "start"]
    assert seen["states"][:3] == ["connecting", "live", "reconnecting"]


async def test_the_server_can_end_the_stream_for_good(page: Page) -> None:
    """204 means: do not come back."""
    seen = await ask(page, "stream.endedForGood")

    assert seen["asked"] == ["start"]
    assert seen["states"][-1] == "closed"
