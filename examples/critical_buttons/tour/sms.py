"""The chapter of messages: a provider that is dead, and one that lies."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

from examples.critical_buttons.tour import client, promises
from examples.critical_buttons.tour.client import NoAnswer, Reply, send_sms
from examples.critical_buttons.tour.stage import Stage, together

CLICKS = 50
#: Failing calls within a minute at which the breaker opens.
FAILURES = 5
WAITING = 6
_PATIENCE = 2000
_PAUSE = 0.05


def phones() -> dict[str, str]:
    """Return the leads that all steps together need; nobody has these numbers."""
    names = [
        "fifty",
        "dropped",
        "hanging",
        "killed",
        "stopping",
        *(f"down-{number}" for number in range(FAILURES)),
        *(f"waiting-{number}" for number in range(WAITING)),
    ]
    return {name: f"+120255501{number:02}" for number, name in enumerate(names)}


def fifty_presses(stage: Stage) -> list[str]:
    """Fifty presses of one button through two processes: one message."""
    key = str(uuid4())
    ports = (stage.first.port, stage.second.port)
    replies = together(lambda n: _patiently(stage, ports[n % 2], "fifty", key), CLICKS)
    taken = stage.provider.messages(phones()["fifty"])
    stage.say(f"{CLICKS} answers, {len(taken)} message at the provider")
    return promises.one_effect(replies) + _sent_once(stage, "fifty")


def dropped_line(stage: Stage) -> list[str]:
    """The provider takes the message and drops the line: it is found, not repeated."""
    stage.provider.break_down(mode="accept_then_drop", fail_next=1)
    reply = send_sms(stage.first.port, "dropped", "Hello", str(uuid4()))
    stage.say(f"{reply.status}, although the answer of the provider was lost")
    return promises.one_effect([reply]) + _sent_once(stage, "dropped")


def hanging_provider(stage: Stage) -> list[str]:
    """It takes the message, then neither answers nor lets itself be asked: unknown."""
    key = str(uuid4())
    # Its callbacks are lost too: one of them would tell what became of it.
    stage.provider.break_down(
        mode="accept_then_hang", applies_to="all", callbacks={"lose": 1.0}
    )
    try:
        reply = send_sms(stage.first.port, "hanging", "Hello", key)
        stage.say(f"{reply.status} {reply.problem}: nobody can tell")
        broken = promises.refused(reply, 409, "outcome-unknown")
        again = send_sms(stage.second.port, "hanging", "Hello", key)
        broken += promises.refused(again, 409, "outcome-unknown")
        waiting = client.unresolved(stage.second.port)
    finally:
        stage.provider.heal()
    if [each["command"]["lead_id"] for each in waiting] != ["hanging"]:
        return [*broken, f"what needs a look is {waiting}"]
    checked = client.check_again(stage.second.port, waiting[0]["key_hash"])
    stage.say(f"healthy again, asked again: {checked.json['outcome']}")
    reply = send_sms(stage.first.port, "hanging", "Hello", key)
    if not reply.replayed:
        broken.append(f"pressed once more it was {reply.status} {reply.problem}")
    if client.unresolved(stage.first.port):
        broken.append("it still needs a look")
    return broken + _sent_once(stage, "hanging")


def killed_before_the_commit(stage: Stage) -> list[str]:
    """Kill -9 after the provider took it, before a row is written: one message."""
    key = str(uuid4())
    stage.provider.break_down(mode="accept_then_hang", applies_to="create")
    with ThreadPoolExecutor(1) as pool:
        pressed = pool.submit(_press, stage, key)
        _until(stage, lambda: stage.provider.messages(phones()["killed"]))
        stage.first.kill9()
        answered = pressed.result()
    stage.provider.heal()
    rows = len(client.history(stage.second.port, "killed"))
    stage.say(f"no answer, {rows} rows; pressed again at the other process")
    reply = _patiently(stage, stage.second.port, "killed", key)
    stage.first.start()
    stage.say(f"{reply.status}: taken over, and the message was found")
    broken = promises.one_effect([reply]) + _sent_once(stage, "killed")
    if answered is not None:
        broken.append("the kill came too late; nothing was tried")
    return broken


def _press(stage: Stage, key: str) -> Reply | None:
    try:
        return send_sms(stage.first.port, "killed", "Hello", key)
    except NoAnswer:
        return None


def stop_while_it_waits(stage: Stage) -> list[str]:
    """STOP comes while a send waits for the provider's Retry-After: nothing leaves."""
    phone = phones()["stopping"]
    stage.provider.break_down(mode="429", retry_after=4, fail_next=1)
    before = stage.provider.requests()
    with ThreadPoolExecutor(1) as pool:
        pressed = pool.submit(
            send_sms, stage.first.port, "stopping", "Hello", str(uuid4())
        )
        _until(stage, lambda: stage.provider.requests() > before)
        webhook = f"http://127.0.0.1:{stage.first.port}/webhooks/sms/inbound"
        stage.provider.write_back(phone, "STOP", webhook)
        reply = pressed.result()
    stage.say(f"{reply.status} {reply.problem}")
    broken = promises.refused(reply, 409, "opted-out")
    if stage.provider.messages(phone):
        broken.append("the message left although the person had said STOP")
    stage.provider.write_back(phone, "START", webhook)
    after = send_sms(stage.first.port, "stopping", "Hello again", str(uuid4()))
    stage.say(f"after START: {after.status}")
    return broken + promises.one_effect([after]) + _sent_once(stage, "stopping")


