"""An independent evaluator of Core: an environment, one case per control op, copies everywhere.

It knows nothing of liveness, ownership or generated code, so what agrees with it is right about
all three.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import numpy as np

from charl.core.ir import Block, Program, Statement, Value
from charl.interp.support import constant_value

Environment = dict[Value, Any]


def run(program: Program, name: str, arguments: Sequence[Any]) -> list[Any]:
    with np.errstate(all="ignore"):
        return _block(program, program.functions[name].body, arguments, {})


def _block(
    program: Program, block: Block, arguments: Sequence[Any], outer: Environment
) -> list[Any]:
    environment = dict(outer)
    environment.update(zip(block.parameters, arguments, strict=True))
    for statement in block.statements:
        results = _statement(program, statement, environment)
        environment.update(zip(statement.results, results, strict=True))
    return [environment[v] for v in block.results]


def _statement(program: Program, s: Statement, environment: Environment) -> Sequence[Any]:
    operands = [environment[v] for v in s.operands]
    match s.op.name:
        case "constant":
            return [constant_value(s.attributes["value"], s.attributes["type"])]
        case "undefined":
            return [None]
        case "if":
            return _block(program, s.blocks[0 if operands[0] else 1], (), environment)
        case "for":
            carried = operands[3:]
            for index in range(*operands[:3]):
                carried = _block(program, s.blocks[0], [index, *carried], environment)
            return carried
        case "while":
            carried = operands
            while _block(program, s.blocks[0], carried, environment)[0]:
                carried = _block(program, s.blocks[1], carried, environment)
            return carried
        case "call" | "custom_call":
            return run(program, s.attributes["function"], operands)
        case "ensure_shape":
            return operands[:1]
        case "check":
            assert operands[0]
            return []
    assert s.op.evaluate is not None
    result = s.op.evaluate(*copy.deepcopy(operands), **s.attributes)
    return [result] if len(s.results) == 1 else result
