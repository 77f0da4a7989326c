"""Sending in this process: a provider that does as told, and a clock that stands."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from examples.critical_buttons.app import sms_breaker
from examples.critical_buttons.domain.consent import Consent
from examples.critical_buttons.domain.leads import Lead, LeadStatus
from examples.critical_buttons.domain.messages import SmsStatus, StatusReport
from examples.critical_buttons.domain.sms_refusals import (
    LeadNotFound,
    OptedOut,
    PhoneInvalid,
    QuietHours,
    RateLimited,
)
from examples.critical_buttons.repo import consent, leads, messages, sending
from examples.critical_buttons.services.commands import SendSmsCommand, send_name
from examples.critical_buttons.services.lead_views import Sent
from examples.critical_buttons.services.send_sms import Limits, SendSms
from examples.critical_buttons.services.sender import sms_operation
from examples.critical_buttons.services.webhooks import Inbound, Webhooks
from examples.critical_buttons.settings import Settings
from examples.critical_buttons.sms.provider import (
    NotSent,
    ProviderMisconfigured,
    ProviderUncertain,
    Receipt,
    SendRateExceeded,
    SmsMessage,
)
from examples.critical_buttons.startup import open_database
from syncpatterns.engines.sqlite import SqliteEngine
from syncpatterns.errors import OutcomeUnknown, ProviderUnavailable
from syncpatterns.operation import Operation
from syncpatterns.retry import CircuitBreaker, CircuitOpen
from syncpatterns.testing import FakeClock, instant

PHONE = "+12025550147"
Answer = Callable[["Provider", SmsMessage], Awaitable[Receipt]]


@dataclass
class Provider:
    """A provider whose next answers are given beforehand; then it is healthy."""

    script: list[Answer] = field(default_factory=list)
    held: dict[str, SmsMessage] = field(default_factory=dict)
    sends: int = 0
    silent: bool = False
    callback: str = ""

    async def send(
        self,
        message: SmsMessage,
        *,
        timeout: float,  # noqa: ASYNC109 - the provider's protocol
        callback_url: str | None = None,
    ) -> Receipt:
        self.sends += 1
        self.callback = callback_url or ""
        if self.script:
            return await self.script.pop(0)(self, message)
        return self.accept(message)

    def accept(self, message: SmsMessage) -> Receipt:
        """Take a message in."""
        sid = f"SM{len(self.held)}"
        self.held[sid] = message
        return Receipt(sid, "queued", 1)

    async def find(
        self,
        message: SmsMessage,
        since: datetime,
        timeout: float,  # noqa: ASYNC109 - as above
        *,
        exclude: Collection[str] = (),
    ) -> Receipt | None:
        if self.silent:
            raise ProviderUncertain("no answer")
        for sid, held in self.held.items():
            if held == message and sid not in exclude:
                return Receipt(sid, "sent", 1)
        return None


@dataclass
class House:
    """An open app without HTTP."""

    engine: SqliteEngine
    clock: FakeClock
    provider: Provider
    breaker: CircuitBreaker
    parts: SendSms
    operation: Operation[SendSmsCommand, Sent]

    async def send(
        self, lead: str = "x-1", body: str = "Hi", key: str = "k"
    ) -> dict[str, Any]:
        """Press the button once."""
        command = SendSmsCommand("acme", lead, body, "demo")
        with instant():
            answer = await self.operation.acall(command, key=key, scope="acme")
        return dict(answer.value["message"])

    def history(self, lead: str = "x-1") -> list[str]:
        """Return the bodies of a lead's messages, newest first."""
        found = self.engine.view(
            lambda s: messages.history(s.sqlalchemy(), "acme", lead, limit=100)
        )
        return [each.body for each in found]


def a_lead(**more: Any) -> Lead:
    """Return a lead in New York."""
    values: dict[str, Any] = {
        "tenant": "acme",
        "id": "x-1",
        "name": "Ada",
        "phone": PHONE,
        "time_zone": None,
        "status": LeadStatus.NEW,
        "version": 1,
        "updated_at": datetime(2026, 1, 1, tzinfo=UTC),
        "updated_by": "test",
    }
    return Lead(**values | more)


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    """An app in front of a provider that does as told."""
    clock = FakeClock()
    settings = Settings(db=f"sqlite:///{tmp_path}/app.db")
    opened = open_database(settings, lambda _: None, clock=clock)
    yield build(opened.engine, clock, settings, Limits())
    opened.close()


