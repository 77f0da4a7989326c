"""``python -m examples.critical_buttons`` starts the reference app."""

from __future__ import annotations

import sys

from examples.critical_buttons.cli import main

sys.exit(main())
