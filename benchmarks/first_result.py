"""How soon a program shows its first result, run natively: figures beside their goals.

    python benchmarks/first_result.py [REPETITIONS]

Each is the median over whole processes with a cache folder of their own, started as a user starts
them: with an empty folder (cold), and again (warm). Of `hello.ch` the whole run counts. Of
`digits.ch` what comes before the training counts, from the start of the process to the program's
first statement: the process without the stage `run` of `charl run --time`. What Python alone takes
to start is told for comparison. Python's own bytecode is written before, as an installation does.
"""

from __future__ import annotations

import os
import re
import shutil
import statistics
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from startup import ROOT, measured, write_bytecode

RUN = [sys.executable, "-m", "charl", "run", "--backend", "native", "--time"]


def whole(_: str) -> float:
    """The seconds of a process that do not count: none."""
    return 0.0


def running(told: str) -> float:
    """The seconds of the stage `run`, as `--time` tells them."""
    found = re.search(r"^run +([0-9.]+) ms", told, re.MULTILINE)
    assert found is not None, told
    return float(found[1]) / 1e3


def times(
    command: list[str], before: Callable[[], None], apart: Callable[[str], float], repetitions: int
) -> tuple[float, float]:
    """The medians of (clock, processor) seconds, without what is to be left apart."""
    rows = []
    for turn in range(-1, repetitions):
        clock, processor, told = measured(command, before)
        if turn >= 0:
            rows.append((clock - apart(told), processor))
    clock, processor = (statistics.median(column) for column in zip(*rows))
    return clock, processor


def main() -> None:
    repetitions = int(sys.argv[1]) if len(sys.argv) > 1 else 11
    write_bytecode()
    with tempfile.TemporaryDirectory() as folder:
        os.environ |= {"XDG_CACHE_HOME": folder, "CHARL_CACHE": "1"}
        for name in ("PYTHONDONTWRITEBYTECODE", "PYTHONUNBUFFERED"):
            os.environ.pop(name, None)  # else bytecode would be among what is kept

        def emptied() -> None:
            shutil.rmtree(Path(folder) / "charl", ignore_errors=True)

        def as_it_is() -> None:
            pass

        hello, digits = [*RUN, "examples/hello.ch"], [*RUN, "examples/digits.ch"]
        python = [sys.executable, "-c", "pass"]
        cases = (
            ("Python alone", None, python, as_it_is, whole),
            ("hello.ch, cold", 0.3, hello, emptied, whole),
            ("hello.ch, warm", 0.3, hello, as_it_is, whole),
            ("digits.ch, cold, before training", 1.0, digits, emptied, running),
            ("digits.ch, warm, before training", 0.03, digits, as_it_is, running),
        )
        print(f"{'':34}{'clock':>8}{'goal':>8}{'processor':>16}")
        for name, goal, command, before, apart in cases:
            clock, processor = times(command, before, apart, repetitions)
            wanted = "" if goal is None else f"{goal * 1e3:.0f} ms"
            told = "" if apart is running else f"{processor * 1e3:.0f} ms"
            print(f"{name:34}{clock * 1e3:>5.0f} ms{wanted:>8}{told:>16}", flush=True)
        print(f"in {ROOT.name}/examples; the goal for digits.ch, warm, is beyond Python alone")


if __name__ == "__main__":
    main()