def dead_provider(stage: Stage) -> list[str]:
    """The provider refuses connections: retries, then the breaker; later all arrive."""
    port = stage.first.port
    stage.provider.break_down(mode="refuse")
    keys = {name: str(uuid4()) for name in phones() if name.startswith(("do", "wa"))}
    down = [name for name in keys if name.startswith("down-")]
    waiting = [name for name in keys if name.startswith("waiting-")]
    began = stage.clock.monotonic()
    first = send_sms(port, down[0], "Hello", keys[down[0]])
    seconds = stage.clock.monotonic() - began
    stage.say(f"{first.status} {first.problem} after {seconds:.1f} s of retries")
    broken = promises.refused(first, 503, "provider-unavailable")
    broken += promises.told_when(first)
    together(lambda n: send_sms(port, down[n + 1], "Hello", keys[down[n + 1]]), 4)
    state = client.breaker(port)
    stage.say(f"after {FAILURES} failing calls the breaker is {state['state']}")
    if state["state"] != "open":
        broken.append(f"the breaker is {state['state']} after {FAILURES} failing calls")
    stage.provider.break_down(latency=2.0)
    asked = stage.provider.requests()
    rejected = send_sms(port, waiting[0], "Hello", keys[waiting[0]])
    stage.say(f"{rejected.status} {rejected.problem}, nobody was asked")
    broken += promises.refused(rejected, 503, "circuit-open")
    broken += promises.told_when(rejected)
    if stage.provider.requests() != asked:
        broken.append("the provider was asked while the breaker was open")
    return broken + _recover(stage, waiting, keys) + _all_arrive(stage, keys)


def _recover(stage: Stage, waiting: list[str], keys: dict[str, str]) -> list[str]:
    """After the recovery time one call is let through, the others are told to wait."""
    port = stage.first.port
    _until(stage, lambda: client.breaker(port)["retry_after_s"] == 0)
    asked = stage.provider.requests()
    replies = together(
        lambda n: send_sms(port, waiting[n], "Hello", keys[waiting[n]]), WAITING
    )
    probes = stage.provider.requests() - asked
    stage.say(f"recovered: {WAITING} presses, {probes} of them asked the provider")
    stage.provider.heal()
    turned_away = [reply for reply in replies if reply.status != promises.OK]
    broken = [] if probes == 1 else [f"{probes} calls were let through as probes"]
    for reply in turned_away:
        broken += promises.refused(reply, 503, "circuit-open")
        broken += promises.told_when(reply)
    return broken


def _all_arrive(stage: Stage, keys: dict[str, str]) -> list[str]:
    broken: list[str] = []
    for name, key in keys.items():
        _patiently(stage, stage.first.port, name, key)
        broken += _sent_once(stage, name)
    stage.say(f"pressed again with the same keys: {len(keys)} messages, one each")
    return broken


STEPS: Sequence[Callable[[Stage], list[str]]] = (
    fifty_presses,
    dropped_line,
    hanging_provider,
    killed_before_the_commit,
    stop_while_it_waits,
    dead_provider,
)


def _sent_once(stage: Stage, lead: str) -> list[str]:
    return promises.sent_once(
        stage.provider.messages(phones()[lead]),
        client.history(stage.second.port, lead),
    )


def _patiently(stage: Stage, port: int, lead: str, key: str) -> Reply:
    """Press until it is done, with the same key, as the page does."""
    for _ in range(_PATIENCE):
        reply = send_sms(port, lead, "Hello", key)
        if reply.status == promises.OK:
            return reply
        if reply.problem not in ("in-progress", "circuit-open", "provider-unavailable"):
            return reply
        stage.clock.sleep(_PAUSE)
    raise AssertionError(f"{lead} was not sent in {_PATIENCE} tries: {reply.problem}")


def _until(stage: Stage, fact: Callable[[], object]) -> None:
    """Wait until another process says that *fact* is so."""
    for _ in range(_PATIENCE):
        if fact():
            return
        stage.clock.sleep(_PAUSE / 5)
    raise AssertionError("it did not come to that")
