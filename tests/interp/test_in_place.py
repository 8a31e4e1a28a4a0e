"""Updates in place: a loop of updates copies nothing, and overwrites nothing that others see."""

from __future__ import annotations

import time
import tracemalloc

import numpy as np
import pytest
from test_interpreter import parsed, result

import charl.ops  # noqa: F401  (fills the registry)
from charl.interp.machine import Machine
from charl.interp.run import call, call_function

FILL = """
fn @f(%a: i64[1000000], %n: i64) {
  %0: i64 = 0
  %one: i64 = 1
  %r: i64[1000000] = for %0, %n, %one, %a do (%i: i64, %x: i64[1000000]) {
    %v: i64 = index %x, %i
    %w: i64 = add %v, %i
    %y: i64[1000000] = index_update %x, %w, %i
    yield %y
  }
  return %r
}"""

# The same through a branch, a call, and a call in a branch.
BRANCH = FILL.replace(
    "%y: i64[1000000] = index_update %x, %w, %i",
    """
    %c: bool = lt %v, %w
    %y: i64[1000000] = if %c then {
      %z: i64[1000000] = index_update %x, %w, %i
      yield %z
    } else { yield %x }""",
)
CALL = (
    FILL.replace("index_update %x, %w, %i", "call %x, %w, %i {function = @set}")
    + """
fn @set(%x: i64[1000000], %w: i64, %i: i64) {
  %y: i64[1000000] = index_update %x, %w, %i
  return %y
}"""
)
NESTED = FILL.replace(
    "%y: i64[1000000] = index_update %x, %w, %i",
    """
    %y: i64[1000000] = for %0, %one, %one, %x do (%j: i64, %p: i64[1000000]) {
      %q: i64[1000000] = index_update %p, %w, %i
      yield %q
    }""",
)


@pytest.mark.parametrize("text", [FILL, BRANCH, CALL, NESTED], ids=["for", "if", "call", "nested"])
def test_a_loop_of_updates_does_not_copy_the_array(text: str) -> None:
    """A hundred thousand updates of 8 MB each: copying them would take a minute."""
    machine = Machine(parsed(f"entry @f\n{text}"))
    a = np.zeros(1_000_000, np.int64)
    start = time.perf_counter()
    (found,) = call(machine, "f", (a, 100_000))
    assert time.perf_counter() - start < 5
    assert not a.any()
    assert np.array_equal(found[:100_000], np.arange(100_000)) and not found[100_000:].any()


def test_a_list_grows_without_copies() -> None:
    text = """
    fn @f(%n: i64) {
      %0: i64 = 0
      %one: i64 = 1
      %a: [i64] = list_make {element = type i64}
      %r: [i64] = for %0, %n, %one, %a do (%i: i64, %x: [i64]) {
        %y: [i64] = list_push %x, %i
        %v: i64 = list_get %y, %i
        %z: [i64] = list_set %y, %i, %v
        yield %z
      }
      return %r
    }"""
    start = time.perf_counter()
    assert result(text, 200_000)[0] == list(range(200_000))
    assert time.perf_counter() - start < 5


def test_what_is_still_needed_is_copied() -> None:
    x, y = result("""
    fn @f(%a: i64[3]) {
      %0: i64 = 0
      %nine: i64 = 9
      %b: i64[3] = index_update %a, %nine, %0
      %c: i64[3] = index_update %b, %0, %0
      return %b, %c
    }""", np.array([1, 2, 3]))  # fmt: skip
    assert x.tolist() == [9, 2, 3] and y.tolist() == [0, 2, 3]


def test_a_view_is_copied_before_an_update() -> None:
    x, y = result("""
    fn @f(%a: i64[2, 2]) {
      %0: i64 = 0
      %nine: i64 = 9
      %b: i64[2] = index %a, %0
      %c: i64[2] = index_update %b, %nine, %0
      return %a, %c
    }""", np.array([[1, 2], [3, 4]]))  # fmt: skip
    assert x.tolist() == [[1, 2], [3, 4]] and y.tolist() == [9, 2]


def test_constants_and_read_only_arguments_are_not_overwritten() -> None:
    text = """
    fn @f(%a: i64[2]) {
      %0: i64 = 0
      %nine: i64 = 9
      %k: i64[2] = [1, 2]
      %b: i64[2] = index_update %k, %nine, %0
      %c: i64[2] = index_update %a, %nine, %0
      return %b, %c
    }"""
    machine = Machine(parsed(f"entry @f\n{text}"))
    a = np.array([5, 6])
    a.flags.writeable = False
    for _ in range(2):
        b, c = call(machine, "f", (a,))
        assert b.tolist() == [9, 2] and c.tolist() == [9, 6] and a.tolist() == [5, 6]
        b[1] = 0  # what was handed out is the caller's


def test_dead_arrays_are_freed_at_once() -> None:
    """Ten steps over 8 MB arrays never hold more than a few of them."""
    steps = "\n".join(f"%x{i + 1}: f64[n] = exp %x{i}" for i in range(20))
    program = parsed(f"entry @f\nfn @f[n](%x0: f64[n]) {{\n{steps}\nreturn %x20\n}}")
    a = np.zeros(1_000_000)
    tracemalloc.start()
    call_function(program, "f", (a,))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 3.5 * a.nbytes


GRID = """
fn @f(%xs: [[i64]], %n: i64) {
  %0: i64 = 0
  %one: i64 = 1
  %ys: [[i64]] = for %0, %n, %one, %xs do (%i: i64, %a: [[i64]]) {
    %row: [i64] = list_get %a, %one
    %new: [i64] = list_set %row, %i, %i
    %b: [[i64]] = list_set %a, %one, %new
    yield %b
  }
  return %ys
}"""


def test_an_update_deep_in_a_list_does_not_copy_the_element() -> None:
    """A hundred thousand updates of a row of a hundred thousand."""
    xs = [[1], [0] * 100_000]
    start = time.perf_counter()
    (found,) = result(GRID, xs, 100_000)
    assert time.perf_counter() - start < 5
    assert found == [[1], list(range(100_000))] and xs == [[1], [0] * 100_000]


def test_an_element_that_two_lists_share_is_not_taken_out_of_one() -> None:
    text = GRID.replace(
        "(%xs: [[i64]], %n: i64) {",
        """(%x: [i64], %n: i64) {
      %xs: [[i64]] = list_make %x, %x {element = type [i64]}""",
    )
    assert result(text, [7, 8], 2)[0] == [[7, 8], [0, 1]]


def test_rows_are_exchanged_without_copying_the_matrix() -> None:
    text = """
    fn @f(%m: f64[1000, 1000], %n: i64) {
      %0: i64 = 0
      %one: i64 = 1
      %r: f64[1000, 1000] = for %0, %n, %one, %m do (%i: i64, %a: f64[1000, 1000]) {
        %p: f64[1000] = index %a, %0
        %q: f64[1000] = index %a, %one
        %b: f64[1000, 1000] = index_update %a, %q, %0
        %c: f64[1000, 1000] = index_update %b, %p, %one
        yield %c
      }
      return %r
    }"""
    m = np.arange(1e6).reshape(1000, 1000)
    start = time.perf_counter()
    (found,) = result(text, m, 10_001)
    assert time.perf_counter() - start < 5
    assert np.array_equal(found[:2], m[1::-1]) and np.array_equal(found[2:], m[2:])
