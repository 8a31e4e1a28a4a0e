"""What native code prints: it gathers in a buffer of the library, and is sent on from here.

That is done when the buffer is full, before the host does anything, and at the end; where somebody
waits for every line, after each.
"""

from __future__ import annotations

import ctypes

from charl.runtime.library import SEND, library, variable_of
from charl.world import WORLD

# What went wrong while native code had the buffer sent on; the next `flush` raises it.
UNSENT: list[BaseException] = []


def begin() -> None:
    """Before a run."""
    UNSENT.clear()
    library().charl_output_to(_send)
    variable_of("charl_output_now").value = WORLD.shown_at_once()


def flush() -> None:
    """Sends on what native code has printed. Raises what the stream raises."""
    if UNSENT:
        raise UNSENT.pop()
    count = variable_of("charl_output_count")
    if count.value:
        content = (ctypes.c_char * count.value).in_dll(library(), "charl_output").raw
        count.value = 0
        WORLD.write(content.decode("utf-8", "surrogatepass"))


@SEND  # type: ignore[untyped-decorator]
def _send() -> int:
    try:
        flush()
        return 1
    except BaseException as problem:
        UNSENT.append(problem)
        return 0
