"""The passes, in order, from lowered Core to Core that runs.

Differentiation comes first: a gradient asks for derivatives with respect to certain values, and
nothing may merge two of them before that question is answered. What it leaves is then inlined,
simplified, freed of repetitions, and freed of what nobody needs.

Most small programs take no gradients, and no run but the compiler's tests verifies: differentiation
and the verifier are imported when they are wanted, so that the others start sooner.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from functools import partial

from charl.core.ir import Program
from charl.diagnostics.diagnostic import Diagnostic
from charl.transform.contractions import contractions
from charl.transform.cse import cse
from charl.transform.dce import dce, drop_unreached
from charl.transform.inline import inline, inline_before_gradients
from charl.transform.invariants import hoist
from charl.transform.simplify import simplify

Pass = Callable[[Program], Program]

AFTER_GRADIENTS: tuple[Pass, ...] = (
    drop_unreached,
    dce,
    inline,
    simplify,
    contractions,
    cse,
    hoist,
    dce,
    simplify,
    cse,
    hoist,
    dce,
)


def optimise(
    program: Program,
    warn: Callable[[Diagnostic], None] = lambda warning: None,
    passes: Sequence[Pass] = AFTER_GRADIENTS,
    *,
    traps: bool = False,
) -> Program:
    """The program without gradients, made fast. Raises CharlError where autodiff reports errors;
    CHARL_VERIFY=1 runs the verifier after every pass. With `traps` it stops at the first NaN or
    infinity (`trap.py`)."""
    careful = os.environ.get("CHARL_VERIFY", "") not in ("", "0")
    if careful:
        _verify(program)
    if traps:
        from charl.transform.trap import trap, written  # only for `--trap-nan`

        passes = (drop_unreached, dce, partial(trap, known=written(program)), *passes)
    if takes_gradients(program):
        from charl.transform.autodiff import differentiate

        program, warnings = differentiate(inline_before_gradients(program))
        for warning in warnings:
            warn(warning)
    for step in (None, *passes):
        if step is not None:
            program = step(program)
        if careful:
            _verify(program, gradients=False)
    return program


def takes_gradients(program: Program) -> bool:
    functions = program.functions.values()
    return any(s.op.name == "gradient" for f in functions for s in f.body.walk())


def _verify(program: Program, gradients: bool = True) -> None:
    from charl.core.verifier import verify

    verify(program, gradients=gradients)
