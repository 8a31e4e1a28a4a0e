"""How long loops may take, at most, so that it is known where to look for Ctrl-C.

A loop is plain when a turn does no more than compute with scalars and change elements. It is brief
when all its turns, and those of the loops in it, are no more than a plain loop takes between two
looks.
"""

from __future__ import annotations

from charl.backend.llvm.functions import FunctionWriter
from charl.core.ir import Block, Statement
from charl.types.types import is_scalar

# The turns of a plain loop between two looks for Ctrl-C.
PLAIN_TURNS = 1 << 16


def is_brief(w: FunctionWriter, s: Statement) -> bool:
    """Whether a loop, with those in it, is over before anybody could wait for it."""
    return turns(w, s) < PLAIN_TURNS


def turns(w: FunctionWriter, s: Statement) -> int:
    """The turns of a loop and of all those in it, at most; many where other statements take their
    time."""
    own = w.ranges.turns.get(s, PLAIN_TURNS)
    if own >= PLAIN_TURNS:
        return PLAIN_TURNS
    within = 1
    for statement in (x for block in s.blocks for x in block.statements):
        if statement.op.name in ("for", "while"):
            within += turns(w, statement)
        elif not is_light(w, statement):
            return PLAIN_TURNS
    return own * within


def is_plain(w: FunctionWriter, body: Block) -> bool:
    """Whether a turn is short and does no more than compute with scalars and change elements."""
    return all(is_light(w, s) for s in body.statements)


def is_light(w: FunctionWriter, s: Statement) -> bool:
    if s.op.name in ("for", "while", "call", "custom_call", "scan"):
        return False
    in_memory = [v for v in s.results if not is_scalar(v.type)]
    if in_memory and not (
        all(v in w.in_place.versions for v in in_memory)
        and (s.op.name == "if" or changes_element(s))
    ):
        return False
    return all(is_plain(w, block) for block in s.blocks)


def changes_element(s: Statement) -> bool:
    return s.op.name in ("index_update", "index_add", "list_set") and all(
        is_scalar(v.type) for v in s.operands[1:]
    )
