"""Sending an SMS: what the app needs of a provider, and one that speaks Twilio's API.

::

    provider.py    the message, the receipt, the errors and the Protocol
    twilio.py      the client
    answers.py     what an answer proves
    _exchange.py   one request; _lookup.py  the list of messages
    bucket.py      the sending rate of one number
    signature.py   X-Twilio-Signature: sign and verify webhooks
"""

from __future__ import annotations
