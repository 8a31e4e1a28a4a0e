"""Running Core: control flow, errors with their place and call stack, limits, updates in place."""

from __future__ import annotations

import io
import signal
import sys
from typing import Any

import numpy as np
import pytest

import charl.ops  # noqa: F401  (fills the registry)
from charl.core.builder import Builder, MalformedCore
from charl.core.clone import inline
from charl.core.ir import Block, Function, Program, Value
from charl.core.parser import parse_program
from charl.core.verifier import verify
from charl.diagnostics.diagnostic import CharlError, Diagnostic, Label, error
from charl.interp.faults import readable
from charl.interp.machine import Machine
from charl.interp.run import call, call_function, run_program
from charl.source import Source, Span
from charl.types.types import FLOAT32, INT, Tensor, dtypes

SOURCE = Source("a.ch", "0123456789" * 10)


def at(place: int) -> Span:
    return Span(SOURCE, place, place + 1)


def parsed(text: str) -> Program:
    program = parse_program(text)
    verify(program)
    return program


def result(text: str, *arguments: Any) -> Any:
    """What `f` of a text gives."""
    return call_function(parsed(f"entry @f\n{text}"), "f", arguments)


def failure(text: str, *arguments: Any, place: int = 0) -> Diagnostic:
    """The one diagnostic of running `f`, each statement at its own place."""
    program = parsed(f"entry @f\n{text}")
    for function in program.functions.values():
        for number, statement in enumerate(function.body.walk()):
            statement.span = at(place + number)
    with pytest.raises(CharlError) as caught:
        call_function(program, "f", arguments)
    (diagnostic,) = caught.value.diagnostics
    return diagnostic


# --- Control -------------------------------------------------------------------------------------


def test_a_loop_counts_down() -> None:
    assert result("""
    fn @f(%lo: i64, %hi: i64, %step: i64) {
      %xs: [i64] = list_make {element = type i64}
      %ys: [i64] = for %lo, %hi, %step, %xs do (%i: i64, %a: [i64]) {
        %b: [i64] = list_push %a, %i
        yield %b
      }
      return %ys
    }""", 7, 0, -3) == ([7, 4, 1],)  # fmt: skip


def test_carried_values_swap_at_once() -> None:
    text = """
    fn @f(%x: i64, %y: i64, %n: i64) {
      %0: i64 = 0
      %one: i64 = 1
      %a: i64, %b: i64 = for %0, %n, %one, %x, %y do (%i: i64, %p: i64, %q: i64) {
        %s: i64 = add %p, %q
        yield %q, %s
      }
      return %a, %b
    }"""
    assert result(text, 0, 1, 10) == (55, 89)
    assert result(text.replace("yield %q, %s", "yield %q, %p"), 1, 2, 3) == (2, 1)


def test_a_loop_of_no_rounds_gives_its_initial_values() -> None:
    text = """
    fn @f(%x: i64) {
      %0: i64 = 0
      %one: i64 = 1
      %a: i64 = for %0, %0, %one, %x do (%i: i64, %p: i64) { yield %i }
      return %a
    }"""
    assert result(text, 9) == (9,)


def test_while_tests_before_each_round() -> None:
    text = """
    fn @f(%x: i64) {
      %two: i64 = 2
      %100: i64 = 100
      %y: i64 = while %x cond (%a: i64) {
        %c: bool = lt %a, %100
        yield %c
      } do (%b: i64) {
        %d: i64 = mul %b, %two
        yield %d
      }
      return %y
    }"""
    assert result(text, 3) == (192,)
    assert result(text, 100) == (100,)


@pytest.mark.parametrize(("reverse", "expected"), [("false", [1, 3, 6]), ("true", [6, 5, 3])])
def test_a_scan_combines_from_its_end(reverse: str, expected: list[int]) -> None:
    text = f"""
    fn @f(%x: i64[3], %k: i64) {{
      %y: i64[3] = scan %x {{reverse = {reverse}}} combine (%a: i64, %b: i64) {{
        %c: i64 = add %a, %b
        %d: i64 = add %c, %k
        yield %d
      }}
      return %y
    }}"""
    assert result(text, np.array([1, 2, 3]), 0)[0].tolist() == expected
    assert result(text, np.array([5, 5, 5]), 1)[0].tolist() in ([5, 11, 17], [17, 11, 5])


