"""The edge: diagnostics leave the program here, as text for people or JSON for tools."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from charl.diagnostics.diagnostic import Diagnostic

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TextIO

PIPED_WIDTH = 100


def wants_colour(stream: TextIO) -> bool:
    """Colours when a person looks on: a terminal, unless NO_COLOR (no-color.org) is set."""
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR"):
        return True
    return stream.isatty() and os.environ.get("TERM") != "dumb"


def width_of(stream: TextIO) -> int:
    return os.get_terminal_size(stream.fileno()).columns if stream.isatty() else PIPED_WIDTH


def rendered(diagnostics: Sequence[Diagnostic], stream: TextIO) -> str:
    """The diagnostics as `stream` should show them."""
    # Only a run with something to say loads the renderer.
    from charl.diagnostics.render import render

    return render(diagnostics, colour=wants_colour(stream), width=width_of(stream))


def report(diagnostics: Sequence[Diagnostic], *, json: bool, stream: TextIO | None = None) -> None:
    """Writes diagnostics to `stream`, which is the standard error output when absent."""
    if not diagnostics:
        return
    stream = sys.stderr if stream is None else stream
    sys.stdout.flush()
    if json:
        from charl.diagnostics.as_json import to_json

        stream.write(to_json(diagnostics))
    else:
        stream.write(rendered(diagnostics, stream) + "\n")
    stream.flush()


def exit_status(diagnostics: Sequence[Diagnostic]) -> int:
    """0 without errors, 2 when charl was called wrongly (E0700 to E0719), else 1."""
    errors = [diagnostic.code for diagnostic in diagnostics if diagnostic.is_error]
    if any("E0700" <= code < "E0720" for code in errors):
        return 2
    return 1 if errors else 0
