"""The progress bar: quiet unless a person watches a loop that takes a while."""

from __future__ import annotations

import io
import sys

import pytest

from charl.tools import progress
from charl.tools.progress import ProgressBar


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def loop(rounds: int, label: str = "epochs") -> None:
    bar = ProgressBar()
    bar.start(rounds, label)
    for _ in range(rounds):
        bar.advance()
    bar.finish()


def test_silent_when_piped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "PATIENCE", 0.0)
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    loop(100)
    assert sys.stderr.getvalue() == ""  # type: ignore[attr-defined]


def test_a_short_loop_shows_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", Terminal())
    loop(100)
    assert sys.stderr.getvalue() == ""  # type: ignore[attr-defined]


def test_a_long_loop_shows_its_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("rich")
    monkeypatch.setattr(progress, "PATIENCE", 0.0)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(sys, "stderr", Terminal())
    loop(7)
    shown = sys.stderr.getvalue()  # type: ignore[attr-defined]
    assert "epochs" in shown and "7/7" in shown
