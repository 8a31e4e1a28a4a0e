"""`charl explain`."""

from __future__ import annotations

import pytest

from charl.diagnostics import registry
from charl.tools.cli import main


def test_a_page(capsys: pytest.CaptureFixture[str]) -> None:
    for spelling in ("E0701", "e0701", "701", "[E0701]", "E701"):
        assert main(["explain", spelling]) == 0
        assert capsys.readouterr().out.startswith("# E0701: no such file\n")


def test_all_codes(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line[:5] for line in lines] == list(registry.codes())
    assert "E0701  no such file" in lines


def test_an_unknown_code(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "E0770"]) == 2
    told = capsys.readouterr().err
    assert told.startswith("error[E0710]: there is no code `E0770`") and "did you mean" in told


def test_at_a_terminal_the_page_is_set(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("rich")
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert main(["explain", "E0701"]) == 0
    shown = capsys.readouterr().out
    assert "# E0701" not in shown and "E0701: no such file" in shown
