"""The language, told by its pages: every case of `tests/language/*.md` runs as one test."""

from __future__ import annotations

from pathlib import Path

import pytest
from pages import UPDATE, Case, cases, run_program, write_back

FOLDER = Path(__file__).parent / "language"
CASES = [case for page in sorted(FOLDER.glob("*.md")) for case in cases(page)]


def prepare(case: Case, folder: Path) -> None:
    for name, text in case.files:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")


@pytest.mark.skipif(UPDATE, reason="CHARL_UPDATE rewrites the pages instead")
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_case(case: Case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    prepare(case, tmp_path)
    monkeypatch.chdir(tmp_path)
    outcome = run_program(case.program.text)
    assert outcome.error == (case.error.text if case.error else "")
    assert outcome.output == (case.output.text if case.output else "")


@pytest.mark.skipif(not UPDATE, reason="only under CHARL_UPDATE")
@pytest.mark.parametrize("page", sorted(FOLDER.glob("*.md")), ids=lambda page: page.stem)
def test_update(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    results = []
    for number, case in enumerate(cases(page)):
        folder = tmp_path / str(number)
        folder.mkdir()
        prepare(case, folder)
        monkeypatch.chdir(folder)
        results.append((case, run_program(case.program.text)))
    write_back(page, results)


@pytest.mark.skipif(UPDATE, reason="the pages have just changed")
def test_pages_cover_the_language() -> None:
    """At least 250 cases, a third of them errors; titles are unique within a page."""
    assert len(CASES) >= 250
    assert 3 * sum(case.error is not None for case in CASES) >= len(CASES)
    names = [case.name for case in CASES]
    assert len(set(names)) == len(names)
