"""Reading a source file, and every way that can go wrong."""

from __future__ import annotations

import io
import os
import sys
from pathlib import Path

import pytest

from charl import driver
from charl.diagnostics.diagnostic import CharlError, Diagnostic
from charl.diagnostics.render import render


def problem(path: str) -> Diagnostic:
    with pytest.raises(CharlError) as caught:
        driver.read_source(path)
    (diagnostic,) = caught.value.diagnostics
    return diagnostic


def test_a_file_is_read_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "a.ch"
    path.write_bytes('let x = "é"\r\n'.encode())
    assert driver.read_source(str(path)).text == 'let x = "é"\r\n'
    path.write_bytes(b"\xef\xbb\xbflet x = 1\n")
    assert driver.read_source(str(path)).text == "let x = 1\n"


def test_the_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"print(1)\n")))
    source = driver.read_source("-")
    assert (source.name, source.text) == ("<stdin>", "print(1)\n")


def test_a_missing_file_suggests_its_neighbours(tmp_path: Path) -> None:
    (tmp_path / "digits.ch").write_text("")
    for name in ("digist.ch", "digits"):
        told = problem(str(tmp_path / name))
        assert told.code == "E0701"
        assert told.helps == (f"there is `{tmp_path / 'digits.ch'}`",)
    assert problem(str(tmp_path / "other" / "x.ch")).code == "E0701"
    assert problem(str(tmp_path / "digits.ch" / "x.ch")).code == "E0701"


def test_a_folder(tmp_path: Path) -> None:
    assert problem(str(tmp_path)).code == "E0703"
    (tmp_path / "main.ch").write_text("")
    assert "main.ch" in problem(str(tmp_path)).helps[0]


def test_a_path_that_cannot_be() -> None:
    assert problem("a\0b").code == "E0702"
    assert problem("x" * 5000).code == "E0702"


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_an_unreadable_file(tmp_path: Path) -> None:
    path = tmp_path / "a.ch"
    path.write_text("")
    path.chmod(0)
    told = problem(str(path))
    assert told.code == "E0702" and told.message.endswith("permission denied")


def test_not_utf8_shows_the_place(tmp_path: Path) -> None:
    path = tmp_path / "a.ch"
    path.write_bytes("// é\nlet café = 1\n".encode().replace(b"caf\xc3\xa9", b"caf\xe9"))
    told = problem(str(path))
    assert told.code == "E0720"
    assert told.notes == ("it is byte 13 of the file, counted from 0, on line 2",)
    shown = render([told], colour=False).split("\n")
    assert shown[1].endswith("a.ch:2:8")
    assert shown[3:5] == [
        "2 | let caf\ufffd = 1",
        "  |        ^ the byte 0xe9 here begins no character",
    ]


@pytest.mark.parametrize(
    ("data", "help"),
    [
        ("let x = 1".encode("utf-16"), "UTF-16"),
        (b"\x7fELF\x00\x00\xff\xff", "does not look like text"),
        (b"caf\xe9", "iconv -f latin1"),
    ],
)
def test_not_utf8_guesses_what_it_is(tmp_path: Path, data: bytes, help: str) -> None:
    path = tmp_path / "a.ch"
    path.write_bytes(data)
    assert help in problem(str(path)).helps[0]


def test_a_file_that_has_no_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(driver, "LARGEST_SOURCE", 1 << 20)
    assert problem("/dev/zero").code == "E0722"
