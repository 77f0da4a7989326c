"""The routes that the SMS provider calls.

They are for the provider alone: what is not signed with the account's token is
refused before anything is read into it, and changes nothing.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from typing import Annotated, Any, Final
from urllib.parse import parse_qsl
from xml.sax.saxutils import escape

from fastapi import APIRouter, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
)

from examples.critical_buttons.domain.consent import HELP_TEXT, Intent
from examples.critical_buttons.domain.messages import StatusReport, status_of
from examples.critical_buttons.services.webhooks import Inbound, Webhooks
from examples.critical_buttons.shared_simulator import Account
from examples.critical_buttons.sms.signature import HEADER, verify
from syncpatterns.adapters.asgi import request_id
from syncpatterns.errors import NotExecuted, SyncPatternsError

#: No webhook is longer; those of the provider have about one KiB.
MAX_BYTES: Final = 64 * 1024
PREFIX: Final = "/webhooks/sms"

_MOST_FIELDS: Final = 200
_FORM: Final = "application/x-www-form-urlencoded"
_OP: Final = re.compile(r"[0-9a-f]{8,64}")
_EMPTY: Final = '<?xml version="1.0" encoding="UTF-8"?><Response/>'
_MESSAGE: Final = (
    '<?xml version="1.0" encoding="UTF-8"?><Response><Message>{}</Message></Response>'
)


class SignatureInvalid(SyncPatternsError):
    """The webhook is not signed by the provider's account; nothing was changed."""

    status = 403
    problem = "signature-invalid"
    title = "The webhook is not signed by the provider."


class MalformedForm(SyncPatternsError):
    """The body cannot be read as a form; nothing was changed."""

    status = 400
    problem = "malformed-form"
    title = "The body is not a valid form."


class NotAForm(SyncPatternsError):
    """The body is not declared as a form; nothing was changed."""

    status = 415
    problem = "unsupported-media-type"
    title = "The body is not declared as a form."


class NotReady(NotExecuted):
    """The provider is not known yet, so no signature can be checked."""

    problem = "provider-starting"
    title = "The SMS service is still starting."


def _printable(text: str) -> str:
    if "\0" in text:
        raise ValueError("The character U+0000 is not allowed")
    return text


_ProviderId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9]{1,64}$")]


class _Status(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)

    MessageSid: _ProviderId
    MessageStatus: Annotated[str, AfterValidator(status_of)]
    ErrorCode: Annotated[str, StringConstraints(pattern=r"^[0-9]{0,8}$")] = ""


class _Reply(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)

    MessageSid: _ProviderId
    # A short code writes too, and has no plus sign.
    From: Annotated[str, StringConstraints(pattern=r"^\+?[0-9]{3,15}$")] = Field(
        repr=False
    )
    Body: Annotated[
        str, StringConstraints(max_length=1600), AfterValidator(_printable)
    ] = Field("", repr=False)
    OptOutType: Annotated[str, StringConstraints(max_length=16)] | None = None


def webhook_routes(
    webhooks: Webhooks, base_url: str, account: Callable[[], Account | None]
) -> APIRouter:
    """Return the routes of the provider.

    Args:
        webhooks: What takes them in.
        base_url: How the provider reaches this app; it signs the whole URL.
        account: Returns the account whose token signs.
    """
    router = APIRouter(prefix=PREFIX, include_in_schema=False)
    inbox = _Inbox(base_url, account)

    @router.post("/status")
    async def status(request: Request) -> Response:
        """Take in how far a message has come."""
        told = _checked(_Status, await inbox.fields(request, _Status))
        op = request.query_params.get("op")
        await webhooks.status(
            StatusReport(
                told.MessageSid, status_of(told.MessageStatus), told.ErrorCode or None
            ),
            op if op is not None and _OP.fullmatch(op) else None,
        )
        return Response(status_code=204)

    @router.post("/inbound")
    async def inbound(request: Request) -> Response:
        """Take in a reply; answer the one that asks for help."""
        came = _checked(_Reply, await inbox.fields(request, _Reply))
        intent = await webhooks.inbound(
            Inbound(
                provider_id=came.MessageSid,
                phone=came.From,
                body=came.Body,
                opt_out_type=came.OptOutType,
                request_id=request_id(request.scope),
            )
        )
        asked = intent is Intent.HELP
        text = _MESSAGE.format(escape(HELP_TEXT)) if asked else _EMPTY
        return Response(text, media_type="text/xml")

    return router


