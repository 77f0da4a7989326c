"""The oracle: were the promises kept, going by the ledger and the store?

Five rules, checked after recovery:

1. What a caller was told to be done, the store holds as done.
2. One key has one answer, byte for byte.
3. Effects per key are as promised: exactly one; at most one; or at least one
   and no more than there were attempts.
4. No key is still being processed once every process has ended.
5. The store finds its own files in order.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

__all__ = ["Ack", "Effect", "Promise", "StoredRecord", "Violation", "audit"]

Promise: TypeAlias = Literal["exactly-once", "at-most-once", "at-least-once"]
State: TypeAlias = Literal["done", "running", "unknown"]


@dataclass(frozen=True, slots=True)
class Effect:
    """An effect that happened.

    Attributes:
        key: Key of the operation.
        token: Fencing token or number of the attempt.
        worker: Whoever did it.
    """

    key: str
    token: int
    worker: str


@dataclass(frozen=True, slots=True)
class Ack:
    """An answer that a caller was given.

    Attributes:
        key: Key of the operation.
        answer: The answer's bytes.
        worker: Whoever was told.
    """

    key: str
    answer: bytes
    worker: str


@dataclass(frozen=True, slots=True)
class StoredRecord:
    """What the store holds about a key after recovery.

    Attributes:
        state: ``done``, ``running`` or ``unknown``; a key that was released has
            no record.
        answer: The stored answer, or None if the store keeps none.
        attempts: How often the key was claimed, as far as the store knows.
    """

    state: State
    answer: bytes | None = None
    attempts: int = 1


@dataclass(frozen=True, slots=True)
class Violation:
    """A broken promise.

    Attributes:
        rule: 1 to 5, as in the module's list.
        key: The key concerned; empty for rule 5.
        text: What is wrong, as a sentence.
    """

    rule: int
    key: str
    text: str

    def __str__(self) -> str:
        where = f"{self.key}: " if self.key else ""
        return f"rule {self.rule}: {where}{self.text}"


def audit(
    promise: Promise,
    records: Mapping[str, StoredRecord],
    *,
    acks: Iterable[Ack] = (),
    effects: Sequence[Effect] | Mapping[str, int] = (),
    integrity: str = "ok",
) -> list[Violation]:
    """Check the five rules and return every violation, in the rules' order.

    Args:
        promise: What the store promises about effects.
        records: What the store holds after recovery, by key.
        acks: What callers were told.
        effects: What happened; or the number of effects per key.
        integrity: The store's verdict on its own files; ``ok`` is good.

    Raises:
        ValueError: If *promise* or a state is none that there is.
    """
    if promise not in get_args(Promise):
        raise ValueError(f"unknown promise {promise!r}")
    for key, record in records.items():
        if record.state not in get_args(State):
            raise ValueError(f"{key}: unknown state {record.state!r}")
    answers: dict[str, set[bytes]] = defaultdict(set)
    for ack in acks:
        answers[ack.key].add(ack.answer)
    counts = _count(effects)
    return [
        *_acked_is_recorded(answers, records),
        *_one_answer(answers, records),
        *_effects_as_promised(promise, counts, records),
        *_nothing_stuck(promise, records),
        *_in_order(integrity),
    ]


def _count(effects: Sequence[Effect] | Mapping[str, int]) -> Counter[str]:
    if isinstance(effects, Mapping):
        return Counter(effects)
    return Counter(effect.key for effect in effects)


def _acked_is_recorded(
    answers: Mapping[str, set[bytes]], records: Mapping[str, StoredRecord]
) -> Iterator[Violation]:
    for key in answers:
        record = records.get(key)
        if record is None:
            yield Violation(1, key, "was acknowledged, but the store has no record")
        elif record.state != "done":
            text = f"was acknowledged, but the store says {record.state}"
            yield Violation(1, key, text)


def _one_answer(
    answers: Mapping[str, set[bytes]], records: Mapping[str, StoredRecord]
) -> Iterator[Violation]:
    for key, told in answers.items():
        record = records.get(key)
        stored = record.answer if record is not None else None
        every = told if stored is None else told | {stored}
        if len(every) > 1:
            shown = ", ".join(repr(answer[:40]) for answer in sorted(every))
            yield Violation(2, key, f"has {len(every)} different answers: {shown}")


def _effects_as_promised(
    promise: Promise, counts: Mapping[str, int], records: Mapping[str, StoredRecord]
) -> Iterator[Violation]:
    for key in sorted({*counts, *records}):
        n, record = counts.get(key, 0), records.get(key)
        done = record is not None and record.state == "done"
        if done and n == 0 and promise != "at-most-once":
            yield Violation(3, key, "is done, but its effect never happened")
        if n and not done and promise == "exactly-once":
            yield Violation(3, key, f"has {n} effects, but is not done")
        if n > 1 and promise != "at-least-once":
            yield Violation(3, key, f"happened {n} times")
        if promise == "at-least-once" and record is not None and n > record.attempts:
            text = f"happened {n} times in {record.attempts} attempts"
            yield Violation(3, key, text)


def _nothing_stuck(
    promise: Promise, records: Mapping[str, StoredRecord]
) -> Iterator[Violation]:
    for key, record in records.items():
        if record.state == "running":
            yield Violation(4, key, "is still being processed by nobody")
        if record.state == "unknown" and promise != "at-most-once":
            yield Violation(4, key, f"is unknown, which {promise} never leaves behind")


def _in_order(integrity: str) -> Iterator[Violation]:
    if integrity != "ok":
        yield Violation(5, "", f"the store is damaged: {integrity}")
