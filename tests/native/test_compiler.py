"""The process that compiles: several texts at once, what LLVM refuses, and how it ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("llvmlite")

from charl.backend.llvm.server import NUMBER, queue
from charl.runtime import compiler
from charl.runtime.compiler import CompilerError, object_codes

ROOT = Path(__file__).resolve().parents[2]
TEXTS = [f"define i64 @f{n}() {{\n  ret i64 {n}\n}}\n" for n in range(5)]

pytestmark = pytest.mark.skipif(not compiler.can_start(), reason="no such processes here")


@pytest.fixture(autouse=True)
def ended() -> Iterator[None]:
    compiler.end()
    yield
    compiler.end()


def test_the_same_code_as_in_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    apart = object_codes(TEXTS, 2)
    monkeypatch.setattr(compiler, "can_start", lambda: False)
    compiler.end()
    assert object_codes(TEXTS, 2) == apart
    assert len(set(apart)) == len(TEXTS)


def test_it_finds_a_package_that_is_not_on_the_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [p for p in sys.path if p and Path(p) != ROOT])
    monkeypatch.delenv("PYTHONPATH", raising=False)
    monkeypatch.chdir("/")
    assert object_codes(TEXTS[:1], 2)
    assert compiler.RUNNING  # else it was compiled in this process


def test_the_longest_text_is_taken_first() -> None:
    waiting = queue(["x" * n for n in (1, 5, 3, 4)])
    taken = [int.from_bytes(os.read(waiting, NUMBER), "little") for _ in range(4)]
    assert taken == [1, 3, 2, 0]
    assert os.read(waiting, NUMBER) == b""  # and then there are none
    os.close(waiting)


@pytest.mark.parametrize("place", [0, 1])
def test_what_llvm_refuses(place: int) -> None:
    texts = [*TEXTS[:1], *TEXTS[:1]]
    texts[place] = "define nonsense"
    with pytest.raises(CompilerError, match="expected"):
        object_codes(texts, 2)
    assert object_codes(TEXTS[:1], 2)  # and it goes on


def test_one_that_has_ended_is_started_again() -> None:
    object_codes(TEXTS[:1], 2)
    (process,) = compiler.RUNNING
    os.kill(process.number, signal.SIGKILL)
    assert object_codes(TEXTS[:1], 2)
    (other,) = compiler.RUNNING
    assert other.number != process.number


def test_where_no_process_can_be_started(monkeypatch: pytest.MonkeyPatch) -> None:
    apart = object_codes(TEXTS[:1], 2)
    compiler.end()

    def refuse(*arguments: object, **named: object) -> int:
        raise BlockingIOError

    monkeypatch.setattr(os, "posix_spawn", refuse)
    assert object_codes(TEXTS[:1], 2) == apart
    assert not compiler.RUNNING


def test_one_that_is_interrupted_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(stream: int) -> object:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(compiler, "receive", interrupt)
        with pytest.raises(KeyboardInterrupt):
            object_codes(TEXTS[:1], 2)
    assert not compiler.RUNNING  # its answer would be taken for that of the next question
    assert object_codes(TEXTS[1:2], 2) != object_codes(TEXTS[:1], 2)


def test_it_ends_with_the_process_that_started_it() -> None:
    code = "from charl.runtime import compiler; compiler.start(); print(compiler.RUNNING[0].number)"
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    deadline = time.monotonic() + 60
    while Path(f"/proc/{int(done.stdout)}").exists():
        assert time.monotonic() < deadline
        time.sleep(0.05)
