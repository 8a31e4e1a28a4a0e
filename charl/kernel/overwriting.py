"""Which inputs of a kernel a result may be written over.

A kernel can write a result into the memory of an input when nothing reads an element of the input
after it was overwritten. With the result stored once, at `y[i, j]` inside the loops of `i` and `j`,
that is so when every load of the input is either

- of the element that is about to be overwritten: `x[i, j]`, before the store in the same turn; or
- of the same row, `x[i, ...]`, and done with before the loop over `j` begins, as the sums and
  extremes of rows are. The row's loop must be open, for the threads share the outermost loop.

A kernel that may stop because of what its elements are overwrites nothing: the statement is run
again on its operands to find out what was wrong with them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from charl.core.ir import Block, Statement, Value
from charl.kernel.build import Kernel
from charl.kernel.nest import may_stop
from charl.records import record


@record(eq=False)
class Access:
    """A load or a store: the loops around it, outermost first, and its position in each block."""

    statement: Statement
    loops: tuple[Statement, ...]
    path: tuple[int, ...]


def overwritable(kernel: Kernel) -> list[list[Value]]:
    """For each result, those of `kernel.inputs` whose memory it may take."""
    body = kernel.function.body
    stop = 2 + len(kernel.inputs)
    inputs, results = body.parameters[2:stop], body.parameters[stop:]
    found: list[list[Value]] = [[] for _ in results]
    if kernel.join is not None or stops_for_elements(body):
        return found
    accesses: dict[Value, list[Access]] = {}
    for access in accesses_of(body):
        accesses.setdefault(access.statement.operands[0], []).append(access)
    for result, able in zip(results, found):
        (store, *others) = accesses[result]
        if others or not is_stored_once(store):
            continue
        for given, parameter in zip(kernel.inputs, inputs):
            if same_memory(parameter, result) and all(
                is_done(load, store) for load in accesses.get(parameter, ())
            ):
                able.append(given)
    return found


def accesses_of(
    block: Block, loops: tuple[Statement, ...] = (), path: tuple[int, ...] = ()
) -> Iterator[Access]:
    for position, statement in enumerate(block.statements):
        here = (*path, position)
        if statement.op.name in ("load", "store"):
            yield Access(statement, loops, here)
        for inner in statement.blocks:
            yield from accesses_of(inner, (*loops, statement), here)


def index_of(access: Access) -> Sequence[Value]:
    return access.statement.operands[2 if access.statement.op.name == "store" else 1 :]


def is_stored_once(store: Access) -> bool:
    """Whether the loops around it are those of its indices, in order: each turn has an element of
    its own."""
    counters = [loop.blocks[0].parameters[0] for loop in store.loops]
    return bool(counters) and [i for i in index_of(store) if i in counters] == counters


def is_done(load: Access, store: Access) -> bool:
    """Whether the load comes before anything is stored to where it reads."""
    there = index_of(store)
    for axis, index in enumerate(index_of(load)):
        if index is not there[axis]:
            counters = [loop.blocks[0].parameters[0] for loop in store.loops]
            if there[axis] not in counters:
                return False
            depth = counters.index(there[axis])
            return 0 < depth < len(load.path) and load.path[: depth + 1] < store.path[: depth + 1]
    return load.path < store.path


def same_memory(given: Value, result: Value) -> bool:
    """Whether both are tensors of the same shape, with elements as wide."""
    same = given.shape == result.shape and given.dtype.bits == result.dtype.bits
    return result.rank > 0 and same


def stops_for_elements(body: Block) -> bool:
    """Whether a check, or an op that checks, asks for more than sizes and the program's scalars."""
    plain = {v for v in body.parameters if not v.rank}
    for statement in body.walk():
        if statement.op.name == "check" and statement.operands[0] not in plain:
            return True
        if may_stop(statement.op.name, statement.operands) and statement.operands[1] not in plain:
            return True
        if statement.op.name in ("constant", "dim") or (
            statement.op.elementwise and plain.issuperset(statement.operands)
        ):
            plain.update(statement.results)
    return False
