"""What a program finds outside: what it prints to, its arguments, progress bars.

Everything goes through `WORLD`, which whoever runs a program sets up: the command line gives it the
script's arguments and a progress bar that draws, a test or a notebook gives it its own output.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence

from charl.records import field, record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol, TextIO

    class Bar(Protocol):
        """The bar of one loop. `finish` comes last, also when the loop ends early."""

        def start(self, total: int | None, label: str = "") -> None: ...
        def advance(self) -> None: ...
        def finish(self) -> None: ...


class SilentBar:
    """Shows nothing."""

    def start(self, total: int | None, label: str = "") -> None:
        pass

    def advance(self) -> None:
        pass

    def finish(self) -> None:
        pass


@record(frozen=False)
class World:
    """`output` None is the standard output of the moment. `flush` sends out every line at once;
    otherwise that is left to the stream: a terminal's does, one into a file or pipe collects."""

    output: TextIO | None = None
    arguments: Sequence[str] = ()
    progress: Callable[[], Bar] = SilentBar
    flush: bool = False
    bars: list[Bar] = field(default_factory=list)

    def write(self, content: str) -> None:
        stream = sys.stdout if self.output is None else self.output
        try:
            stream.write(content)
        except UnicodeEncodeError:
            # The stream's encoding lacks a character: it is written as an escape.
            encoding = stream.encoding or "ascii"
            stream.write(content.encode(encoding, "backslashreplace").decode(encoding))
        if self.flush:
            stream.flush()

    def shown_at_once(self) -> bool:
        """Whether somebody waits for every line."""
        stream = sys.stdout if self.output is None else self.output
        unbuffered = getattr(stream, "write_through", False)  # python -u, PYTHONUNBUFFERED
        return self.flush or unbuffered or stream.isatty()

    def finish(self) -> None:
        """After the program, however it ended: close the bars left open."""
        while self.bars:
            self.bars.pop().finish()


WORLD = World()
