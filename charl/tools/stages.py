"""How long each stage of a command took, as a table."""

from __future__ import annotations

import sys
from collections.abc import Sequence

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TextIO

MEANINGS = {
    "cache": "reading what was kept of an earlier run",
    "parse": "from text to syntax tree, modules included",
    "check": "names, types and shapes",
    "lower": "to Core",
    "passes": "gradients and optimisation of Core",
    "codegen": "from Core to LLVM's text",
    "llvm": "optimisation and machine code",
    "keep": "writing it down for the next run",
    "load": "machine code into memory",
    "run": "the program itself",
}


class Stages:
    """Collects seconds by stage. `clock` is what the compiler calls."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    def clock(self, stage: str, seconds: float) -> None:
        self.seconds[stage] = self.seconds.get(stage, 0.0) + seconds

    def rows(self) -> list[tuple[str, str, str]]:
        """Stage, milliseconds, meaning; the total last."""
        rows = [
            (stage, f"{self.seconds[stage] * 1e3:.1f} ms", meaning)
            for stage, meaning in MEANINGS.items()
            if stage in self.seconds
        ]
        return [*rows, ("total", f"{sum(self.seconds.values()) * 1e3:.1f} ms", "")]


def show(
    rows: Sequence[tuple[str, ...]], stream: TextIO | None = None, *, header: bool = False
) -> None:
    """A table, cells that begin with a digit to the right; in colours at a terminal. With `header`
    the first row tells what the columns are."""
    stream = sys.stderr if stream is None else stream
    sys.stdout.flush()
    if stream.isatty():
        try:
            show_in_colours(rows, stream, header)
            return
        except ImportError:  # rich is an extra
            pass
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for number, row in enumerate(rows):
        # A heading stands as what is under it.
        beside = rows[1] if header and number == 0 else row
        cells = [
            cell.rjust(width) if is_number(other) else cell.ljust(width)
            for cell, other, width in zip(row, beside, widths, strict=True)
        ]
        print("  ".join(cells).rstrip(), file=stream)


def is_number(cell: str) -> bool:
    return cell[:1].isdigit()


def show_in_colours(rows: Sequence[tuple[str, ...]], stream: TextIO, header: bool) -> None:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    table = Table(box=None, show_header=False, pad_edge=False)
    for cell in rows[int(header)]:
        table.add_column(justify="right" if is_number(cell) else "left")
    for number, row in enumerate(rows):
        ends = number == len(rows) - 1 or (header and number == 0)
        table.add_row(*map(escape, row), style="bold" if ends else None)
    Console(file=stream).print(table)
