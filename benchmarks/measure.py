"""How the benchmarks measure: the contestants take turns, so that a busy machine slows all alike.

A contestant is a function that does the work once and returns the seconds that count; `timed` makes
one of a function that is to be timed whole. Told are medians, and for each peer the median of the
ratios of neighbouring turns: above 1, Charl is the faster one. A row reads

    batch 64    Charl  210.4 us | PyTorch  834.9 us  3.97 (goal 3) | JAX  583.1 us  2.77
"""

from __future__ import annotations

import importlib
import statistics
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import charl

Contestant = Callable[[], float]

CHARL = "Charl"
PAUSE = 0.02  # seconds before each turn: the threads of the one before go to sleep


def timed(work: Callable[[], object], times: int = 1) -> Contestant:
    """A contestant that does the work so many times and tells the seconds of one."""

    def run() -> float:
        start = time.perf_counter()
        for _ in range(times):
            work()
        return (time.perf_counter() - start) / times

    return run


def by_turns(
    function: Callable[[Any], Any], xs: Sequence[Any], wait: Callable[[Any], object], times: int
) -> Contestant:
    """A contestant that calls the function so many times, on one input after the other, waits for
    the last result, and tells the seconds of one call."""

    def run() -> float:
        start = time.perf_counter()
        for i in range(times):
            y = function(xs[i % len(xs)])
        wait(y)
        return (time.perf_counter() - start) / times

    return run


def peer(module: str) -> ModuleType | Any | None:
    """The module of a peer, or None, having said so, where it is not installed."""
    try:
        return importlib.import_module(module)
    except ImportError:
        print(f"{module} is not installed: left out")
        return None


def load(source: str, backend: str = "native") -> charl.Program:
    """The program of this text, to be called from Python."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "benchmark.ch"
        path.write_text(source)
        return charl.load(path, backend=backend)


def demand_agreement(title: str, losses: Mapping[str, Sequence[float]], tolerance: float) -> None:
    """Prints the losses of the first steps; ends the program where a peer's are not Charl's, for
    then the work was not the same. `tolerance` is relative."""
    own = losses[CHARL]
    for name, others in losses.items():
        print(f"{title:<24} losses, {name}: {' '.join(f'{x:.6g}' for x in others)}")
        for ours, theirs in zip(own, others, strict=True):
            if not abs(ours - theirs) <= tolerance * abs(theirs):
                raise SystemExit(f"{title}: {name} has a loss of {theirs}, {CHARL} of {ours}")


def contest(
    title: str,
    contestants: Mapping[str, Contestant],
    goals: Mapping[str, float] | None = None,
    *,
    turns: int = 9,
    warm_up: int = 2,
    reference: str = CHARL,
) -> dict[str, float]:
    """Lets all take turns, prints a row, and returns the ratio of each peer to the reference.
    `goals` are the ratios that are wanted."""
    seconds: dict[str, list[float]] = {name: [] for name in contestants}
    for turn in range(-warm_up, turns):
        for name, run in contestants.items():
            time.sleep(PAUSE)
            taken = run()
            if turn >= 0:
                seconds[name].append(taken)
    parts = [f"{reference} {amount(statistics.median(seconds[reference]))}"]
    ratios = {}
    for name, own in seconds.items():
        if name == reference:
            continue
        ratio = statistics.median(a / b for a, b in zip(own, seconds[reference]))
        ratios[name] = ratio
        goal = f" (goal {goals[name]:g})" if goals and name in goals else ""
        parts.append(f"{name} {amount(statistics.median(own))}  {ratio:.2f}{goal}")
    print(f"{title:<24} {' | '.join(parts)}", flush=True)
    return ratios


def amount(seconds: float) -> str:
    """Seconds in the unit that suits them: `212.4 us`."""
    for unit, scale in (("s", 1.0), ("ms", 1e-3), ("us", 1e-6)):
        if seconds >= scale:
            return f"{seconds / scale:6.1f} {unit}"
    return f"{seconds / 1e-9:6.1f} ns"
