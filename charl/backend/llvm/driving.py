"""Functions that drive: every loop in them calls kernels, products or other heavy work.

LLVM takes more time for a long function than in proportion to its length: three seconds for the
training loop of forty layers, nearly all of it spent on calls that cannot be improved. Such a
function is left as it is written. Only scalar code would gain from optimisation, and in loops
alone: a function with a loop that does nothing heavy is optimised, however long it is.
"""

from __future__ import annotations

from collections.abc import Iterator

from charl.core.control import FUSED
from charl.core.ir import Block, Function, Statement
from charl.ops.contract import PRODUCTS

LONG = 2_000  # lines of LLVM's language
LOOPS = {"for", "while", "scan"}
HEAVY = {FUSED.name, "sweep", *PRODUCTS}


def only_drives(function: Function) -> bool:
    return all(any(is_heavy(s) for s in inside(loop)) for loop in innermost(function.body))


def is_heavy(statement: Statement) -> bool:
    return statement.op.name in HEAVY


def innermost(block: Block) -> Iterator[Statement]:
    """The loops without loops in them."""
    for statement in block.walk():
        if statement.op.name in LOOPS and not any(s.op.name in LOOPS for s in inside(statement)):
            yield statement


def inside(loop: Statement) -> Iterator[Statement]:
    for block in loop.blocks:
        yield from block.walk()
