"""What was answered was done, and no retry may do it again."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import tenacity

from syncpatterns.errors import ConfigurationError, NotSent
from syncpatterns.retry import Retry
from tests.unit.operation.conftest import MakeOperation
from tests.unit.operation.fenced_kit import Desk

JUDGING: list[Callable[[], Retry]] = [
    lambda: Retry(on=NotSent, result=lambda receipt: True),
    lambda: Retry(on=tenacity.retry_if_result(lambda receipt: True)),
]


@pytest.mark.parametrize("retry", JUDGING, ids=["result", "on"])
def test_a_retry_that_judges_receipts_is_refused(
    sqlite_desk: Desk, retry: Callable[[], Retry]
) -> None:
    """It would send a message again because of its receipt."""
    with pytest.raises(ConfigurationError, match=r"would do it twice. Raise NotSent"):
        sqlite_desk.operation(retry=retry())


@pytest.mark.parametrize("retry", JUDGING, ids=["result", "on"])
def test_a_retry_that_judges_committed_results_is_refused(
    make: MakeOperation, retry: Callable[[], Retry]
) -> None:
    """What it would judge is committed."""
    with pytest.raises(ConfigurationError, match="judges returned values"):
        make(retry=retry())


def test_a_lookup_may_be_asked_again_because_of_its_answer(sqlite_desk: Desk) -> None:
    """Looking changes nothing: "nothing there yet" is a reason to look again."""
    patient = Retry(on=ConnectionError, result=lambda receipt: receipt is None)

    assert sqlite_desk.operation(lookup_retry=patient).guarantee == "at_most_once"
