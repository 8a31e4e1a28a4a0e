"""Reverse-mode differentiation on Core: every `gradient` statement becomes plain statements.

`gradient %y, %x...` asks for the derivatives of the float scalar y with respect to values it came
from. The statements that can be seen from there and lie on a path from an x to y (`activity`) are
walked backwards, each adding to the cotangents of its operands (`sweep`, `accumulate`), and what is
emitted takes the statement's place. Statements with blocks and calls are rewritten to hand out what
their reverse needs (`branch`, `loops`, `scan`, `calls`, `residual`). There is no tape at run time.

In: any Core. Out: Core without `gradient` that computes the same, and warnings. Functions are taken
callees first, and statements in program order, so that whatever an outer gradient walks over is
plain already: gradients of gradients need nothing new.

The cotangent of a value has the value's type: a tensor, or a list of the same structure.

Source: A. Griewank, A. Walther, "Evaluating Derivatives", SIAM 2008, chapters 3 and 6; on SSA,
M. Innes, "Don't Unroll Adjoint: Differentiating SSA-Form Programs", 2018.
"""

from __future__ import annotations

from collections.abc import Mapping

from charl.core.clone import copy_function
from charl.core.ir import Block, Function, Program, Statement, Value
from charl.diagnostics.diagnostic import CharlError, Diagnostic
from charl.records import record
from charl.transform.autodiff import branch, calls, loops, scan, sweep, warn
from charl.transform.autodiff.accumulate import Emitter
from charl.transform.autodiff.activity import Activity
from charl.transform.autodiff.residual import prune
from charl.transform.autodiff.state import Differentiation, Rule
from charl.transform.autodiff.sweep import Sweep
from charl.types.dtypes import DType
from charl.types.types import Tensor

RULES: Mapping[str, Rule] = {
    "if": branch.reverse_if,
    "for": loops.reverse_loop,
    "while": loops.reverse_loop,
    "scan": scan.reverse_scan,
    "call": calls.reverse_call,
    "custom_call": calls.reverse_custom_call,
    "ensure_shape": sweep.reverse_ensure_shape,
}


def differentiate(program: Program) -> tuple[Program, list[Diagnostic]]:
    """The program without `gradient` statements, and warnings W0401 and W0402.

    Raises CharlError with every E0490 and E0491.
    """
    if not any(map(takes_gradient, program.functions.values())):
        return program, []
    functions = dict(program.functions)
    state = Differentiation(functions, RULES, Activity(functions))
    for name in callees_first(program):
        if takes_gradient(functions[name]):
            functions[name] = copy_function(functions[name])
            expand_block(state, functions[name].body, (), {})
            state.activity.forget()
    errors = [d for d in state.diagnostics if d.is_error]
    if errors:
        raise CharlError(*errors)
    return Program(functions, program.entry), state.diagnostics


def takes_gradient(function: Function) -> bool:
    return any(s.op.name == "gradient" for s in function.body.walk())


def callees_first(program: Program) -> list[str]:
    """Every function, after those it calls, recursion aside."""
    order: dict[str, None] = {}
    for root in program.functions:
        stack = [(root, False)]
        entered: set[str] = set()
        while stack:
            name, done = stack.pop()
            if done:
                order[name] = None
            elif name not in order and name not in entered:
                entered.add(name)
                stack.append((name, True))
                stack += [(called, False) for called in calls.calls_in(program.functions[name])]
    return list(order)


# --- Expanding -----------------------------------------------------------------------------------


@record
class Frame:
    """A block around the place being rewritten, and its statement that the place is in."""

    block: Block
    statement: Statement


def expand_block(
    state: Differentiation,
    block: Block,
    frames: tuple[Frame, ...],
    replaced: dict[Value, Value],
) -> None:
    """Expand the gradients of a block in program order; `replaced` are results so far expanded.

    Expanding may put statements before others, never after, so the place is found again each time.
    """
    position = 0
    while position < len(block.statements):
        statement = block.statements[position]
        statement.operands = tuple([replaced.get(v, v) for v in statement.operands])
        here = (*frames, Frame(block, statement))
        if statement.op.name == "gradient":
            made, cotangents = expand(state, here)
            position = place_of(block, statement, position)
            block.statements[position : position + 1] = made
            replaced.update(zip(statement.results, cotangents))
            position += len(made)
            continue
        for nested in statement.blocks:
            expand_block(state, nested, here, replaced)
        position = place_of(block, statement, position) + 1
    block.results = tuple([replaced.get(v, v) for v in block.results])


def place_of(block: Block, statement: Statement, start: int) -> int:
    while block.statements[start] is not statement:
        start += 1
    return start


def expand(
    state: Differentiation, frames: tuple[Frame, ...]
) -> tuple[list[Statement], tuple[Value, ...]]:
    """The statements that take the place of a gradient, and the values that are its results."""
    statement = frames[-1].statement
    y, *xs = statement.operands
    visible = [(f.block, f.block.statements.index(f.statement)) for f in frames]
    varied = set(xs)
    for block, stop in visible:
        state.activity.vary(block.statements[:stop], varied)
    useful = {y} & varied
    for block, stop in reversed(visible):
        state.activity.demand(block.statements[:stop], varied, useful)
    for diagnostic in warn.about(state, statement, visible, useful):
        state.report(diagnostic)
    builder = Emitter(Block(), statement.span)
    whole = Sweep(state, builder, varied & useful)
    assert isinstance(y.type, Tensor) and isinstance(y.type.dtype, DType)
    whole.accumulate(y, builder.scalar(1, y.type.dtype))
    for f in reversed(frames):
        # Found anew: differentiating an inner block may have put statements into this one.
        whole.run(f.block, f.block.statements.index(f.statement))
    cotangents = tuple([whole.or_zeros(x) for x in xs])
    prune(builder.block, cotangents)
    return builder.block.statements, cotangents
