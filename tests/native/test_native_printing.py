"""Texts of numbers, and printing, compiled: what is written is what the interpreter writes."""

from __future__ import annotations

import contextlib
import io
import struct
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import charl.ops  # noqa: F401  (enters the primitives)
from charl import driver
from charl.backends import NAMES
from charl.core.builder import Builder
from charl.core.ir import Block, Function, Program, Value
from charl.core.op import REGISTRY
from charl.diagnostics.diagnostic import CharlError
from charl.ops.layouts import Leaf
from charl.runtime.compile import compile_image
from charl.runtime.machine import NativeMachine
from charl.source import Source
from charl.types import dtypes
from charl.types.types import Tensor

FORMATS = {
    "float64": [".3f", "8.2f", ".0e", "12.4e", ".20f"],
    "float32": [".3f", "8.2f", ".0e"],
    "int64": ["", "5", "05", "05d", "3d"],
    "int8": ["04d"],
}
SHOWN = ["float64", "float32", "int64", "int8", "bool"]


def functions() -> dict[str, Function]:
    found = {}
    calls = [("show", name, {"layout": Leaf(Tensor(dtypes.BY_NAME[name], ()))}) for name in SHOWN]
    for name, specs in FORMATS.items():
        calls += [("format", name, {"spec": spec}) for spec in specs]
    for op, name, attributes in calls:
        kind = Tensor(dtypes.BY_NAME[name], ())
        value = Value(kind)
        block = Block((value,))
        block.results = Builder(block).emit(op, (value,), attributes)
        key = f"{op} {name} {attributes.get('spec', '')}"
        found[key] = Function(key, block)
    return found


@pytest.fixture(scope="module")
def machine() -> NativeMachine:
    program = Program(functions(), "show int64 ")
    return NativeMachine(program, list(program.functions))


def agree(machine: NativeMachine, name: str, values: Sequence[Any]) -> None:
    layout = Leaf(Tensor(dtypes.BY_NAME[name], ()))
    for value in values:
        (found,) = machine.call(f"show {name} ", (value,))
        assert found == REGISTRY["show"].evaluate(value, layout=layout)


def double(bits: int) -> float:
    found: float = struct.unpack("<d", struct.pack("<Q", bits))[0]
    return found


EDGES = [0.0, -0.0, 1.0, 0.1, 1e15, 1e16, 123456789012345680.0, 1e-4, 9.9e-5, 5e-324, 1.7e308]
NOT_FINITE = [float("inf"), -float("inf"), float("nan")]


def test_edges(machine: NativeMachine) -> None:
    agree(machine, "float64", [*EDGES, *NOT_FINITE])
    agree(machine, "float32", [np.float32(x) for x in (*EDGES[:-2], 1e-45, 3e38, *NOT_FINITE)])
    agree(machine, "int64", [0, -1, 2**63 - 1, -(2**63)])
    agree(machine, "int8", [-128, 127])
    agree(machine, "bool", [True, False])


def test_powers_of_two(machine: NativeMachine) -> None:
    """Where the numbers below lie closer than those above."""
    agree(machine, "float64", [2.0**n for n in range(-1074, 1024)])
    agree(machine, "float32", [np.float32(2.0**n) for n in range(-149, 128)])


@settings(max_examples=400, deadline=None)
@given(bits=st.integers(0, 2**64 - 1))
def test_any_double(machine: NativeMachine, bits: int) -> None:
    agree(machine, "float64", [double(bits)])
    agree(machine, "float32", [np.array([bits % 2**32], np.uint32).view(np.float32)[0]])


@settings(max_examples=200, deadline=None)
@given(x=st.floats(-1e6, 1e6) | st.floats(), n=st.integers(-(2**63), 2**63 - 1))
def test_formats(machine: NativeMachine, x: float, n: int) -> None:
    with np.errstate(over="ignore"):
        given = {"float64": x, "float32": np.float32(x), "int64": n, "int8": n % 256 - 128}
    for name, specs in FORMATS.items():
        for spec in specs:
            (found,) = machine.call(f"format {name} {spec}", (given[name],))
            assert found == REGISTRY["format"].evaluate(given[name], spec=spec), (spec, name)


def printed(text: str, output: io.StringIO) -> None:
    program = driver.compile_checked(driver.check(Source("case.ch", text)))
    with contextlib.redirect_stdout(output):
        NativeMachine(program, (program.entry,)).call(program.entry, ())


def test_prints_of_either_kind_keep_their_order() -> None:
    output = io.StringIO()
    printed('for i in 0..3 {\n    print(i)\n    print([i, i], end: "")\n    print()\n}', output)
    assert output.getvalue() == "0\n[0, 0]\n1\n[1, 1]\n2\n[2, 2]\n"


def test_more_than_the_buffer_holds() -> None:
    output = io.StringIO()
    printed('for i in 0..20000 { print(f"line {i}") }\nprint("é" ++ repeat("x", 70000))', output)
    expected = "".join(f"line {i}\n" for i in range(20000))
    assert output.getvalue() == expected + "é" + "x" * 70000 + "\n"


def test_what_was_printed_before_a_failure_is_there() -> None:
    output = io.StringIO()
    with pytest.raises(CharlError):
        printed('let xs = [1]\nprint("before")\nfor i in 0..5 { print(xs[i]) }', output)
    assert output.getvalue() == "before\n1\n"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_gets_each_line_at_once(monkeypatch: pytest.MonkeyPatch) -> None:

    seen: list[str] = []
    output = Terminal()
    written = output.write
    monkeypatch.setattr(output, "write", lambda text: (seen.append(text), written(text))[1])
    printed('print("a")\nprint("b")', output)
    assert seen == ["a\n", "b\n"]


TENSORS = """
let x = reshape(iota(COUNT), SHAPE)
print(x, x as float32, x as int8, x % 2 == 0)
print((x as float) / 7.0 - 2.0, (x as float32) / 7.0 - 2.0, ((x as float32) / 8.0) as float16)
"""


@pytest.mark.parametrize(
    ("count", "shape"),
    [
        (5, "[5]"),
        (0, "[0]"),
        (0, "[3, 0]"),
        (0, "[2000, 0, 5]"),
        (12, "[2, 3, 2]"),
        (1000, "[10, 100]"),  # all of it
        (1001, "[1001]"),  # only the ends
        (1400, "[7, 200]"),
        (1200, "[6, 2, 100]"),
    ],
)
def test_tensors(count: int, shape: str) -> None:
    text = TENSORS.replace("COUNT", str(count)).replace("SHAPE", shape)
    checked = driver.check(Source("a.ch", text))
    program = driver.compile_checked(checked)
    told = []
    for backend in NAMES:
        output = io.StringIO()
        driver.run(program, output, backend=backend)
        told.append(output.getvalue())
    assert told[0] == told[1]
    assert ("..." in told[0]) == (count > 1000 or shape == "[2000, 0, 5]")


def test_tensors_are_shown_without_the_host() -> None:
    checked = driver.check(Source("a.ch", "for i in 0..2 { print(ones([3]) * (i as float32)) }"))
    program = driver.compile_checked(checked)
    assert not compile_image(program, (program.entry,)).asked
