"""The last line of defence."""

from __future__ import annotations

from pathlib import Path

import pytest

from charl.diagnostics.diagnostic import CharlError, Diagnostic, error
from charl.source import Source, Span
from charl.tools.guard import guarded


def raising(problem: BaseException) -> int:
    raise problem


def test_success_passes_through() -> None:
    assert guarded(lambda: 0, json=False) == 0
    assert guarded(lambda: 1, json=False) == 1


@pytest.mark.parametrize(
    ("problem", "status", "shown"),
    [
        (CharlError(error("E0101", "no")), 1, "error[E0101]: no"),
        (CharlError(error("E0701", "no")), 2, "error[E0701]: no"),
        (CharlError(error("E0720", "no")), 1, "error[E0720]: no"),
        (CharlError(Diagnostic("W0101", "hm")), 0, "warning[W0101]: hm"),
        (MemoryError(), 1, "error[E0590]: out of memory"),
        (RecursionError("maximum depth"), 1, "error[E0798]: this program nests too deeply"),
        (KeyboardInterrupt(), 130, "interrupted\n"),
    ],
)
def test_every_end_is_told(
    problem: BaseException, status: int, shown: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert guarded(lambda: raising(problem), json=False) == status
    told = capsys.readouterr().err
    assert told.startswith(shown) and "Traceback" not in told


def test_an_interrupt_knows_its_place(capsys: pytest.CaptureFixture[str]) -> None:
    interrupt = KeyboardInterrupt()
    interrupt.span = Span(Source("a.ch", "one\ntwo"), 4, 7)  # type: ignore[attr-defined]
    assert guarded(lambda: raising(interrupt), json=False) == 130
    assert capsys.readouterr().err == "interrupted at a.ch:2:1\n"


def test_a_fault_of_ours_goes_to_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.delenv("CHARL_DEBUG", raising=False)
    assert guarded(lambda: raising(KeyError("%17")), json=False) == 1
    told = capsys.readouterr().err
    assert told.startswith("error[E0799]: the compiler met a state it does not know\n")
    assert "%17" not in told and "Traceback" not in told
    (written,) = (tmp_path / "charl" / "faults").iterdir()
    assert str(written) in told
    text = written.read_text(encoding="utf-8")
    assert "Traceback" in text and "KeyError: '%17'" in text and "charl 0" in text


def test_a_fault_without_a_writable_cache_is_still_calm(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(blocked))
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(blocked / "no"))
    assert guarded(lambda: raising(KeyError("x")), json=False) == 1
    assert "could not be written" in capsys.readouterr().err


def test_debugging_lets_the_traceback_through(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHARL_DEBUG", "1")
    with pytest.raises(KeyError):
        guarded(lambda: raising(KeyError("x")), json=False)
    assert guarded(lambda: raising(CharlError(error("E0101", "no"))), json=False) == 1