def test_a_scan_carries_several_rows_and_may_be_empty() -> None:
    text = """
    fn @f[n](%x: f32[n, 2], %y: bool[n]) {
      %u: f32[n, 2], %v: bool[n] = scan %x, %y
          combine (%a: f32[2], %p: bool, %b: f32[2], %q: bool) {
        %c: f32[2] = add %a, %b
        %r: bool = or %p, %q
        yield %c, %r
      }
      return %u, %v
    }""".replace("%y\n          combine", "%y combine")
    x = np.arange(6, dtype=np.float32).reshape(3, 2)
    u, v = result(text, x, np.array([False, True, False]))
    assert u.tolist() == [[0, 1], [2, 4], [6, 9]] and v.tolist() == [False, True, True]
    u, v = result(text, x[:0], np.array([], bool))
    assert u.shape == (0, 2) and v.shape == (0,)


def test_loops_nest_deeper_than_python_can() -> None:
    depth = 60
    b = Builder(Block((Value(INT),)))
    block, outer = b.block, b.block.parameters[0]
    for level in range(depth):
        inner = Block((Value(INT), Value(INT)) if level % 2 else (Value(INT),))
        builder = Builder(block)
        bounds = [builder.constant(n) for n in (0, 1, 1)]
        if level % 2:
            (value,) = builder.emit("for", (*bounds, outer), {}, (inner,), [INT])
            carried = inner.parameters[1]
        else:
            inner = Block()
            other = Block(results=(outer,))
            (value,) = builder.emit("if", (builder.constant(True),), {}, (inner, other), [INT])
            carried = outer
        block.results = (*block.results, value) if block is b.block else (value,)
        block, outer = inner, carried
    last = Builder(block)
    block.results = (last("add", outer, last.constant(5)),)
    program = Program({"f": Function("f", b.block)}, "f")
    verify(program)
    assert call_function(program, "f", (1,)) == (6,)


def test_a_gradient_must_be_gone() -> None:
    with pytest.raises(MalformedCore, match="a `gradient` that autodiff left behind"):
        result("fn @f(%x: f32) {\n  %g: f32 = gradient %x, %x\n  return %g\n}", np.float32(1))


def test_printing_goes_to_the_output() -> None:
    program = parsed('entry @main\nfn @main() {\n  %s: string = "hé"\n  print %s\n  return\n}')
    output = io.StringIO()
    run_program(program, output=output)
    assert output.getvalue() == "hé\n"


# --- Values --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        ("f64", "0.5", float),
        ("f32", "0.5", np.float32),
        ("f16", "0.5", np.float16),
        ("i8", "5", int),
        ("bool", "true", bool),
    ],
)
def test_scalars_are_held_as_documented(kind: str, value: str, expected: type) -> None:
    (found,) = result(f"fn @f() {{\n  %x: {kind} = {value}\n  return %x\n}}")
    assert type(found) is expected


@pytest.mark.parametrize("op", ["eq", "ne", "lt", "le", "gt", "ge"])
@pytest.mark.parametrize("kind", ["f64", "f32", "i64"])
def test_comparisons_give_python_bools(op: str, kind: str) -> None:
    text = f"fn @f(%x: {kind}, %y: {kind}) {{\n  %c: bool = {op} %x, %y\n  return %c\n}}"
    make = {"f64": float, "f32": np.float32, "i64": int}[kind]
    (found,) = result(text, make(1), make(2))
    assert found is {"eq": False, "ne": True, "lt": True, "le": True, "gt": False, "ge": False}[op]


@pytest.mark.parametrize("kind", ["f64", "f32"])
def test_floats_follow_ieee(kind: str) -> None:
    make = float if kind == "f64" else np.float32
    text = f"fn @f(%x: {kind}, %y: {kind}) {{\n  %z: {kind} = div %x, %y\n  return %z\n}}"
    assert result(text, make(1), make(0))[0] == np.inf
    assert result(text, make(-1), make(0))[0] == -np.inf
    assert np.isnan(result(text, make(0), make(0))[0])


