"""The admin routes: faults, messages, inbound messages and the clock.

They are there under ``--chaos`` only, and for this machine only. The peer's
address alone would not do: a web page anywhere can make a browser on this
machine ask 127.0.0.1, under a name of its own. So the Host has to be a name of
this machine, and what changes something has to be JSON, which another site's
page may not send unasked.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Annotated, Any, Final, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from examples.critical_buttons.simulator.answers import ApiError, not_found
from examples.critical_buttons.simulator.create import LOOPBACK, check_webhook
from examples.critical_buttons.simulator.faults import Faults, Seconds
from examples.critical_buttons.simulator.provider import Provider
from examples.critical_buttons.simulator.reading import fields, read_body

_INVALID: Final = 20001
_E164: Final = r"^\+[1-9][0-9]{6,14}$"
_SHOWN: Final = 1000

_Model = TypeVar("_Model", bound=BaseModel)


class _Inbound(BaseModel):
    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    from_: Annotated[str, Field(alias="from", pattern=_E164)]
    to: Annotated[str, Field(pattern=_E164)]
    body: Annotated[str, Field(max_length=1600)]
    url: Annotated[str, Field(max_length=2000)] | None = None


class _Move(BaseModel):
    model_config = ConfigDict(extra="forbid")

    advance: Seconds


class Admin:
    """Lets whoever runs the simulator switch and look.

    Args:
        provider: What is looked at and switched.
        chaos: Whether the routes are there at all.
        listen: Opens (True) or closes the API's port.
        inbound_url: The webhook that inbound messages go to by default.
    """

    def __init__(
        self,
        provider: Provider,
        *,
        chaos: bool,
        listen: Callable[[bool], Any],
        inbound_url: str | None,
    ) -> None:
        self._provider = provider
        self._chaos = chaos
        self._listen = listen
        self._inbound_url = inbound_url

    async def faults(self, request: Request) -> Response:
        """``/_sim/faults``: GET tells them, POST sets them all anew."""
        return await self._answered(request, self._set_faults, self._faults)

    async def messages(self, request: Request) -> Response:
        """``/_sim/messages``: GET the newest, with their callbacks; DELETE all."""
        return await self._answered(request, None, self._messages)

    async def inbound(self, request: Request) -> Response:
        """``/_sim/inbound``: POST lets a message come in."""
        return await self._answered(request, self._receive, None)

    async def clock(self, request: Request) -> Response:
        """``/_sim/clock``: GET the time, POST moves it forward."""
        return await self._answered(request, self._move, self._time)

    async def _answered(self, request: Request, post: Any, get: Any) -> Response:
        try:
            self._guard(request)
            if request.method != "POST":
                return JSONResponse(get(request))
            return JSONResponse(await post(await _json(request)))
        except ApiError as error:
            return error.response()

    def _guard(self, request: Request) -> None:
        peer = request.client.host if request.client else ""
        if not self._chaos or peer not in LOOPBACK:
            raise not_found(request.url.path)
        host = request.headers.get("host", "")
        if re.sub(r":[0-9]{1,5}$", "", host).strip("[]").lower() not in LOOPBACK:
            raise ApiError(403, _INVALID, "Ask under 127.0.0.1 or localhost")

    def _faults(self, _: Request) -> dict[str, Any]:
        return self._provider.switchboard.faults.model_dump(mode="json")

    async def _set_faults(self, body: bytes) -> dict[str, Any]:
        faults = _read(Faults, body)
        try:
            await self._listen(faults.mode != "refuse")
        except OSError as error:
            raise ApiError(503, 20503, "The API's port cannot be opened") from error
        self._provider.switchboard.set(faults)
        return faults.model_dump(mode="json")

    def _messages(self, request: Request) -> dict[str, Any]:
        provider = self._provider
        if request.method == "DELETE":
            provider.messages.clear()
        query = fields(request.scope["query_string"])
        found = [
            {**each.document(provider.account), "callbacks": list(each.callbacks)}
            for each in provider.messages.newest_first()
            if query.get("to") in {None, each.to}
        ]
        return {
            "messages": found[:_SHOWN],
            "count": len(found),
            "created": provider.messages.created,
            "requests": {
                "create": provider.requests["create"],
                "lookup": provider.requests["lookup"],
            },
        }

    async def _receive(self, body: bytes) -> dict[str, Any]:
        inbound = _read(_Inbound, body)
        url = inbound.url or self._inbound_url
        if url is None:
            raise ApiError(400, _INVALID, "Say with url where the webhook is")
        check_webhook(url)
        provider = self._provider
        message = provider.receive(inbound.from_, inbound.to, inbound.body)
        status, text = await provider.courier.tell_inbound(message, url)
        return {"sid": message.sid, "webhook": {"status": status, "body": text}}

    def _time(self, _: Request | None = None) -> dict[str, Any]:
        clock = self._provider.clock
        return {"now": clock.now().isoformat(), "offset": clock.offset}

    async def _move(self, body: bytes) -> dict[str, Any]:
        self._provider.clock.advance(_read(_Move, body).advance)
        return self._time()


async def _json(request: Request) -> bytes:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise ApiError(415, _INVALID, "Send application/json")
    return await read_body(request)


def _read(model: type[_Model], body: bytes) -> _Model:
    try:
        return model.model_validate_json(body)
    except ValidationError as error:
        found = "; ".join(
            ".".join(str(part) for part in each["loc"]) + ": " + each["msg"]
            for each in error.errors(include_input=False, include_url=False)[:5]
        )
        raise ApiError(422, _INVALID, found[:1000]) from error
