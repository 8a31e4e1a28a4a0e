"""Markdown pages that are tests: cutting them into cases, running a case, writing results back.

A page of the language's tests is a list of cases:

    ## what the case shows
    Prose, if any.
    ```charl            the program (the file `case.ch`); ```charl NAME or ```file NAME is another
    ```output           what it prints, exactly; nothing when there is no such block
    ```error            the errors and warnings as a terminal shows them, without colours

`CHARL_UPDATE=1` rewrites the last two from what happens. Review the difference by eye: it is the
point of these pages that their results were known beforehand.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from charl import driver
from charl.diagnostics.diagnostic import CharlError
from charl.diagnostics.render import render
from charl.source import Source

UPDATE = bool(os.environ.get("CHARL_UPDATE"))


@dataclass(frozen=True)
class Fence:
    """A fenced block: `info` is what follows the opening marks, `first` and `last` the line
    numbers of its marks, counted from 0."""

    info: str
    text: str
    first: int
    last: int


@dataclass(frozen=True)
class Case:
    page: Path
    title: str
    program: Fence
    files: tuple[tuple[str, str], ...]
    output: Fence | None
    error: Fence | None

    @property
    def name(self) -> str:
        return f"{self.page.stem}: {self.title}"


@dataclass(frozen=True)
class Outcome:
    output: str
    error: str


def fences(lines: list[str]) -> Iterator[Fence]:
    """The fenced blocks of a page, in order. A longer fence may hold shorter ones."""
    start, marks = -1, ""
    for number, line in enumerate(lines):
        ticks = len(line) - len(line.lstrip("`"))
        if start < 0 and ticks >= 3:
            start, marks = number, line[:ticks]
        elif start >= 0 and line.rstrip() == marks:
            text = "".join(part + "\n" for part in lines[start + 1 : number])
            yield Fence(lines[start][len(marks) :].strip(), text, start, number)
            start = -1
    assert start < 0, f"the fence of line {start + 1} is never closed"


def cases(page: Path) -> Iterator[Case]:
    lines = page.read_text("utf-8").splitlines()
    blocks = list(fences(lines))
    inside = {n for block in blocks for n in range(block.first, block.last + 1)}
    titles = [n for n, line in enumerate(lines) if line.startswith("## ") and n not in inside]
    for start, stop in zip(titles, [*titles[1:], len(lines)]):
        yield _case(page, lines[start][3:].strip(), [b for b in blocks if start < b.first < stop])


def _case(page: Path, title: str, blocks: list[Fence]) -> Case:
    programs = [b for b in blocks if b.info == "charl"]
    assert len(programs) == 1, f"{page.name}: '{title}' has {len(programs)} programs"
    files = tuple((b.info.split()[1], b.text) for b in blocks if len(b.info.split()) == 2)
    output = next((b for b in blocks if b.info == "output"), None)
    failure = next((b for b in blocks if b.info == "error"), None)
    known = {"charl", "output", "error"}
    strays = [b.info for b in blocks if b.info not in known and len(b.info.split()) != 2]
    assert not strays, f"{page.name}: '{title}' has blocks of unknown kind {strays}"
    return Case(page, title, programs[0], files, output, failure)


def run_program(
    text: str, name: str = "case.ch", backend: driver.Backend = "interpreter"
) -> Outcome:
    """What a program prints, and the diagnostics it ends with, as a piped terminal shows them."""
    output = io.StringIO()
    warnings = ""
    try:
        checked = driver.check(Source(name, text))
        if checked.warnings:
            warnings = render(checked.warnings, colour=False) + "\n"
        with contextlib.redirect_stdout(output):
            driver.run(driver.compile_checked(checked), output, backend=backend)
    except CharlError as problem:
        shown = steady(render(problem.diagnostics, colour=False) + "\n")
        return Outcome(output.getvalue(), warnings + shown)
    return Outcome(output.getvalue(), warnings)


def steady(text: str) -> str:
    """A rendering without what differs from one machine, or one caller, to the next."""
    text = text.replace(os.getcwd(), "FOLDER")
    return re.sub(r"[\d,]{3,} (calls were under way|more calls)", r"MANY \1", text)


def write_back(page: Path, results: list[tuple[Case, Outcome]]) -> None:
    """Puts outcomes into a page in place of what its blocks said."""
    lines = page.read_text("utf-8").splitlines()
    for case, outcome in reversed(results):
        for block in sorted(filter(None, (case.output, case.error)), key=lambda b: -b.first):
            del lines[block.first : block.last + 1]
            while lines[block.first - 1 : block.first] == [""]:
                del lines[block.first - 1]
                block = Fence(block.info, block.text, block.first - 1, block.last)
        # Blocks stand after the program; a page keeps its other files before it.
        at = case.program.last + 1
        fresh: list[str] = []
        for info, text in (("output", outcome.output), ("error", outcome.error)):
            if text:
                fresh += ["", f"```{info}", *text.splitlines(), "```"]
        lines[at:at] = fresh
    page.write_text("\n".join(lines) + "\n", "utf-8")
