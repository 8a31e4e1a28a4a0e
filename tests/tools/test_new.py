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
