"""A program for the field: it takes actions offline for hours, and sends them once.

::

    python examples/field_agent.py confirm b-17           # now if it can be, else later
    python examples/field_agent.py status l-7 won --version 3
    python examples/field_agent.py take presses.jsonl     # many, once each
    python examples/field_agent.py pending                # what waits, and why
    python examples/field_agent.py sync --wait            # until all is sent
    python examples/field_agent.py resolve 12 mine        # or: theirs

It talks to the reference app (``make demo``) and keeps what it cannot send in
``field.db``. Killed at any moment, it has what it said it has. How a program of
your own uses the queue:

1. make the queue and the client, the same in every run      `FieldAgent.__init__`
2. hand in what the person did: one key a press, one lane     `FieldAgent.confirm`
   for what must stay in order
3. say what happens if somebody else was first                `FieldAgent.conflict`
4. send, and show how far it is                               `FieldAgent.sync`
5. show what needs a person, and let them decide              `FieldAgent.resolve`

Needs the extras ``http`` and ``cli``.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Final, cast

import httpx2
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

from syncpatterns import connect
from syncpatterns.adapters.httpx import (
    HttpRequest,
    OfflineClient,
    Reply,
    RequestConflict,
    RequestRefused,
)
from syncpatterns.clock import Clock, SystemClock
from syncpatterns.errors import QueueFull, SyncPatternsError
from syncpatterns.offline_queue import (
    Accept,
    Done,
    DrainProgress,
    DrainReport,
    Item,
    ItemContext,
    ItemState,
    OfflineQueue,
    Queued,
    RetryWith,
    SetAside,
    TargetOffline,
)

CONFIRM: Final = "/api/bookings/confirm"
STATUS: Final = "/api/leads/update-status"
#: Seconds between two looks whether the server is back.
_LOOK: Final = 1.0
#: Seconds after which what a killed run was sending is sent again; also the most
#: that one request may take. A run that lives renews it.
_LEASE: Final = 10.0


class FieldAgent:
    """What the program does, whatever its face is.

    Args:
        engine: From `connect`; where actions wait.
        server: Address of the reference app.
        tenant: For whom the person acts.
        max_items: Most actions that wait; more are refused, and none is lost.
        clock: Where pauses come from.
    """

    def __init__(
        self,
        engine: Any,
        server: str,
        *,
        tenant: str = "acme",
        max_items: int = 1000,
        clock: Clock | None = None,
    ) -> None:
        self._tenant = tenant
        self._clock = clock or SystemClock()
        self._mine: set[int] = set()
        self._shown = _Shown()
        self.queue = OfflineQueue(
            "field",
            engine,
            lease=_LEASE,
            max_items=max_items,
            hooks=[self._shown.heard],
        )
        self._http = httpx2.Client(base_url=server, timeout=10)
        self._office = OfflineClient(
            self.queue,
            self._http,
            name="office",
            # Asked when something is sent, with whose it is: a real program looks
            # up the person's token here, and raises SignInRequired without one.
            auth=lambda tenant: {"X-Tenant": tenant},
            # A key's refusal is told for a minute; whoever decides takes longer.
            problems={"refusal-gone": "conflict"},
            on_conflict=self.conflict,
        )

    def close(self) -> None:
        """Close connections."""
        self._http.close()

    # ----------------------------------------------------- what the person does

    def confirm(self, booking: str, *, key: str | None = None) -> str:
        """Confirm a booking, now or later; return what to tell the person."""
        out = self._office.post(
            CONFIRM,
            json={"booking_id": booking},
            key=key,
            scope=self._tenant,
            lane=f"booking:{booking}",
        )
        return f"{booking}: {_told(out)}"

    def set_status(
        self,
        lead: str,
        to: str,
        *,
        version: int | None = None,
        reason: str | None = None,
        key: str | None = None,
    ) -> str:
        """Move a lead, now or later; return what to tell the person.

        Args:
            lead: Which one.
            to: Its new state.
            version: The version that was seen; another one is a conflict.
            reason: Where one is needed.
            key: One a press; made if None.
        """
        wish = {"lead_id": lead, "to": to, "version": version, "reason": reason}
        out = self._office.post(
            STATUS,
            json={name: each for name, each in wish.items() if each is not None},
            key=key,
            scope=self._tenant,
            lane=f"lead:{lead}",
        )
        return f"{lead}: {_told(out)}"

    def take(self, press: object) -> str:
        """Take one press that another program has written down.

        Its id becomes the key: taken again after a crash, it is the same action.

        Raises:
            NotAPress: It is none.
        """
        said = cast("dict[str, Any]", press) if isinstance(press, dict) else {}
        key = str(said["id"]) if isinstance(said.get("id"), str | int) else ""
        if key and isinstance(said.get("confirm"), str):
            return self.confirm(said["confirm"], key=key)
        moves = isinstance(said.get("lead"), str) and isinstance(said.get("to"), str)
        if not key or not moves:
            raise NotAPress
        return self.set_status(
            said["lead"],
            said["to"],
            version=said.get("version"),
            reason=said.get("reason"),
            key=key,
        )

    # ------------------------------------------------ somebody else was first

    def conflict(
        self, request: HttpRequest, error: RequestConflict, ctx: ItemContext
    ) -> Accept | RetryWith | SetAside:
        """Decide what becomes of a press whose lead is no longer as it was seen."""
        wish = dict(request.json)
        if ctx.id in self._mine:
            # On whatever there is now; in its place in the lane, under a new key:
            # the old one was answered.
            wish.pop("version", None)
            return RetryWith(request.with_json(wish))
        if error.reply.problem == "refusal-gone":
            return RetryWith(request)  # nothing was done; a new key hears why
        now = _members(error.reply).get("current")
        if isinstance(now, dict) and now.get("status") == wish.get("to"):
            return Accept(error.reply)  # they did what was wished for
        return SetAside()  # a person decides; what comes after it in its lane waits

    def resolve(self, number: int, whose: str) -> bool:
        """Let *mine* go through on what there is now, or give it up for *theirs*."""
        if whose == "theirs":
            return self.queue.parked.discard([number]) == 1
        self._mine.add(number)
        return self.queue.parked.requeue([number]) == 1

    # ---------------------------------------------------------- send, and show

    def sync(self, *, wait: bool = False) -> DrainReport:
        """Send what waits, with a progress bar; *wait* until nothing can be sent."""
        with self._shown.bar():
            while True:
                report = self.queue.flush()
                if not wait or not (report.offline or self._later()):
                    return report
                self._clock.sleep(_LOOK)

    def _later(self) -> int:
        """Return how many are not due yet, or were being sent by a run that died."""
        states = self.queue.stats().states
        return states.get(ItemState.SCHEDULED, 0) + states.get(ItemState.LEASED, 0)

    def pending(self) -> list[str]:
        """Return one line an action that is not done, oldest first."""
        lines, after = [], 0
        while items := self.queue.items(after=after, limit=500):
            lines += [f"{item.seq}  {_line(item)}" for item in items]
            after = items[-1].seq
        return lines


class NotAPress(ValueError):
    """What another program has written down is no press."""

    def __str__(self) -> str:
        return (
            'no press: it is {"id", "confirm"} or {"id", "lead", "to"}, each a text, '
            "with version and reason where they are known"
        )


class _Shown:
    """Shows a drain: a bar on a terminal, plain lines in a file or a pipe."""

    def __init__(self) -> None:
        self._console = Console()
        self._progress: Progress | None = None
        self._tens = -1

    @contextmanager
    def bar(self) -> Iterator[None]:
        """Show the bar meanwhile, if there is somebody to see it."""
        self._tens = -1
        if not self._console.is_terminal:
            yield
            return
        columns = ("[progress.description]{task.description}", BarColumn())
        rest = (MofNCompleteColumn(), TimeRemainingColumn())
        with Progress(*columns, *rest, console=self._console) as self._progress:
            self._progress.add_task("Sending", total=None)
            yield
        self._progress = None

    def heard(self, fact: object) -> None:
        """Be told by the queue; called outside of its transactions, on its threads."""
        if isinstance(fact, TargetOffline):
            self._say(f"The server is away; looking again in {fact.seconds:.0f} s.")
        elif isinstance(fact, DrainProgress) and self._progress is not None:
            task = self._progress.task_ids[0]
            self._progress.update(task, completed=fact.done, total=fact.total)
        elif isinstance(fact, DrainProgress) and int(fact.percent // 10) > self._tens:
            self._tens = int(fact.percent // 10)
            self._say(f"{fact.done} of {fact.total} sent")

    def _say(self, text: str) -> None:
        self._console.print(text, highlight=False, soft_wrap=True)


def _told(out: Done[Reply] | Queued[Reply]) -> str:
    if isinstance(out, Done):
        return "done"
    return f"will be done ({out.reason}), number {out.receipt.id}"


def _members(reply: Reply) -> dict[str, Any]:
    """Return what a service said, if that is an object; a proxy may say anything."""
    said = reply.json()
    return cast("dict[str, Any]", said) if isinstance(said, dict) else {}


def _why(error: Exception) -> str:
    """Return what to tell the person of a press that is not done."""
    if isinstance(error, RequestConflict):
        return "somebody else was first, and you decide; see: pending, then resolve"
    if isinstance(error, RequestRefused):
        said = _members(error.reply)
        return " ".join([f"refused: {said.get('detail', error)}", *_places(said)])
    return f"not done: {error}"


def _places(said: dict[str, Any]) -> list[str]:
    """Return what was wrong with each part of a request."""
    listed = said.get("errors")
    found = listed if isinstance(listed, list) else []
    return [
        f"({each.get('pointer', '')}: {each.get('detail', '')})"
        for each in found
        if isinstance(each, dict)
    ]


def _line(item: Item) -> str:
    wish = json.loads(item.payload)["json"]
    what = wish["booking_id"] if "booking_id" in wish else _move(wish)
    why = f" ({item.reason})" if item.reason else ""
    return f"{item.state.value}{why}  {what}"


def _move(wish: dict[str, Any]) -> str:
    return f"{wish['lead_id']} to {wish['to']}"


# ----------------------------------------------------------------- as a program


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the command line says; 0: done or stored, 1: something needs a look."""
    parser = _parser()
    options = parser.parse_args(arguments)
    try:
        with connect(f"sqlite:///{options.db}") as engine:
            agent = FieldAgent(
                engine,
                options.server,
                tenant=options.tenant,
                max_items=options.max_items,
            )
            try:
                return int(options.run(agent, options))
            finally:
                agent.close()
    except QueueFull as error:
        print(f"Not taken: {error}")
    except (SyncPatternsError, OSError) as error:
        print(f"Not done: {error}", file=sys.stderr)
    return 1


