"""Webhooks: only the provider's, in any order, as often as it likes."""

from __future__ import annotations

import sqlite3
import uuid
from contextlib import closing

import httpx2
import pytest

from examples.critical_buttons.sms.signature import HEADER, sign
from tests.app.driver import AppProcess, problem, rows
from tests.app.sms_driver import FORM, INBOUND, STATUS, SmsApi, fresh_key

# One app for all of them: a second worker would start a second one.
pytestmark = pytest.mark.xdist_group("app-webhooks")

PATHS = [STATUS, INBOUND]


def phone_of(app: AppProcess, lead_id: str) -> str:
    """Return a lead's number, which no answer tells."""
    ((phone,),) = rows(app.database, "SELECT phone FROM leads WHERE id = ?", lead_id)
    return str(phone)


def contents(app: AppProcess) -> list[list[tuple[object, ...]]]:
    """Return everything that a webhook could change."""
    return [
        rows(app.database, f"SELECT * FROM {table}")
        for table in (
            *("leads", "opt_outs", "sms_messages", "sms_statuses", "inbound"),
            *("audit", "syncpatterns_outbox"),
        )
    ]


def a_form(sms: SmsApi, path: str) -> dict[str, str]:
    """Return a webhook that would change something."""
    if path == STATUS:
        return sms.status_form(f"SM{uuid.uuid4().hex}", "delivered")
    return sms.inbound_form("+12025550100", "STOP")


# ------------------------------------------------------------------ signature


@pytest.mark.case("APP-32")
@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    "signature", ["", "AAAA", "x" * 5000, "\u00e4\u00f6", "0" * 28]
)
def test_a_wrong_signature_is_a_403_and_nothing_changes(
    sms: SmsApi, sms_app: AppProcess, path: str, signature: str
) -> None:
    """Whatever it looks like."""
    before = contents(sms_app)
    raw = signature.encode("latin-1")

    refused = sms.client.post(
        path,
        content=httpx2.Request("POST", "http://x", data=a_form(sms, path)).read(),
        headers=[
            (b"Content-Type", FORM["Content-Type"].encode()),
            (b"X-Twilio-Signature", raw),
        ],
    )

    assert problem(refused) == (403, "signature-invalid")
    assert contents(sms_app) == before


@pytest.mark.case("APP-32", part="missing, doubled, moved")
@pytest.mark.parametrize("path", PATHS)
def test_a_signature_is_for_one_form_and_one_url(
    sms: SmsApi, sms_app: AppProcess, path: str
) -> None:
    """Missing, doubled, of another token, another form or another address."""
    form = a_form(sms, path)
    before = contents(sms_app)
    good = httpx2.Request("POST", "http://x", data=form).read()

    def signature(**changed: str) -> str:
        base = str(sms.client.base_url).rstrip("/")
        return sign(sms.provider.token, base + path, form | changed)

    refused = [
        sms.client.post(path, content=good, headers=FORM),
        sms.client.post(
            path,
            content=good,
            headers=[*FORM.items(), *[(HEADER, signature())] * 2],
        ),
        sms.webhook(path, form, token="another-token"),
        sms.webhook(path, form, signature=signature(MessageSid="SM0")),
        sms.client.post(
            f"{path}?op=1",
            content=good,
            headers={**FORM, HEADER: signature()},
        ),
        sms.webhook(path, form | {"AccountSid": "AC" + "0" * 32}),
    ]

    assert [problem(each) for each in refused] == [(403, "signature-invalid")] * 6
    assert contents(sms_app) == before


