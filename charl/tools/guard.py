"""The last line of defence: whatever happens inside, a user sees a Diagnostic or one calm line.

Ctrl-C ends with status 130, a reader that closed its pipe with 141, as a shell would report
them. A fault of the compiler itself is written to a file for whoever mends it, and told in one
diagnostic (E0799); CHARL_DEBUG=1 lets the traceback through instead.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable

from charl import __version__
from charl.diagnostics.diagnostic import CharlError, Diagnostic, error
from charl.folders import cache_folder
from charl.source import Span
from charl.tools.report import exit_status, report

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path

INTERRUPTED = 130  # 128 + SIGINT
PIPE_CLOSED = 141  # 128 + SIGPIPE


def guarded(action: Callable[[], int], *, json: bool) -> int:
    """Runs `action`; its exit status, or that of the problem it ended with, once reported."""
    try:
        status = action()
        sys.stdout.flush()
        return status
    except KeyboardInterrupt as interrupt:
        say_interrupted(interrupt)
        return INTERRUPTED
    except BrokenPipeError:
        # Python would complain again when it flushes at exit; give it somewhere to flush to.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return PIPE_CLOSED
    except Exception as problem:
        if os.environ.get("CHARL_DEBUG") and not isinstance(problem, CharlError):
            raise
        diagnostics = diagnose(problem)
        report(diagnostics, json=json)
        return exit_status(diagnostics)


def diagnose(problem: Exception) -> tuple[Diagnostic, ...]:
    """Any exception as what to tell the user."""
    match problem:
        case CharlError():
            return problem.diagnostics
        case MemoryError():
            return (out_of_memory(problem),)
        case RecursionError():
            help = "break the deepest expression into several `let` bindings"
            return (error("E0798", "this program nests too deeply", helps=(help,)),)
        case _:
            return (internal_fault(problem),)


def out_of_memory(problem: MemoryError) -> Diagnostic:
    notes = (f"{problem}",) if str(problem) else ()
    return error("E0590", "out of memory", notes=notes)


def say_interrupted(interrupt: KeyboardInterrupt) -> None:
    """One line; the interpreter hangs the span it had reached on the exception."""
    span = getattr(interrupt, "span", None)
    where = f" at {span}" if isinstance(span, Span) else ""
    sys.stdout.flush()
    print(f"interrupted{where}", file=sys.stderr)


def internal_fault(problem: Exception) -> Diagnostic:
    """The diagnostic for a bug of ours, its details written to a file."""
    path = write_fault(problem)
    where = f"the details are in {path}" if path else "the details could not be written to a file"
    return error(
        "E0799",
        "the compiler met a state it does not know",
        notes=("this is a fault of Charl, not of your program", where),
        helps=("please report it with that file and, if you can, the program",),
    )


def write_fault(problem: Exception) -> Path | None:
    # Needed only here, and a fifth of the time of `charl --version` to load.
    import tempfile
    import time
    import traceback
    from pathlib import Path

    text = "\n".join(
        [
            f"charl {__version__}, Python {sys.version}, {sys.platform}",
            f"command: {sys.argv}",
            "",
            *traceback.format_exception(problem),
        ]
    )
    name = f"fault-{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}.txt"
    for folder in (Path(cache_folder()) / "faults", Path(tempfile.gettempdir())):
        try:
            folder.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(text, encoding="utf-8", errors="backslashreplace")
        except OSError:
            continue
        return folder / name
    return None
