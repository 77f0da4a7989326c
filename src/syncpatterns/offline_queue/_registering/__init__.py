"""Who delivers what: handlers, their rules, and how their payloads are written."""

from __future__ import annotations