def build(
    engine: SqliteEngine, clock: FakeClock, settings: Settings, limits: Limits
) -> House:
    """Put the parts together as the app does."""
    provider = Provider()
    breaker = sms_breaker(settings, engine)
    parts = SendSms(
        engine, provider, limits, timeout=10.0, callback_url="http://me/{}".format
    )
    operation = sms_operation(engine, parts, breaker, timeout=10.0, lease=30.0)
    engine.transact(lambda tx: leads.add(tx.sqlalchemy(), [a_lead()]))
    return House(engine, clock, provider, breaker, parts, operation)


def failing(error: Exception) -> Answer:
    """Return an answer that is an error."""

    async def answer(_provider: Provider, _message: SmsMessage) -> Receipt:
        raise error

    return answer


async def lost(provider: Provider, message: SmsMessage) -> Receipt:
    """Take the message in and say nothing."""
    provider.accept(message)
    raise ProviderUncertain("no answer")


# ------------------------------------------------------- the refusals of check


@pytest.mark.case("OPR-22", part="app")
@pytest.mark.parametrize(
    ("lead", "refusal"),
    [
        (None, LeadNotFound),
        (a_lead(id="x-2", tenant="globex"), LeadNotFound),
        (a_lead(id="x-2", status=LeadStatus.DO_NOT_CONTACT), OptedOut),
        (a_lead(id="x-2", phone="+1202555"), PhoneInvalid),
    ],
)
async def test_what_may_not_be_sent_asks_nobody(
    house: House, lead: Lead | None, refusal: type[Exception]
) -> None:
    """Refused in the commit that claims the key; no vote in the breaker."""
    if lead is not None:
        house.engine.transact(lambda tx: leads.add(tx.sqlalchemy(), [lead]))

    for _ in range(2):
        with pytest.raises(refusal):
            await house.send("x-2")

    assert house.provider.sends == 0
    assert house.breaker.snapshot().failures == 0


async def test_a_stop_while_a_send_waits_stops_it(house: House) -> None:
    """The first attempt finds nobody, a STOP comes, and the second never leaves."""

    async def refused(_provider: Provider, _message: SmsMessage) -> Receipt:
        await Webhooks(house.engine).inbound(Inbound("SM-in", PHONE, "stop"))
        raise NotSent("refused")

    house.provider.script = [refused]

    with pytest.raises(OptedOut):
        await house.send()
    with pytest.raises(OptedOut) as again:
        await house.send()

    assert house.provider.sends == 1
    assert again.value.replayed is True
    assert house.history() == ["stop"]


async def test_a_number_that_two_leads_share_is_closed_for_both(house: House) -> None:
    """Also for the other tenant: we send from one number."""
    twin = a_lead(id="g-1", tenant="globex")
    house.engine.transact(lambda tx: leads.add(tx.sqlalchemy(), [twin]))

    await Webhooks(house.engine).inbound(Inbound("SM-in", PHONE, "STOP"))

    found = house.engine.view(
        lambda s: leads.with_phone(s.sqlalchemy(), PHONE),
    )
    assert [(e.lead.tenant, e.lead.opted_out, e.lead.version) for e in found] == [
        ("acme", True, 2),
        ("globex", True, 2),
    ]


# ----------------------------------------------------------- limits and nights


async def test_the_room_of_a_lead_comes_back(house: House) -> None:
    """Five an hour; the sixth waits, under the same key, for the hour to pass."""
    for number in range(5):
        await house.send(key=f"k{number}")
        house.clock.advance(60)

    with pytest.raises(RateLimited) as refused:
        await house.send(key="sixth")
    assert refused.value.retry_after == 3300
    house.clock.advance(3300)
    await house.send(key="sixth")

    assert house.provider.sends == 6


