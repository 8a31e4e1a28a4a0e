"""`charl run`, as a process."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from charl.tools.cli import main

ROOT = Path(__file__).parents[2]


def charl(*words: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "charl", *words],
        input=stdin,
        capture_output=True,
        text=True,
        encoding="utf-8",
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        check=False,
        timeout=120,
    )


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(text: str, name: str = "a.ch") -> str:
    Path(name).write_text(text, encoding="utf-8")
    return name


def test_a_program_prints(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", write('print("hello", 1 + 1)\n')]) == 0
    assert capsys.readouterr() == ("hello 2\n", "")


def test_random_numbers_start_anew_with_each_run(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write("print(random_uniform([3]))\nseed(3)\nprint(random_uniform([3]))\n")
    assert main(["run", path]) == 0
    first = capsys.readouterr().out
    assert main(["run", path]) == 0
    assert capsys.readouterr().out == first


def test_from_the_standard_input_with_arguments(folder: Path) -> None:
    done = charl("run", "-", "--", "--json", "b c", stdin="print(arguments())\n")
    assert (done.returncode, done.stdout, done.stderr) == (0, '["--json", "b c"]\n', "")


def test_all_errors_before_anything_runs(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", write('print("never")\nprint(one)\nprint(two)\n')]) == 1
    told = capsys.readouterr()
    assert told.out == ""
    assert "a.ch:2:7" in told.err and "a.ch:3:7" in told.err
    assert told.err.endswith("\n2 errors\n")


def test_an_error_at_run_time_comes_after_what_was_printed(folder: Path) -> None:
    done = charl("run", write('print("first")\nlet xs = [1]\nprint(xs[7])\n'))
    assert done.returncode == 1 and done.stdout == "first\n"
    assert done.stderr.startswith("error[E0502]") and "a.ch:3:" in done.stderr


def test_errors_as_json(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "--json", write("print(one)\n")]) == 1
    told = json.loads(capsys.readouterr().err)
    assert (told["severity"], told["line"], told["column"]) == ("error", 1, 7)


def test_an_empty_program(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for text in ("", " \n\n"):
        assert main(["run", write(text)]) == 1
        assert capsys.readouterr().err.startswith("error[E0721]: `a.ch` is empty")
    assert main(["run", write("// nothing but a comment\n")]) == 0


def test_options_that_have_one_choice(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write("print(1)\n")
    assert main(["run", "--backend", "interpreter", "--device=cpu", path]) == 0
    assert main(["run", "--device", "gpu", path]) == 2
    assert "`--device` cannot be `gpu`" in capsys.readouterr().err


def test_time_tells_the_stages(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHARL_CACHE", "0")
    assert main(["run", "--backend=interpreter", "--time", write("print(1)\n")]) == 0
    told = capsys.readouterr()
    assert told.out == "1\n"
    rows = [line.split() for line in told.err.splitlines()]
    assert [row[0] for row in rows] == ["parse", "check", "lower", "passes", "run", "total"]
    times = [float(row[1]) for row in rows]
    assert all(row[2] == "ms" for row in rows) and times[-1] == pytest.approx(sum(times[:-1]), 0.1)


def test_time_is_told_of_a_program_that_fails(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["run", "--time", write("let xs = [1]\nprint(xs[len(xs)])\n")]) == 1
    told = capsys.readouterr().err
    assert "total" in told and "error[E0502]" in told


def test_ctrl_c_says_where_the_program_was(folder: Path) -> None:
    path = write('print("started")\nlet i = 0\nwhile i >= 0 {\n    i = (i + 1) % 7\n}\nprint(i)\n')
    process = subprocess.Popen(
        [sys.executable, "-m", "charl", "run", path],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"},
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "started\n"
    time.sleep(0.2)
    process.send_signal(signal.SIGINT)
    _, told = process.communicate(timeout=60)
    assert process.returncode == 130
    assert told.startswith("interrupted at a.ch:") and told.count("\n") == 1


def test_a_reader_that_leaves(folder: Path) -> None:
    path = write("for i in 0..200000 { print(i) }\n")
    command = f"'{sys.executable}' -m charl run {path} | head -n 1; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(
        ["bash", "-c", command],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        check=True,
        timeout=120,
    )
    assert done.stdout == "0\n141\n" and done.stderr == ""


def test_out_of_memory(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", write("print(sum(random_normal([1000000, 1000000, 1000])))\n")]) == 1
    told = capsys.readouterr().err
    assert "memory" in told.split("\n")[0] and told.startswith("error[E05")


def test_nesting_without_end(folder: Path) -> None:
    deep = "(" * 10_000 + "1" + ")" * 10_000
    done = charl("run", write(f"print({deep})\n"))
    assert done.returncode in (0, 1) and "Traceback" not in done.stderr
    assert "E0799" not in done.stderr


def test_a_line_of_ten_megabytes(folder: Path) -> None:
    done = charl("run", write("print(nothing) // " + "x" * 10_000_000 + "\n"))
    assert done.returncode == 1 and "a.ch:1:7" in done.stderr
    assert len(done.stderr) < 5000


def test_a_constant_that_is_too_large_says_nothing_of_numpy(folder: Path) -> None:
    done = charl("run", write("from math import inf\nprint(inf as float32)\n"))
    assert (done.returncode, done.stdout, done.stderr) == (0, "inf\n", "")
