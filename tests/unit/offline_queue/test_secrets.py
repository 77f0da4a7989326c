"""Secrets in payloads: a form that cannot be read back is not stored."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from pydantic import BaseModel, SecretStr

from syncpatterns.errors import ResultNotStorable
from syncpatterns.offline_queue import OfflineQueue


class Login(BaseModel):
    """What nobody should queue."""

    user: str
    password: SecretStr


def test_a_secret_is_refused_and_not_delivered_as_asterisks(
    make: Callable[..., OfflineQueue],
) -> None:
    """The sentence says what to do, and does not say the secret."""
    queue = make()

    @queue.handler("users.login")
    def login(payload: Login) -> None:
        """Never called."""

    with pytest.raises(ResultNotStorable, match="secret") as caught:
        queue.enqueue(login, Login(user="Ada", password=SecretStr("lovelace")))

    assert "lovelace" not in str(caught.value)
    assert queue.stats().live == 0


def test_asterisks_that_somebody_typed_are_text(
    make: Callable[..., OfflineQueue],
) -> None:
    """They are read back as they were."""
    queue = make()
    notes: list[str] = []

    @queue.handler("notes.add")
    def add(payload: str) -> None:
        notes.append(payload)

    queue.call(add, "*" * 30)

    assert notes == ["*" * 30]
