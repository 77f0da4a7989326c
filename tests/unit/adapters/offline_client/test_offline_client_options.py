"""What can be said about a request, and what cannot, in words for whoever said it."""

from __future__ import annotations

import datetime as dt
import decimal
import enum
import uuid
from typing import Any

import httpx2
import pytest

from syncpatterns.adapters.httpx import OfflineClient
from syncpatterns.errors import ConfigurationError
from syncpatterns.offline_queue import OfflineQueue
from tests.unit.adapters.offline_client.service import Service


class Kind(str, enum.Enum):  # noqa: UP042 - whose text is not its value
    """A word that an application has."""

    CALL = "call"


FIELDS: dict[str, Any] = {
    "text": "a b&c",
    "nothing": None,
    "yes": True,
    "no": False,
    "whole": 7,
    "part": 0.5,
    "many": ["x", "y"],
    "empty": [],
}


def test_a_query_and_a_form_say_what_the_wrapped_client_says(
    crm: OfflineClient, service: Service
) -> None:
    """None is empty and True is true: nobody has to know who writes them."""
    plain = httpx2.Client(base_url=service.url)
    asked = plain.build_request("POST", "/x", params=FIELDS, data=FIELDS)
    crm.post("/x", params=FIELDS, data=FIELDS)
    crm.post("/x", params=list(FIELDS.items()), data=list(FIELDS.items()))
    plain.close()

    for sent in service.requests:
        assert sent.path.encode() == asked.url.raw_path
        assert sent.body == asked.read()
        assert sent.headers["content-type"] == asked.headers["content-type"]
    assert len(service.requests) == 2


def test_what_has_one_text_is_written_as_that(
    crm: OfflineClient, service: Service
) -> None:
    """Identities, amounts, dates and the words of an Enum."""
    number = uuid.uuid4()
    day = dt.date(2026, 11, 30)
    fields = {"u": number, "d": decimal.Decimal("1.10"), "t": day, "k": Kind.CALL}
    crm.post("/x", params=fields, content="done")
    (sent,) = service.requests

    assert sent.path == f"/x?u={number}&d=1.10&t=2026-11-30&k=call"
    assert sent.body == b"done"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"files": {"a": b"x"}}, "a file is read once"),
        ({"cookies": {"a": "b"}}, "no option cookies=.*json=, data=, content="),
        ({"params": "a=1"}, "params= takes a dict"),
        ({"params": 5}, "params= takes a dict"),
        ({"params": [("a", "b", "c")]}, "params= takes a dict"),
        ({"params": {"a": object()}}, "params= takes texts.*not a object"),
        ({"params": {"a": b"x"}}, "params= takes texts.*not a bytes"),
        ({"params": {"a": "\ud800"}}, "surrogate"),
        ({"data": {"a": object()}}, "data= takes texts.*not a object"),
        ({"data": {"a": "\ud800"}}, "surrogate"),
        ({"data": 5}, "A body is bytes"),
        ({"content": iter([b"a"])}, "sent more than once"),
        ({"content": "\ud800"}, "surrogate"),
        ({"headers": 5}, "headers= takes a dict"),
        ({"headers": {"accept": 5}}, "'accept' holds what cannot be sent"),
    ],
)
def test_what_cannot_be_sent_later_is_refused_in_words(
    crm: OfflineClient, queue: OfflineQueue, options: dict[str, Any], said: str
) -> None:
    """No error of some library, and nothing is stored."""
    with pytest.raises(ConfigurationError, match=said):
        crm.post("/x", **options)

    assert queue.stats().live == 0


@pytest.mark.parametrize("url", [None, 5, b"/x", "/x?a=\ud800", "/" + "x" * 9000])
def test_an_address_that_is_none_is_refused(crm: OfflineClient, url: Any) -> None:
    """Its text would be one by accident: /None."""
    with pytest.raises(ConfigurationError, match="The address"):
        crm.post(url)


@pytest.mark.parametrize("method", [None, 5, "", "GET"])
def test_a_method_that_is_none_is_refused(crm: OfflineClient, method: Any) -> None:
    """Nothing is guessed."""
    with pytest.raises(ConfigurationError, match="method"):
        crm.request(method, "/x")


@pytest.mark.parametrize("body", [bytearray(b"x\xff"), memoryview(b"x\xff")])
def test_bytes_in_another_form_are_bytes(
    crm: OfflineClient, service: Service, body: Any
) -> None:
    """As the wrapped client takes them."""
    crm.post("/x", content=body)
    (sent,) = service.requests

    assert sent.body == b"x\xff"