# ----------------------------------------------------------- the hostile ones


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    ("content", "kind", "status", "slug"),
    [
        (b"{}", "application/json", 415, "unsupported-media-type"),
        (b"a=b", "text/plain", 415, "unsupported-media-type"),
        (b"a=b", "multipart/form-data; boundary=x", 415, "unsupported-media-type"),
        (b"a=b", None, 415, "unsupported-media-type"),
        (b"a=" + b"x" * 65_536, FORM["Content-Type"], 413, "body-too-large"),
        (b"a=%ff", FORM["Content-Type"], 400, "malformed-form"),
        (b"a=\xff", FORM["Content-Type"], 400, "malformed-form"),
        (b"a=%ed%a0%80", FORM["Content-Type"], 400, "malformed-form"),
        (b"just words", FORM["Content-Type"], 400, "malformed-form"),
        (b"&".join([b"a=b"] * 201), FORM["Content-Type"], 400, "malformed-form"),
        (b"a=b&" * 16_000, FORM["Content-Type"], 400, "malformed-form"),
        (b"", FORM["Content-Type"], 403, "signature-invalid"),
        (b"a=b", FORM["Content-Type"], 403, "signature-invalid"),
    ],
)
def test_what_is_no_form_is_refused_before_anything_else(
    sms: SmsApi,
    sms_app: AppProcess,
    path: str,
    content: bytes,
    kind: str | None,
    status: int,
    slug: str,
) -> None:
    """Too long, not a form, not UTF-8, too many fields."""
    before = contents(sms_app)
    headers = {} if kind is None else {"Content-Type": kind}

    refused = sms.client.post(path, content=content, headers=headers)

    assert problem(refused) == (status, slug)
    assert contents(sms_app) == before


SID = f"SM{'0' * 32}"


@pytest.mark.parametrize(
    ("path", "changed"),
    [
        (STATUS, {"MessageSid": ""}),
        (STATUS, {"MessageSid": "x" * 65}),
        (STATUS, {"MessageSid": "SM\x00"}),
        (STATUS, {"MessageSid": "SM'; DROP TABLE leads; --"}),
        (STATUS, {"MessageStatus": ""}),
        (STATUS, {"MessageStatus": "teleported"}),
        (STATUS, {"MessageStatus": "DELIVERED"}),
        (STATUS, {"ErrorCode": "-1"}),
        (STATUS, {"ErrorCode": "9" * 500}),
        (INBOUND, {"MessageSid": ""}),
        (INBOUND, {"From": ""}),
        (INBOUND, {"From": "+1202555<script>"}),
        (INBOUND, {"From": "+" + "1" * 16}),
        (INBOUND, {"Body": "x" * 1601}),
        (INBOUND, {"Body": "STOP\x00"}),
        (INBOUND, {"OptOutType": "S" * 17}),
    ],
)
def test_a_signed_webhook_with_bad_fields_is_a_422(
    sms: SmsApi, sms_app: AppProcess, path: str, changed: dict[str, str]
) -> None:
    """It names the field and never repeats the value; nothing changes."""
    before = contents(sms_app)

    refused = sms.webhook(path, a_form(sms, path) | changed)

    assert problem(refused) == (422, "validation")
    (error,) = refused.json()["errors"]
    assert error["pointer"] == f"#/{next(iter(changed))}"
    for value in changed.values():
        assert not value or value not in refused.text
    assert contents(sms_app) == before


@pytest.mark.parametrize(
    ("path", "name"),
    [
        *((STATUS, name) for name in ("AccountSid", "MessageSid", "MessageStatus")),
        *((INBOUND, name) for name in ("AccountSid", "MessageSid", "From")),
    ],
)
def test_missing_and_doubled_fields_are_a_422(
    sms: SmsApi, sms_app: AppProcess, path: str, name: str
) -> None:
    """Which of two values was meant? Nobody can tell, so nothing changes."""
    before = contents(sms_app)
    form = a_form(sms, path)
    without = {each: value for each, value in form.items() if each != name}
    twice = [*form.items(), (name, form[name])]

    refused = [sms.webhook(path, without), sms.webhook(path, twice)]

    assert [problem(each) for each in refused] == [(422, "validation")] * 2
    assert contents(sms_app) == before


@pytest.mark.parametrize("path", PATHS)
def test_fields_that_nobody_knows_do_no_harm(sms: SmsApi, path: str) -> None:
    """The provider adds fields when it likes."""
    form = a_form(sms, path) | {"Brand-New": "ä 😀", "x" * 300: ""}
    twice = [*a_form(sms, path).items(), ("Tag", "a"), ("Tag", "b"), ("Tag", "b")]

    assert sms.webhook(path, form).is_success
    assert sms.webhook(path, twice).is_success


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
@pytest.mark.parametrize("path", PATHS)
def test_other_methods_are_refused(sms: SmsApi, path: str, method: str) -> None:
    """A webhook is a POST."""
    assert problem(sms.client.request(method, path)) == (405, "method-not-allowed")


