"""Executable contracts, for engines of your own: one module a pattern.

Checks are plain asserts and need no test framework. An engine that passes is
as good as the ones in the box. The idea is trio's ``check_one_way_stream``.
"""

from __future__ import annotations
