"""``syncpatterns unresolved``: a file for each kind of command."""

from __future__ import annotations
