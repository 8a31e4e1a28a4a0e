"""Object files in memory: our own loader, and LLVM's where ours does not know the object."""

from __future__ import annotations

import ctypes
import gc
import math
from pathlib import Path

import pytest

pytest.importorskip("llvmlite")

from charl.backend.llvm.machine_code import assembly, object_code, optimised_text
from charl.runtime.engine import Engine
from charl.runtime.linked import link

# Its own data, a table, a call of the runtime, of the C library and of what only the host knows.
MODULE = """
@count = internal global i64 0
@table = internal constant [3 x i64] [i64 10, i64 20, i64 30]
@pointer = internal global ptr @count
@offered = global i64 77
declare i64 @given(i64)
declare i64 @charl_threads()
declare double @cos(double)

define i64 @add(i64 %x) {
  %place = load ptr, ptr @pointer
  %old = load i64, ptr %place
  %new = add i64 %old, %x
  store volatile i64 %new, ptr @count
  ret i64 %new
}
define i64 @look(i64 %x) {
  %at = getelementptr [3 x i64], ptr @table, i64 0, i64 %x
  %found = load i64, ptr %at
  ret i64 %found
}
define i64 @ask(i64 %x) {
  %found = call i64 @given(i64 %x)
  %threads = call i64 @charl_threads()
  %some = icmp sgt i64 %threads, 0
  %one = zext i1 %some to i64
  %sum = add i64 %found, %one
  ret i64 %sum
}
define double @wave(double %x) {
  %found = call double @cos(double %x)
  %more = fadd double %found, 0.3
  ret double %more
}
"""
NAMES = ["add", "look", "ask", "wave", "offered"]
WORD = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_int64)
REAL = ctypes.CFUNCTYPE(ctypes.c_double, ctypes.c_double)


@WORD
def given(x: int) -> int:
    return 1000 * x


SYMBOLS = {"given": ctypes.cast(given, ctypes.c_void_p).value}


def check(address: dict[str, int]) -> None:
    add, look, ask = (WORD(address[name]) for name in ("add", "look", "ask"))
    assert [add(3), add(4)] == [3, 7]
    assert [look(0), look(2)] == [10, 30]
    assert ask(2) == 2001
    assert REAL(address["wave"])(0.5) == math.cos(0.5) + 0.3
    assert ctypes.c_int64.from_address(address["offered"]).value == 77


@pytest.mark.parametrize("level", [0, 2])
def test_our_loader(level: int) -> None:
    engine = Engine(object_code(MODULE, level), NAMES, SYMBOLS)
    check({name: engine.address(name) for name in NAMES})


def test_llvm_links_the_same() -> None:
    linked = link(object_code(MODULE, 2), NAMES, SYMBOLS)
    check({name: linked[name] for name in NAMES})


def test_what_ours_refuses_is_left_to_llvm(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Engine, "_load", lambda *_: None)
    engine = Engine(object_code(MODULE, 2), NAMES, SYMBOLS)
    check({name: engine.address(name) for name in NAMES})


def test_two_objects_do_not_share_their_data() -> None:
    code = object_code(MODULE, 2)
    one, two = Engine(code, NAMES, SYMBOLS), Engine(code, NAMES, SYMBOLS)
    assert WORD(one.address("add"))(5) == 5
    assert WORD(two.address("add"))(5) == 5


def mapped() -> int:
    """How many stretches of memory this process has."""
    return len(Path("/proc/self/maps").read_text().splitlines())


@pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="of Linux")
def test_code_leaves_memory_with_its_engine() -> None:
    code = object_code(MODULE, 1)
    before = mapped()
    kept = [Engine(code, NAMES, SYMBOLS) for _ in range(50)]
    assert mapped() >= before + 50
    del kept
    gc.collect()
    assert mapped() < before + 20


def test_a_name_that_nobody_has() -> None:
    text = (
        "declare void @nowhere_at_all()\ndefine void @go() { call void @nowhere_at_all() ret void }"
    )
    with pytest.raises(RuntimeError, match="symbols"):
        Engine(object_code(text, 0), ["go"], {})


@pytest.mark.parametrize("code", [b"", b"\x7fELF", b"hello" * 100], ids=["none", "short", "text"])
def test_no_object_file(code: bytes) -> None:
    with pytest.raises(RuntimeError):
        Engine(code, [], {})


def test_levels_differ() -> None:
    loop = (
        "define double @sum(ptr %p, i64 %n) {\nentry:\n  br label %go\ngo:\n"
        "  %i = phi i64 [0, %entry], [%j, %go]\n  %at = getelementptr float, ptr %p, i64 %i\n"
        "  %x = load float, ptr %at\n  %y = fmul float %x, 2.0\n  store float %y, ptr %at\n"
        "  %j = add i64 %i, 1\n  %last = icmp eq i64 %j, %n\n"
        "  br i1 %last, label %end, label %go\nend:\n  ret double 0.0\n}"
    )
    assert "x float>" not in optimised_text(loop, 1)
    assert "x float>" in optimised_text(loop, 2)
    assert "sum:" in assembly(loop, 0)
