"""Lists and boxes, compiled: each op agrees with the interpreter's, shared lists stay as they were,
and what lies in memory is let go of."""

from __future__ import annotations

import contextlib
import copy
import io
import time
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import charl.ops  # noqa: F401  (enters the primitives)
from charl import driver
from charl.core.builder import Builder
from charl.core.ir import Block, Function, Program, Value
from charl.core.op import REGISTRY, Fault
from charl.diagnostics.diagnostic import CharlError
from charl.runtime.machine import NativeMachine
from charl.source import Source
from charl.types import dims, dtypes
from charl.types.types import BOOL, FLOAT, INT, STRING, List, Tensor, Type

# Elements of every layout: compact scalars, tensors with their sizes, objects.
MATRIX = Tensor(dtypes.FLOAT64, (dims.symbol("m"), 2))
ELEMENTS: dict[str, Type] = {
    "bool": BOOL,
    "int16": Tensor(dtypes.INT16, ()),
    "float": FLOAT,
    "string": STRING,
    "tensor": MATRIX,
    "list": List(INT),
}
DRAWN: dict[str, Any] = {
    "bool": st.booleans(),
    "int16": st.integers(-9, 9),
    "float": st.integers(-9, 9).map(float),
    "string": st.text("aé", max_size=3),
    "tensor": st.lists(st.integers(-3, 3), min_size=2, max_size=2).map(
        lambda row: np.array([row, row], np.float64)
    ),
    "list": st.lists(st.integers(-3, 3), max_size=3),
}

# What each op takes: lists (l), an element (e), indices (n).
OPS = {
    "list_length": "l",
    "list_get": "ln",
    "list_set": "lne",
    "list_push": "le",
    "list_pop": "l",
    "list_insert": "lne",
    "list_remove": "ln",
    "list_reverse": "l",
    "list_concat": "ll",
    "list_slice": "lnnn",
    "list_slice_set": "llnnn",
}


def function(op: str, name: str, element: Type, kinds: str, *, shared: bool) -> Function:
    """Calls the op; a shared list is a result too, as it was before."""
    types = {"l": List(element), "e": element, "n": INT}
    parameters = tuple(Value(types[k]) for k in kinds)
    block = Block(parameters)
    results = Builder(block).emit(op, parameters, {})
    block.results = (*results, *(parameters[:1] if shared else ()))
    return Function(name, block)


@pytest.fixture(scope="module")
def machines() -> dict[str, NativeMachine]:
    found = {}
    for kind, element in ELEMENTS.items():
        functions = {}
        for op, kinds in OPS.items():
            for shared in (False, True):
                name = f"{op}{' shared' if shared else ''}"
                functions[name] = function(op, name, element, kinds, shared=shared)
        found[kind] = NativeMachine(Program(functions, "list_get"), list(functions))
    return found


def outcome(call: Any) -> Any:
    try:
        return call()
    except Fault as fault:
        return fault.code, fault.message
    except CharlError as problem:
        return problem.diagnostics[0].code, problem.diagnostics[0].message


def plain(value: Any) -> Any:
    """Arrays as nested lists, so that values compare."""
    if isinstance(value, np.ndarray):
        return ("array", value.shape, value.tolist())
    return [plain(x) for x in value] if isinstance(value, list | tuple) else value


@pytest.mark.parametrize("op", OPS)
@pytest.mark.parametrize("kind", ELEMENTS)
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_op_agrees(
    machines: dict[str, NativeMachine], kind: str, op: str, data: st.DataObject
) -> None:
    drawn = {"l": st.lists(DRAWN[kind], max_size=6), "e": DRAWN[kind], "n": st.integers(-7, 7)}
    operands = [data.draw(drawn[k]) for k in OPS[op]]
    expected = outcome(lambda: REGISTRY[op].evaluate(*copy.deepcopy(operands)))
    alone = outcome(lambda: machines[kind].call(op, operands))
    shared = outcome(lambda: machines[kind].call(f"{op} shared", operands))
    if isinstance(expected, tuple) and expected and expected[0] == "E0502":
        assert alone == shared == expected
        return
    results = list(expected) if op in ("list_pop", "list_remove") else [expected]
    assert plain(list(alone)) == plain(results)
    assert plain(list(shared)) == plain([*results, operands[0]])


