"""When a service wants to be asked again; for checkers, never run."""

from __future__ import annotations

from typing import assert_type

import httpx2

from syncpatterns import NotSent
from syncpatterns.retry import parse_retry_after

seconds = parse_retry_after({"retry-after": "7"}, 0.0)
assert_type(seconds, float | None)
NotSent("429", retry_after=seconds)
parse_retry_after(httpx2.Response(429).headers, now=0)
parse_retry_after({"retry-after": "7"})  # type: ignore[call-arg]  # no clock is read
parse_retry_after([(b"retry-after", b"7")], 0.0)  # type: ignore[arg-type]  # a mapping
