"""``python -m examples.critical_buttons.simulator`` starts the SMS simulator."""

from __future__ import annotations

import sys

from examples.critical_buttons.simulator.cli import main

sys.exit(main())
