"""How sealed and compressed bytes stand in a store."""

from __future__ import annotations

import logging
import tracemalloc
import zlib
from typing import Any

import pytest
from hypothesis import given, strategies as st

from syncpatterns.errors import ConfigurationError
from syncpatterns.sealing import Keyring, SealBroken, SealError, SealKeyMissing
from syncpatterns.sealing._frames import (
    LARGEST,
    checked_sealer,
    is_sealed,
    key_of,
    opened,
    packed,
    place,
    sealed,
    unpacked,
)

RING = Keyring({"2026-11": Keyring.new_key()}, index=Keyring.new_key())
HERE = place(b"here")


@given(st.binary(max_size=2000))
def test_what_is_sealed_says_with_which_key_and_is_opened(plain: bytes) -> None:
    """The name of the key lies open, the rest does not."""
    data = sealed(RING, plain, HERE)

    assert (is_sealed(data), key_of(data)) == (True, "2026-11")
    assert opened(RING, data, HERE) == plain


def test_every_bit_of_the_frame_counts_too() -> None:
    """The name of the key cannot be changed; without its mark it is not sealed."""
    data = sealed(RING, b"to the moon", HERE)

    for at in range(8 * len(data)):
        changed = bytearray(data)
        changed[at // 8] ^= 1 << at % 8
        with pytest.raises(SealError):
            opened(RING, bytes(changed), HERE)
        assert is_sealed(bytes(changed)) is (at >= 24)


def test_a_frame_that_was_cut_off_anywhere_opens_nowhere() -> None:
    """Not even inside the name of the key."""
    data = sealed(RING, b"to the moon", HERE)

    for short in range(len(data)):
        with pytest.raises(SealError):
            opened(RING, data[:short], HERE)


def test_two_keys_of_a_ring_cannot_stand_for_each_other() -> None:
    """Renamed in the frame, it is not opened, although the ring has that key."""
    keys = {"a": Keyring.new_key(), "b": Keyring.new_key()}
    ring = Keyring(keys, index=Keyring.new_key(), current="a")
    renamed = sealed(ring, b"1", HERE).replace(b"\x01a", b"\x01b")

    with pytest.raises(SealKeyMissing):
        opened(ring, renamed, HERE)


@given(st.binary(max_size=60))
def test_bytes_of_a_stranger_are_refused(noise: bytes) -> None:
    """Whatever follows the mark, the answer is an error of ours."""
    for mark in (b"", b"\x00S1"):
        with pytest.raises(SealError):
            opened(RING, mark + noise, HERE)


def test_without_a_sealer_the_error_names_the_key() -> None:
    """So that whoever looks knows which one to add."""
    with pytest.raises(SealKeyMissing) as caught:
        opened(None, sealed(RING, b"1", HERE), HERE)

    assert caught.value.key_id == "2026-11"


class Loose(SealError):
    """Of somebody else, with other arguments and words that quote."""

    def __init__(self) -> None:
        super().__init__("canary-words")


class Own:
    """Somebody's own sealer, which fails as it is told."""

    key_id = "own"

    def __init__(self, answer: Any = b"") -> None:
        self.answer = answer

    def seal(self, key_id: str, plain: bytes, aad: bytes) -> bytes:
        return plain

    def open(self, key_id: str, sealed: bytes, aad: bytes) -> bytes:
        if isinstance(self.answer, Exception):
            raise self.answer
        answer: bytes = self.answer
        return answer

    def pseudonym(self, data: bytes) -> bytes:
        return data


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (Loose(), SealBroken),
        (SealBroken("canary-words"), SealBroken),
        (SealKeyMissing("canary-words"), SealKeyMissing),
        (ConnectionError("canary-words"), SealKeyMissing),
        ("text", SealBroken),
        (None, SealBroken),
    ],
    ids=lambda each: getattr(each, "__name__", type(each).__name__),
)
def test_what_a_sealer_of_ones_own_says_is_not_repeated(
    answer: Any, kind: type[SealError], caplog: pytest.LogCaptureFixture
) -> None:
    """Its words may quote what it was given; the key's name is enough."""
    own = Own(answer)
    with caplog.at_level(logging.DEBUG), pytest.raises(kind, match="own") as caught:
        opened(own, sealed(own, b"1", HERE), HERE)

    assert "canary" not in f"{caught.value}{caplog.text}"


class Unnamed(Own):
    key_id = "no name"


@pytest.mark.parametrize(
    "wrong",
    [Keyring, b"key", {}, Unnamed()],
    ids=["a class", "bytes", "dict", "unnamed"],
)
def test_what_is_no_sealer_is_refused_at_once(wrong: Any) -> None:
    """Not at the first payload."""
    with pytest.raises(ConfigurationError, match=r"^field: "):
        checked_sealer("field", wrong)


# ----------------------------------------------------------------- compression


@given(st.binary(max_size=3000), st.integers(0, 3000))
def test_what_is_packed_is_unpacked(data: bytes, above: int) -> None:
    """Any bytes that are not packed already come back."""
    data = b"{" + data
    small = packed(data, above)

    assert unpacked(small) == data
    assert len(small) <= len(data)


def test_it_is_packed_only_where_that_is_shorter() -> None:
    """Noise stays as it is, and so does what is short."""
    text, noise = b"[" + b"0," * 2000, b"".join(Keyring.new_key() for _ in range(64))

    assert len(packed(text, 1024)) < 100
    assert packed(text, len(text)) is text
    assert packed(text, None) is text
    assert packed(noise, 1024) is noise


def test_a_bomb_does_not_go_off() -> None:
    """A row of 128 KB that becomes 128 MB is refused, and takes no memory."""
    compressor, zeros = zlib.compressobj(9), bytes(1 << 20)
    bomb = b"".join(compressor.compress(zeros) for _ in range(128))
    bomb += compressor.flush()
    lies = [LARGEST + 1, 128 << 20, 10, 0, len(bomb)]
    tracemalloc.start()
    try:
        for said in lies:
            with pytest.raises(ValueError, match=r"too large|another length"):
                unpacked(b"\x00Z1" + said.to_bytes(4, "big") + bomb)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert peak < 8 << 20


@given(st.binary(max_size=80))
def test_damaged_compression_is_an_error_of_value(noise: bytes) -> None:
    """Whatever follows the mark, nothing else is raised."""
    with pytest.raises(ValueError, match=r"."):
        unpacked(b"\x00Z1" + noise)
