"""The routes of leads' states: change one or many, look back, take away."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from dataclasses import replace
from hashlib import sha256
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import StreamingResponse
from fastapi.routing import APIRoute

from examples.critical_buttons.domain.etags import ANY, lead_tag
from examples.critical_buttons.principal import Principal
from examples.critical_buttons.routes.bookings import IfMatch
from examples.critical_buttons.routes.common import Waited, Who, fresh
from examples.critical_buttons.routes.status_bodies import (
    FORMS,
    ChangeBatch,
    ChangeOne,
    ChangeRows,
    ChangeSame,
    UpdateStatus,
)
from examples.critical_buttons.services.lead_history import LeadHistory
from examples.critical_buttons.services.status_commands import (
    CancelMany,
    ChangeMany,
    ChangeStatus,
    Press,
)
from examples.critical_buttons.services.status_desk import StatusDesk
from examples.critical_buttons.services.status_views import (
    BatchResult,
    Cancelled,
    StatusChanged,
)
from syncpatterns.adapters.asgi import request_id
from syncpatterns.adapters.fastapi import IdempotencyKey, reply


def _problem(description: str) -> dict[str, Any]:
    reference = {"$ref": "#/components/schemas/Problem"}
    return {
        "description": description,
        "content": {"application/problem+json": {"schema": reference}},
    }


_ANSWERS: Final[dict[int | str, dict[str, Any]]] = {
    200: {
        "description": "Done, or so before; of a batch: no row was refused.",
        "model": StatusChanged | BatchResult,
    },
    207: {
        "description": "A batch in mode partial, some or all of whose rows were "
        "refused; `results` says which.",
        "model": BatchResult,
    },
    404: _problem("No lead of yours has this id."),
    412: _problem("The lead is no longer at the version that was seen."),
    413: _problem("More than 500 rows; nothing was looked at."),
}


_CANCEL_ANSWERS: Final[dict[int | str, dict[str, Any]]] = {
    200: {"description": "What became of the batch.", "model": Cancelled},
    413: _ANSWERS[413],
}


class Untagged(APIRoute):
    """A route whose errors point into the body as it was sent.

    pydantic puts the name of the form it chose into the place of an error, as if
    there were a member of that name around everything.
    """

    def get_route_handler(
        self,
    ) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return the handler, with the names of forms left out of errors."""
        handle = super().get_route_handler()

        async def handler(request: Request) -> Response:
            try:
                return await handle(request)
            except RequestValidationError as error:
                found = [
                    {**each, "loc": _without_form(each["loc"])}
                    for each in error.errors()
                ]
                raise RequestValidationError(found) from error

        return handler


def lead_status_routes(desk: StatusDesk, history: LeadHistory) -> APIRouter:
    """Return the routes of leads' states."""
    router = APIRouter(prefix="/api/leads", tags=["leads"], route_class=Untagged)

    @router.post("/update-status", responses=_ANSWERS)
    async def update_status(
        body: UpdateStatus,
        key: IdempotencyKey,
        who: Who,
        tags: IfMatch,
        waited: Waited,
        request: Request,
    ) -> Response:
        """Change the state of one lead, or of up to 500 in one commit.

        The same key gives one effect and one answer. A batch is `atomic` unless
        it says `partial`; with `dry_run` it only says what would be answered, and
        the key stays unused.
        """
        age = max(key.age, waited)
        press = Press(who.tenant, who.actor, request_id(request.scope), age)
        if isinstance(body, ChangeOne):
            _require_same_version(body, tags)
            one = ChangeStatus(press, body.lead_id, body.wish, tags)
            return reply(await desk.change(one, key=key))
        return await _many(desk, body, tags, press, await _of_the_batch(key, request))

    @router.post("/update-status/cancel", responses=_CANCEL_ANSWERS)
    async def cancel(
        body: ChangeBatch,
        key: IdempotencyKey,
        who: Who,
        request: Request,
    ) -> Response:
        """See to it that a batch is not done, if it is not done yet.

        Send the batch's own body under its own key. Whatever the answer says holds
        for all of its rows: `cancelled` true, and none was or will be changed;
        false, and the batch had its answer before, which `update-status` repeats.
        """
        press = Press(who.tenant, who.actor, request_id(request.scope), key.age)
        if body.dry_run:
            raise _wrong("body", "dry_run", "A dry run does nothing to be cancelled")
        command = CancelMany(press, len(body.rows))
        asked = await _of_the_batch(key, request)
        cancelled = await desk.cancel(command, key=asked)
        return fresh(Cancelled(cancelled=cancelled, total=command.total))

    @router.get("/export.csv", response_class=StreamingResponse)
    async def export(who: Who) -> Response:
        """Give out the tenant's leads as a table, numbers masked."""
        return StreamingResponse(
            await history.table(who.tenant),
            media_type="text/csv; charset=utf-8; header=present",
            headers={
                "Cache-Control": "no-store",
                "Content-Disposition": _attachment(who),
                "X-Content-Type-Options": "nosniff",
            },
        )

    # An id may hold a slash; by now the path has been decoded.
    @router.get("/{lead_id:path}/audit")
    async def audit(
        lead_id: str,
        who: Who,
        limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    ) -> Response:
        """List what was done to one lead, newest first."""
        return fresh(await history.audit(who.tenant, lead_id, limit=limit))

    return router


async def _of_the_batch(key: IdempotencyKey, request: Request) -> IdempotencyKey:
    """Return *key* with a fingerprint that a batch and its cancelling share.

    The path is in the one that came with it, and would tell the two apart; what
    the batch is, its body says.
    """
    body = await request.body()
    return replace(key, fingerprint=sha256(b"leads\0" + body).digest(), door=b"")


def _without_form(place: Sequence[int | str]) -> tuple[int | str, ...]:
    part, *inside = place
    # Only the outermost: what is further in was sent by the caller.
    return (part, *inside[1:]) if inside[:1] and inside[0] in FORMS else (part, *inside)


async def _many(
    desk: StatusDesk,
    body: ChangeRows | ChangeSame,
    tags: tuple[str, ...] | None,
    press: Press,
    key: IdempotencyKey,
) -> Response:
    if tags is not None:
        raise _wrong_condition("A batch says in each row which version was seen")
    many = ChangeMany(press, body.rows, body.mode)
    if body.dry_run:
        tried = await desk.try_many(many)
        return fresh(tried.value, status=tried.status)
    return reply(await desk.change_many(many, key=key))


def _require_same_version(body: ChangeOne, tags: tuple[str, ...] | None) -> None:
    """Refuse two conditions that cannot both hold.

    Raises:
        RequestValidationError: If-Match names another version than the body.
    """
    if tags is None or body.version is None or ANY in tags:
        return
    if lead_tag(body.lead_id, body.version) not in tags:
        raise _wrong_condition("If-Match and the version in the body disagree")


def _wrong_condition(message: str) -> RequestValidationError:
    return _wrong("header", "If-Match", message)


def _wrong(where: str, name: str, message: str) -> RequestValidationError:
    return RequestValidationError(
        [{"type": "condition", "loc": (where, name), "msg": message}]
    )


def _attachment(who: Principal) -> str:
    return f'attachment; filename="leads-{who.tenant}.csv"'
