"""Random Core programs, compiled: what they give is what the interpreter gives, and nothing that
they allocated is left. Those over lists and small tensors must agree exactly; those over tensors of
many shapes (`random_tensors.py`) at every level of optimisation, in floats up to roundings.

CHARL_FUZZ=n tries n times as many programs as usual.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest

from charl.core.ir import Program
from charl.diagnostics.diagnostic import CharlError
from charl.interp.run import call_function
from charl.runtime.compile import compile_image
from charl.runtime.machine import NativeMachine
from charl.transform.pipeline import optimise

sys.path.append(str(Path(__file__).parent.parent / "interp"))
from random_core import random_program
from random_tensors import RandomTensors
from test_programs import arguments, assert_same

MORE = int(os.environ.get("CHARL_FUZZ", "1"))
ROOT = Path(__file__).parents[2]

# How far a float may be off, measured by the largest of its tensor or by 1.
TOLERANCE = {"float32": 1e-4, "float64": 1e-12}


@pytest.mark.parametrize("seed", range(60 * MORE))
def test_a_random_program_gives_what_the_interpreter_gives(seed: int) -> None:
    program = random_program(Random(seed))
    expected = call_function(program, program.entry, arguments())
    given = arguments()
    found = NativeMachine(program, (program.entry,)).call(program.entry, given)
    assert_same(found, expected)
    assert_same(given, arguments())  # the caller's values are never overwritten


def native(program: Program, level: int, given: list[Any]) -> tuple[Any, ...]:
    image = compile_image(program, (program.entry,), level=level, keep=False)
    return NativeMachine(image).call(program.entry, given)


def outcome(call: Any, *operands: Any) -> tuple[Any, ...] | str:
    """The results, or the code of the error."""
    try:
        results: tuple[Any, ...] = call(*operands)
        return results
    except CharlError as problem:
        return problem.diagnostics[0].code


@pytest.mark.parametrize("seed", range(240 * MORE))
def test_a_random_program_over_tensors(seed: int) -> None:
    made = RandomTensors(seed)
    program = optimise(made.program)
    expected = outcome(call_function, program, program.entry, made.arguments())
    given = made.arguments()
    found = outcome(native, program, seed % 4, given)
    if isinstance(expected, str) or isinstance(found, str):
        assert found == expected
        return
    for left, right in zip(found, expected, strict=True):
        assert_near(left, right)
    for left, right in zip(given, made.arguments(), strict=True):
        assert_near(left, right)


def assert_near(found: Any, expected: Any) -> None:
    left, right = np.asarray(found), np.asarray(expected)
    assert left.dtype == right.dtype and left.shape == right.shape
    if left.dtype.kind != "f":
        assert np.array_equal(left, right)
        return
    assert np.array_equal(np.isnan(left), np.isnan(right))
    scale = max(1.0, float(np.nanmax(np.abs(right), initial=0.0)))
    off = float(np.nanmax(np.abs(left - right), initial=0.0))
    assert off <= TOLERANCE[left.dtype.name] * scale, (off, scale)


DIGESTS = """
import sys, hashlib
from pathlib import Path
sys.path[:0] = [{tests!r} + "/native", {tests!r} + "/interp"]
import numpy as np
from random_tensors import RandomTensors
from charl.runtime.compile import compile_image
from charl.runtime.machine import NativeMachine
from charl.transform.pipeline import optimise
from charl.diagnostics.diagnostic import CharlError
for seed in range({count}):
    made = RandomTensors(seed, large=seed % 4 > 0)
    program = optimise(made.program)
    machine = NativeMachine(compile_image(program, (program.entry,)))
    digest = hashlib.sha256()
    try:
        for value in machine.call(program.entry, made.arguments()):
            digest.update(np.asarray(value).tobytes())
        print(digest.hexdigest())
    except CharlError as problem:
        print(problem.diagnostics[0].message)
"""


def test_the_number_of_threads_changes_no_bit() -> None:
    script = DIGESTS.format(tests=str(ROOT / "tests"), count=30 * MORE)
    found = []
    for threads in ("1", "2"):
        variables = {**os.environ, "CHARL_THREADS": threads, "PYTHONPATH": str(ROOT)}
        done = subprocess.run(
            [sys.executable, "-c", script], env=variables, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        found.append(done.stdout.splitlines())
    assert len(found[0]) == 30 * MORE and found[0] == found[1]