async def test_a_tenant_has_a_limit_too(house: House) -> None:
    """Over all of its leads."""
    limits = Limits(per_tenant=2)
    parts = SendSms(
        house.engine, house.provider, limits, timeout=10.0, callback_url=str
    )
    operation = sms_operation(
        house.engine, parts, house.breaker, timeout=10.0, lease=30.0
    )
    send = partial(operation.acall, scope="acme")
    for number in (1, 2):
        lead = f"l-00{number}"
        await send(SendSmsCommand("acme", lead, "Hi", "demo"), key=lead)

    with pytest.raises(RateLimited, match="together"):
        await send(SendSmsCommand("acme", "x-1", "Hi", "demo"), key="third")


async def test_at_night_a_send_waits_for_the_morning(house: House) -> None:
    """Nothing is stored: the same key sends at eight."""
    parts = SendSms(
        house.engine,
        house.provider,
        Limits(quiet_hours=True),
        timeout=10.0,
        callback_url=str,
    )
    operation = sms_operation(
        house.engine, parts, house.breaker, timeout=10.0, lease=30.0
    )
    night = datetime(2027, 1, 10, 12, 30, tzinfo=UTC)  # 7:30 in New York
    house.clock.advance(night.timestamp() - house.clock.time())
    command = SendSmsCommand("acme", "x-1", "Hi", "demo")

    with pytest.raises(QuietHours) as refused:
        await operation.acall(command, key="k", scope="acme")
    house.clock.advance(1800)
    answer = await operation.acall(command, key="k", scope="acme")

    assert refused.value.retry_after == 1800
    assert refused.value.facts == {"retry_at": "2027-01-10T13:00:00Z"}
    assert house.provider.sends == 1
    assert answer.replayed is False


# ------------------------------------------------------------------- callbacks


async def test_delivered_can_come_before_the_answer(house: House) -> None:
    """It is kept, and the row is written as delivered."""

    async def quick(provider: Provider, message: SmsMessage) -> Receipt:
        receipt = provider.accept(message)
        op = provider.callback.rpartition("/")[2]
        hooks = Webhooks(house.engine)
        for status in (SmsStatus.DELIVERED, SmsStatus.SENT):
            await hooks.status(StatusReport(receipt.provider_id, status), op)
        return receipt

    house.provider.script = [quick]

    message = await house.send()

    assert message["status"] == "delivered"


async def test_a_callback_tells_what_no_lookup_could(house: House) -> None:
    """The answer was lost and the provider lists nothing, but it did report."""

    async def reported(provider: Provider, message: SmsMessage) -> Receipt:
        receipt = provider.accept(message)
        op = provider.callback.rpartition("/")[2]
        report = StatusReport(receipt.provider_id, SmsStatus.SENT)
        await Webhooks(house.engine).status(report, op)
        raise ProviderUncertain("no answer")

    house.provider.script = [reported]
    house.provider.silent = True

    message = await house.send()

    assert (message["provider_id"], message["status"]) == ("SM0", "sent")


async def test_a_lookup_that_met_anothers_message_gives_it_back(house: House) -> None:
    """The first send's answer is lost while the second's is on its way."""
    first = SendSmsCommand("acme", "x-1", "Hi", "demo")
    own: list[str] = []

    async def first_is_lost(provider: Provider, message: SmsMessage) -> Receipt:
        # Not listed yet: the lookup will find the second one's message.
        own.append(provider.callback.rpartition("/")[2])
        raise ProviderUncertain("no answer")

    async def second_overtakes(provider: Provider, message: SmsMessage) -> Receipt:
        receipt = provider.accept(message)
        house.provider.script = [first_is_lost]
        await house.send(key="first")
        return receipt

    house.provider.script = [second_overtakes]

    second = await house.send(key="second")
    await Webhooks(house.engine).status(
        StatusReport("SM9", SmsStatus.DELIVERED), own[0]
    )

    found = house.engine.view(
        lambda s: messages.history(s.sqlalchemy(), "acme", "x-1", limit=9)
    )
    assert own == [send_name(first, found[1].op_key_hash or "")]
    assert [(m.provider_id, m.status.value) for m in found] == [
        (second["provider_id"], "sent"),
        ("SM9", "delivered"),
    ]


