"""The text form of Core: what is printed reads back, and prints the same."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import charl.ops  # noqa: F401  (fills the registry)
from charl.core.builder import Builder
from charl.core.ir import Block, Function, Program, Value
from charl.core.parser import parse_function, parse_program
from charl.core.printer import print_function, print_program
from charl.diagnostics.diagnostic import CharlError, Label, error
from charl.ops.layouts import Leaf, Record
from charl.source import Source, Span
from charl.types import dtypes
from charl.types.types import FLOAT, FLOAT32, INT, STRING, Box, Handle, List, Tensor

EXAMPLE = """\
entry @main

fn @main[i]() {
  %0: i64 = 4
  %one: i64 = 1
  %z: f32 = -0.1
  %t: f32[3] = [1.0, 2.0, inf]
  %s: string = "hé\\n"
  %h: f32[4] = undefined
  %r: f32 = for %0, %0, %one, %z do (%i: i64 is i, %acc: f32) {
    %c: bool = lt %i, %one
    %q: f32 = if %c then {
      %a: f32 = add %acc, %z
      yield %a
    } else {
      yield %acc
    }
    yield %q
  }
  %w: i64 = while %one cond (%a.1: i64) {
    %c.1: bool = lt %a.1, %0
    yield %c.1
  } do (%b: i64) {
    %d: i64 = add %b, %b
    yield %d
  }
  %m: f32 = reduce_sum %t {axis = (0), keep_dims = false}
  return
}