def _confirm(agent: FieldAgent, options: argparse.Namespace) -> int:
    return _each((name, partial(agent.confirm, name)) for name in options.booking)


def _status(agent: FieldAgent, options: argparse.Namespace) -> int:
    do = partial(
        agent.set_status,
        options.lead,
        options.to,
        version=options.version,
        reason=options.reason,
    )
    return _each([(options.lead, do)])


def _take(agent: FieldAgent, options: argparse.Namespace) -> int:
    lines = Path(options.file).read_bytes().removeprefix(b"\xef\xbb\xbf").split(b"\n")
    return _each(
        (f"line {number}", partial(_taken, agent, line))
        for number, line in enumerate(lines, 1)
        if line.strip()
    )


def _taken(agent: FieldAgent, line: bytes) -> str:
    try:
        press = json.loads(line.decode())
    except (ValueError, RecursionError):
        raise NotAPress from None
    return agent.take(press)


def _each(doings: Iterable[tuple[str, Callable[[], str]]]) -> int:
    """Do them one by one; what becomes of one stops no other.

    Raises:
        QueueFull: There is no room, for this one and all that follow.
    """
    failed = 0
    for name, do in doings:
        try:
            print(do(), flush=True)
        except QueueFull:
            raise
        except (SyncPatternsError, NotAPress) as error:
            failed += 1
            print(f"{name}: {_why(error)}", flush=True)
    return 1 if failed else 0