def test_reports_nobody_needs_are_forgotten(house: House) -> None:
    """After a week; until then the furthest is kept."""
    now = datetime(2026, 5, 1, tzinfo=UTC)

    def keep(sid: str, status: SmsStatus, days: int) -> None:
        at = now + timedelta(days=days)
        report = StatusReport(sid, status)
        house.engine.transact(
            lambda tx: sending.keep_report(tx.sqlalchemy(), report, None, at)
        )

    keep("SMa", SmsStatus.DELIVERED, 0)
    keep("SMa", SmsStatus.SENT, 1)
    kept = house.engine.view(lambda s: sending.report_on(s.sqlalchemy(), "SMa"))
    keep("SMb", SmsStatus.SENT, 8)
    gone = house.engine.view(lambda s: sending.report_on(s.sqlalchemy(), "SMa"))

    assert kept == StatusReport("SMa", SmsStatus.DELIVERED)
    assert gone is None


# ---------------------------------------------------------------- the breaker


@pytest.mark.case("APP-13", part="300 s and one probe")
@pytest.mark.case("OPR-25", part="app")
async def test_after_the_rest_one_probe_and_then_all(house: House) -> None:
    """Nobody is asked for 300 s; then one, and if that works, all."""
    down = NotSent("refused")
    house.provider.script = [failing(down) for _ in range(50)]
    for number in range(4):
        with pytest.raises(ProviderUnavailable):
            await house.send(f"l-00{number + 1}", key=f"k{number}")
    # The fifth failing call opens it; whether that call is told of the open
    # circuit depends on whether the retry budget still has a token for it.
    with pytest.raises((ProviderUnavailable, CircuitOpen)):
        await house.send("l-005", key="k4")
    asked = house.provider.sends

    house.clock.advance(299)
    with pytest.raises(CircuitOpen) as paused:
        await house.send(key="later")
    assert paused.value.retry_after == pytest.approx(1)
    assert house.provider.sends == asked

    house.clock.advance(1)
    house.provider.script = []
    await house.send(key="later")
    await house.send("l-005", key="k4")

    assert house.provider.sends == asked + 2
    assert house.breaker.snapshot().state == "closed"


@pytest.mark.parametrize(
    "error",
    [SendRateExceeded("too fast", retry_after=1.0), QuietHours("night")],
)
async def test_our_own_limits_are_no_fault_of_the_provider(
    house: House, error: Exception
) -> None:
    """They give no vote, so they never pause everything."""
    for _ in range(10):
        house.provider.script = [failing(error)] * 5
        with pytest.raises((ProviderUnavailable, QuietHours, SendRateExceeded)):
            await house.send()

    assert house.breaker.snapshot().failures == 0


async def test_a_wrong_account_is_not_tried_again(house: House) -> None:
    """Nothing was sent, and trying again changes nothing; the key stays good."""
    house.provider.script = [failing(ProviderMisconfigured("401"))]

    with pytest.raises(ProviderMisconfigured):
        await house.send()
    await house.send()

    assert house.provider.sends == 2


# ---------------------------------------------------------------- what is lost


async def test_an_answer_that_is_lost_with_the_lookup_is_unknown(
    house: House,
) -> None:
    """Listed with its command; asked again, it becomes the answer."""
    house.provider.script = [lost]
    house.provider.silent = True
    with pytest.raises(OutcomeUnknown):
        await house.send()
    (waiting,) = await house.operation.aunresolved()
    house.provider.silent = False

    await house.operation.arecheck(waiting, by="demo")
    message = await house.send()

    assert waiting.command == SendSmsCommand("acme", "x-1", "Hi", "demo")
    assert message["provider_id"] == "SM0"
    assert (house.provider.sends, house.history()) == (1, ["Hi"])


def test_a_file_may_close_a_number_and_never_open_it(house: House) -> None:
    """What the people said stays."""
    now = datetime(2026, 1, 1, tzinfo=UTC)

    def state() -> Consent:
        return house.engine.view(lambda s: consent.consent_of(s.sqlalchemy(), PHONE))

    house.engine.transact(
        lambda tx: consent.set_consent(
            tx.sqlalchemy(), PHONE, Consent.OPTED_OUT, now, "webhook"
        )
    )
    house.engine.transact(
        lambda tx: leads.add(tx.sqlalchemy(), [a_lead(id="x-9", consent=Consent.OPEN)])
    )

    assert state() is Consent.OPTED_OUT
