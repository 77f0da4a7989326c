"""``make tour``: the promises of the app, tried on real processes."""
