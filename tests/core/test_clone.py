"""Copies share neither values nor the symbols they define; inlining puts the caller's sizes in."""

from __future__ import annotations

import charl.ops  # noqa: F401  (fills the registry)
from charl.core.builder import Builder
from charl.core.clone import (
    Renaming,
    calls_of,
    copy_function,
    defined_symbols,
    free_values,
    inline,
    paste,
)
from charl.core.ir import Block, Function, Value
from charl.core.parser import parse_function
from charl.core.printer import print_function
from charl.source import Source, Span
from charl.types import dims, dtypes
from charl.types.types import INT, Tensor

LOOP = """\
fn @f[n, k](%x: f32[n, 3], %c: bool) {
  %0: i64 = 0
  %n: i64 is n = dim %x {axis = 0}
  %one: i64 = 1
  %m: f32[k, 3] = mask_select %x, %mask
  %y: f32[n, 3] = for %0, %n, %one, %x do (%i: i64 is i, %a: f32[n, 3]) {
    %r: f32[3] = index %a, %i
    %b: f32[n, 3] = index_update %a, %r, %i
    yield %b
  }
  %u: f32[n, 3] = undefined
  return %y, %m
}""".replace("mask_select %x, %mask", "call %x {function = @g}").replace("[n, k]", "[n, k, i]")


def all_values(block: Block) -> set[Value]:
    found = set(block.parameters)
    for statement in block.walk():
        found.update(statement.results)
        for nested in statement.blocks:
            found.update(nested.parameters)
    return found


def all_symbols(block: Block) -> set[dims.Symbol]:
    shapes = [v.type.shape for v in all_values(block) if isinstance(v.type, Tensor)]
    return {s for shape in shapes for dim in shape for s in dims.symbols(dim)}


def test_a_copied_function_prints_the_same_and_shares_nothing() -> None:
    function = parse_function(LOOP)
    copy = copy_function(function)
    assert print_function(copy) == print_function(function)
    assert not all_values(copy.body) & all_values(function.body)
    assert not all_symbols(copy.body) & all_symbols(function.body)
    assert copy_function(function, "g").name == "g"


def test_the_symbols_a_function_defines() -> None:
    function = parse_function(LOOP)
    assert [s.name for s in defined_symbols(function.body)] == ["k", "i"]


def test_free_values_are_the_outer_values_used_in_order() -> None:
    function = parse_function(
        "fn @f(%x: f32, %y: f32, %c: bool) {\n  %z: f32 = if %c then {\n    %a: f32 = add %y, %x\n"
        "    %b: f32 = if %c then { yield %a } else { yield %x }\n    yield %b\n  } else {\n"
        "    yield %y\n  }\n  return %z\n}"
    )
    blocks = function.body.statements[0].blocks
    x, y, c = function.body.parameters
    assert free_values(*blocks) == (y, x, c)
    assert free_values(blocks[1]) == (y,)


def test_inlining_puts_the_sizes_of_the_arguments_in() -> None:
    function = parse_function(
        "fn @f[n, m](%x: f32[n, m], %n: i64 is n) {\n"
        "  %y: f32[m, n] = transpose %x {permutation = none}\n"
        "  %l: [f32[n]] = list_make {element = type f32[n]}\n  %z: f32[n*m] = reshape %y, %n\n"
        "  return %z, %l\n}"
    )
    caller = Block((Value(Tensor(dtypes.FLOAT32, (64, 3)), name="a"), Value(INT, 64, "b")))
    b = Builder(caller)
    caller.results = inline(b, function, caller.parameters, None)
    assert print_function(Function("g", caller)) == (
        "fn @g(%a: f32[64, 3], %b: i64 is 64) {\n"
        "  %y: f32[3, 64] = transpose %a {permutation = none}\n"
        "  %l: [f32[64]] = list_make {element = type f32[64]}\n"
        "  %z: f32[192] = reshape %y, %b\n"
        "  return %z, %l\n}"
    )


def test_sizes_the_caller_does_not_know_get_fresh_symbols_at_each_inlining() -> None:
    function = parse_function("fn @f[n](%n: i64 is n) {\n  %y: f32[n] = undefined\n  return %y\n}")
    caller = Block((Value(INT, None, "k"),))
    first = inline(Builder(caller), function, caller.parameters, None)[0].type
    second = inline(Builder(caller), function, caller.parameters, None)[0].type
    assert first != second != function.body.results[0].type


def test_inlined_statements_remember_the_calls_they_came_through() -> None:
    source = Source("a.ch", "f(x) + g(y)")
    spans = [Span(source, i, i + 1) for i in range(3)]
    f = parse_function("fn @f(%x: f32) {\n  %y: f32 = add %x, %x\n  return %y\n}")
    f.body.statements[0].span = spans[0]
    g = Function("g", Block((Value(Tensor(dtypes.FLOAT32)),)), shown="Net.g")
    g.body.results = inline(Builder(g.body), f, g.body.parameters, spans[1])
    main = Block((Value(Tensor(dtypes.FLOAT32)),))
    inline(Builder(main), g, main.parameters, spans[2])
    span = main.statements[0].span
    assert span is not None and (span.start, span.stop) == (0, 1)
    assert [(frame.what, frame.span) for frame in calls_of(span)] == [
        ("f", spans[1]),
        ("Net.g", spans[2]),
    ]


def test_pasting_a_branch_uses_the_outer_values() -> None:
    function = parse_function(
        "fn @f(%x: f32, %c: bool) {\n  %z: f32 = if %c then {\n"
        "    %a: f32 = add %x, %x\n    yield %a\n  } else {\n    yield %x\n  }\n  return %z\n}"
    )
    into = Block(function.body.parameters)
    then = function.body.statements[0].blocks[0]
    into.results = paste(Builder(into), then, (), Renaming())
    assert print_function(Function("g", into)) == (
        "fn @g(%x: f32, %c: bool) {\n  %a: f32 = add %x, %x\n  return %a\n}"
    )
