"""An SMS provider for a machine without one, and for the days it has.

A process of its own that speaks Twilio's message API; the provider's own Python
package runs against it as it is. Messages go from queued to sent to delivered,
webhooks are signed, and everything that can go wrong between an app and a
provider can be switched on. It sends what it is told to as often as it is told:
the real one knows no idempotency key either.

Start it from a program; it is ready when the block begins, ends with it, and
ends when the program is killed::

    async with SimulatorProcess(chaos=True) as sim:  # simulator/process.py
        client = TwilioClient(
            sim.url, sim.account_sid, sim.auth_token, "+15005550006", rate=100
        )

or by hand. The first line of its output is JSON: url, admin_url, account_sid,
auth_token. CRITICAL_BUTTONS_SMS_TOKEN sets the token, else one is made up::

    python -m examples.critical_buttons.simulator --port 8124 --chaos
        [--account AC...] [--seed N] [--pace SECONDS] [--inbound-url URL]
        [--parent PID]       ends when PID does, or its standard input

A port that is taken is replaced by a free one, and it says so.

The API, at ``url`` (HTTP basic authentication, account and token)::

    POST /2010-04-01/Accounts/{account}/Messages.json     To From Body ...
    GET  /2010-04-01/Accounts/{account}/Messages.json     To From DateSent>= ...
    GET  /2010-04-01/Accounts/{account}/Messages/{sid}.json

The admin routes, at ``admin_url``: a port of its own, so that they answer while
the API refuses connections. They are there with ``--chaos`` only (else 404, and
no such port), for this machine only, under 127.0.0.1 or localhost; what changes
something is sent as application/json::

    GET  /_sim/faults
    POST /_sim/faults    {} heals everything. Each POST sets all, nothing is kept:
        {"mode": "healthy" | "refuse" | "429" | "500" | "503" | "unauthorized"
               | "reject" | "hang" | "drop" | "accept_then_hang"
               | "accept_then_drop" | "garbled",
         "fail_next": 3,              so many requests, then healthy; not with refuse
         "applies_to": "create" | "lookup" | "all",             default create
         "retry_after": 5,            seconds, in 429, 500 and 503
         "reject_code": 21610,
         "latency": 0.5, "jitter": 0.2, "rate_limit": 1,
         "callbacks": {"delay": 3600, "copies": 2, "reorder": true, "lose": 0.5,
                       "final": "delivered" | "undelivered" | "failed",
                       "error_code": 30003}}
    GET  /_sim/messages[?to=%2B1...]   {"messages": newest first, each with its
        "callbacks": [{"status", "answer"}], "count", "created",
        "requests": {"create", "lookup"}: how many were read, refused ones too}
    DELETE /_sim/messages
    POST /_sim/inbound   {"from": "+1...", "to": "+1...", "body": "STOP",
        "url": "http://127.0.0.1:8123/webhooks/sms/inbound"}; url may be left out
        with --inbound-url. -> {"sid", "webhook": {"status": 200, "body"}}, once
        the webhook has answered. STOP and START count here too: 21610 afterwards.
    GET  /_sim/clock     {"now", "offset"}
    POST /_sim/clock     {"advance": 3600}; a callback that is due arrives at once

The next POST of faults lets go of requests that hang, without an answer, and of
those that wait for a latency.

Magic numbers, as with the real one's test credentials: To +15005550001 is 21211,
...02 is 21612, ...03 is 21408, ...04 is 21610, ...09 is 21614; From +15005550006
is fine, ...07 is 21606, ...08 is 21611.

::

    process.py   starts it as a child      cli.py      what starts in there
    server.py    two ports, one closable   orphan.py   ends without its parent
    app.py       the routes                api.py, admin.py   what they answer
    create.py    what may be sent          listing.py  the list and its pages
    provider.py  what it knows             callbacks.py  what becomes of messages
    faults.py    what goes wrong           clock.py    time that can be moved
"""

from __future__ import annotations
