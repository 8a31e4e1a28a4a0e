"""Memory: a program lets go of all that it no longer needs, and many runs pile nothing up."""

from __future__ import annotations

import contextlib
import gc
import io
import tracemalloc

import pytest

from charl import driver
from charl.backend.llvm import server
from charl.runtime import compiler, machine
from charl.runtime.compile import compile_image
from charl.runtime.library import library
from charl.runtime.machine import NativeMachine
from charl.source import Source


def compiled(text: str) -> NativeMachine:
    program = driver.compile_checked(driver.check(Source("case.ch", text)))
    return NativeMachine(program, (program.entry,))


def run(native: NativeMachine) -> str:
    with contextlib.redirect_stdout(io.StringIO()) as output:
        native.run()
    return output.getvalue()


def peak(native: NativeMachine, monkeypatch: pytest.MonkeyPatch) -> int:
    """The most bytes that a run has in use; there is none in use at its end."""
    found: list[tuple[int, int, int]] = []
    original = NativeMachine._run

    def measured(self: NativeMachine, *operands: object) -> int:
        status = original(self, *operands)  # type: ignore[arg-type]
        found.append((status, library().charl_memory_now(), library().charl_memory_peak()))
        return status

    monkeypatch.setattr(NativeMachine, "_run", measured)
    run(native)
    monkeypatch.undo()
    ((status, left, most),) = found
    assert (status, left) == (machine.OK, 0)
    return most


PUSHES = """
let xs: [[string]] = []
for i in 0..COUNT {
    xs.push([f"{i % 10}", "constant"])
    if len(xs) > 10 {
        let first = xs.remove(0)
        xs[0] = [first[1] ++ "x", "two"]
    }
}
print(len(xs))
"""

TEXTS = """
let s = ""
for i in 0..COUNT { s = (s ++ "ab")[0..1] }
print(s)
"""

TREES = """
enum Tree { Leaf(float), Node(Tree, [Tree], string) }
fn build(depth: int) -> Tree {
    if depth == 0 { return Leaf(1.0) }
    Node(build(depth - 1), [build(depth - 1)], "node" ++ chr(97 + depth))
}
fn total(tree: Tree) -> float {
    match tree { Leaf(x) => x, Node(a, rest, _) => total(a) + total(rest[0]) }
}
let sum = 0.0
for i in 0..COUNT { sum += total(grad(total)(build(3))) }
print(sum)
"""


@pytest.mark.parametrize("text", [PUSHES, TEXTS, TREES])
def test_a_loop_needs_no_more_memory_when_it_is_longer(
    text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    short = peak(compiled(text.replace("COUNT", "30")), monkeypatch)
    long = peak(compiled(text.replace("COUNT", "300")), monkeypatch)
    assert 0 < long <= short


CHAIN = """
enum Chain { End, Link(int, Chain) }
let chain: Chain = End
for i in 0..1000000 { chain = Link(i, chain) }
let same = chain == chain
chain = End
print(same, chain)
"""


def test_a_chain_of_any_length_is_compared_and_let_go() -> None:
    assert run(compiled(CHAIN)) == "true End\n"


SMALL = """
let s = "a"
let xs = [1, 2]
xs.push(3)
print(s ++ "b", xs, upper("é"))
"""


def test_a_thousand_compilations_and_runs_keep_nothing() -> None:
    program = driver.compile_checked(driver.check(Source("case.ch", SMALL)))

    def cycles(count: int) -> int:
        for _ in range(count):
            assert run(NativeMachine(program, (program.entry,))) == "ab [1, 2, 3] É\n"
        gc.collect()
        return tracemalloc.get_traced_memory()[0] if tracemalloc.is_tracing() else 0

    cycles(10)
    pages = resident()
    cycles(950)
    assert resident() - pages < 4000  # KB
    tracemalloc.start()
    try:
        before = cycles(10)
        assert cycles(30) - before < 30_000
    finally:
        tracemalloc.stop()
    assert library().charl_memory_now() == 0


DISTINCT = """
let xs = [1, COUNT]
let s = 0.0
for i in 0..COUNT { s += sqrt(i as float) }
print(s > 0.0, len(xs))
"""


def test_programs_that_differ_keep_little() -> None:
    """What there is of each in caches of limited length, but none of its code."""

    def cycles(start: int, stop: int) -> int:
        for n in range(start, stop):
            text = DISTINCT.replace("COUNT", str(n))
            program = driver.compile_checked(driver.check(Source("case.ch", text)))
            image = compile_image(program, (program.entry,), keep=False)
            assert run(NativeMachine(image)) == "true 2\n"
        gc.collect()
        return resident()

    before = cycles(10, 40)
    assert cycles(40, 100) - before < 2500  # KB


def test_a_compiler_that_has_answered_often_gives_way_to_another() -> None:
    if not compiler.can_start():
        pytest.skip("LLVM works in this process here")
    seen = set()
    for n in range(server.MOST + 20):
        (code,) = compiler.object_codes([f"define i32 @f() {{ ret i32 {n} }}"], 0)
        assert code
        seen.add(compiler.RUNNING[0].number)
    assert len(seen) == 2


def resident() -> int:
    """The process's memory, in KB."""
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))
