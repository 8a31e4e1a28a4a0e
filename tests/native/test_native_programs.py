"""Random Core programs, compiled: what they give is what the interpreter gives, and nothing that
they allocated is left. `CHARL_FUZZ_NATIVE` programs, 60 unless set."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from random import Random

import pytest

from charl.interp.run import call_function
from charl.runtime.machine import NativeMachine

sys.path.append(str(Path(__file__).parent.parent / "interp"))
from random_core import random_program
from test_programs import arguments, assert_same

COUNT = int(os.environ.get("CHARL_FUZZ_NATIVE", "60"))


@pytest.mark.parametrize("seed", range(COUNT))
def test_a_random_program_gives_what_the_interpreter_gives(seed: int) -> None:
    program = random_program(Random(seed))
    expected = call_function(program, program.entry, arguments())
    given = arguments()
    found = NativeMachine(program, (program.entry,)).call(program.entry, given)
    assert_same(found, expected)
    assert_same(given, arguments())  # the caller's values are never overwritten