# --- Broadcasts left to NumPy --------------------------------------------------------------------


def test_broadcasts_are_left_out_where_the_shape_comes_from_another_operand() -> None:
    text = """entry @f
    fn @f[n](%x: f32[n, 3], %b: f32[3], %c: f32[n], %s: f32) {
      %n: i64 is n = dim %x {axis = 0}
      %three: i64 = 3
      %bb: f32[n, 3] = broadcast %b, %n, %three {axes = (1)}
      %cc: f32[n, 3] = broadcast %c, %n, %three {axes = (0)}
      %ss: f32[n, 3] = broadcast %s, %n, %three {axes = ()}
      %t: f32[n, 3] = add %x, %bb
      %u: f32[n, 3] = mul %t, %cc
      %v: f32[n, 3] = sub %ss, %u
      return %v
    }"""
    machine = Machine(parsed(text))
    x, b, c = np.ones((2, 3), "f4"), np.arange(3, dtype="f4"), np.array([1, 2], "f4")
    (found,) = call(machine, "f", (x, b, c, np.float32(10)))
    assert found.tolist() == [[9, 8, 7], [8, 6, 4]] and found.dtype == np.float32
    (unit,) = machine.units.values()
    run = {s for s in unit.code.statements if s is not None and s.op.name == "broadcast"}
    assert len(run) == 1 and "[:, None]" in unit.code.source  # %cc, as a view


def test_two_broadcasts_that_make_the_shape_together_may_be_left_out() -> None:
    text = """
    fn @f(%a: f32[2], %b: f32[3]) {
      %n: i64 = 2
      %m: i64 = 3
      %aa: f32[2, 3] = broadcast %a, %n, %m {axes = (0)}
      %bb: f32[2, 3] = broadcast %b, %n, %m {axes = (1)}
      %c: f32[2, 3] = add %aa, %bb
      %d: f32[2, 3] = add %bb, %bb
      return %c, %d
    }"""
    c, d = result(text, np.array([10, 20], "f4"), np.array([1, 2, 3], "f4"))
    assert c.tolist() == [[11, 12, 13], [21, 22, 23]] and d.tolist() == [[2, 4, 6]] * 2


# --- Errors --------------------------------------------------------------------------------------

CALLS = """
fn @f(%x: i64) {
  %y: i64 = call %x {function = @g}
  return %y
}
fn @g(%x: i64) as "the g" {
  %z: i64 = call %x {function = @h}
  return %z
}
fn @h(%x: i64) {
  %0: i64 = 0
  %z: i64 = mod %x, %0
  return %z
}"""


def test_an_error_has_its_place_and_the_calls_under_way() -> None:
    found = failure(CALLS, 7)
    assert found.code == "E0504" and found.message == "integer division by zero in `%`"
    assert found.primary == Label(at(1))
    assert [(frame.what, frame.span) for frame in found.frames] == [("h", at(0)), ("the g", at(0))]


def test_calls_that_were_inlined_stand_in_the_call_stack() -> None:
    program = parsed(f"entry @f\n{CALLS}")
    h = program.functions["h"]
    h.body.statements[1].span = at(3)
    g = Function("g", Block(program.functions["g"].body.parameters), shown="g")
    g.body.results = inline(Builder(g.body), h, g.body.parameters, at(2))
    program.functions["g"] = g
    program.functions["f"].body.statements[0].span = at(1)
    with pytest.raises(CharlError) as caught:
        call_function(program, "f", (7,))
    frames = caught.value.diagnostics[0].frames
    assert [(frame.what, frame.span) for frame in frames] == [("h", at(2)), ("g", at(1))]


