"""The bar behind `progress(range)`: drawn on a terminal, silent anywhere else.

It writes to the standard error output, so that what a program prints stays clean, and only when a
loop has run long enough for a person to wonder.
"""

from __future__ import annotations

import sys
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

# A loop shorter than this shows no bar at all; a drawn bar moves at most this often.
PATIENCE = 0.5  # seconds
REDRAW = 0.05  # seconds


class ProgressBar:
    """One loop's bar: `start(total, label)`, `advance()` after each round, `finish()`.

    `total` None is a loop whose length is not known. `advance` costs about a tenth of a
    microsecond between redraws.
    """

    def __init__(self) -> None:
        self._bar: Progress | None = None
        self._task: TaskID | None = None
        self._done = 0
        self._total: int | None = None
        self._label = ""
        self._next = 0.0
        self._visible = False

    def start(self, total: int | None, label: str = "") -> None:
        self._done, self._total, self._label = 0, total, label
        self._visible = sys.stderr.isatty()
        self._next = time.monotonic() + PATIENCE

    def advance(self, rounds: int = 1) -> None:
        self._done += rounds
        if self._visible and time.monotonic() >= self._next:
            self._draw()

    def finish(self) -> None:
        """Leaves the bar's last state on its line. Called too when the loop ends early."""
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, completed=self._done)
            self._bar.stop()
        self._bar, self._visible = None, False

    def _draw(self) -> None:
        self._next = time.monotonic() + REDRAW
        if self._bar is None and not self._open():
            return
        assert self._bar is not None and self._task is not None
        self._bar.update(self._task, completed=self._done)

    def _open(self) -> bool:
        try:
            # Rich is an optional extra, and takes a tenth of a second to load.
            from rich.console import Console
            from rich.progress import (
                BarColumn,
                MofNCompleteColumn,
                Progress,
                TextColumn,
                TimeRemainingColumn,
            )
        except ImportError:
            self._visible = False
            return False
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            console=Console(stderr=True),
        )
        self._bar.start()
        self._task = self._bar.add_task(self._label, total=self._total)
        return True
