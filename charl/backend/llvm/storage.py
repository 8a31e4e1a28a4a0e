"""Where native code puts the results of a statement: what `transform/memory.py` asks.

This says in one place what the writers of this package do with memory; the tests compare it with
what a run allocates.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from charl.backend.llvm import linear_algebra
from charl.backend.llvm.conversions import narrow
from charl.backend.llvm.kernels import taken_over
from charl.backend.llvm.prepared import prepared
from charl.backend.llvm.products import stays_narrow
from charl.backend.llvm.runtime_calls import wide
from charl.backend.llvm.sweeps import only_here, passed_on
from charl.backend.llvm.views import transposed_views
from charl.core.control import FUSED, SWEEP
from charl.core.ir import Function, Program, Statement, Value
from charl.kernel import schedule
from charl.kernel.build import Kernel, Kernels
from charl.kernel.overwriting import overwritable
from charl.ops.contract import PRODUCTS
from charl.transform.memory import Elsewhere, Footprint, Placed, Storage, Stores, footprint
from charl.types.types import is_scalar

# The result is the first operand, or the same memory with other sizes.
THE_SAME = {"reshape", "copy", "stop_gradient", "ensure_shape", "box_copy"}
# The first operand with some elements changed (`tensors.own`).
UPDATES = {"index_update", "index_add", "scatter_add", "scatter_set", "scatter_add_along"}
# Nothing is made: the memory is a list's or an enum value's, or the module's.
NOT_MADE = {"constant", "undefined", "list_get", "list_pop", "list_remove", "box_field", "box_part"}


# Done by the runtime, which reckons in float32 (`runtime_calls.py`): narrow operands and results
# are there twice, the second time as wide as that.
RECKONED = {
    "matmul", "contract", "conv", "conv_input_gradient", "conv_filter_gradient", "window_max",
    "window_argmax", "window_sum", "window_max_gradient", "window_sum_gradient", "random_uniform",
    "random_normal", "bernoulli", "categorical", *linear_algebra.TASKS,
}  # fmt: skip
# Partial sums of a convolution's filter, at most (`native/conv.c`).
MOST_CHUNKS = 8


def native_footprint(program: Program) -> Footprint:
    """What the tensors of a program take when it runs natively."""
    program, kernels = prepared(program)
    return footprint(program, partial(stores, kernels))


def stores(kernels: Kernels, function: Function) -> Stores:
    views = transposed_views(function)

    def storage(statement: Statement, dying: Sequence[Value]) -> Storage:
        name, results = statement.op.name, statement.results
        nowhere: list[Placed | Elsewhere | None] = [None for _ in results]
        if statement.op is SWEEP:
            return Storage((), ending=[*only_here(statement, dying), *passed_on(statement)])
        if statement.op is FUSED:
            kernel = kernels.of(statement)
            over = taken_over(statement, overwritable(kernel), dying)
            places = [Placed(over[v], over=True) if v in over else None for v in results]
            return Storage(places, parts_of(kernel, results[0]))
        if name in NOT_MADE:
            return Storage([Elsewhere() for _ in results])
        if name in RECKONED:
            if name in PRODUCTS and stays_narrow(statement, views):
                return Storage(nowhere)
            return Storage(nowhere, on_the_way(statement))
        if not results or not statement.operands or is_scalar(statement.operands[0].type):
            return Storage(nowhere)
        first = statement.operands[0]
        if results[0] in views or name in THE_SAME:
            return Storage([Placed(first)])
        if name in UPDATES:
            return Storage([Placed(first, over=True)])
        return Storage(nowhere)

    return storage


def on_the_way(statement: Statement) -> list[tuple[Value, int]]:
    found = []
    for value in (*statement.operands, *statement.results):
        if value.rank and narrow(value.dtype):
            found.append((value, wide(value.dtype).bits // 8))
    if statement.op.name == "conv_filter_gradient":
        (result,) = statement.results
        found.append((result, MOST_CHUNKS * wide(result.dtype).bits // 8))
    return found


def parts_of(kernel: Kernel, result: Value) -> list[tuple[Value, int]]:
    """What the stretches of a reduction leave, if they do (`launch.py`). A few numbers are not
    worth a sum of their own where the sizes are open."""
    count, parts = kernel.outermost, schedule.MOST_PARTS
    if kernel.join is None or not (result.rank or isinstance(count, int)):
        return []
    if isinstance(count, int):
        parts = -(-count // schedule.part_turns(count, kernel.inner, kernel.cost))
    return [(result, parts * result.dtype.bits // 8)]