def test_a_form_gets_nowhere_else(sms: SmsApi) -> None:
    """The way of the webhooks leads to webhooks alone."""
    for path in ("/webhooks/sms/../../api/leads/send-sms", "/api/leads/send-sms"):
        refused = sms.client.post(path, data={"lead_id": "l-001", "body": "x"})

        assert refused.status_code in {404, 415}


# -------------------------------------------------------------------- statuses


def test_a_report_that_comes_before_the_row_is_kept(
    sms: SmsApi, sms_app: AppProcess
) -> None:
    """It is 204, changes no message, and waits for one."""
    sid = f"SM{uuid.uuid4().hex}"

    answers = [
        sms.webhook(STATUS, sms.status_form(sid, status))
        for status in ("delivered", "sent", "queued", "delivered")
    ]

    kept = rows(
        sms_app.database, "SELECT status FROM sms_statuses WHERE provider_id = ?", sid
    )
    assert [(each.status_code, each.content) for each in answers] == [(204, b"")] * 4
    assert kept == [("delivered",)]


def test_statuses_only_go_up(sms: SmsApi) -> None:
    """Late, doubled and contradicting callbacks change nothing."""
    lead = sms.unused()
    sid = sms.send(lead).json()["message"]["provider_id"]
    seen: list[str] = []

    for status in ("sent", "queued", "sent", "delivered", "failed", "sending", "read"):
        sms.webhook(STATUS, sms.status_form(sid, status))
        seen.append(sms.history(lead)[0]["status"])

    assert seen == [*["sent"] * 3, *["delivered"] * 3, "read"]


# --------------------------------------------------------------------- replies


@pytest.mark.case("APP-27")
def test_stop_and_start_through_the_provider(sms: SmsApi) -> None:
    """STOP closes at once, START opens again, and the audit log has both."""
    lead = sms.unused()
    start = sms.lead(lead)

    stopped = sms.reply(lead, "Stop!")
    closed, refused = sms.lead(lead), sms.send(lead)
    started = sms.reply(lead, "START")
    opened, sent = sms.lead(lead), sms.send(lead)

    lines = [
        (line["action"], line["from"], line["to"], line["actor_type"])
        for line in reversed(sms.audit(lead))
    ]
    assert stopped == started
    assert (stopped["status"], "<Response/>" in stopped["body"]) == (200, True)
    assert (closed["opted_out"], opened["opted_out"]) == (True, False)
    assert problem(refused) == (409, "opted-out")
    assert sent.status_code == 200
    assert lines == [
        ("consent.change", "open", "opted_out", "contact"),
        ("consent.change", "opted_out", "open", "contact"),
        ("sms.send", None, "queued", "user"),
    ]
    assert [m["body"] for m in sms.history(lead)] == ["Hello", "START", "Stop!"]
    assert [m["direction"] for m in sms.history(lead)][1:] == ["inbound"] * 2
    assert opened["version"] == start["version"] + 2


def test_a_reply_that_may_mean_stop_blocks_until_somebody_reads_it(
    sms: SmsApi,
) -> None:
    """It is told apart from a STOP; START opens it too."""
    lead = sms.unused()

    sms.reply(lead, "please stop calling me")
    seen, refused = sms.lead(lead), sms.send(lead)
    sms.reply(lead, "yes")

    assert (seen["opted_out"], seen["under_review"]) == (False, True)
    assert problem(refused) == (409, "opted-out")
    assert refused.json()["under_review"] is True
    assert sms.send(lead).status_code == 200


@pytest.mark.parametrize(("verdict", "code"), [("allow", 200), ("opt-out", 409)])
def test_whoever_read_the_reply_decides(sms: SmsApi, verdict: str, code: int) -> None:
    """Once; it is in the audit log, and a STOP is never theirs to undo."""
    lead = sms.unused()
    path = f"/api/leads/{lead}/review"
    sms.reply(lead, "can I cancel Tuesday?")

    foreign = sms.client.post(
        path, json={"verdict": verdict}, headers={"X-Tenant": "globex"}
    )
    decided = sms.client.post(path, json={"verdict": verdict})
    again = sms.client.post(path, json={"verdict": "allow"})

    (line, *_) = sms.audit(lead)
    assert problem(foreign) == (404, "lead-not-found")
    assert decided.json() == sms.lead(lead)
    assert problem(again) == (409, "nothing-to-review")
    assert sms.send(lead).status_code == code
    assert (line["actor_id"], line["reason"]) == ("demo", f"reviewed: {verdict}")


