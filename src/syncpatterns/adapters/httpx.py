"""httpx2 and httpx: requests to another service that survive being offline.

::

    queue = OfflineQueue("field", connect("sqlite:///field.db"))
    crm = OfflineClient(
        queue, httpx2.Client(base_url="https://crm.example"), name="crm"
    )

    out = crm.post(
        "/api/leads/update-status",
        json={"lead_id": "l-7", "to": "won"},
        lane="lead:l-7",
        scope="acme",
    )
    match out:
        case Done(reply):
            print(reply.json())
        case Queued(receipt):  # offline: queue.flush() or a drain delivers it
            print(receipt.id)

Neither package is imported here; what is handed in only has to behave like a
client of theirs. The extra ``http`` installs httpx2.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from typing_extensions import Unpack

from syncpatterns.adapters._offline_client._asking import Questions
from syncpatterns.adapters._offline_client._exchange import (
    Exchanges,
    delivery_headers,
    told,
)
from syncpatterns.adapters._offline_client._lines import base_of
from syncpatterns.adapters._offline_client._meanings import own_kinds, own_words
from syncpatterns.adapters._offline_client._options import Desk, RequestOptions
from syncpatterns.adapters._offline_client._reply import (
    Answer,
    Reply,
    RequestConflict,
    RequestRefused,
    judged,
)
from syncpatterns.adapters._offline_client._request import (
    FORM,
    HttpRequest,
    RequestCodec,
    kept_headers,
    relative,
)
from syncpatterns.adapters._offline_client._who import Auth, Who
from syncpatterns.clock import Clock, SystemClock
from syncpatterns.errors import ConfigurationError
from syncpatterns.offline_queue import (
    Done,
    HandlerOptions,
    ItemContext,
    OfflineQueue,
    Queued,
)
from syncpatterns.offline_queue._core._answers import Word

if TYPE_CHECKING:
    from syncpatterns.retry import CircuitBreaker

__all__ = [
    "HttpRequest",
    "OfflineClient",
    "Reply",
    "RequestConflict",
    "RequestOptions",
    "RequestRefused",
]


class OfflineClient:
    """Sends what changes something through a queue, and all else straight on.

    POST, PUT, PATCH and DELETE go through `OfflineQueue.call`: now if the service
    can be reached, else later, in the order of their lane, each delivery with the
    same ``Idempotency-Key`` and the same bytes. A service that knows keys does it
    once. GET, HEAD and OPTIONS are the wrapped client's own.

    What an answer means says one table (`verdict_of_http`): the problem type
    before the status. Nobody there: nothing was sent, and no attempt is used. No
    answer after sending: the same key asks again. 401: PARKED until
    ``queue.resume()``. 412 and declared conflicts: *on_conflict*. Other 4xx:
    `RequestRefused`, and the request is kept DEAD.

    Credentials are never stored. They are the wrapped client's, or what *auth*
    returns when a request is sent: a token that was fresh on Friday is not sent
    on Monday, and nobody's request is sent with somebody else's token. Only
    *base_url* is ever sent to, whatever is written in the queue's file.

    Args:
        queue: Where requests wait.
        client: An httpx2 or httpx `Client`, whose methods are `post` and its
            like, on any thread; or an `AsyncClient`, whose methods are `apost`
            and its like, on one event loop. A blocking one serves both.
        name: Of the operation ``http.<name>``, of the target, and of this client
            in the queue; requests that wait are found by it.
        base_url: Where to send; the client's own if None.
        auth: ``auth(scope)`` returns the headers that say who asks; may raise
            `SignInRequired`. A plain one that is used with an `AsyncClient` must
            not block. Cookies that the client was given are not sent then: they
            are the session of whoever asked before. Nor is the client's own
            ``auth`` where these headers say ``Authorization``.
        keep_headers: Names of more headers that are stored, of requests and
            answers; for days, so no credentials.
        answers: Content types in which the service answers, beside JSON, such
            as ``text/plain``; ``""`` is an answer without a body. Others do not
            come from the service: a hotel's login page is no success.
        problems: What its own problem types mean, where the status says it
            wrongly: ``{"slot-taken": "conflict"}``.
        on_conflict: ``on_conflict(request, error, ctx)`` decides, with
            ``error.reply`` in hand; see `HandlerOptions`.
        lane: Function of the `HttpRequest`: in which order it is sent.
        entity: Function of the `HttpRequest`: what it is about, for *coalesce*.
        coalesce: As for a handler.
        breaker: A `CircuitBreaker`, asked before each request.
        keep_body: Most bytes of an answer's body that are kept; of a problem the
            type counts in any case.
        clock: Where times of answers are counted from.

    Raises:
        ConfigurationError: Something here can never work.
    """

    def __init__(  # noqa: PLR0913 - one declaration, each keyword-only
        self,
        queue: OfflineQueue,
        client: Any,
        *,
        name: str = "service",
        base_url: str | None = None,
        auth: Auth | None = None,
        keep_headers: Iterable[str] = (),
        answers: Iterable[str] = (),
        problems: Mapping[str, Word] | None = None,
        on_conflict: Callable[..., Any] | None = None,
        lane: Callable[[HttpRequest], str | None] | None = None,
        entity: Callable[[HttpRequest], str | None] | None = None,
        coalesce: Any = None,
        breaker: CircuitBreaker | None = None,
        keep_body: int = 64 * 1024,
        clock: Clock | None = None,
    ) -> None:
        _check(client, keep_body)
        self._queue = queue
        self._operation = f"http.{name}"
        self._kept = kept_headers(keep_headers)
        self._answers = own_kinds(answers)
        self._problems = own_words(problems)
        self._clock = SystemClock() if clock is None else clock
        base = base_of(client, base_url)
        named = auth is not None
        self._url = base.url
        self._desk = Desk(self._operation, base.url, self._kept)
        self._exchanges = Exchanges(client, base, keep_body, self._clock, named=named)
        self._who = Who(auth, base.url, awaited=self._exchanges.awaited)
        self._questions = Questions(client, base, named=named)
        options = HandlerOptions(
            version=FORM,
            target=name,
            codec=RequestCodec(self._kept),
            lane=lane,
            entity=entity,
            coalesce=coalesce,
            on_conflict=on_conflict,
            breaker=breaker,
        )
        register = queue.handler(self._operation, **options)
        register(self._adeliver if self._exchanges.awaited else self._deliver)

    def __repr__(self) -> str:
        return f"OfflineClient({self._operation!r}, {self._url!r})"

    @property
    def operation(self) -> str:
        """Name under which requests wait in the queue."""
        return self._operation

    # -------------------------------------------------------------- that change

    def request(
        self, method: str, url: str, **options: Unpack[RequestOptions]
    ) -> Done[Reply] | Queued[Reply]:
        """Send it now if it can be, else store it; one key in every case.

        Args:
            method: POST, PUT, PATCH or DELETE.
            url: Path below ``base_url``, with its query.
            **options: See `RequestOptions`.

        Returns:
            `Done` with the answer, or `Queued` with a receipt. It is done as well if
            the service says ``outcome-gone``: that is the reply's `problem` then.

        Raises:
            RequestRefused: The service said no; the request is kept DEAD.
            QueueFull: There is no room; nothing was sent.
            KeyReused: The key was used for another request; nothing was sent.
            StoreUnavailable: Nothing was stored, and so nothing was sent.
            ConfigurationError: Something was said that can never work.
            SyncPatternsError: Any other answer that ends it; see
                `OfflineQueue.call`.
        """
        if self._exchanges.awaited:
            raise ConfigurationError(
                f"{self._operation}: the wrapped client is async; use await "
                f"client.a{str(method).lower()}(...), or wrap a blocking client."
            )
        payload, kept, mode = self._desk.taken(method, url, options)
        return self._queue.call(self._operation, payload, mode=mode, **kept)

    async def arequest(
        self, method: str, url: str, **options: Unpack[RequestOptions]
    ) -> Done[Reply] | Queued[Reply]:
        """Do `request` on an event loop."""
        payload, kept, mode = self._desk.taken(method, url, options)
        return await self._queue.acall(self._operation, payload, mode=mode, **kept)

    def post(
        self, url: str, **options: Unpack[RequestOptions]
    ) -> Done[Reply] | Queued[Reply]:
        """Do `request` with POST."""
        return self.request("POST", url, **options)

    async def apost(
        self, url: str, **options: Unpack[RequestOptions]
    ) -> Done[Reply] | Queued[Reply]:
        """Do `post` on an event loop."""
        return await self.arequest("POST", url, **options)

    def put(
        self, url: str, **options: Unpack[RequestOptions]
    ) -> Done[Reply] | Queued[Reply]:
        """Do `request` with PUT."""
        return self.request("PUT", url, **options)

    async def aput(
        self, url: str, **options: Unpack[RequestOptions]
    ) -> Done[Reply] | Queued[Reply]:
        """Do `put` on an event loop."""
        return await self.arequest("PUT", url, **options)

    def patch(
        self, url: str, **options: Unpack[RequestOptions]
    ) -> Done[Reply] | Queued[Reply]:
        """Do `request` with PATCH."""
        return self.request("PATCH", url, **options)

    async def apatch(
        self, url: str, **options: Unpack[RequestOptions]
    ) -> Done[Reply] | Queued[Reply]:
        """Do `patch` on an event loop."""
        return await self.arequest("PATCH", url, **options)

    def delete(
        self, url: str, **options: Unpack[RequestOptions]
    ) -> Done[Reply] | Queued[Reply]:
        """Do `request` with DELETE."""
        return self.request("DELETE", url, **options)

    async def adelete(
        self, url: str, **options: Unpack[RequestOptions]
    ) -> Done[Reply] | Queued[Reply]:
        """Do `delete` on an event loop."""
        return await self.arequest("DELETE", url, **options)

    # --------------------------------------------------------------- that ask

    def get(self, url: str, *, scope: str = "", **options: Any) -> Any:
        """Ask now, and return the wrapped client's own response.

        A redirect is followed if the client or *options* say so, and if it leads to
        the same scheme, host and port, or from http to https of the same host at
        their own ports: elsewhere nobody is told who asks.

        Args:
            url: Path below ``base_url``.
            scope: Whose credentials *auth* is asked for.
            **options: As the wrapped client takes them; with *auth*, cookies are
                given as a header.

        Raises:
            ConfigurationError: It says twice who asks, or would go elsewhere.
            Exception: The wrapped client's own, where there is no answer, or where
                redirects do not end.
        """
        return self._asked("GET", url, scope, options)

    async def aget(self, url: str, *, scope: str = "", **options: Any) -> Any:
        """Do `get` on an event loop."""
        return await self._aasked("GET", url, scope, options)

    def head(self, url: str, *, scope: str = "", **options: Any) -> Any:
        """Do `get` with HEAD."""
        return self._asked("HEAD", url, scope, options)

    async def ahead(self, url: str, *, scope: str = "", **options: Any) -> Any:
        """Do `head` on an event loop."""
        return await self._aasked("HEAD", url, scope, options)

    def options(self, url: str, *, scope: str = "", **options: Any) -> Any:
        """Do `get` with OPTIONS."""
        return self._asked("OPTIONS", url, scope, options)

    async def aoptions(self, url: str, *, scope: str = "", **options: Any) -> Any:
        """Do `options` on an event loop."""
        return await self._aasked("OPTIONS", url, scope, options)

    # ----------------------------------------------------------------- inside

    def _deliver(self, request: HttpRequest, ctx: ItemContext) -> Reply:
        said, headers = self._who.headers(ctx.scope), delivery_headers(request, ctx)
        try:
            answer = self._exchanges.send(request, said, headers, ctx.remaining())
        except Exception as error:
            words = told(error, _where(request, ctx))
            if words is error:
                raise
            raise words from error
        return self._judged(answer, request, ctx)

    async def _adeliver(self, request: HttpRequest, ctx: ItemContext) -> Reply:
        said = await self._who.aheaders(ctx.scope)
        headers, left = delivery_headers(request, ctx), ctx.remaining()
        try:
            answer = await self._exchanges.asend(request, said, headers, left)
        except Exception as error:
            words = told(error, _where(request, ctx))
            if words is error:
                raise
            raise words from error
        return self._judged(answer, request, ctx)

    def _judged(self, answer: Answer, request: HttpRequest, ctx: ItemContext) -> Reply:
        return judged(
            answer,
            self._kept,
            _where(request, ctx),
            self._clock.time(),
            answers=self._answers,
            problems=self._problems,
        )

    def _asked(self, method: str, url: str, scope: str, options: dict[str, Any]) -> Any:
        path, options = self._question(url, options)
        return self._questions.ask(method, path, self._who.headers(scope), options)

    async def _aasked(
        self, method: str, url: str, scope: str, options: dict[str, Any]
    ) -> Any:
        if not self._exchanges.awaited:
            raise ConfigurationError(
                f"{self._operation}: the wrapped client blocks and would stop the "
                "event loop; ask it on a thread, or wrap an AsyncClient."
            )
        path, options = self._question(url, options)
        said = await self._who.aheaders(scope)
        return await self._questions.aask(method, path, said, options)

    def _question(
        self, url: str, options: dict[str, Any]
    ) -> tuple[str, dict[str, Any]]:
        path = relative(url, options.get("params"), self._url)
        return path, {name: options[name] for name in options if name != "params"}


def _where(request: HttpRequest, ctx: ItemContext) -> str:
    # Not the path: it may name a person.
    return f"{ctx.operation} [{ctx.key_hash}] {request.method}"


def _check(client: Any, keep_body: object) -> None:
    if not callable(getattr(client, "build_request", None)) or not callable(
        getattr(client, "send", None)
    ):
        raise ConfigurationError(
            "OfflineClient wraps an httpx2 or httpx Client or AsyncClient; a "
            f"{type(client).__name__} is none."
        )
    if type(keep_body) is not int or keep_body < 0:
        raise ConfigurationError(f"keep_body= takes bytes, not {keep_body!r}.")
