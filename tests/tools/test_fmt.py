"""`charl fmt`."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import pytest

from charl.tools.cli import main

UGLY = "let x=1+2 // three\nfn f( a ){a*2}\n"
NEAT = "let x = 1 + 2 // three\nfn f(a) { a * 2 }\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "ugly.ch").write_text(UGLY)
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "neat.ch").write_text(NEAT)
    return tmp_path


def test_files_are_formatted_in_place(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "ugly.ch").chmod(0o755)
    before = (folder / "sub" / "neat.ch").stat().st_mtime_ns
    assert main(["fmt"]) == 0
    assert (folder / "ugly.ch").read_text() == NEAT
    assert (folder / "ugly.ch").stat().st_mode & 0o777 == 0o755
    assert (folder / "sub" / "neat.ch").stat().st_mtime_ns == before
    assert capsys.readouterr().out == "2 files: 1 changed\n"
    assert main(["fmt", "--check"]) == 0


def test_check_shows_the_difference_and_writes_nothing(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["fmt", "--check", "."]) == 1
    shown = capsys.readouterr().out
    assert shown.startswith("would change: ugly.ch\n")
    assert "\n  -let x=1+2 // three\n" in shown and "\n  +fn f(a) { a * 2 }\n" in shown
    assert shown.endswith("2 files: 1 would change\n")
    assert (folder / "ugly.ch").read_text() == UGLY


def test_a_long_difference_is_cut(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "ugly.ch").write_text("let x=1\n" * 100)
    assert main(["fmt", "--check", "ugly.ch"]) == 1
    shown = capsys.readouterr().out
    assert shown.count("\n") < 30 and "more lines" in shown


def test_the_standard_input(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(UGLY.encode())))
    assert main(["fmt", "-"]) == 0
    assert capsys.readouterr().out == NEAT
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(UGLY.encode())))
    assert main(["fmt", "--check", "-"]) == 1
    assert capsys.readouterr().out.startswith("would change: <stdin>\n")


def test_a_file_with_errors_is_left_alone_and_the_others_are_not(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "broken.ch").write_text("let = (\n")
    assert main(["fmt", "broken.ch", "ugly.ch", "missing.ch"]) == 2
    told = capsys.readouterr()
    assert "broken.ch:1:" in told.err and "error[E0701]" in told.err
    assert (folder / "broken.ch").read_text() == "let = (\n"
    assert (folder / "ugly.ch").read_text() == NEAT
