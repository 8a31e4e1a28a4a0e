"""`charl run --profile`: what the tables and the JSON file say."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from charl.tools.cli import main

PROGRAM = """
fn f(w: float32[64, 64], x: float32[64, 64]) -> float32 {
    sum(relu(x @ w))
}
let w = ones([64, 64])
for i in 0..7 {
    w = w - grad(f)(w, w)
}
let total = 0
for i in 0..1000 { total += i % 3 }
print(sum(w) > 0.0, total)
print(svd(ones([2, 2]) * (1 + len(arguments())) as float32).1 > 0.5)
"""
PRINTS = "false 999\n[true, false]\n"


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.chdir(tmp_path)
    Path("a.ch").write_text(PROGRAM)
    return "a.ch"


def profiled(program: str) -> Any:
    assert main(["run", "--backend", "native", "--profile=p.json", program]) == 0
    return json.loads(Path("p.json").read_text())


def line_of(text: str) -> int:
    return PROGRAM[: PROGRAM.index(text)].count("\n") + 1


def test_the_tables(program: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "--backend", "native", "--profile", program]) == 0
    told = capsys.readouterr()
    assert told.out == PRINTS
    lines, parts, peak = told.err.split("\n\n")
    assert peak.startswith("peak of this machine: ")
    for table in (lines, parts):
        head, *rows = table.splitlines()
        assert head.split()[:5] == ["time", "share", "calls", "moved", "of"]
        assert rows[-2].endswith("everything else") and rows[-1].endswith("total")
        times = [float(row.split()[0]) for row in rows]
        assert times[:-2] == sorted(times[:-2], reverse=True)
        assert sum(times[:-1]) == pytest.approx(times[-1], abs=0.05 * len(rows))
    assert any(row.endswith("sum(relu(x @ w))") and " a.ch:3 " in row for row in lines.splitlines())
    assert "svd (interpreter)" in parts and "kernel: " in parts


TRAINED = """
fn loss(w: float32[256, 64], v: float32[64, 32], x: float32[128, 256]) -> float32 {
    let h = relu(x @ w)
    let y = h @ v
    sum(y * y)
}
let (w, v) = (ones([256, 64]) * 0.01, ones([64, 32]) * 0.01)
let x = ones([128, 256])
for i in 0..3 {
    let (dw, dv) = grad(|p| loss(p.0, p.1, x))((w, v))
    w = w - 1e-3 * dw
    v = v - 1e-3 * dv
}
print(sum(w) > 0, sum(v) > 0)
"""


def test_lines_that_are_one_piece_of_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a.ch").write_text(TRAINED)
    found = profiled("a.ch")["together"]
    lines = [[place["line"] for place in piece] for piece in found]
    assert all(place["file"] == "a.ch" for piece in found for place in piece)
    assert any({3, 4} <= set(piece) for piece in lines)
    assert all(len(piece) > 1 and piece == sorted(piece) for piece in lines)
    assert main(["run", "--backend", "native", "--profile", "a.ch"]) == 0
    (told,) = (t for t in capsys.readouterr().err.split("\n\n") if t.startswith("measured one"))
    assert [line.strip() for line in told.splitlines()[1:]] == [
        f"a.ch:{', '.join(map(str, piece))}" for piece in lines
    ]


def test_what_is_counted(program: str) -> None:
    found = profiled(program)
    parts = {
        (p["line"], p["what"].split(" ")[0].rstrip(":,")): p
        for p in found["parts"]
        if p["file"] == "a.ch"
    }
    product = parts[line_of("sum(relu"), "matmul"]
    matrix = 64 * 64 * 4
    assert product["calls"] in (7, 14)
    assert product["operations"] == product["calls"] * 2 * 64**3
    assert product["bytes"] == product["calls"] * 3 * matrix
    update = parts[line_of("w = w - grad"), "kernel"]
    assert update["calls"] == 7 and update["bytes"] >= 7 * 2 * matrix
    loop = parts[line_of("for i in 0..1000"), "for"]
    assert (loop["calls"], loop["bytes"], loop["operations"]) == (1, 0, 0)
    assert parts[line_of("print(svd"), "svd"]["calls"] == 1
    assert all(0 <= p["seconds"] <= found["seconds"] for p in found["parts"])
    assert sum(p["seconds"] for p in found["parts"]) <= found["seconds"]


def test_lines_are_the_sums_of_what_runs_there(program: str) -> None:
    found = profiled(program)
    for line in found["lines"]:
        parts = [
            p for p in found["parts"] if (p["file"], p["line"]) == (line["file"], line["line"])
        ]
        for key in ("seconds", "calls", "bytes", "operations"):
            assert line[key] == pytest.approx(sum(p[key] for p in parts))
    assert [line["seconds"] for line in found["lines"]] == sorted(
        (line["seconds"] for line in found["lines"]), reverse=True
    )


def test_the_number_of_threads_changes_no_count(program: str) -> None:
    found = []
    for threads in ("1", "2"):
        subprocess.run(
            [sys.executable, "-m", "charl", "run", "--backend=native", "--profile=p.json", program],
            env={
                **os.environ,
                "CHARL_THREADS": threads,
                "PYTHONPATH": str(Path(__file__).parents[2]),
            },
            check=True,
            capture_output=True,
        )
        parts = json.loads(Path("p.json").read_text())["parts"]
        found.append(sorted((p["what"], p["calls"], p["bytes"], p["operations"]) for p in parts))
    assert found[0] == found[1]


def test_the_interpreter_tells_times(program: str, capsys: pytest.CaptureFixture[str]) -> None:
    text = "let t = 0\nfor i in 0..300000 {\n    t = (t * 7 + i) % 1009\n}\nprint(t)\n"
    Path("slow.ch").write_text(text)
    assert main(["run", "--backend", "interpreter", "--profile", "slow.ch"]) == 0
    head, first, *_, total = capsys.readouterr().err.splitlines()
    assert head.split() == ["time", "share", "line"]
    assert " slow.ch:3 " in first or " slow.ch:2 " in first
    assert total.split()[-1] == "total"


def test_a_program_that_fails_is_profiled_until_then(
    program: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("bad.ch").write_text(
        "let xs = [1]\nprint(sum(random_uniform([9])) > 0.0)\nprint(xs[len(xs)])\n"
    )
    assert main(["run", "--backend", "native", "--profile", "bad.ch"]) == 1
    told = capsys.readouterr()
    assert told.out == "true\n" and "error[E0502]" in told.err
    assert " bad.ch:2 " in told.err


def test_code_that_measures_is_kept_apart(program: str, capsys: pytest.CaptureFixture[str]) -> None:
    for _ in range(2):
        profiled(program)
        assert main(["run", "--backend", "native", program]) == 0
        assert capsys.readouterr() == (PRINTS * 2, "")


def test_the_file_cannot_be_written(program: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path("folder").mkdir()
    assert main(["run", "--backend", "native", "--profile=folder", program]) != 0
    told = capsys.readouterr().err
    assert told.startswith("error[E07") and "Traceback" not in told
