"""The reference app: bookings, messages and leads, each done once, whatever happens.

Read it from the inside out::

    domain/     bookings, leads, segments, consent, night: the rules; no I/O
    schema/     the tables; repo/  the statements
    services/   the use cases: confirm, send, move, webhooks, settle, list
    sms/        the client of the SMS provider; simulator/  a provider to try it on
    data/       the samples and the CSV import
    routes/     HTTP, thin; problems/  a page for every refusal
    gateway.py  the way to the provider; app.py  the wiring; web/  the page
    startup.py  everything that can be wrong before the first request
    server.py   uvicorn that ends open streams cleanly

Start it with ``python -m examples.critical_buttons``. There is no sign-in: a
demo principal is always there, so keep it on your own machine.
"""

from __future__ import annotations