def test_blocks_cut_out_for_python_are_no_calls() -> None:
    """The loops nest too deep for Python, and the innermost one scans."""
    depth = 20
    opening = "".join(f"for %0, %one, %one do (%i{k}: i64) {{\n" for k in range(depth))
    closing = "yield }\n" * depth
    found = failure(
        f"""
    fn @f(%x: i64[2]) {{
      %y: i64 = call %x {{function = @g}}
      return %y
    }}
    fn @g(%x: i64[2]) {{
      %0: i64 = 0
      %one: i64 = 1
      {opening}
      %y: i64[2] = scan %x combine (%a: i64, %b: i64) {{
        %c: i64 = mod %a, %0
        yield %c
      }}
      %e: i64 = index %y, %0
      %no: bool = ne %e, %e
      check %no {{failure = Diagnostic(code = "E0509", message = "not reached")}}
      {closing}
      return %0
    }}""",
        np.array([1, 2]),
    )
    assert found.code == "E0504" and found.primary == Label(at(2 + depth + 1))
    assert [(frame.what, frame.span) for frame in found.frames] == [("g", at(0))]


@pytest.mark.parametrize(
    ("text", "arguments", "code", "words"),
    [
        ("%y: i64 = add %x, %x", (2**62,), "E0503", "`4611686018427387904 + 4611686018427387904`"),
        ("%y: i64 = mul %x, %x", (-(2**62),), "E0503", "does not fit into int64"),
        ("%y: i64 = sub %0, %x", (-(2**63),), "E0503", "does not fit into int64"),
        ("%y: i64 = neg %x", (-(2**63),), "E0503", "does not fit into int64"),
        ("%y: i64 = floor_div %x, %m1", (-(2**63),), "E0503", "does not fit into int64"),
        ("%y: i64 = floor_div %0, %x", (0,), "E0504", "division by zero in `//`"),
        ("%y: i64 = index %t, %x", (3,), "E0501", "index 3 is out of bounds for size 3"),
        ("%y: i64[3] = index_update %t, %x, %x", (-4,), "E0501", "index -4 is out of bounds"),
        ("%y: i64[3] = index_add %t, %x, %x", (5,), "E0501", "index 5 is out of bounds"),
        ("%y: i64 = list_get %l, %x", (1,), "E0502", "index 1 is out of bounds"),
        ("%y: [i64] = list_set %l, %x, %x", (-2,), "E0502", "index -2 is out of bounds"),
    ],
)
def test_what_is_written_out_fails_as_its_op_does(
    text: str, arguments: Any, code: str, words: str
) -> None:
    found = failure(f"""
    fn @f(%x: i64) {{
      %0: i64 = 0
      %m1: i64 = -1
      %t: i64[3] = [1, 2, 3]
      %l: [i64] = list_make %0 {{element = type i64}}
      {text}
      return %y
    }}""", *arguments)  # fmt: skip
    assert found.code == code and words in found.message and found.primary == Label(at(4))


@pytest.mark.parametrize("kind", ["i8", "i16", "i32"])
def test_narrow_scalars_keep_to_their_width(kind: str) -> None:
    most = 2 ** (int(kind[1:]) - 1) - 1
    text = f"fn @f(%x: {kind}, %y: {kind}) {{\n  %z: {kind} = add %x, %y\n  return %z\n}}"
    assert result(text, most - 1, 1) == (most,)
    assert failure(text, most, 1).code == "E0503"


def test_an_update_through_the_target_of_an_overflow_is_not_lost() -> None:
    """The sum is assigned to the variable of an operand, which the message still shows."""
    found = failure("""
    fn @f(%x: i64, %n: i64) {
      %0: i64 = 0
      %one: i64 = 1
      %y: i64 = for %0, %n, %one, %x do (%i: i64, %a: i64) {
        %b: i64 = add %a, %a
        yield %b
      }
      return %y
    }""", 2**61, 9)  # fmt: skip
    assert found.message.startswith("`4611686018427387904 + 4611686018427387904`")