class _Inbox:
    """Reads webhooks and lets only the provider's through."""

    def __init__(self, base_url: str, account: Callable[[], Account | None]) -> None:
        self._base_url = base_url
        self._account = account

    async def fields(self, request: Request, model: type[BaseModel]) -> dict[str, str]:
        """Return the fields of a webhook that *model* reads, each once.

        The provider adds fields when it likes. One that nobody reads may come
        twice: a report that is refused for it would be lost.

        Raises:
            NotAForm: It is declared as something else.
            MalformedForm: It is no form in UTF-8, or has too many fields.
            SignatureInvalid: It does not come from the provider's account.
            RequestValidationError: A field that is read comes twice: which one
                was meant?
        """
        account = self._account()
        if account is None:
            raise NotReady(retry_after=1.0)
        pairs = _pairs(await _form(request))
        signatures = request.headers.getlist(HEADER)
        signature = signatures[0] if len(signatures) == 1 else None
        named = [value for name, value in pairs if name == "AccountSid"]
        if not verify(account.token, self._url(request), pairs, signature) or any(
            each != account.sid for each in named
        ):
            raise SignatureInvalid(
                "X-Twilio-Signature is not the one that the provider's account makes "
                "for this URL and this form. Nothing was changed."
            )
        read = {"AccountSid", *model.model_fields}
        pairs = [pair for pair in pairs if pair[0] in read]
        doubled = [name for name, count in _count(pairs).items() if count > 1]
        if doubled or not named:
            raise RequestValidationError(
                [
                    {"type": "value_error", "loc": ("body", name), "msg": message}
                    for names, message in (
                        (doubled, "The field comes more than once"),
                        ([] if named else ["AccountSid"], "The field is missing"),
                    )
                    for name in names
                ]
            )
        return dict(pairs)

    def _url(self, request: Request) -> str:
        path: bytes = request.scope.get("raw_path") or request.url.path.encode()
        query: bytes = request.scope["query_string"]
        return (
            self._base_url
            + path.partition(b"?")[0].decode("latin-1")
            + (f"?{query.decode('latin-1')}" if query else "")
        )


async def _form(request: Request) -> bytes:
    kinds = request.headers.getlist("content-type")
    if len(kinds) != 1 or kinds[0].partition(";")[0].strip().lower() != _FORM:
        raise NotAForm(f"Send Content-Type: {_FORM}. Nothing was changed.")
    return await request.body()


def _pairs(body: bytes) -> list[tuple[str, str]]:
    try:
        return parse_qsl(
            body.decode("ascii"),
            keep_blank_values=True,
            strict_parsing=bool(body),
            errors="strict",
            max_num_fields=_MOST_FIELDS,
        )
    except ValueError as error:
        raise MalformedForm(
            f"A form is name=value pairs in UTF-8, at most {_MOST_FIELDS} of them. "
            "Nothing was changed."
        ) from error


def _count(pairs: list[tuple[str, str]]) -> Counter[str]:
    return Counter(name for name, _ in pairs)


def _checked(model: type[Any], fields: dict[str, str]) -> Any:
    try:
        return model.model_validate(fields)
    except ValidationError as error:
        found = error.errors(include_url=False, include_context=False)
        raise RequestValidationError(
            [{**each, "loc": ("body", *each["loc"])} for each in found]
        ) from None
