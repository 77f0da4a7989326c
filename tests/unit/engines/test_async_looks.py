"""What is looked up on an event loop is what is looked up on a thread."""

from __future__ import annotations

from collections.abc import Callable

from anyio.to_thread import run_sync

from syncpatterns.engines.sqlite import SqliteEngine
from syncpatterns.idempotency._core import ClaimRequest, Owned, Windows, storage_key

KEY = storage_key("", "acme", "orders.reserve", "k")


async def test_what_was_settled_is_listed_on_a_loop_too(
    open_engine: Callable[..., SqliteEngine],
) -> None:
    """Who said so, and why."""
    engine = open_engine()
    store = engine.async_idempotency_store()
    request = ClaimRequest(KEY, "orders.reserve", b"f", "nonce", 30.0, Windows())
    owned = await store.claim(request)
    assert isinstance(owned, Owned)
    await store.abandon(KEY, owned.token)
    await store.resolve(KEY, None, Windows(), by="ann", reason="seen")
    found = await engine.aresolutions()

    assert [(each.by, each.reason) for each in found] == [("ann", "seen")]
    assert await run_sync(engine.resolutions) == found
    assert await engine.aresolutions(limit=0) == []
