"""A simulator whose parent is gone ends itself.

Two signs are watched, because each has a gap. The pipe on standard input ends
when its last writer does, however it died, kill -9 included; but a process that
the parent forked without exec holds the writing end too. The parent's process
id changes when it dies; but it is noticed only when somebody looks.
"""

from __future__ import annotations

import os
import signal
import stat
import threading
from collections.abc import Callable
from typing import Final

#: Seconds between two looks at the parent's process id.
_LOOK: Final = 0.5


def end_with(parent: int, gone: Callable[[], object]) -> None:
    """Call *gone* once the process *parent* is gone, or standard input ends.

    Ctrl-C is ignored from here on; `Server` goes on ignoring it.

    Args:
        parent: The process that started this one.
        gone: Called from another thread; has to end this process.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for watch in (_watch_pipe, _watch_parent):
        threading.Thread(target=watch, args=(parent, gone), daemon=True).start()


def _watch_pipe(_: int, gone: Callable[[], object]) -> None:
    try:
        kind = os.fstat(0).st_mode
        # asyncio hands a pair of sockets over where others hand over a pipe. What
        # is neither, such as /dev/null, ends at once and means nothing.
        if not stat.S_ISFIFO(kind) and not stat.S_ISSOCK(kind):
            return
        while os.read(0, 1024):
            pass
    except OSError:
        return  # no standard input at all; the other watch remains
    gone()


def _watch_parent(parent: int, gone: Callable[[], object]) -> None:
    pause = threading.Event()
    while os.getppid() == parent:
        pause.wait(_LOOK)
    gone()
