"""The pages of the language once more, compiled: what a program prints, and how it fails, is the
same on every backend. A program that ends well has let go of all its memory."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pages import UPDATE, Case, cases, run_program
from test_language import prepare

from charl.runtime.library import library
from charl.runtime.machine import OK, NativeMachine

FOLDER = Path(__file__).parent.parent / "language"


def runs(case: Case) -> bool:
    """Whether the case comes to running at all, as far as its page tells."""
    return case.output is not None or case.error is None or "error[E05" in case.error.text


CASES = [case for page in sorted(FOLDER.glob("*.md")) for case in cases(page) if runs(case)]


@pytest.fixture
def left(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Gets the bytes still in use after each run that ended well, before they are reset."""
    found: list[int] = []
    original = NativeMachine._run

    def run(machine: NativeMachine, *operands: Any) -> int:
        status = original(machine, *operands)
        if status == OK:
            found.append(library().charl_memory_now())
        return status

    monkeypatch.setattr(NativeMachine, "_run", run)
    return found


@pytest.mark.skipif(UPDATE, reason="CHARL_UPDATE rewrites the pages instead")
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_case(case: Case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, left: list[int]) -> None:
    prepare(case, tmp_path)
    monkeypatch.chdir(tmp_path)
    outcome = run_program(case.program.text, backend="native")
    assert outcome.error == (case.error.text if case.error else "")
    assert outcome.output == (case.output.text if case.output else "")
    assert left == ([] if case.error is not None and "error[E" in case.error.text else [0])
