"""What the contract says about idempotency keys: a model to compare stores with."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from syncpatterns.idempotency._core import (
    UNKNOWN_RETENTION,
    ClaimRequest,
    Owned,
    StoredOutcome,
    Unresolved,
)

NAMES = ("a", "b")


def steps_of(notes: dict[str, bytes]) -> dict[str, bytes]:
    """Return what stays of *notes* when the key is given back."""
    return {name: notes[name] for name in notes if name.startswith("step:")}


@dataclass
class Key:
    """What the contract says about one key."""

    state: str = "absent"
    token: int = 0
    nonce: str = ""
    fingerprint: bytes = b""
    attempts: int = 0
    lease_until: float = 0.0
    forget_at: float = 0.0
    replay_until: float = 0.0
    outcome: StoredOutcome | None = None
    notes: dict[str, bytes] = field(default_factory=dict[str, bytes])
    executing: dict[int, float] = field(default_factory=dict)

    def live(self, now: float) -> bool:
        """Tell whether the key is remembered at all."""
        return self.state != "absent" and now < self.forget_at

    def bound(self, fingerprint: bytes) -> bool:
        """Tell whether a step was done for another request (IDM-70)."""
        stepped = any(name.startswith("step:") for name in self.notes)
        return stepped and self.fingerprint != fingerprint

    def inherited(self, request: ClaimRequest, now: float) -> dict[str, bytes]:
        """Return the notes that an owner who asks for *request* finds."""
        if not self.live(now) or self.fingerprint != request.fingerprint:
            return dict(request.notes)
        if self.state == "running" and self.nonce == request.nonce:
            return self.notes
        return {**self.notes, **dict(request.notes)}


class Model:
    """All keys, and the tokens given out, in order."""

    def __init__(self) -> None:
        self.keys = {name: Key() for name in NAMES}
        self.tokens: dict[str, list[int]] = {name: [] for name in NAMES}

    def expected(
        self, name: str, request: ClaimRequest, now: float
    ) -> tuple[str, dict[str, Any]]:
        """Return the kind of answer to a claim, and what is known about it."""
        key = self.keys[name]
        if not key.live(now):
            if request.age and request.age >= request.windows.dedupe:
                return "Expired", {}
            return "Owned", {"attempts": 1, "abandoned": False, "probe": False}
        if key.state == "free" and not key.bound(request.fingerprint):
            return "Owned", {"attempts": key.attempts + 1, "abandoned": False}
        if key.fingerprint != request.fingerprint:
            return "Mismatch", {}
        if key.state == "unknown":
            return "Unresolved", {}
        if key.state == "done":
            return self._expected_of_done(key, now)
        if key.nonce == request.nonce:
            again = key.attempts > 1
            probe = again and request.on_abandoned == "probe"
            return "Owned", {"token": key.token, "abandoned": again, "probe": probe}
        if now < key.lease_until:
            return "Busy", {"retry_after": key.lease_until - now}
        if request.on_abandoned == "quarantine":
            return "Unresolved", {}
        probe = request.on_abandoned == "probe"
        attempts = key.attempts + 1
        return "Owned", {"attempts": attempts, "abandoned": True, "probe": probe}

    @staticmethod
    def _expected_of_done(key: Key, now: float) -> tuple[str, dict[str, Any]]:
        assert key.outcome is not None
        if key.outcome.kind == "tombstone" or now >= key.replay_until:
            return "Gone", {"outcome": key.outcome._replace(body=b"")}
        return "Replay", {"outcome": key.outcome}

    def claimed(
        self, name: str, request: ClaimRequest, answer: Any, now: float
    ) -> None:
        """Take down what *answer* to a claim changed."""
        key = self.keys[name]
        if isinstance(answer, Unresolved) and key.state == "running":
            kept = max(key.forget_at, now + UNKNOWN_RETENTION)
            key.state, key.forget_at = "unknown", kept
        if not isinstance(answer, Owned):
            return
        key.notes = key.inherited(request, now)
        same = key.live(now) and key.state == "running" and key.token == answer.token
        if not same:
            self.tokens[name].append(answer.token)
            key.state, key.nonce = "running", request.nonce
            key.fingerprint = request.fingerprint
            key.token, key.attempts, key.outcome = answer.token, answer.attempts, None
        key.lease_until = now + request.lease
        kept = max(request.windows.dedupe, UNKNOWN_RETENTION)
        key.forget_at = key.lease_until + kept
