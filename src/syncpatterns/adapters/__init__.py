"""One module per framework or client; import the one you use.

`asgi` and `wsgi` need no framework; `fastapi` and `flask` build on them. Nothing is
imported from here, so that having one framework never asks for another.
"""

from __future__ import annotations

__all__: list[str] = []