def unary(op: str, given: Type) -> NativeMachine:
    value = Value(given)
    block = Block((value,))
    block.results = Builder(block).emit(op, (value,), {})
    return NativeMachine(Program({"f": Function("f", block)}, "f"), ["f"])


@pytest.mark.parametrize("values", [[], [np.ones((3, 2))], [np.ones((1, 2)), np.zeros((1, 2))]])
def test_a_list_of_matrices_becomes_a_tensor_and_back(values: list[Any]) -> None:
    (stacked,) = unary("list_stack", List(MATRIX)).call("f", (values,))
    assert stacked.shape == (len(values), *(values[0].shape if values else (0, 2)))
    given = Tensor(dtypes.FLOAT64, tuple(dims.symbol(x) for x in "abc"))
    (back,) = unary("list_unstack", given).call("f", (stacked,))
    assert plain(back) == plain(values)


def test_matrices_of_different_shapes_make_no_tensor() -> None:
    with pytest.raises(CharlError) as caught:
        unary("list_stack", List(MATRIX)).call("f", ([np.ones((1, 2)), np.ones((2, 2))],))
    assert caught.value.diagnostics[0].code == "E0505"


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
def test_sums_of_lists_round_as_the_dtype_does(dtype: str) -> None:
    number = dtypes.BY_NAME[dtype]
    kind = List(Tensor(number, (dims.symbol("n"),)))
    values = (Value(kind), Value(kind))
    block = Block(values)
    block.results = Builder(block).emit("list_add", values, {})
    machine = NativeMachine(Program({"f": Function("f", block)}, "f"), ["f"])
    random = np.random.default_rng(1)
    left, right = (random.standard_normal(500).astype(number.numpy) for _ in range(2))
    ((total, rest),) = machine.call("f", ([left, left], [right]))
    np.testing.assert_array_equal(total, left + right)
    np.testing.assert_array_equal(rest, left)


NESTED = """
let grid = [[1, 2], [3, 4], [5, 6]]
let kept = grid
grid[-1][0] = grid[0][1] + 10
grid[1].push(7)
print(grid, kept)
let other = grid[1]
grid[1][0] = 100
print(grid, other)
let deep = [[[1], [2]], [[3]]]
deep[0][1][0] = 9
let before = deep
deep[0][0][0] = deep[1][0][0]
print(deep, before)
grid[0] = grid[1]
grid[0][0] = 5
for i in 0..3 { grid[i] = grid[i] ++ grid[i] }
print(grid)
"""


def printed(text: str) -> str:
    program = driver.compile_checked(driver.check(Source("case.ch", text)))
    with contextlib.redirect_stdout(io.StringIO()) as output:
        NativeMachine(program, (program.entry,)).call(program.entry, ())
    return output.getvalue()


def test_lists_within_lists_change_where_nobody_else_holds_them() -> None:
    assert printed(NESTED).splitlines() == [
        "[[1, 2], [3, 4, 7], [12, 6]] [[1, 2], [3, 4], [5, 6]]",
        "[[1, 2], [100, 4, 7], [12, 6]] [3, 4, 7]",
        "[[[3], [9]], [[3]]] [[[1], [9]], [[3]]]",
        "[[5, 4, 7, 5, 4, 7], [100, 4, 7, 100, 4, 7], [12, 6, 12, 6]]",
    ]


UPDATES = """
let rows = [to_list(zeros(100000)), [0.0]]
for i in 0..50000 { rows[0][i] = rows[0][i] + 1.0 }
print(rows[0][49999], rows[0][50000])
"""


def test_a_change_of_an_element_does_not_copy_its_row() -> None:
    """Copying would move 40 GB."""
    start = time.perf_counter()
    assert printed(UPDATES) == "1.0 0.0\n"
    assert time.perf_counter() - start < 4.0
