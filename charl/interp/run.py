"""Running Core on the interpreter.

`run_program` runs a program's entry, `call_function` one of its functions on given values; both
raise CharlError for whatever goes wrong in the program. A `Machine` may be kept between calls, so
that each function is compiled once.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext, redirect_stdout
from typing import Any, TextIO

import numpy as np

import charl.ops  # noqa: F401  (declares the primitives)
from charl.core.ir import Program
from charl.core.measured import Profile
from charl.interp.faults import diagnose, place_of
from charl.interp.machine import Machine
from charl.interp.sampling import sampled

# Charl calls under way at once before a recursion is taken to be without end.
MOST_CALLS = 10_000


def run_program(
    program: Program,
    *,
    output: TextIO | None = None,
    observe: Callable[[Profile], None] | None = None,
) -> None:
    """Run the program's entry function; what it prints goes to `output`. `observe` is told where
    the time went, however the run ended."""
    machine = Machine(program)
    # Where nothing is to be redirected, what is printed does not pass through one more object.
    redirected = redirect_stdout(output) if output not in (None, sys.stdout) else nullcontext()
    with redirected, sampled(machine, observe) if observe is not None else nullcontext():
        call(machine, program.entry, ())


def call_function(
    program: Program | Machine, name: str, arguments: Sequence[Any]
) -> tuple[Any, ...]:
    """The results of a function, given values of the interpreter (see `core/op.py`)."""
    machine = program if isinstance(program, Machine) else Machine(program)
    return call(machine, name, arguments)


def call(machine: Machine, name: str, arguments: Sequence[Any]) -> tuple[Any, ...]:
    function = machine.function(name)
    given = [_writeable(argument) for argument in arguments]
    with _deep_recursion(), np.errstate(all="ignore"):
        result = _guarded(function, given, machine)
    count = len(machine.program.functions[name].body.results)
    if count == 1:
        return (result,)
    results: tuple[Any, ...] = result
    return results


def _guarded(function: Callable[..., Any], arguments: Sequence[Any], machine: Machine) -> Any:
    try:
        return function(*arguments)
    except KeyboardInterrupt as interrupt:
        interrupt.span = place_of(interrupt, machine)  # type: ignore[attr-defined]
        raise
    except Exception as problem:
        diagnosed = diagnose(problem, machine)
        if diagnosed is None:
            raise
        raise diagnosed from problem


def _writeable(argument: Any) -> Any:
    """Arrays that must not be overwritten are copied; `references` protects all others."""
    if isinstance(argument, np.ndarray) and not argument.flags.writeable:
        return argument.copy()
    return argument


@contextmanager
def _deep_recursion() -> Iterator[None]:
    """Python-to-Python calls take no C stack, so the limit may rise."""
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(max(before, _depth() + MOST_CALLS))
    try:
        yield
    finally:
        sys.setrecursionlimit(before)


def _depth() -> int:
    depth, frame = 0, sys._getframe()
    while frame.f_back is not None:
        depth, frame = depth + 1, frame.f_back
    return depth