fn @"f<i64>"[n, m, n.1](%x: f32[n, 2*m + 3], %n: i64 is n, %m: i64 is -m - 1 + ((n + 1) // (2))) as "f" {
  %u: [f32[?]], %b: box "Tree", %g: handle "bar" = call %x {function = @"f<i64>", checkpoint = false}
  %v: bf16[n.1] = undefined
  return %x, %n
}
"""  # noqa: E501


def test_a_program_reads_back_and_prints_the_same() -> None:
    text = EXAMPLE.replace("-m - 1 + ((n + 1) // (2))", "n - m")
    assert print_program(parse_program(text)) == text


def test_dims_read_back_in_normal_form() -> None:
    function = parse_function(
        "fn @f[n, m](%x: f32[2*n // 2, -7 + n*(m + 2), (n % 3) * 2]) { return }"
    )
    printed = print_function(function)
    assert printed == "fn @f[n, m](%x: f32[n, n*m + 2*n - 7, 2*((n) % (3))]) {\n  return\n}"
    assert print_function(parse_function(printed)) == printed


def test_comments_and_layout_do_not_matter() -> None:
    function = parse_function("fn @f(%x: f32) { # nothing\n %y: f32 = add %x,\n   %x\n return %y }")
    assert print_function(function) == "fn @f(%x: f32) {\n  %y: f32 = add %x, %x\n  return %y\n}"


def test_values_of_one_name_are_told_apart() -> None:
    block = Block((Value(FLOAT, name="x"), Value(FLOAT, name="x"), Value(FLOAT), Value(FLOAT)))
    block.results = block.parameters
    assert print_function(Function("f", block)) == (
        "fn @f(%x: f64, %x.1: f64, %0: f64, %1: f64) {\n  return %x, %x.1, %0, %1\n}"
    )


def test_records_diagnostics_and_layouts_are_attributes() -> None:
    span = Span(Source("a.ch", ""), 3, 9)
    failure = error("E0509", "{0} is wrong", span, "here", secondary=(Label(span, "there"),))
    b = Builder(Block())
    b.emit("check", (b.constant(True),), {"failure": failure})
    layout = Record("P", (("x", Leaf(INT)), ("name", Leaf(STRING))))
    b("show", b.constant(1), b.constant("a"), layout=layout)
    printed = print_function(Function("f", b.block))
    again = parse_function(printed)
    assert print_function(again) == printed
    check, show = again.body.statements[1], again.body.statements[-1]
    assert check.attributes["failure"].secondary[0].span.start == 3
    assert show.attributes["layout"] == layout


DTYPES = [d for d in dtypes.ALL if d.kind != "bool"]


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("count", [3, 100])
def test_array_constants_keep_every_bit(dtype: dtypes.DType, count: int) -> None:
    generator = np.random.default_rng(count)
    array = (generator.standard_normal(count) * 100).astype(dtype.numpy)
    b = Builder(Block())
    b.block.results = (b.constant(array, Tensor(dtype, (count,))),)
    again = parse_function(print_function(Function("f", b.block)))
    found = again.body.statements[0].attributes["value"]
    assert found.dtype == array.dtype and found.tobytes() == array.tobytes()


@given(st.floats(width=64), st.sampled_from(["f64", "f32"]))
def test_float_constants_keep_every_bit(value: float, dtype: str) -> None:
    type, numpy = (FLOAT, np.float64) if dtype == "f64" else (FLOAT32, np.float32)
    b = Builder(Block())
    b.block.results = (b.constant(value, type),)
    found = parse_function(print_function(Function("f", b.block))).body.statements[0]
    with np.errstate(over="ignore"):
        again, before = numpy(found.attributes["value"]), numpy(value)
    assert again.tobytes() == before.tobytes() or (np.isnan(again) and np.isnan(before))


@given(st.text(max_size=20))
def test_texts_keep_every_character(text: str) -> None:
    text = text.encode("utf-8", "replace").decode()
    b = Builder(Block())
    b.block.results = (b.constant(text),)
    program = Program({text: Function(text, b.block)}, text)
    again = parse_program(print_program(program))
    assert again.entry == text
    assert again.functions[text].body.statements[0].attributes["value"] == text


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("fn @f() {\n  return %x\n}", "`%x` is not defined here"),
        ("fn @f(%x: f32, %x: f32) {\n  return\n}", "`%x` is defined twice"),
        ("fn @f(%x: f31) {\n  return\n}", "there is no type `f31`"),
        ("fn @f(%x: f32) {\n  %y: f32 = addd %x, %x\n  return\n}", "there is no op `addd`"),
        ("fn @f(%x: f32) {\n  %y: f32 = add %x, %x\n}", "expected a statement or `return`"),
        ("fn @f(%x: f32) {\n  %y: f32[2] = [1.0]\n return\n}", "a constant that does not fill its"),
        ("fn @f(%x: f32) & {", "this character has no meaning in Core"),
        ('fn @f() as "\\q" {', "this text has a malformed escape"),
        (
            'fn @f() {\n  %c: f32[1] = bytes "a"\n return\n}',
            "these are not the elements of an array",
        ),
        ("fn @f() { undefined return }", "`undefined` has one result"),
        ("fn @f(%x: f32[0.1]) { return }", "a dim is a whole number"),
        ("fn @f() { return } }", "text after the function"),
        ("fn @f() { show {layout = Leaf(kind = 1)} return }", "these are not the fields of a Leaf"),
    ],
)
def test_malformed_text_is_a_diagnostic(text: str, message: str) -> None:
    with pytest.raises(CharlError) as caught:
        parse_function(text)
    (diagnostic,) = caught.value.diagnostics
    assert diagnostic.code == "E0795" and diagnostic.message.startswith(message)
    assert diagnostic.primary is not None


@settings(max_examples=300)
@given(st.data())
def test_damaged_text_never_raises_anything_but_diagnostics(data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(EXAMPLE)))
    stop = data.draw(st.integers(start, min(len(EXAMPLE), start + 20)))
    put = data.draw(st.text(alphabet='%@{}()[]=,:"#/+-*1a \n', max_size=5))
    try:
        parse_program(EXAMPLE[:start] + put + EXAMPLE[stop:])
    except CharlError as problem:
        assert {d.code for d in problem.diagnostics} == {"E0795"}


def test_every_core_type_reads_back() -> None:
    kinds = [STRING, List(List(FLOAT)), Box('a "b"'), Handle("bar"), Tensor(dtypes.BFLOAT16, (0,))]
    block = Block(tuple(Value(kind) for kind in kinds))
    printed = print_function(Function("f", block))
    assert [v.type for v in parse_function(printed).body.parameters] == kinds
