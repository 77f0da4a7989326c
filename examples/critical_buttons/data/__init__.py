"""Where bookings come from: the samples, or a CSV file."""

from __future__ import annotations