def test_checks_fill_in_what_they_are_given() -> None:
    said = error("E0509", "{0} is not {1}", at(50), "is {0}", helps=("not {1}?",))
    block = Block((Value(Tensor(dtypes.BOOL)), Value(FLOAT32), Value(INT)))
    Builder(block).emit("check", block.parameters, {"failure": said})
    program = Program({"f": Function("f", block)}, "f")
    assert call_function(program, "f", (True, np.float32(0.1), 7)) == ()
    with pytest.raises(CharlError) as caught:
        call_function(program, "f", (False, np.float32(0.1), 7))
    (found,) = caught.value.diagnostics
    assert found.message == "0.1 is not 7" and found.primary == Label(at(50), "is 0.1")
    assert found.helps == ("not 7?",)


def test_a_shape_that_is_not_as_promised() -> None:
    said = error("E0511", "size {0} is not {1}")
    block = Block((Value(Tensor(dtypes.FLOAT32, (2, 3))), Value(INT), Value(INT)))
    b = Builder(block, at(4))
    block.results = b.emit("ensure_shape", block.parameters, {"failure": said})
    program = Program({"f": Function("f", block)}, "f")
    x = np.zeros((2, 3), np.float32)
    assert call_function(program, "f", (x, 2, 3))[0] is x
    with pytest.raises(CharlError) as caught:
        call_function(program, "f", (x, 2, 4))
    (found,) = caught.value.diagnostics
    assert found.message == "size 3 is not 4" and found.primary == Label(at(4))


def test_fail_stops_the_program() -> None:
    said = 'failure = Diagnostic(code = "E0509", message = "no {0}")'
    found = failure(f"fn @f(%x: string) {{\n  fail %x {{{said}}}\n  return\n}}", "way")
    assert found.message == "no way"


def test_a_recursion_without_end_is_an_error() -> None:
    before = sys.getrecursionlimit()
    found = failure("""
    fn @f(%x: i64) {
      %y: i64 = call %x {function = @g}
      return %y
    }
    fn @g(%x: i64) {
      %y: i64 = call %x {function = @f}
      return %y
    }""", 1)  # fmt: skip
    assert found.code == "E0507" and len(found.frames) > 9_000
    assert sys.getrecursionlimit() == before


def test_a_deep_recursion_with_an_end_is_none() -> None:
    text = """
    fn @f(%x: i64) {
      %0: i64 = 0
      %one: i64 = 1
      %c: bool = eq %x, %0
      %y: i64 = if %c then {
        yield %0
      } else {
        %m: i64 = sub %x, %one
        %r: i64 = call %m {function = @f}
        %s: i64 = add %r, %one
        yield %s
      }
      return %y
    }"""
    assert result(text, 9_000) == (9_000,)


@pytest.mark.parametrize(
    ("size", "message"),
    [
        (10**7, "out of memory: a float64[10000000, 10000000] takes 727.6 TB"),
        (2**30, "out of memory"),
        (2**62, "out of memory"),
    ],
)
def test_too_large_a_tensor_is_an_error_that_says_how_large(size: int, message: str) -> None:
    found = failure("""
    fn @f(%n: i64) {
      %z: f64 = 0.0
      %x: f64[?, ?] = broadcast %z, %n, %n {axes = ()}
      return %x
    }""", size)  # fmt: skip
    assert (found.code, found.message) == ("E0508", message)


@pytest.mark.parametrize(
    ("size", "text"),
    [(12, "12 bytes"), (2048, "2.0 KB"), (3 << 40, "3.0 TB"), (5 << 63, "40.0 EB")],
)
def test_sizes_are_readable(size: int, text: str) -> None:
    assert readable(size) == text


def test_an_interrupt_tells_where_it_came() -> None:
    program = parsed("""entry @main
    fn @main() {
      %0: i64 = 0
      %x: i64 = while %0 cond (%a: i64) {
        %c: bool = eq %a, %a
        yield %c
      } do (%b: i64) {
        yield %b
      }
      return %x
    }""")
    for statement in program.functions["main"].body.walk():
        statement.span = at(8)
    signal.setitimer(signal.ITIMER_REAL, 0.1)
    before = signal.signal(signal.SIGALRM, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt) as caught:
            run_program(program)
    finally:
        signal.signal(signal.SIGALRM, before)
    assert caught.value.span == at(8)  # type: ignore[attr-defined]
