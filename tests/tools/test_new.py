"""`charl new`."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from charl.tools.cli import main


def test_a_project(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["new", "my-net"]) == 0
    assert sorted(os.listdir("my-net")) == [".gitignore", "README.md", "main.ch"]
    assert Path("my-net/README.md").read_text().startswith("# my-net\n")
    assert "next: charl run my-net/main.ch" in capsys.readouterr().out


def test_the_project_runs_passes_its_test_and_is_formatted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["new", "net"]) == 0
    capsys.readouterr()
    assert main(["run", "net/main.ch"]) == 0
    told = capsys.readouterr()
    loss, answers = told.out.splitlines()
    assert float(loss.removeprefix("loss ")) < 0.01 and answers.count("[") == 5
    assert told.err == ""
    assert main(["test", "--jobs", "1", "net"]) == 0
    assert "1 passed" in capsys.readouterr().out
    assert main(["check", "net"]) == 0
    assert main(["fmt", "--check", "net"]) == 0


def test_nothing_is_overwritten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("taken").mkdir()
    assert main(["new", "taken"]) == 0  # empty folders are welcome
    Path("taken/main.ch").write_text("mine")
    assert main(["new", "taken"]) == 2
    assert capsys.readouterr().err.startswith("error[E0708]: `taken` is already there")
    assert Path("taken/main.ch").read_text() == "mine"
    Path("file").write_text("")
    assert main(["new", "file"]) == 2


@pytest.mark.parametrize("name", ["a b", ".hidden", "", "a/b!", "/"])
def test_odd_names(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["new", name]) == 2
    assert capsys.readouterr().err.startswith("error[E0709]")
    assert os.listdir(tmp_path) == []


def test_a_place_that_cannot_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("file").write_text("")
    assert main(["new", "file/project"]) == 2
    assert capsys.readouterr().err.startswith("error[E0711]: cannot write `file/project`")
