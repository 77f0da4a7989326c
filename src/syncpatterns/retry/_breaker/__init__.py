"""The circuit breaker, from the decision to what users hold.

`_core` decides and `_rules` holds its figures, both without clock or lock.
`_verdicts` admits and judges under the lock, `_calls` runs the calls between,
`_compat` is pybreaker's interface on top, `_breaker` what users construct,
`_keyed` one of these per host. `_pybreaker` translates pybreaker's states and
storages. Public names are in `syncpatterns.retry`.
"""
