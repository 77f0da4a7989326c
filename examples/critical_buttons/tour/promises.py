"""What must be true after a step; each returns the sentences that are not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from examples.critical_buttons.tour.client import Reply

OK = 200


def one_effect(replies: Sequence[Reply]) -> list[str]:
    """Of all answers to one key exactly one is the first; all say the same."""
    broken = [
        f"an answer was {reply.status} {reply.problem}"
        for reply in replies
        if reply.status != OK
    ]
    first = sum(reply.status == OK and not reply.replayed for reply in replies)
    if first != 1:
        broken.append(f"{first} calls ran the effect instead of one")
    if len({reply.body for reply in replies if reply.status == OK}) > 1:
        broken.append("two callers of one key got different answers")
    return broken


def confirmed_once(
    names: Iterable[str],
    bookings: Mapping[str, Mapping[str, Any]],
    audit: Mapping[str, Sequence[Mapping[str, Any]]],
) -> list[str]:
    """Every booking is confirmed, changed once, and has one audit row."""
    broken = []
    for name in names:
        row = bookings[name]
        if row["status"] != "confirmed":
            broken.append(f"{name} is {row['status']}, not confirmed")
        if row["version"] != 2:  # noqa: PLR2004 - 1 when loaded, 2 once changed
            broken.append(f"{name} was changed {row['version'] - 1} times")
        if len(audit[name]) != 1:
            broken.append(f"{name} has {len(audit[name])} audit rows")
    return broken


def announced_once(
    names: Iterable[str], events: Counter[str], gaps: Sequence[object]
) -> list[str]:
    """Every booking was announced once, and the stream never had a gap."""
    broken = [
        f"{name} was announced {events[name]} times"
        for name in names
        if events[name] != 1
    ]
    if gaps:
        broken.append(f"the stream had {len(gaps)} gaps")
    return broken


def sent_once(
    taken: Sequence[Mapping[str, Any]], history: Sequence[Mapping[str, Any]]
) -> list[str]:
    """The provider took one message, and the app has one row of it."""
    rows = [row for row in history if row["direction"] == "outbound"]
    broken = []
    if len(taken) != 1:
        broken.append(f"the provider took {len(taken)} messages instead of one")
    if len(rows) != 1:
        broken.append(f"the app has {len(rows)} rows instead of one")
    if {row["provider_id"] for row in rows} != {each["sid"] for each in taken}:
        broken.append("the app's row is about another message")
    return broken


def told_when(reply: Reply) -> list[str]:
    """The answer says when to come back."""
    seconds = reply.headers.get("retry-after", "")
    if seconds.isdigit() and int(seconds) >= 1:
        return []
    return [f"the answer's Retry-After is {seconds!r}"]


def refused(reply: Reply, status: int, problem: str) -> list[str]:
    """The answer is the problem *problem* with *status*."""
    if (reply.status, reply.problem) == (status, problem):
        return []
    return [f"the answer was {reply.status} {reply.problem}, not {status} {problem}"]


def pressed_before(audit: Mapping[str, Sequence[Mapping[str, Any]]]) -> list[str]:
    """Every line says that it was sent later, and when it was wished for."""
    return [
        f"{name} was written as {line['source']}, pressed at {line['client_at']}"
        for name, lines in audit.items()
        for line in lines
        if line["source"] != "offline_replay"
        or not (line["client_at"] and line["client_at"] < line["at"])
    ]


def moved_in_order(
    names: Iterable[str],
    leads: Mapping[str, Mapping[str, Any]],
    audit: Mapping[str, Sequence[Mapping[str, Any]]],
    states: Sequence[str],
) -> list[str]:
    """Every lead went through *states* in this order, one version each."""
    broken = []
    for name in names:
        moves = [line["to"] for line in reversed(audit[name])]
        if moves != list(states):
            broken.append(f"{name} went through {moves}")
        if leads[name]["version"] != 1 + len(states):
            broken.append(f"{name} was changed {leads[name]['version'] - 1} times")
    return broken


def told_how_far(figures: Sequence[tuple[int, int]], total: int) -> list[str]:
    """A drain says how far it is: never more than there is, and all at the end."""
    if not figures:
        return ["nobody was told how far it is"]
    broken = []
    if any(not 0 <= done <= most <= total for done, most in figures):
        broken.append(f"the progress was {list(figures)}, and there are {total}")
    if figures[-1][0] != figures[-1][1]:
        broken.append("the progress ended at {} of {}".format(*figures[-1]))
    return broken


def none_moved(reply: Reply, total: int, guilty: Mapping[str, str]) -> list[str]:
    """The batch was refused as a whole, and says which rows were at fault."""
    broken = refused(reply, 409, "batch-failed")
    if broken:
        return broken
    rows = reply.json["results"]
    named = {
        row["lead_id"]: row["problem"]["type"].rpartition("/")[2]
        for row in rows
        if row["outcome"] == "refused"
    }
    if named != dict(guilty):
        broken.append(f"the rows at fault are {named}, not {dict(guilty)}")
    if (reply.json["changed"], len(rows)) != (0, total):
        broken.append(f"{reply.json['changed']} of {len(rows)} rows were changed")
    return broken


def untouched(
    names: Iterable[str], leads: Mapping[str, Mapping[str, Any]]
) -> list[str]:
    """Every lead is as it was loaded."""
    return [
        f"{name} is {leads[name]['status']}, version {leads[name]['version']}"
        for name in names
        if (leads[name]["status"], leads[name]["version"]) != ("new", 1)
    ]


def all_moved(
    reply: Reply, lines: Sequence[Mapping[str, Any]], total: int
) -> list[str]:
    """The batch was done as a whole: one audit row a lead, all with its identity."""
    if reply.status != OK:
        return [f"the answer was {reply.status} {reply.problem}"]
    broken = []
    if reply.json["changed"] != total:
        broken.append(f"{reply.json['changed']} of {total} rows were changed")
    ids = {line["bulk_id"] for line in lines}
    if len(lines) != total or ids != {reply.json["bulk_id"]}:
        broken.append(f"{len(lines)} audit rows, of {len(ids)} batches")
    return broken
