"""Counting effects, stores that fail, and waiting for facts."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any, TypedDict

from syncpatterns.engines.memory import MemoryEngine
from syncpatterns.errors import StoreUnavailable
from syncpatterns.idempotency._core import (
    ClaimRequest,
    Notes,
    Record,
    StoredOutcome,
    Windows,
    storage_key,
)


class Where(TypedDict):
    """The keyword arguments that nearly every call shares."""

    scope: str
    operation: str


WHERE: Where = {"scope": "acme", "operation": "orders.reserve"}
KEY = storage_key("", "acme", "orders.reserve", "k")


class Effect:
    """Counts its executions and returns their number, or raises what it is given."""

    def __init__(self, *errors: BaseException | None) -> None:
        self.calls = 0
        self.contexts: list[Any] = []
        self._errors = list(errors)

    def __call__(self, context: Any) -> dict[str, int]:
        self.calls += 1
        self.contexts.append(context)
        error = self._errors.pop(0) if self._errors else None
        if error is not None:
            raise error
        return {"number": self.calls}

    async def later(self, context: Any) -> dict[str, int]:
        """Do the same, to be awaited."""
        return self(context)


def claim_as(nonce: str, *, lease: float = 30.0, **changes: Any) -> ClaimRequest:
    """Return the claim that another process would make for the key ``k``."""
    from syncpatterns.idempotency._fingerprint import fingerprint

    values: dict[str, Any] = {
        "key": KEY,
        "operation": WHERE["operation"],
        "fingerprint": fingerprint(None),
        "nonce": nonce,
        "lease": lease,
        "windows": Windows(),
    }
    return ClaimRequest(**(values | changes))


class BrokenStore:
    """A store in memory whose methods fail while they are named in `down`.

    A name with a trailing ``+`` fails after the work was done: the answer is
    lost, not the call.
    """

    name = "broken"

    def __init__(self, engine: MemoryEngine) -> None:
        self._store = engine.idempotency_store()
        self.clock = engine.clock
        self.down: set[str] = set()
        self.calls: list[str] = []

    def _ask(self, method: str, *args: object) -> Any:
        self.calls.append(method)
        if method in self.down:
            raise StoreUnavailable("broken: the store is down.", retry_after=2.0)
        answer = getattr(self._store, method)(*args)
        if method + "+" in self.down:
            self.down.discard(method + "+")
            raise StoreUnavailable("broken: the answer was lost.")
        return answer

    def claim(self, request: ClaimRequest) -> Any:
        return self._ask("claim", request)

    def renew(self, key: str, token: int, lease: float, windows: Windows) -> bool:
        return bool(self._ask("renew", key, token, lease, windows))

    def complete(
        self, key: str, token: int, outcome: StoredOutcome, windows: Windows
    ) -> bool:
        return bool(self._ask("complete", key, token, outcome, windows))

    def release(self, key: str, token: int) -> bool:
        return bool(self._ask("release", key, token))

    def abandon(self, key: str, token: int) -> bool:
        return bool(self._ask("abandon", key, token))

    def note(self, key: str, token: int, notes: Notes) -> bool:
        return bool(self._ask("note", key, token, notes))

    def resolve(
        self,
        key: str,
        outcome: StoredOutcome | None,
        windows: Windows,
        *,
        by: str = "",
        reason: str = "",
    ) -> bool:
        return bool(self._ask("resolve", key, outcome, windows))

    def inspect(self, key: str) -> Record | None:
        return self._store.inspect(key)

    def evict(self, key: str) -> bool:
        return self._store.evict(key)

    def unresolved(self, limit: int = 100) -> list[Record]:
        return self._store.unresolved(limit)

    def lapsed(self, limit: int = 100) -> list[Record]:
        return self._store.lapsed(limit)

    def sweep(self, limit: int = 1000) -> int:
        return self._store.sweep(limit)


def run_in_threads(*functions: Callable[[], Any]) -> list[Callable[[], Any]]:
    """Start *functions* in threads; return what joins each and gives its result."""
    return [_in_thread(function) for function in functions]


def _in_thread(function: Callable[[], Any]) -> Callable[[], Any]:
    outcome: list[Any] = []
    raised: list[BaseException] = []

    def run() -> None:
        try:
            outcome.append(function())
        except BaseException as error:  # noqa: BLE001 - the joiner raises it
            raised.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()

    def join() -> Any:
        thread.join(120)
        if thread.is_alive():
            raise TimeoutError("the thread did not end")
        if raised:
            raise raised[0]
        return outcome[0]

    return join


def wait_until(fact: Callable[[], bool]) -> None:
    """Return once *fact* holds; for facts in other threads, without an event."""
    deadline = time.monotonic() + 120
    while not fact():
        if time.monotonic() > deadline:
            raise TimeoutError("it did not become true")
        threading.Event().wait(0.001)
