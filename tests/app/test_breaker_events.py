"""The page hears when the SMS service's breaker opens and closes."""

from __future__ import annotations

import pytest

from examples.critical_buttons.services.breaker_news import CHANNEL, BreakerNews
from syncpatterns.realtime import Event, Hub
from syncpatterns.retry import BreakerChanged, CircuitBreaker
from syncpatterns.testing import FakeClock
from tests.app.conftest import StartApp
from tests.app.driver import listening

# One app for all of them: a second worker would start a second one.
pytestmark = pytest.mark.xdist_group("app-breaker-events")


class Heard:
    """A hub that keeps what it is told."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def publish(self, event: Event) -> None:
        """Take *event*."""
        self.events.append(event)


def test_each_change_is_told_with_the_wait() -> None:
    """Whole seconds, rounded up: a page counts them down."""
    heard, clock = Heard(), FakeClock()
    breaker = CircuitBreaker(
        name="sms", recovery=12.5, hooks=[BreakerNews(heard)], clock=clock
    )

    breaker.open()
    breaker.reset()

    assert [(each.channel, each.type) for each in heard.events] == [
        (CHANNEL, "breaker.changed"),
        (CHANNEL, "breaker.changed"),
    ]
    assert [each.data for each in heard.events] == [
        {
            "name": "sms",
            "from": "closed",
            "state": "open",
            "retry_after_s": 13,
            "era": 1,
        },
        {
            "name": "sms",
            "from": "open",
            "state": "closed",
            "retry_after_s": 0,
            "era": 2,
        },
    ]


def test_a_wait_without_end_is_no_number() -> None:
    """JSON has no infinity."""
    heard = Heard()

    BreakerNews(heard)(BreakerChanged("sms", "closed", "open", float("inf"), 1))

    assert [each.data["retry_after_s"] for each in heard.events] == [None]


def test_a_server_that_stops_tells_nobody_and_breaks_no_call() -> None:
    """The hub is closed before the last calls have ended."""
    hub = Hub()
    hub.close()

    assert BreakerNews(hub)(BreakerChanged("sms", "closed", "open", 1.0, 1)) is None


def test_every_page_that_listens_to_leads_hears_it(start_app: StartApp) -> None:
    """Of any tenant; it moves no position: there is nothing to resume behind."""
    app = start_app("--chaos")
    assert app.serving, app.ending()
    with (
        app.client() as client,
        listening(app, tenant="globex") as other,
        listening(app, channel="leads") as leads,
    ):
        client.post("/api/chaos/breaker", json={"action": "trip"})
        opened = [leads.next(), other.next()]
        before = leads.position
        client.post("/api/chaos/breaker", json={"action": "reset"})
        closed = [leads.next(), other.next()]

    assert [each and each.event for each in (*opened, *closed)] == (
        ["breaker.changed"] * 4
    )
    told = [each.data["data"] for each in (opened[0], closed[0]) if each]
    assert [(each["name"], each["state"]) for each in told] == [
        ("sms", "open"),
        ("sms", "closed"),
    ]
    assert told[0]["retry_after_s"] == 300
    assert before == leads.position
