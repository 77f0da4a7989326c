"""The reference app: bookings that are confirmed once, whatever happens.

Read it from the inside out::

    domain/     what a booking is and when it may be confirmed; no I/O
    schema.py   the tables; repo.py  the statements
    services/   the use cases: confirm, list, audit
    data/       the sample bookings and the CSV import
    routes.py   HTTP, thin; app.py  the wiring; web/  the page
    startup.py  everything that can be wrong before the first request
    server.py   uvicorn that ends open streams cleanly

Start it with ``python -m examples.critical_buttons``. There is no sign-in: a
demo principal is always there, so keep it on your own machine.
"""

from __future__ import annotations
