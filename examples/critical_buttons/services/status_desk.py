"""The critical action ``leads.update-status``: declared, called, followed, tried."""

from __future__ import annotations

import logging
from typing import Final, cast

from examples.critical_buttons.domain.lead_refusals import (
    LEAD_REFUSALS,
    BatchCancelled,
    BatchFailed,
    batch_cancelled,
)
from examples.critical_buttons.services.bulk_status import change_many, try_many
from examples.critical_buttons.services.lead_status import change_status
from examples.critical_buttons.services.progress import Announcer, BatchProgress
from examples.critical_buttons.services.running import Running
from examples.critical_buttons.services.status_commands import (
    OPERATION,
    CancelMany,
    ChangeMany,
    ChangeStatus,
    Command,
)
from examples.critical_buttons.services.status_views import (
    BatchResult,
    StatusAnswer,
    StatusChanged,
)
from syncpatterns.adapters.fastapi import IdempotencyKey
from syncpatterns.engines.sqlite import SqliteEngine
from syncpatterns.errors import StoreUnavailable
from syncpatterns.operation import Answer, Operation, Result, Transaction

_OURS: Final = 500

_log = logging.getLogger("critical_buttons")


class StatusDesk:
    """Changes the states of leads, one or many, once per key.

    Args:
        engine: The app's database.
        announcer: Where the progress of batches is told; a hub in memory.
    """

    def __init__(self, engine: SqliteEngine, announcer: Announcer) -> None:
        self._engine = engine
        self._announcer = announcer
        self._running = Running()
        self.operation: Operation[Command, StatusAnswer] = Operation(
            OPERATION, engine, effect=self._apply, refusals=LEAD_REFUSALS
        )

    async def change(
        self, command: ChangeStatus, *, key: IdempotencyKey
    ) -> Answer[StatusAnswer]:
        """Change one lead.

        Raises:
            Exception: As `change_status`, and what the operation raises.
        """
        return await self.operation.acall(command, key=key, scope=command.press.tenant)

    async def change_many(
        self, command: ChangeMany, *, key: IdempotencyKey
    ) -> Answer[StatusAnswer]:
        """Change many leads in one commit, and tell how far it has come.

        Raises:
            BatchFailed: It is atomic, and a row is refused; nothing was changed.
            BatchCancelled: `cancel` came first; nothing was or will be changed.
            Exception: What the operation raises.
        """
        tenant = command.press.tenant
        stored = self.operation.storage_key(key, scope=tenant)
        progress = self._progress(command, stored[:8])
        try:
            with self._running.batch(stored, key.fingerprint):
                answer = await self.operation.acall(command, key=key, scope=tenant)
        except (BatchFailed, BatchCancelled) as refused:
            if not refused.replayed:
                progress.phase("done", 0)
            raise
        except StoreUnavailable:
            # Who has heard that it is written must not go on waiting for its end;
            # but another request with this key may still be at it.
            if stored not in self._running:
                progress.phase("undone", 0)
            raise
        if not answer.replayed:
            found = cast("BatchResult", answer.value)  # what `change_many` returned
            progress.phase("done", found["changed"] + found["unchanged"])
            self._log_failures(progress.key_hash, found)
        return answer

    async def cancel(self, command: CancelMany, *, key: IdempotencyKey) -> bool:
        """See to it that the batch under *key* is not done, if it is not done yet.

        The record of the key decides. A batch that has not begun finds there that
        it was cancelled, wherever it comes, for a day; one that runs in this process
        is stopped at its next row, and its rows are taken back; one that is committed
        stays. So one of two things holds, for all of its rows.

        Args:
            command: Who wants that.
            key: That of the batch, with the fingerprint of the batch.

        Returns:
            False: It had its answer before, and that holds.

        Raises:
            KeyReused: Under this key another batch was sent.
            OutcomeGone: It was done, too long ago to say more.
            RefusalGone: It was refused or cancelled, more than a minute ago; nothing
                was done.
            StoreUnavailable: Nothing is known; ask again.
        """
        tenant = command.press.tenant
        stored = self.operation.storage_key(key, scope=tenant)
        self._running.cancel(stored, key.fingerprint)
        try:
            await self.operation.acall(command, key=key, scope=tenant)
        except BatchCancelled:
            return True
        except BatchFailed:
            return False
        return False

    async def try_many(self, command: ChangeMany) -> Result[BatchResult]:
        """Say what `change_many` would answer, from a snapshot; nothing is written.

        No key is used up, since there is nothing that a second try could do
        twice, and an answer kept for a key would soon be out of date.

        Raises:
            BatchFailed: It is atomic, and a row would be refused.
        """
        return await self._engine.aview(lambda snapshot: try_many(snapshot, command))

    def _log_failures(self, key_hash: str, found: BatchResult) -> None:
        """Tell the operator of rows that the database refused; here, when no lock
        is held any more.
        """
        for result in found["results"]:
            problem = result["problem"]
            if problem is not None and problem["status"] >= _OURS:
                _log.error(
                    "%s %s on sqlite: row %d was refused by the database (%s). Look at "
                    "the constraints and triggers of the table of leads.",
                    OPERATION,
                    key_hash,
                    result["index"],
                    problem["error"],
                )

    def _apply(
        self, tx: Transaction, command: Command
    ) -> Result[StatusChanged] | Result[BatchResult]:
        if isinstance(command, ChangeStatus):
            return change_status(tx, command)
        if isinstance(command, CancelMany):
            raise batch_cancelled(command.total)
        return change_many(tx, command, self._progress(command, tx.key_hash))

    def _progress(self, command: ChangeMany, key_hash: str) -> BatchProgress:
        states = {row.wish.to.value for row in command.rows}
        return BatchProgress(
            self._announcer,
            self._engine.clock,
            command.press.tenant,
            key_hash,
            len(command.rows),
            by=command.press.actor,
            to=states.pop() if len(states) == 1 else None,
            wanted=lambda: not self._running.cancelled(key_hash),
        )
