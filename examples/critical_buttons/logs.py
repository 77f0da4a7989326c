"""The log: one JSON object a line on stderr, and only what needs a look."""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime


class JsonLines(logging.Formatter):
    """Writes a record as one line, its traceback included.

    A line break in a message could otherwise pass for a line of its own.
    """

    def format(self, record: logging.LogRecord) -> str:
        """Return *record* as JSON."""
        members = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            members["traceback"] = self.formatException(record.exc_info)
        return json.dumps(members, ensure_ascii=False)


def set_up() -> None:
    """Send warnings and worse to stderr; requests and keys are never logged."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines())
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
