"""Mode fenced, in the order in which a call meets it.

`_mode` holds what was declared, `_call` one call of it, `_context` what the
user's functions may know. `_flows` is the way from the claim to the end,
`_steps` what it asks for. `_commits` claims and records in one transaction
with the rows, `_separate` where the engine has none. `_sending` makes the
attempts, by `_invoke` and, for an async function under a blocking call, the
process's `_portal`. `_settling` is for what nobody knows.
"""
