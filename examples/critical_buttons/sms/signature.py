"""X-Twilio-Signature: who a webhook comes from.

The signature is HMAC-SHA1, keyed with the account's token, over the URL and
every field of the form, sorted by name, name and value joined without a
separator. It says nothing of when: a webhook that was overheard can be sent
again, so whoever takes it in must be content to get it twice. Nor does it mark
where a name ends, so read the fields you expect and no others.

Source: the provider's page "Webhooks security", and its own validator, to
whose answers a test compares these.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Iterable, Mapping
from typing import Final, TypeAlias, cast
from urllib.parse import SplitResult, urlsplit

from syncpatterns.errors import ConfigurationError

#: The header that carries it.
HEADER: Final = "X-Twilio-Signature"

Fields: TypeAlias = Mapping[str, str] | Iterable[tuple[str, str]]

_PORTS: Final = {"http": 80, "https": 443}


def sign(auth_token: str, url: str, fields: Fields) -> str:
    """Return the signature of a webhook.

    Args:
        auth_token: The account's token.
        url: The whole URL that is asked, with its query.
        fields: The form. Of a name that comes more than once each value
            counts, sorted; the same value twice counts once.

    Raises:
        ConfigurationError: The token is empty; anybody could sign.
    """
    if not auth_token:
        raise ConfigurationError(
            "The SMS account's token is empty, so anybody could sign a webhook. Set it."
        )
    pairs = sorted(set(_pairs(fields)))
    text = url + "".join(name + value for name, value in pairs)
    # A lone surrogate cannot have been sent; it must not raise here either.
    data = text.encode("utf-8", "surrogatepass")
    mac = hmac.new(auth_token.encode(), data, hashlib.sha1)
    return base64.b64encode(mac.digest()).decode("ascii")


def verify(auth_token: str, url: str, fields: Fields, signature: str | None) -> bool:
    """Return whether *signature* is that of this webhook.

    The provider signs a URL sometimes with its port and sometimes without;
    both are right. How long this takes says nothing about the signature.

    Args:
        auth_token: The account's token.
        url: The URL as the provider knows it, which behind a proxy is not the
            one this server sees.
        fields: The form, as it was sent.
        signature: The header's value; None where there is none.

    Raises:
        ConfigurationError: The token is empty.
    """
    pairs = _pairs(fields)
    given = (signature or "").encode("utf-8", "surrogatepass")
    right = False
    for each in _spellings(url):
        expected = sign(auth_token, each, pairs).encode("ascii")
        right |= hmac.compare_digest(expected, given)
    return right


def _pairs(fields: Fields) -> list[tuple[str, str]]:
    if isinstance(fields, Mapping):
        return list(cast("Mapping[str, str]", fields).items())
    return list(fields)


def _spellings(url: str) -> tuple[str, str]:
    """Return *url* with its port and without; as it is, where it has no such."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return url, url
    if port is not None:
        return url, _at(parts, parts.netloc.rpartition(":")[0])
    default = _PORTS.get(parts.scheme)
    if default is None or not parts.netloc:
        return url, url
    return url, _at(parts, f"{parts.netloc.rstrip(':')}:{default}")


def _at(parts: SplitResult, netloc: str) -> str:
    return parts._replace(netloc=netloc).geturl()
