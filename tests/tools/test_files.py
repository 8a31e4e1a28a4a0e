"""Operands expanded to files, and files written whole."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from charl.diagnostics.diagnostic import CharlError
from charl.tools.arguments import command_line
from charl.tools.files import source_paths, write_whole


def test_folders_are_searched_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("b.ch", "a.charl", "sub/c.ch", ".hidden/d.ch", "notes.md"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("")
    monkeypatch.chdir(tmp_path)
    assert source_paths([]) == ["a.charl", "b.ch", "sub/c.ch"]
    assert source_paths(command_line(["."])) == ["a.charl", "b.ch", "sub/c.ch"]
    given = command_line(["sub", "b.ch", "./sub", "missing.ch"])
    assert source_paths(given) == ["sub/c.ch", "b.ch", "missing.ch"]


def test_an_empty_folder_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for operands in ([], command_line(["."])):
        with pytest.raises(CharlError) as caught:
            source_paths(operands)
        assert caught.value.diagnostics[0].code == "E0707"


def test_writing_replaces_the_target_of_a_link_and_keeps_its_mode(tmp_path: Path) -> None:
    target, link = tmp_path / "a.ch", tmp_path / "link.ch"
    target.write_text("old")
    target.chmod(0o640)
    link.symlink_to(target)
    write_whole(str(link), "é\r\n")
    assert link.is_symlink()
    assert target.read_bytes() == "é\r\n".encode()
    assert target.stat().st_mode & 0o777 == 0o640
    assert sorted(os.listdir(tmp_path)) == ["a.ch", "link.ch"]


def test_a_write_that_fails_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "a.ch"
    target.write_text("old")

    def refuse(source: str, destination: str) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(CharlError) as caught:
        write_whole(str(target), "new")
    assert caught.value.diagnostics[0].code == "E0711"
    assert "no space left on device" in caught.value.diagnostics[0].message
    assert target.read_text() == "old" and os.listdir(tmp_path) == ["a.ch"]
