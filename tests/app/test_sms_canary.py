"""A phone number is personal: it shows up masked, or not at all."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

import pytest

from examples.critical_buttons.domain.phones import masked
from examples.critical_buttons.services.sender import sms_operation
from syncpatterns.errors import NotSent
from syncpatterns.events import Fact
from tests.app.conftest import StartApp
from tests.app.driver import AppProcess, rows
from tests.app.simulated import Simulator
from tests.app.sms_driver import INBOUND, SmsApi, fresh_key
from tests.app.test_sms_services import House, failing, house, lost

__all__ = ["house"]

CANARY = "+12025550173"
STRANGER = "+12125550186"


def spellings(phone: str) -> list[str]:
    """Return the ways in which a number is written."""
    digits = phone[1:]
    national = digits[1:]
    area, office, line = national[:3], national[3:6], national[6:]
    return [
        digits,
        national,
        f"({area}) {office}-{line}",
        f"{area}-{office}-{line}",
        f"%2B{digits}",
        f"{office}-{line}",
    ]


def leaks(text: str, phones: Iterable[str] = (CANARY, STRANGER)) -> list[str]:
    """Return where *text* shows one of the numbers."""
    found = [each for phone in phones for each in spellings(phone) if each in text]
    bare = re.sub(r"[^0-9]", "", text)
    return found + [p for p in phones if len(text) < 10_000 and p[2:] in bare]


def test_the_checker_finds_a_number_however_it_is_written() -> None:
    """A checker that finds nothing would prove nothing."""
    for spelling in spellings(CANARY):
        assert leaks(f"sent to {spelling}, done")
    assert leaks("to 2.0.2.5.5.5.0.1.7.3")
    assert not leaks(f"sent to {masked(CANARY)}")


def provoke(sms: SmsApi, app: AppProcess) -> list[str]:
    """Let everything happen that can happen to a lead; return all answers."""
    said: list[str] = []

    def note(*answers: object) -> None:
        for each in answers:
            said.append(getattr(each, "text", str(each)))
            said.append(str(getattr(each, "headers", "")))

    note(sms.send("canary"))
    sms.deliver()
    for faults in (
        {"mode": "reject", "reject_code": 21211},
        {"mode": "unauthorized"},
        {"mode": "accept_then_drop", "fail_next": 1},
        {"mode": "hang", "applies_to": "all"},
    ):
        sms.provider.faults(**faults)
        note(sms.send("canary"))
    sms.client.post("/api/chaos/breaker", json={"action": "trip"})
    note(sms.send("canary"), sms.client.get("/api/unresolved"))
    sms.repair()
    for each in sms.unresolved():
        note(sms.resolve(each["key_hash"], "check"))
    for text in ("please stop", "STOP", "START", "HELP"):
        note(
            sms.client.post(
                "/api/chaos/inbound", json={"lead_id": "canary", "body": text}
            )
        )
    note(sms.webhook(INBOUND, sms.inbound_form(STRANGER, "STOP")))
    note(sms.webhook(INBOUND, sms.inbound_form(STRANGER, "x" * 2000)))
    note(sms.webhook(INBOUND, sms.inbound_form(f"{CANARY}1234567", "STOP")))
    note(sms.webhook(INBOUND, sms.inbound_form(CANARY, "STOP"), token="wrong"))
    note(sms.client.post("/api/chaos/inbound", json={"lead_id": CANARY, "body": "x"}))
    note(sms.send(CANARY))
    note(
        sms.client.post(
            "/api/leads/send-sms",
            json={"lead_id": "canary", "body": "x", "to": CANARY},
            headers={"Idempotency-Key": fresh_key()},
        )
    )
    for path in (
        *("/api/leads", "/api/leads/canary/sms-history", "/api/audit"),
        *("/api/health", "/api/breakers", "/api/unresolved", "/openapi.json"),
    ):
        note(sms.client.get(path))
    return said


@pytest.mark.case("OPR-39", part="app")
def test_no_number_leaves_the_app(start_app: StartApp, tmp_path: Path) -> None:
    """Answers, problems, headers, health, events, audit log, records, and the log."""
    file = tmp_path / "leads.csv"
    file.write_text(f"id,phone,name\ncanary,{CANARY},Ada\nbad,{CANARY}9,Eve\n")
    with Simulator() as provider:
        app = start_app(
            *("--chaos", "--sms-timeout", "0.5", "--leads", str(file)),
            provider=provider,
        )
        with app.client() as client:
            sms = SmsApi(client, provider)
            answers = provoke(sms, app)
            shown = sms.lead("canary")["phone"]
        app.stop()
    # The simulator's own switches repeat what they were told, as they should.
    stored = {
        table: "\n".join(map(str, rows(app.database, f"SELECT * FROM {table}")))
        for table in (
            *("audit", "syncpatterns_record", "syncpatterns_outbox"),
            *("sms_messages", "sms_statuses", "sms_sending"),
        )
    }

    assert shown == masked(CANARY)
    assert [found for answer in answers if (found := leaks(answer))] == []
    assert {table: leaks(text) for table, text in stored.items() if leaks(text)} == {}
    assert [line for line in app.said if leaks(line)] == []
    assert any("phone is not a number" in line for line in app.said)


@pytest.mark.case("OPR-39", part="facts for metrics and reprs")
async def test_no_fact_and_no_repr_holds_a_number(
    house: House, capsys: pytest.CaptureFixture[str]
) -> None:
    """What hooks are told becomes metrics and traces; a repr becomes a log line."""
    facts: list[object] = []

    house.operation = sms_operation(
        house.engine,
        house.parts,
        house.breaker,
        timeout=10.0,
        lease=30.0,
        hooks=(facts.append,),
    )
    house.provider.script = [failing(NotSent("refused")), lost]

    message = await house.send()

    said = [repr(each) for each in (*facts, message, house.operation, house.provider)]
    phone = "+12025550147"
    assert any(isinstance(each, Fact) for each in facts)
    assert [each for each in said if leaks(each, [phone])] == []
