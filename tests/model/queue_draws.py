"""What the queue's machine draws its moves from."""

from __future__ import annotations

from hypothesis import strategies as st

from syncpatterns.offline_queue._core import (
    Ack,
    Coalesce,
    Fail,
    Hold,
    Nack,
    Park,
    Release,
    Settlement,
)

QUEUE = "q"
LEASE = 30.0
EVER = float("inf")
KEYS = [f"k{n}" for n in range(12)]
LANES = st.sampled_from([None, "A", "A", "B"])
TARGETS = ("x", "y")
FIELDS = st.fixed_dictionaries(
    {
        "lane": LANES,
        "target": st.sampled_from(TARGETS),
        "priority": st.sampled_from([0, 0, 0, 5]),
        "delay": st.sampled_from([0.0, 0.0, 0.0, 20.0]),
        "expires_in": st.sampled_from([EVER, EVER, 50.0]),
    }
)
SAID = st.sampled_from(
    ["ack", "ack", "nack", "release", "unsent", "fail", "given up", "discard", "park"]
)
HOW = {
    "": None,
    "last": Coalesce("last_write"),
    "first": Coalesce("keep_first"),
    "pair": Coalesce("cancel_pair", creates="create"),
}


def sayings(hold: Hold, delay: float) -> dict[str, Settlement]:
    """Return what a worker may say of what it holds, by the names in SAID."""
    said: dict[str, Settlement] = {
        "ack": Ack(hold, b"%d" % hold.seq),
        "nack": Nack(hold, delay),
        "release": Release(hold, delay),
        "unsent": Release(hold, delay, unsent=True),
        "fail": Fail(hold, "rejected"),
        "given up": Fail(hold, "attempts", failed=True),
        "discard": Fail(hold, "rejected", discard=True),
        "park": Park(hold, "sign-in" if delay else "forbidden", unsent=delay > 0),
    }
    return said
