"""Strings, compiled: each op agrees with the interpreter's on texts of all widths, and fails where
that fails."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import charl.ops  # noqa: F401  (enters the primitives)
from charl.core.builder import Builder
from charl.core.ir import Block, Function, Program, Value
from charl.core.op import REGISTRY, Fault
from charl.diagnostics.diagnostic import CharlError
from charl.runtime.machine import NativeMachine
from charl.types.types import INT, STRING, List, Type

KINDS: dict[str, Type] = {"s": STRING, "n": INT, "l": List(STRING)}

# What each op takes: strings, numbers, lists of strings.
OPS = {
    "string_concat": "ss",
    "string_length": "s",
    "string_index": "sn",
    "string_slice": "snnn",
    "string_eq": "ss",
    "string_lt": "ss",
    "string_contains": "ss",
    "string_find": "ss",
    "string_replace": "sss",
    "string_split": "ss",
    "string_join": "ls",
    "string_trim": "s",
    "string_upper": "s",
    "string_lower": "s",
    "string_starts_with": "ss",
    "string_ends_with": "ss",
    "string_repeat": "sn",
    "string_characters": "s",
    "parse_int": "s",
    "parse_float": "s",
    "character_code": "s",
    "from_code": "n",
}


def machine_of(ops: dict[str, str]) -> NativeMachine:
    functions = {}
    for op, kinds in ops.items():
        parameters = tuple(Value(KINDS[k]) for k in kinds)
        block = Block(parameters)
        block.results = tuple(Builder(block).emit(op, parameters, {}))
        functions[op] = Function(op, block)
    return NativeMachine(Program(functions, "string_concat"), list(functions))


@pytest.fixture(scope="module")
def machine() -> NativeMachine:
    return machine_of(OPS)


# Few letters, so that texts have parts in common; of one to four bytes, white space among them.
LETTERS = st.sampled_from("aabB \t0é\u00a0日\u3000😀")
TEXTS = st.text(LETTERS, max_size=9)
NUMBERS = st.integers(-11, 11) | st.sampled_from([0x65E5, 0x1F600, 0xD800, 0x110000, 2**63 - 1])
VALUES = {"s": TEXTS, "n": NUMBERS, "l": st.lists(TEXTS, max_size=4)}


def outcome(call: Any) -> Any:
    try:
        return call()
    except Fault as fault:
        return fault.code, fault.message
    except CharlError as problem:
        return problem.diagnostics[0].code, problem.diagnostics[0].message


def agrees(machine: NativeMachine, op: str, operands: tuple[Any, ...]) -> None:
    found = outcome(lambda: machine.call(op, operands)[0])
    assert found == outcome(lambda: REGISTRY[op].evaluate(*operands))


@pytest.mark.parametrize("op", OPS)
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_op_agrees(machine: NativeMachine, op: str, data: st.DataObject) -> None:
    operands = tuple(data.draw(VALUES[k]) for k in OPS[op])
    if op == "string_repeat" and operands[1] > 100:
        return
    agrees(machine, op, operands)


NUMERALS = st.text(st.sampled_from("0019_+-.eE \n"), max_size=22)


@settings(max_examples=300, deadline=None)
@given(text=NUMERALS | st.integers().map(str) | st.floats(allow_nan=False).map(repr))
def test_numerals_agree(machine: NativeMachine, text: str) -> None:
    agrees(machine, "parse_int", (text,))
    agrees(machine, "parse_float", (text,))


@pytest.mark.parametrize(
    "text",
    ["9223372036854775807", "9223372036854775808", "-9223372036854775808", "-9223372036854775809"],
)
def test_the_ends_of_integers(machine: NativeMachine, text: str) -> None:
    agrees(machine, "parse_int", (text,))


def test_a_repeated_text_that_is_too_long(machine: NativeMachine) -> None:
    with pytest.raises(CharlError) as caught:
        machine.call("string_repeat", ("abc", 2**62))
    assert caught.value.diagnostics[0].code == "E0508"
    assert caught.value.diagnostics[0].message == "out of memory"