def _pending(agent: FieldAgent, _: argparse.Namespace) -> int:
    lines = agent.pending()
    print("\n".join(lines) if lines else "Nothing waits.")
    return 0


def _sync(agent: FieldAgent, options: argparse.Namespace) -> int:
    report = agent.sync(wait=options.wait)
    return _ended(agent, report)


def _resolve(agent: FieldAgent, options: argparse.Namespace) -> int:
    if not agent.resolve(options.number, options.whose):
        print(f"{options.number} waits for no decision.")
        return 1
    return _ended(agent, agent.sync())


def _ended(agent: FieldAgent, report: DrainReport) -> int:
    where = ", the server is away" if report.offline else ""
    print(f"{report.sent} sent, {report.left} wait{where}.")
    states = agent.queue.stats().states
    parked, dead = states.get(ItemState.PARKED, 0), states.get(ItemState.DEAD, 0)
    if parked or dead:
        print(f"{parked} need a decision, {dead} were refused; see: pending")
    return 1 if parked or dead or report.offline else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="field_agent", description="See the source.")
    parser.add_argument("--server", default="http://127.0.0.1:8123")
    parser.add_argument("--db", default="field.db", help="file in which actions wait")
    parser.add_argument("--tenant", default="acme")
    parser.add_argument("--max-items", type=int, default=1000)
    commands = parser.add_subparsers(required=True)

    command = commands.add_parser("confirm", help="confirm bookings")
    command.add_argument("booking", nargs="+")
    command.set_defaults(run=_confirm)

    command = commands.add_parser("status", help="move a lead")
    command.add_argument("lead")
    command.add_argument("to")
    command.add_argument("--version", type=int, help="the version that was seen")
    command.add_argument("--reason")
    command.set_defaults(run=_status)

    command = commands.add_parser("take", help="take presses, one JSON object a line")
    command.add_argument("file")
    command.set_defaults(run=_take)

    command = commands.add_parser("pending", help="list what is not done")
    command.set_defaults(run=_pending)

    command = commands.add_parser("sync", help="send what waits")
    command.add_argument("--wait", action="store_true", help="until all is sent")
    command.set_defaults(run=_sync)

    command = commands.add_parser("resolve", help="decide a conflict")
    command.add_argument("number", type=int)
    command.add_argument("whose", choices=("mine", "theirs"))
    command.set_defaults(run=_resolve)
    return parser


if __name__ == "__main__":
    sys.exit(main())
