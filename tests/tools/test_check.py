"""`charl check`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from charl.tools.cli import main


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "good.ch").write_text('fn f(x: int) -> int { 2 * x }\nprint("never run")\n')
    return tmp_path


def test_files_without_errors(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "good.ch"]) == 0
    assert capsys.readouterr() == ("checked 1 file: no errors\n", "")
    (folder / "empty.ch").write_text("")
    assert main(["check"]) == 0
    assert capsys.readouterr().out == "checked 2 files: no errors\n"


def test_every_error_of_every_file(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "a.ch").write_text("print(one)\nprint(two)\n")
    (folder / "b.ch").write_text('test "t" { assert three == 1 }\n')
    (folder / "c.ch").write_bytes(b"caf\xe9\n")
    assert main(["check", "."]) == 1
    told = capsys.readouterr()
    for place in ("a.ch:1:7", "a.ch:2:7", "b.ch:1:19", "c.ch:1:4"):
        assert place in told.err
    assert told.err.endswith("\n4 errors\n") and told.out == ""


def test_what_differentiation_says_of_tests_is_told(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "a.ch").write_text(
        "let scale = 2.0\n"
        'test "one" { assert scale == 2.0 }\n'
        'test "two" { assert grad(|x| round(x) * scale)(2.5) == 0.0 }\n'
    )
    assert main(["check", "a.ch"]) == 0
    told = capsys.readouterr()
    assert "warning[W" in told.err and "a.ch:3:" in told.err


def test_an_error_in_a_shared_module_is_told_once(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "shared.ch").write_text("fn f(x: int) -> int { missing }\n")
    (folder / "a.ch").write_text("import shared\nprint(shared.f(1))\n")
    (folder / "b.ch").write_text("import shared\nprint(shared.f(2))\n")
    assert main(["check", "a.ch", "b.ch"]) == 1
    assert capsys.readouterr().err.count("error[") == 1


def test_json(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "a.ch").write_text("print(one)\nprint(two)\n")
    assert main(["check", "--json"]) == 1
    told = capsys.readouterr()
    assert [json.loads(line)["line"] for line in told.out.splitlines()] == [1, 2]
    assert told.err == ""
    (folder / "a.ch").unlink()
    assert main(["check", "--json"]) == 0
    assert capsys.readouterr() == ("", "")


def test_a_warning_is_no_error(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "a.ch").write_text("fn f(x: float) -> float { 3.0 }\nprint(grad(f)(1.0))\n")
    assert main(["check", "a.ch"]) == 0
    told = capsys.readouterr()
    assert told.err.startswith("warning[W") and told.out == "checked 1 file: no errors\n"


def test_a_missing_file(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "god.ch"]) == 2
    assert "there is `good.ch`" in capsys.readouterr().err


def test_the_memory_of_a_program(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "a.ch").write_text(
        "fn f(x: float32[N]) -> float32[N] { x + flip(x) }\nprint(f(random_normal([1000]))[0])\n"
    )
    assert main(["check", "--memory", "a.ch"]) == 0
    told = capsys.readouterr().out
    assert "a.ch: at most 8,000 bytes (7.8 KB)\n" in told
    assert "fn f(x: float32[N]): at most 8*N bytes\n" in told
    (folder / "b.ch").write_text("print(one)\n")
    assert main(["check", "--memory", "b.ch"]) == 1
