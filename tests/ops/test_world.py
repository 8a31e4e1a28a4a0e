"""Printing, arguments, the clock, progress bars: all through WORLD."""

from __future__ import annotations

import io
from typing import Any

import pytest

import charl.ops
from charl.core.builder import Builder
from charl.core.ir import Block, Value
from charl.core.op import REGISTRY, Effect
from charl.ops.world import PROGRESS
from charl.types.types import FLOAT, INT, STRING, List
from charl.world import WORLD, World

assert charl.ops


def run(op: str, *operands: Any, **attributes: Any) -> Any:
    evaluate = REGISTRY[op].evaluate
    assert evaluate is not None
    return evaluate(*operands, **attributes)


@pytest.fixture(autouse=True)
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    """The one world, restored after each test."""
    for name in ("output", "arguments", "progress", "flush", "bars"):
        monkeypatch.setattr(WORLD, name, getattr(WORLD, name))
    WORLD.output, WORLD.bars = io.StringIO(), []
    return WORLD


def test_print_goes_to_the_worlds_output(world: World) -> None:
    assert run("print", "one") == ()
    run("print", "two", end="")
    assert isinstance(world.output, io.StringIO) and world.output.getvalue() == "one\ntwo"


def test_print_follows_the_standard_output(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    world.output = None
    run("print", "hello")
    assert capsys.readouterr().out == "hello\n"


def test_a_narrow_encoding_is_no_error(world: World) -> None:
    buffer = io.BytesIO()
    world.output, world.flush = io.TextIOWrapper(buffer, "ascii", newline="\n"), True
    run("print", "π is 3.14")
    assert buffer.getvalue() == b"\\u03c0 is 3.14\n"


def test_lines_wait_unless_asked(world: World) -> None:
    buffer = io.BytesIO()
    world.output = io.TextIOWrapper(buffer, "utf-8")
    run("print", "a")
    assert buffer.getvalue() == b""
    world.flush = True
    run("print", "b")
    assert buffer.getvalue() == b"a\nb\n"


def test_arguments_are_a_fresh_list(world: World) -> None:
    world.arguments = ("--epochs", "3")
    run("arguments").append("x")
    assert run("arguments") == ["--epochs", "3"]


def test_the_clock_runs_forward() -> None:
    assert run("clock") <= run("clock")


def test_progress(world: World) -> None:
    seen: list[Any] = []

    class Bar:
        def start(self, total: int | None, label: str = "") -> None:
            seen.append((total, label))

        def advance(self) -> None:
            seen.append("advance")

        def finish(self) -> None:
            seen.append("finish")

    world.progress = Bar
    bar = run("progress_start", 3, "training")
    run("progress_advance", bar)
    run("progress_finish", bar)
    assert seen == [(3, "training"), "advance", "finish"]
    run("progress_start", -1, "")
    world.finish()
    assert seen[3:] == [(None, ""), "finish"]
    assert world.bars == []


def test_types_and_effects() -> None:
    b = Builder(Block())
    bar = b("progress_start", Value(INT), Value(STRING))
    assert bar.type == PROGRESS
    assert b("progress_advance", bar) == () and b("progress_finish", bar) == ()
    assert b("print", Value(STRING)) == ()
    assert b("clock").type == FLOAT and b("arguments").type == List(STRING)
    for name in ("print", "clock", "arguments", "progress_start", "read_text", "load_csv"):
        assert REGISTRY[name].effect is Effect.EFFECT
