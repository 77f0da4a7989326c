"""The tools this library is tested with, for your own tests.

A clock moved by hand, a seeded event loop, a proxy that breaks connections, a
ledger of effects, a linearizability checker, a disk that loses power, and
helpers that kill processes at named places. Nothing in here imports a test
framework, and production code never imports this package.

apsw and trio come with the extra ``syncpatterns[testing]``; a tool that needs
one of them says so when it is missing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from syncpatterns.testing import linearizability, servers
    from syncpatterns.testing._audit import StoredRecord, Violation, audit
    from syncpatterns.testing._cancel import CancelSweep, cancel_sweep
    from syncpatterns.testing._failpoint_sweep import (
        CrashCase,
        FailpointReport,
        failpoint_sweep,
    )
    from syncpatterns.testing._failpoints import Failpoints
    from syncpatterns.testing._fake_clock import FakeClock
    from syncpatterns.testing._faults._fault import Fault, FiredFault
    from syncpatterns.testing._faults._proxy import FaultProxy
    from syncpatterns.testing._instant import instant
    from syncpatterns.testing._integrity import sqlite_integrity
    from syncpatterns.testing._kill_loop import KillReport, kill_loop
    from syncpatterns.testing._ledger import Ack, Effect, EffectsLedger
    from syncpatterns.testing._loop_clock import LoopClock
    from syncpatterns.testing._powercut._sweep import PowerCutReport, power_cut_sweep
    from syncpatterns.testing._powercut._vfs import PowerCut, PowerCutVFS
    from syncpatterns.testing._simloop import Deadlock, Livelock, SimLoop, simulate
    from syncpatterns.testing.servers import ServerProcess, free_port

__all__ = [
    "Ack",
    "CancelSweep",
    "CrashCase",
    "Deadlock",
    "Effect",
    "EffectsLedger",
    "FailpointReport",
    "Failpoints",
    "FakeClock",
    "Fault",
    "FaultProxy",
    "FiredFault",
    "KillReport",
    "Livelock",
    "LoopClock",
    "PowerCut",
    "PowerCutReport",
    "PowerCutVFS",
    "ServerProcess",
    "SimLoop",
    "StoredRecord",
    "Violation",
    "audit",
    "cancel_sweep",
    "failpoint_sweep",
    "free_port",
    "instant",
    "kill_loop",
    "linearizability",
    "power_cut_sweep",
    "servers",
    "simulate",
    "sqlite_integrity",
]

_HOMES = {
    "Ack": "_ledger",
    "CancelSweep": "_cancel",
    "CrashCase": "_failpoint_sweep",
    "Deadlock": "_simloop",
    "Effect": "_ledger",
    "EffectsLedger": "_ledger",
    "FailpointReport": "_failpoint_sweep",
    "Failpoints": "_failpoints",
    "FakeClock": "_fake_clock",
    "Fault": "_faults._fault",
    "FaultProxy": "_faults._proxy",
    "FiredFault": "_faults._fault",
    "KillReport": "_kill_loop",
    "Livelock": "_simloop",
    "LoopClock": "_loop_clock",
    "PowerCut": "_powercut._vfs",
    "PowerCutReport": "_powercut._sweep",
    "PowerCutVFS": "_powercut._vfs",
    "ServerProcess": "servers",
    "SimLoop": "_simloop",
    "StoredRecord": "_audit",
    "Violation": "_audit",
    "audit": "_audit",
    "cancel_sweep": "_cancel",
    "failpoint_sweep": "_failpoint_sweep",
    "free_port": "servers",
    "instant": "_instant",
    "kill_loop": "_kill_loop",
    "power_cut_sweep": "_powercut._sweep",
    "simulate": "_simloop",
    "sqlite_integrity": "_integrity",
}
_MODULES = frozenset({"linearizability", "servers"})


def __getattr__(name: str) -> Any:
    """Import a tool when it is first asked for (PEP 562)."""
    if name in _MODULES:
        return import_module(f"{__name__}.{name}")
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{home}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
