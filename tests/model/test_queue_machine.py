"""Every engine's queue against the model: any schedule gets the model's answers."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from syncpatterns.engines import connect
from tests.model.queue_machine import QueueMachine


class SqliteQueueMachine(QueueMachine):
    """The same on SQLite; the file lies in memory, as nothing here needs a disk."""

    def make_store(self) -> Any:
        shared = Path("/dev/shm")
        place = shared if shared.is_dir() else None
        self.folder = tempfile.TemporaryDirectory(dir=place)
        self.engine = connect(f"sqlite:///{self.folder.name}/q.db", clock=self.clock)
        return self.engine.queue_store()

    def teardown(self) -> None:
        if hasattr(self, "store"):
            super().teardown()
            self.engine.close()
            self.folder.cleanup()


QUIET = [HealthCheck.too_slow, HealthCheck.filter_too_much]

TestMemory = QueueMachine.TestCase
TestMemory.settings = settings(
    max_examples=150, stateful_step_count=50, deadline=None, suppress_health_check=QUIET
)

TestSqlite = pytest.mark.engine(SqliteQueueMachine.TestCase)
TestSqlite.settings = settings(
    max_examples=40, stateful_step_count=40, deadline=None, suppress_health_check=QUIET
)
