"""How long each stage of a command took, as a table."""

from __future__ import annotations

import sys
from collections.abc import Sequence
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


def show(rows: Sequence[tuple[str, ...]], stream: TextIO | None = None) -> None:
    """A table, columns that begin with a digit to the right; in colours at a terminal."""
    stream = sys.stderr if stream is None else stream
    sys.stdout.flush()
    if stream.isatty():
        try:
            show_in_colours(rows, stream)
            return
        except ImportError:  # rich is an extra
            pass
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = [
            cell.rjust(width) if is_number(cell) else cell.ljust(width)
            for cell, width in zip(row, widths, strict=True)
        ]
        print("  ".join(cells).rstrip(), file=stream)


def is_number(cell: str) -> bool:
    return cell[:1].isdigit()


def show_in_colours(rows: Sequence[tuple[str, ...]], stream: TextIO) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, show_header=False, pad_edge=False)
    for cell in rows[0]:
        table.add_column(justify="right" if is_number(cell) else "left")
    for number, row in enumerate(rows):
        table.add_row(*row, style="bold" if number == len(rows) - 1 else None)
    Console(file=stream).print(table)
