"""The statements of the app, each built once; every list names its tenant."""

from __future__ import annotations
