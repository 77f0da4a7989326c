"""The switches that make things go wrong; they are there with --chaos only."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Final, Literal

import httpx2
from fastapi import APIRouter, Response
from pydantic import BaseModel, ConfigDict, StringConstraints

from examples.critical_buttons.domain.sms_refusals import lead_not_found
from examples.critical_buttons.repo import leads
from examples.critical_buttons.routes.common import Who, fresh
from examples.critical_buttons.routes.webhooks import PREFIX
from examples.critical_buttons.shared_simulator import Account
from syncpatterns.engines.sqlite import SqliteEngine
from syncpatterns.errors import NotExecuted, SyncPatternsError
from syncpatterns.retry import CircuitBreaker

_PATIENCE: Final = 20.0


class SimulatorUnreachable(NotExecuted):
    """The simulator's switches do not answer."""

    problem = "simulator-unreachable"
    title = "The SMS simulator cannot be reached."


class SimulatorRefused(SyncPatternsError):
    """The simulator does not take this setting."""

    status = 422
    problem = "simulator-refused"
    title = "The SMS simulator does not take this."


class Trip(BaseModel):
    """What to do with the breaker of this process."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    action: Literal["trip", "reset"]


class Incoming(BaseModel):
    """A reply that a lead is made to send."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    lead_id: Annotated[str, StringConstraints(min_length=1, max_length=64)]
    body: Annotated[str, StringConstraints(max_length=1600)]


class Simulator:
    """The admin side of the simulator.

    Args:
        account: Returns where it is; None while it is starting.
    """

    def __init__(self, account: Callable[[], Account | None]) -> None:
        self._account = account

    async def ask(self, method: str, path: str, body: Any = None) -> Any:
        """Return what the simulator answers.

        Raises:
            SimulatorUnreachable: It does not answer, or is no simulator.
            SimulatorRefused: It does not take *body*.
        """
        account = self._account()
        if account is None or account.admin_url is None:
            raise SimulatorUnreachable(retry_after=1.0)
        try:
            async with httpx2.AsyncClient(timeout=_PATIENCE, trust_env=False) as client:
                answer = await client.request(
                    method, f"{account.admin_url}/_sim/{path}", json=body
                )
                told = answer.json()
        except (httpx2.HTTPError, ValueError) as error:
            raise SimulatorUnreachable(retry_after=1.0) from error
        if answer.is_success:
            return told
        if answer.is_server_error or not isinstance(told, dict):
            raise SimulatorUnreachable(retry_after=1.0)
        # It names members and bounds, and repeats no value.
        reason = str(told.get("message", "It does not say why"))
        raise SimulatorRefused(f"{reason}. Nothing was changed.")


def chaos_routes(
    engine: SqliteEngine,
    breaker: CircuitBreaker,
    account: Callable[[], Account | None],
    base_url: str,
    number: str,
) -> APIRouter:
    """Return the switches.

    Args:
        engine: The app's database.
        breaker: What is tripped and reset.
        account: Returns where the simulator is.
        base_url: How the simulator reaches this app.
        number: Our own number, to which leads reply.
    """
    router = APIRouter(prefix="/api/chaos", tags=["chaos"])
    simulator = Simulator(account)

    @router.get("/provider")
    async def get_faults() -> Response:
        """Say what the provider does wrong."""
        return fresh(await simulator.ask("GET", "faults"))

    @router.post("/provider")
    async def set_faults(faults: dict[str, Any]) -> Response:
        """Make the provider do something wrong, or heal it with ``{}``."""
        return fresh(await simulator.ask("POST", "faults", faults))

    @router.post("/breaker")
    async def set_breaker(body: Trip) -> Response:
        """Trip or reset the breaker of this process."""
        if body.action == "trip":
            breaker.open()
        else:
            breaker.reset()
        return fresh({"action": body.action})

    @router.post("/inbound")
    async def inbound(body: Incoming, who: Who) -> Response:
        """Let a lead reply; it comes in through the webhook like any other."""
        entry = await engine.aview(
            lambda snapshot: leads.find(snapshot.sqlalchemy(), who.tenant, body.lead_id)
        )
        if entry is None:
            raise lead_not_found()
        told = await simulator.ask(
            "POST",
            "inbound",
            {
                "from": entry.lead.phone,
                "to": number,
                "body": body.body,
                "url": f"{base_url}{PREFIX}/inbound",
            },
        )
        return fresh({"webhook": told.get("webhook")})

    return router
