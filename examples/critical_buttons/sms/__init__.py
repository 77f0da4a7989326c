"""Sending an SMS: what the app needs of a provider, and one that speaks Twilio's API.

::

    provider.py    the message, the receipt, the errors and the Protocol
    twilio.py      the client; _exchange.py  one request; answers.py  what it proves
    bucket.py      the sending rate of one number
    signature.py   X-Twilio-Signature: sign and verify webhooks
"""

from __future__ import annotations
