"""Keys by name: one seals, all of them open, and nothing shows them."""

from __future__ import annotations

import base64
import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given, strategies as st

from syncpatterns.errors import ConfigurationError
from syncpatterns.sealing import Keyring, SealBroken, Sealer, SealKeyMissing

OLD, NEW, INDEX = (Keyring.new_key() for _ in range(3))
RING = Keyring({"old": OLD, "new": NEW}, index=INDEX, current="new")


@given(plain=st.binary(max_size=3000), aad=st.binary(max_size=100))
def test_what_is_sealed_is_opened(plain: bytes, aad: bytes) -> None:
    """Any bytes come back, bound to any place."""
    assert RING.open("new", RING.seal("new", plain, aad), aad) == plain


@given(st.binary(min_size=8, max_size=200))
def test_the_plain_bytes_are_not_in_the_sealed_ones(plain: bytes) -> None:
    """And the same bytes are sealed otherwise each time."""
    one, two = RING.seal("new", plain, b""), RING.seal("new", plain, b"")

    assert one != two
    assert plain not in one


def test_every_bit_counts() -> None:
    """No bit can be flipped, in no byte, without it being noticed."""
    sealed = RING.seal("new", b"to the moon", b"here")

    for at in range(8 * len(sealed)):
        changed = bytearray(sealed)
        changed[at // 8] ^= 1 << at % 8
        expected = SealKeyMissing if at < 64 else SealBroken
        with pytest.raises(expected):
            RING.open("new", bytes(changed), b"here")


def test_nothing_can_be_cut_off_or_added() -> None:
    """Neither a part of it nor more than it is opened."""
    sealed = RING.seal("new", b"to the moon", b"here")

    for short in range(len(sealed)):
        with pytest.raises(SealBroken):
            RING.open("new", sealed[:short], b"here")
    with pytest.raises(SealBroken):
        RING.open("new", sealed + b"\x00", b"here")


def test_what_was_sealed_for_one_place_opens_in_no_other() -> None:
    """Whoever swaps two sealed texts is found out."""
    sealed = RING.seal("new", b"pay 10", b"item 1")

    with pytest.raises(SealBroken):
        RING.open("new", sealed, b"item 2")


def test_another_key_of_the_same_name_is_told_from_a_change() -> None:
    """The wrong key is a mistake to put right; a change is an attack."""
    sealed = RING.seal("new", b"to the moon", b"")
    other = Keyring({"new": Keyring.new_key()}, index=INDEX)

    with pytest.raises(SealKeyMissing, match="another key of the name 'new'"):
        other.open("new", sealed, b"")
    with pytest.raises(SealKeyMissing, match="no key 'gone'") as caught:
        RING.open("gone", sealed, b"")
    assert caught.value.key_id == "gone"


def test_keys_are_changed_step_by_step() -> None:
    """First everybody can read the new one, then it seals, then the old one goes."""
    before = Keyring({"old": OLD}, index=INDEX)
    during = Keyring({"old": OLD, "new": NEW}, index=INDEX, current="old")
    after = Keyring({"new": NEW}, index=INDEX)
    sealed = before.seal(before.key_id, b"1", b"")

    assert [each.key_id for each in (before, during, RING, after)] == [
        "old",
        "old",
        "new",
        "new",
    ]
    assert during.open("old", sealed, b"") == RING.open("old", sealed, b"") == b"1"
    with pytest.raises(SealKeyMissing):
        after.open("old", sealed, b"")


def test_pseudonyms_outlive_a_change_of_keys() -> None:
    """A lane has one pseudonym, whichever key seals; it says nothing of the lane."""
    before = Keyring({"old": OLD}, index=INDEX)
    elsewhere = Keyring({"old": OLD}, index=Keyring.new_key())

    assert before.pseudonym(b"lead:7") == RING.pseudonym(b"lead:7")
    assert RING.pseudonym(b"lead:7") != RING.pseudonym(b"lead:8")
    assert elsewhere.pseudonym(b"lead:7") != RING.pseudonym(b"lead:7")


@pytest.mark.parametrize("encode", [base64.b64encode, base64.urlsafe_b64encode])
def test_a_key_may_be_given_as_text(encode: Any) -> None:
    """An environment variable holds no bytes; both alphabets, with padding or not."""
    text = encode(NEW).decode()
    sealed = RING.seal("new", b"1", b"")

    for each in (text, text.rstrip("="), f" {text}\n"):
        ring = Keyring({"new": each}, index=encode(INDEX).decode())
        assert ring.open("new", sealed, b"") == b"1"
        assert ring.pseudonym(b"x") == RING.pseudonym(b"x")


SECRET = "correct horse battery staple"  # 28 bytes, and no key
WRONG: dict[str, dict[str, Any]] = {
    "no keys": {"keys": {}, "index": INDEX},
    "no mapping": {"keys": NEW, "index": INDEX},
    "31 bytes": {"keys": {"a": NEW[:31]}, "index": INDEX},
    "33 bytes": {"keys": {"a": NEW + b"1"}, "index": INDEX},
    "a password": {"keys": {"a": SECRET}, "index": INDEX},
    "password bytes": {"keys": {"a": SECRET.encode()}, "index": INDEX},
    "a placeholder": {"keys": {"a": b"k" * 32}, "index": INDEX},
    "zeros": {"keys": {"a": NEW}, "index": bytes(32)},
    "no index": {"keys": {"a": NEW}, "index": None},
    "the index is a key": {"keys": {"a": NEW}, "index": NEW},
    "twice": {"keys": {"a": NEW, "b": NEW}, "index": INDEX, "current": "a"},
    "the key as name": {
        "keys": {base64.b64encode(NEW).decode(): NEW},
        "index": INDEX,
    },
    "a number as name": {"keys": {7: NEW}, "index": INDEX},
    "nobody seals": {"keys": {"a": NEW, "b": OLD}, "index": INDEX},
    "a stranger seals": {"keys": {"a": NEW}, "index": INDEX, "current": "b"},
    "a key as current": {
        "keys": {"a": NEW},
        "index": INDEX,
        "current": base64.b64encode(NEW).decode(),
    },
}


@pytest.mark.parametrize("wrong", WRONG)
def test_a_keyring_that_can_never_work_is_refused(wrong: str) -> None:
    """And the sentence says nothing of what was given as a key."""
    with pytest.raises(ConfigurationError, match=r"^Keyring: ") as caught:
        Keyring(**WRONG[wrong])

    said = f"{caught.value!r} {caught.value.__cause__!r}"
    for secret in (NEW, OLD, INDEX):
        assert base64.b64encode(secret).decode()[:20] not in said
        assert repr(secret)[2:20] not in said
    assert SECRET not in said


def test_a_keyring_shows_names_only() -> None:
    """It may be printed, and stand in a log."""
    assert repr(RING) == "Keyring(current='new', keys=['new', 'old'])"
    assert isinstance(RING, Sealer)


def test_without_the_package_a_sentence_says_what_to_install() -> None:
    """The library itself, and a queue without a keyring, do not need it."""
    code = """
import sys
sys.modules["cryptography"] = None
from syncpatterns import OfflineQueue, connect
from syncpatterns.errors import ConfigurationError
from syncpatterns.sealing import Keyring
queue = OfflineQueue("field", connect("memory://"), compress=1024)
try:
    Keyring({"a": Keyring.new_key()}, index=Keyring.new_key())
except ConfigurationError as error:
    print(error)
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )

    assert "pip install syncpatterns[crypto]" in done.stdout
