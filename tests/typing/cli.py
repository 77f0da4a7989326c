"""How users call the command line from Python; read by checkers, never run."""

from __future__ import annotations

from typing import assert_type

from syncpatterns.cli import main

assert_type(main(), int)
assert_type(main(["unresolved", "ls", "--db", "sqlite:///app.db"]), int)
main("unresolved ls", 3)  # type: ignore[call-arg]  # the words only
main(app="shop:ops")  # type: ignore[call-arg]  # options stand among the words
