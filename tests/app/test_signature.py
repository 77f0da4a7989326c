"""Webhook signatures: ours and the provider's own validator agree."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, strategies as st
from twilio.request_validator import (  # type: ignore[import-untyped]  # ships no types
    RequestValidator,
)

from examples.critical_buttons.sms.signature import sign, verify
from syncpatterns.errors import ConfigurationError

TOKEN = "12345678901234567890123456789012"
URL = "https://app.example/webhooks/sms/status?tenant=acme"
FORM = {"MessageSid": "SM1", "MessageStatus": "sent", "To": "+12025550147"}

letters = st.text(st.characters(codec="utf-8"), max_size=20)
forms = st.lists(st.tuples(st.sampled_from(["A", "Ab", "B", "é"]), letters), max_size=8)
hosts = st.sampled_from(["app.example", "127.0.0.1", "xn--bcher-kva.example"])
ports = st.sampled_from(["", ":80", ":443", ":8123"])
paths = st.sampled_from(["", "/", "/a/b", "/a?b=c&d=%20e", "/a%2Fb?x=:8123"])
urls = st.builds(
    "{}://{}{}{}".format, st.sampled_from(["http", "https"]), hosts, ports, paths
)


class MultiDict:
    """A form as the validator likes it: with several values to a name."""

    def __init__(self, pairs: list[tuple[str, str]]) -> None:
        self._pairs = pairs

    def __iter__(self) -> Any:
        return iter(dict(self._pairs))

    def __len__(self) -> int:
        return len(self._pairs)

    def getall(self, name: str) -> list[str]:
        return [value for each, value in self._pairs if each == name]


@given(url=urls, form=forms)
def test_the_providers_validator_takes_every_signature_of_ours(
    url: str, form: list[tuple[str, str]]
) -> None:
    """Whatever the form repeats and whatever the URL's port."""
    validator = RequestValidator(TOKEN)

    assert validator.validate(url, MultiDict(form), sign(TOKEN, url, form)) is True


@given(url=urls, form=forms)
def test_a_signature_of_the_provider_is_verified_with_and_without_the_port(
    url: str, form: list[tuple[str, str]]
) -> None:
    """The provider signs either spelling of one URL."""
    signature = RequestValidator(TOKEN).compute_signature(url, MultiDict(form))

    assert verify(TOKEN, url, form, signature) is True


@given(url=urls, signed=urls, form=forms, other=forms)
def test_both_verifiers_always_agree(
    url: str,
    signed: str,
    form: list[tuple[str, str]],
    other: list[tuple[str, str]],
) -> None:
    """Also where the signature is that of another URL or of another form."""
    signature = sign(TOKEN, signed, other)

    expected = RequestValidator(TOKEN).validate(url, MultiDict(form), signature)

    assert expected == verify(TOKEN, url, form, signature)


@pytest.mark.parametrize(
    ("url", "form", "signature", "why"),
    [
        (URL + "x", FORM, None, "another URL"),
        (URL, FORM | {"MessageStatus": "delivered"}, None, "another value"),
        (URL, FORM | {"ErrorCode": "30003"}, None, "a field more"),
        (URL, {"MessageSid": "SM1"}, None, "a field less"),
        (URL, FORM, "", "empty"),
        (URL, FORM, "not base64 \u20ac \ud800", "not even ASCII"),
        (URL, FORM, sign("another token", URL, FORM), "another token"),
        ("http://[::1", FORM, None, "no URL"),
        ("http://host:port/", FORM, None, "no port"),
        ("", {}, None, "nothing"),
    ],
)
@pytest.mark.case("APP-32", part="signature")
def test_a_signature_that_does_not_fit_is_refused(
    url: str, form: dict[str, str], signature: str | None, why: str
) -> None:
    """Whatever a stranger sends is answered with no, never with an error."""
    given_ = sign(TOKEN, URL, FORM) if signature is None else signature

    assert verify(TOKEN, url, form, given_) is False, why


@pytest.mark.case("APP-32", part="signature")
def test_a_missing_signature_is_refused() -> None:
    """A webhook without the header is a stranger's."""
    assert verify(TOKEN, URL, FORM, None) is False


def test_a_value_sent_twice_counts_once_and_the_order_does_not_matter() -> None:
    """As the provider's validator has it."""
    once = sign(TOKEN, URL, [("A", "1"), ("B", "2")])

    assert once == sign(TOKEN, URL, [("B", "2"), ("A", "1"), ("A", "1")])


def test_the_port_of_an_ipv6_host_is_told_from_its_address() -> None:
    """The colon that begins the port is the last one, behind the bracket."""
    without = sign(TOKEN, "http://[::1]/status", FORM)

    assert verify(TOKEN, "http://[::1]:8123/status", FORM, without) is True


def test_half_a_character_is_no_error() -> None:
    """A form cannot carry a lone surrogate; whoever makes one up gets no."""
    assert verify(TOKEN, URL, {"Body": "\ud800"}, sign(TOKEN, URL, FORM)) is False


def test_an_empty_token_is_refused() -> None:
    """With an empty key everybody could sign."""
    with pytest.raises(ConfigurationError, match="token is empty"):
        sign("", URL, FORM)
    with pytest.raises(ConfigurationError, match="token is empty"):
        verify("", URL, FORM, "signature")


def test_a_verifier_that_forgets_the_port_is_caught() -> None:
    """A planted bug: without the second spelling the rule above does not hold."""
    signature = RequestValidator(TOKEN).compute_signature(
        "http://127.0.0.1/status", FORM
    )
    url = "http://127.0.0.1:80/status"

    assert sign(TOKEN, url, FORM) != signature
    assert verify(TOKEN, url, FORM, signature) is True
