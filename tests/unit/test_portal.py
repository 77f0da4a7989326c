"""The loop that blocking callers share."""

from __future__ import annotations

import threading

import anyio.to_thread
import pytest

from syncpatterns import _portal


@pytest.mark.parametrize("error", [SystemExit(3), KeyboardInterrupt()])
def test_what_asks_for_the_end_ends_only_its_own_call(error: BaseException) -> None:
    """It ends a loop of asyncio; others wait in there, and more will come."""
    entered, go = threading.Event(), threading.Event()
    answers: list[str] = []

    async def waits() -> str:
        entered.set()
        await anyio.to_thread.run_sync(go.wait)
        return "waited"

    async def ends() -> str:
        raise error

    async def answer() -> str:
        return "here"

    other = threading.Thread(target=lambda: answers.append(_portal.call_async(waits)))
    other.start()
    entered.wait(120)
    with pytest.raises(type(error)) as raised:
        _portal.call_async(ends)
    go.set()
    other.join(120)

    assert raised.value is error
    assert answers == ["waited"]
    assert _portal.call_async(answer) == "here"
