"""Loops, compiled: whatever their bounds and indices are, they give what the interpreter gives, or
fail at the same turn with the same words. Values that are shared stay as they were."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import charl

PROGRAM = """
fn window(xs: float[N], low: int, high: int, shift: int) -> float {
    let total = 0.0
    for i in low..high { total += xs[i + shift] }
    total
}
fn backwards(xs: int[N], low: int, high: int, shift: int) -> int {
    let total = 0
    for i in high..low step -1 { total = 3 * total + xs[shift - i] }
    total
}
fn strided(given: int[N], low: int, high: int, step: int) -> int[N] {
    let xs = given
    for i in low..high step step { xs[i] = xs[i] + i }
    xs
}
fn progression(xs: int[N], a: int, b: int, n: int) -> int {
    let total = 0
    for i in 0..n { total += i * a + b - len(xs) }
    total
}
fn flat(xs: int[N], rows: int, columns: int, shift: int) -> int {
    let total = 0
    for i in 0..rows {
        for j in 0..columns { total += xs[i * columns + j + shift] }
    }
    total
}
fn balance(xs: int[N], start: int, by: int, limit: int) -> int {
    let count = start
    for x in xs {
        if x > limit { count += by } else { count -= 1 }
    }
    count
}
fn moved(given: [int], low: int, high: int, by: int) -> ([int], [int]) {
    let xs = given
    for i in low..high { xs[i] = xs[i + by] }
    (given, xs)
}
fn growing(given: [int], low: int, high: int, limit: int) -> [int] {
    let xs = given
    for i in low..high {
        if len(xs) < limit { xs.push(xs[i] + 1) }
    }
    xs
}
fn shrinking(given: [int], low: int, high: int, limit: int) -> [int] {
    let xs = given
    for i in low..high {
        if xs[i] > limit { let last = xs.pop() }
    }
    xs
}
fn negated(given: int[N], low: int, high: int, limit: int) -> (int[N], int[N]) {
    let xs = given
    for i in low..high {
        if xs[i] > limit { xs[i] = -xs[i] }
    }
    (given, xs)
}
fn lowered(given: int[N], low: int, high: int, at: int) -> (int[N], int[N]) {
    let xs = given
    for i in low..high {
        let way = xs[at] - i
        if way < xs[i] { xs[i] = way }
    }
    (given, xs)
}
fn halved(given: int[N], low: int, high: int, at: int) -> (float[N], float[N]) {
    let start = given as float
    let xs = start
    for i in low..high {
        if xs[i - at] > 1.0 { xs[i - at] = xs[i - at] * 0.5 - xs[i] } else { xs[at] += 1.0 }
    }
    (start, xs)
}
fn waves(given: int[N], low: int, high: int, shift: int) -> (int[N], int[N]) {
    let a = given
    let b = given + 1
    for turn in low..high {
        for i in 0..3 {
            for j in i + 1..4 {
                a[i] = b[j + shift] % 1000 + turn
                b[j] += a[i]
            }
        }
        let c = a
        a = b
        b = c
    }
    (a, b)
}
fn exchanged(given: int[N], low: int, high: int, other: int) -> (int[N], int[N], int[N]) {
    let a = given
    let b = given + 1
    for i in low..high {
        let c = a
        a = b
        b = c
        a[i] = 10 * b[other]
    }
    (given, a, b)
}
fn both(given: int[N], low: int, high: int, other: int) -> (int[N], int[N], int[N]) {
    let start = given + 1
    let a = start
    let b = start
    let c = start
    for i in low..high {
        a[i] = a[other] + 1
        b[other] = a[i] * 2
        c = c + b
    }
    (a, b, c)
}
fn kept(given: int[N], low: int, high: int, at: int) -> ([int[N]], int[N]) {
    let xs = given
    let all: [int[N]] = []
    for i in low..high {
        xs[at] += i
        all.push(xs)
    }
    (all, xs)
}
fn twins(given: [int], low: int, high: int, other: int) -> ([int], [int], [int]) {
    let start = given ++ [7]
    let a = start
    let b = start
    let c = start
    for i in low..high {
        a[i] = a[other] + 1
        b[other] = a[i]
        if i > 2 { c = b }
    }
    (a, b, c)
}
fn grid(given: [int], n: int, i: int, j: int) -> ([[int]], [[int]]) {
    let rows: [[int]] = []
    for k in 0..3 { rows.push(given) }
    let before = rows
    for k in 0..n { rows[i][j] = rows[j][i] + k }
    (before, rows)
}
fn turned(given: [int], low: int, high: int, step: int) -> ([int], [int]) {
    let xs = given
    let a = low
    let b = high
    while a < b {
        let kept = xs[a]
        xs[a] = xs[b]
        xs[b] = kept
        a += abs(step) + 1
        b -= 1
    }
    (given, xs)
}
fn swapped(given: int[N], low: int, high: int, step: int) -> (int[N], int, int) {
    let xs = given
    let a = low
    let b = high
    while a < b {
        let kept = xs[a]
        xs[a] = xs[b]
        xs[b] = kept + step
        a += 1
        b -= 1
    }
    (xs, a, b)
}
fn counted(xs: int[N], low: int, high: int, by: int) -> (int, int) {
    let i = low
    let total = 0
    while i < high {
        total += xs[i] * by
        if xs[i] > 5 { i += 2 } else { i += 1 }
    }
    (i, total)
}
fn descending(given: int[N], low: int, high: int, by: int) -> (int[N], int) {
    let xs = given
    let i = high
    while low <= i and xs[i] > by {
        xs[i - 1] = xs[2 * i] - i
        i -= 1
    }
    (xs, i)
}
fn table(n: int, rows: int, i: int, j: int) -> int[n, n] {
    let t: int[n, n] = zeros([n, n])
    for a in 0..rows {
        for b in a..rows { t[a, b] = t[b + i, a] + a - j }
    }
    t
}
fn triangle(xs: int[N], shift: int, by: int, limit: int) -> int {
    let total = 0
    for i in 0..N {
        for j in i + 1..N - 1 {
            if xs[j + shift] > limit { total += xs[i] * by }
        }
    }
    total
}
fn many(n: int, by: int, start: int, limit: int) -> int {
    let total = start
    for i in 0..n { if i % 7 < limit { total += by } }
    total
}
"""
LARGEST = (1 << 63) - 1
SMALL = st.integers(-3, 9)
INTEGERS = st.one_of(SMALL, SMALL, SMALL, st.sampled_from(
    [LARGEST, LARGEST - 1, -LARGEST - 1, -LARGEST, 1 << 60, -(1 << 60) - 1, 1 << 30, 1 << 32]
))  # fmt: skip
ITEMS = st.lists(st.integers(-9, 9), max_size=8)
TENSORS = ("backwards", "strided", "progression", "flat", "balance", "negated", "exchanged")
TENSORS += ("both", "kept", "triangle", "lowered", "halved", "waves")
PAIRS = ("swapped", "counted", "descending")
TENSORS += PAIRS
SHORT = ("backwards", "strided", "window", "negated", "exchanged", "both", "kept", "lowered")
SHORT += ("halved", "waves", *PAIRS)
LISTS = ("moved", "growing", "shrinking", "turned", "grid", "twins")


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Any]:
    path = Path(tmp_path_factory.mktemp("loops")) / "loops.ch"
    path.write_text(PROGRAM)
    native, interpreter = (charl.load(path, backend=b) for b in ("native", "interpreter"))
    return native, interpreter


def agree(programs: tuple[Any, Any], name: str, *arguments: Any) -> None:
    native, interpreter = (outcome(getattr(p, name), arguments) for p in programs)
    assert native == interpreter


def outcome(function: Any, arguments: Any) -> Any:
    try:
        return plain(function(*arguments))
    except charl.Error as problem:
        return str(problem)


def plain(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return value.tolist()
    return [plain(x) for x in value] if isinstance(value, list | tuple) else value


@pytest.mark.parametrize("name", (*TENSORS, *LISTS, "window"))
@settings(max_examples=60, deadline=None)
@given(items=ITEMS, a=INTEGERS, b=INTEGERS, c=INTEGERS)
def test_any_bounds(
    programs: tuple[Any, Any], name: str, items: list[int], a: int, b: int, c: int
) -> None:
    if name in (*SHORT, *LISTS):
        b = min(b, a + 50)
    if name in ("flat", "grid"):
        a, b = min(a, 20), min(b, 20)
    if name == "strided" and c == 0:
        c = 1
    if name == "progression":
        c = min(c, 50)
    given: Any = items
    if name not in LISTS:
        given = np.array(items, np.float64 if name == "window" else np.int64)
    agree(programs, name, given, a, b, c)


@pytest.mark.parametrize("name", ("table", "many"))
@settings(max_examples=60, deadline=None)
@given(n=st.integers(0, 6), a=INTEGERS, b=INTEGERS, c=INTEGERS)
def test_any_numbers(programs: tuple[Any, Any], name: str, n: int, a: int, b: int, c: int) -> None:
    if name == "table":
        a = min(a, 20)
    agree(programs, name, n, a, b, c)


def test_more_turns_than_there_are_between_two_looks(programs: tuple[Any, Any]) -> None:
    xs = np.arange(200_000)
    agree(programs, "balance", xs, 5, 3, 70_000)
    agree(programs, "strided", xs, 3, 200_000, 2)
    agree(programs, "strided", xs, 3, 200_001, 1)  # fails at the last turn
    agree(programs, "swapped", xs, 3, 199_999, 1)
    agree(programs, "counted", xs, 0, 200_000, 3)
    agree(programs, "counted", xs, 0, 200_001, 3)
    agree(programs, "counted", xs, 0, 200_000, 1 << 46)
    agree(programs, "many", 150_000, 2, LARGEST - 250_000, 6)  # overflows on the way


def test_more_turns_than_a_number_can_tell(programs: tuple[Any, Any]) -> None:
    agree(programs, "strided", np.arange(4), 3, -LARGEST - 1, -1)
    agree(programs, "strided", np.zeros(0, int), -LARGEST - 1, LARGEST, 1)
