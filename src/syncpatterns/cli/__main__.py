"""``python -m syncpatterns.cli`` is the command without its script."""

from __future__ import annotations

import sys

from syncpatterns.cli._main import main

sys.exit(main())