def test_help_is_answered(sms: SmsApi) -> None:
    """As often as it is asked: the answer may have been lost."""
    lead = sms.unused()

    answers = [sms.reply(lead, "HELP"), sms.reply(lead, "info")]

    assert all("<Message>" in each["body"] for each in answers)
    assert sms.lead(lead)["opted_out"] is False


def test_an_old_stop_that_comes_once_more_changes_nothing(
    sms: SmsApi, sms_app: AppProcess
) -> None:
    """A callback is repeated until it is answered; a START since then holds."""
    lead = sms.unused()
    phone = phone_of(sms_app, lead)
    stop = sms.inbound_form(phone, "STOP")
    token = {"I-Twilio-Idempotency-Token": "one"}
    sms.webhook(INBOUND, stop, headers=token)
    sms.webhook(INBOUND, sms.inbound_form(phone, "START"))
    before = contents(sms_app)

    again = sms.webhook(INBOUND, stop, headers=token)

    assert again.status_code == 200
    assert contents(sms_app) == before
    assert sms.lead(lead)["opted_out"] is False


def test_a_stop_of_a_number_nobody_has_is_kept(
    sms: SmsApi, sms_app: AppProcess
) -> None:
    """A lead that gets this number later is not written to."""
    phone = "+12125550173"

    answer = sms.webhook(INBOUND, sms.inbound_form(phone, "STOP"))

    state = rows(sms_app.database, "SELECT state FROM opt_outs WHERE phone = ?", phone)
    assert answer.status_code == 200
    assert state == [("opted_out",)]


def test_what_the_provider_recognised_is_obeyed(
    sms: SmsApi, sms_app: AppProcess
) -> None:
    """A stop word of another language, by the provider's own list."""
    lead = sms.unused()
    form = sms.inbound_form(phone_of(sms_app, lead), "ARRET", OptOutType="STOP")

    sms.webhook(INBOUND, form)

    assert sms.lead(lead)["opted_out"] is True


def test_a_reply_and_what_it_means_are_one_commit(
    sms: SmsApi, sms_app: AppProcess
) -> None:
    """If the database cannot take the opt-out, the reply is not taken either."""
    lead = sms.unused()
    form = sms.inbound_form(phone_of(sms_app, lead), "STOP")
    before = contents(sms_app)
    trigger = (
        "CREATE TRIGGER broken BEFORE INSERT ON opt_outs "
        "BEGIN SELECT RAISE(ABORT, 'planted'); END"
    )
    # A client of its own: the server closes a connection after a 500.
    with (
        closing(sqlite3.connect(sms_app.database)) as connection,
        sms_app.client() as c,
    ):
        connection.execute(trigger)
        refused = SmsApi(c, sms.provider).webhook(INBOUND, form)
        after = contents(sms_app)
        connection.execute("DROP TRIGGER broken")

    again = sms.webhook(INBOUND, form)

    assert refused.status_code == 500
    assert after == before
    assert again.status_code == 200
    assert sms.lead(lead)["opted_out"] is True


def test_the_provider_knows_of_a_stop_that_we_do_not(sms: SmsApi) -> None:
    """Its refusal 21610 closes the number here too, and is the answer."""
    lead, key = sms.unused(), fresh_key()
    sms.provider.faults(mode="reject", reject_code=21610)

    refused, again = sms.send(lead, "Hi", key), sms.send(lead, "Hi", key)
    sms.heal()

    (line,) = sms.audit(lead)
    assert problem(refused) == problem(again) == (409, "opted-out")
    assert again.headers["idempotent-replayed"] == "true"
    assert sms.lead(lead)["opted_out"] is True
    assert problem(sms.send(lead)) == (409, "opted-out")
    assert (line["action"], line["reason"]) == (
        "consent.change",
        "refused by the provider",
    )
