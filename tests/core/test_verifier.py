"""The verifier: sound Core passes, and each rule of Core has a text that breaks it."""

from __future__ import annotations

import pytest

import charl.ops  # noqa: F401  (fills the registry)
from charl.core.builder import MalformedCore
from charl.core.ir import Program, Statement
from charl.core.parser import parse_function, parse_program
from charl.core.verifier import verify

SOUND = """
entry @main
fn @main() { return }
fn @dense[n](%w: f32[784, 10], %x: f32[n, 784], %c: bool) {
  %0: i64 = 0
  %n: i64 is n = dim %x {axis = 0}
  %one: i64 = 1
  %y: f32[n, 10] = matmul %x, %w
  %z: f32[n, 10] = for %0, %n, %one, %y do (%i: i64 is i, %a: f32[n, 10]) {
    %r: f32[10] = index %a, %i
    %s: f32[n, 10] = index_update %a, %r, %i
    yield %s
  }
  %t: f32[n, 10] = if %c then { yield %z } else { yield %y }
  %u: f32[n, 10] = scan %t combine (%a: f32[10], %b: f32[10]) {
    %v: f32[10] = add %a, %b
    yield %v
  }
  return %u
}
fn @user(%w: f32[784, 10], %x: f32[64, 784], %c: bool) {
  %y: f32[64, 10] = call %w, %x, %c {function = @dense}
  %s: f32 = reduce_sum %y {axis = none, keep_dims = false}
  %g: f32[784, 10] = gradient %s, %w
  return %g
}
"""


def test_sound_core_passes() -> None:
    verify(parse_program(SOUND))


def test_no_gradient_is_left_after_autodiff() -> None:
    with pytest.raises(MalformedCore, match="autodiff left this behind"):
        verify(parse_program(SOUND), gradients=False)


BROKEN = {
    "needs 2 operands": "%y: f32 = add %x",
    "its rule rejects": "%y: f32[2] = broadcast %x, %i",
    "but the matrix|needs operands|columns|rows|inner|match": "%y: f32[2, 3] = matmul %m, %m",
    "the results and those of its rule": "%y: f32[3] = add %x, %x",
    "only int64 scalars have a dim": "%y: f32 is 3 = add %x, %x",
    "the condition must be a scalar of type bool": (
        "%y: f32 = if %x then { yield %x } else { yield %x }"
    ),
    "what the else block yields": "%y: f32 = if %c then { yield %x } else { yield %i }",
    "a bound of the loop": "%y: f32 = for %x, %i, %i, %x do (%j: i64, %a: f32) { yield %a }",
    "the parameters of the loop": "%y: f32 = for %i, %i, %i, %x do (%a: f32) { yield %a }",
    "what the loop yields": "%y: f32 = for %i, %i, %i, %x do (%j: i64, %a: f32) { yield %j }",
    "what the condition yields": (
        "%y: f32 = while %x cond (%a: f32) { yield %a } do (%b: f32) { yield %b }"
    ),
    "there is no function @nobody": "%y: f32 = call %x {function = @nobody}",
    "the parameters of @g and the arguments": "%y: f32 = call %i {function = @g}",
    "the results and those of @g": "%y: i64 = call %x {function = @g}",
    "differentiates a float scalar": "%y: f32 = gradient %i, %x",
    "the results and those of what it is taken": "%y: i64 = gradient %x, %x",
    "scans tensors along their leading axis": (
        "%y: f32 = scan %x combine (%a: f32, %b: f32) { yield %a }"
    ),
    "needs what to say when it fails": "check %c",
    "needs 2 blocks": "%y: f32 = if %c then { yield %x }",
    "this op takes no blocks": "%y: f32 = add %x, %x do { yield %x }",
}


@pytest.mark.parametrize("why", BROKEN)
def test_broken_core_is_told_with_the_function_and_the_statement(why: str) -> None:
    statement = BROKEN[why]
    text = f"""
    entry @f
    fn @g(%x: f32) {{ return %x }}
    fn @f(%x: f32, %i: i64, %c: bool, %m: f32[2, 3]) {{
      {statement}
      return
    }}"""
    with pytest.raises(MalformedCore, match=why) as caught:
        verify(parse_program(text))
    assert str(caught.value).startswith("in @f: ")
    assert "\n  " in str(caught.value)


def test_a_value_must_be_defined_before_its_use() -> None:
    function = parse_function(
        "fn @f(%x: f32) {\n  %y: f32 = add %x, %x\n  %z: f32 = mul %y, %y\n  return %z\n}"
    )
    function.body.statements.reverse()
    with pytest.raises(MalformedCore, match="operand `y` is not defined here"):
        verify(Program({"f": function}, "f"))


def test_a_value_of_a_branch_does_not_leave_it() -> None:
    function = parse_function("""fn @f(%c: bool, %x: f32) {
      %y: f32 = if %c then {
        %z: f32 = add %x, %x
        yield %z
      } else { yield %x }
      return %y
    }""")
    inner = function.body.statements[0].blocks[0].statements[0].results
    function.body.results = inner
    with pytest.raises(MalformedCore, match="a block yields `z`, which is not defined in it"):
        verify(Program({"f": function}, "f"))


def test_a_value_is_defined_once() -> None:
    function = parse_function("fn @f(%x: f32) {\n  %y: f32 = add %x, %x\n  return %y\n}")
    (statement,) = function.body.statements
    twice = Statement(statement.op, statement.operands, {}, (), statement.results)
    function.body.statements.append(twice)
    with pytest.raises(MalformedCore, match="`y` is defined twice"):
        verify(Program({"f": function}, "f"))


def test_the_entry_must_be_there() -> None:
    with pytest.raises(MalformedCore, match="the entry function main is missing"):
        verify(Program({}, "main"))
