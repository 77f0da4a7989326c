"""What is wished for, and the name of the wish in the world outside."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class SendSmsCommand:
    """One wish to send a message, with what the audit log wants to know about it.

    It is kept until the outcome is known, so it holds the lead's id and not
    its number.

    Args:
        tenant: Whose lead.
        lead_id: To whom.
        body: The text.
        actor: Who pressed the button.
        request_id: Identity of the HTTP request.
    """

    tenant: str
    lead_id: str
    body: str = field(repr=False)
    actor: str
    request_id: str | None = None


def send_name(command: SendSmsCommand, key_hash: str) -> str:
    """Return 32 hex digits that name a send, the same for each of its attempts.

    They stand in the address of its status callbacks, so that a callback says
    which send it is about also when the answer of that send was lost.
    """
    parts = (command.tenant, command.lead_id, command.body, key_hash)
    # Lengths first: no two lists of texts give the same bytes.
    text = "".join(f"{len(part)}:{part}" for part in parts)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]
