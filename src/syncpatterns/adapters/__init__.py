"""One module per framework or client; import the one you use.

`asgi` needs no framework; `fastapi` builds on it. Nothing is imported from
here, so that having one framework never asks for another.
"""

from __future__ import annotations

__all__: list[str] = []
