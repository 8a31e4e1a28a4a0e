"""Every program in the documentation does what the page says.

```charl            must run; an ```output block after it is what it prints
```charl,continue   the programs before it on the page, and then this one
```charl,error      must fail; a ```text block after it is what a terminal shows (`example.ch`)
```charl,fragment   is only parsed: it needs surroundings that the page describes
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from pages import UPDATE, Fence, fences, run_program

from charl.diagnostics.render import render
from charl.source import Source
from charl.syntax.parser import parse

ROOT = Path(__file__).parent.parent
NAME = "example.ch"


@dataclass(frozen=True)
class Program:
    page: Path
    block: Fence
    text: str
    before: str  # what the programs that it continues print
    result: Fence | None

    @property
    def name(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.block.first + 1}"


def programs(page: Path) -> list[Program]:
    found: list[Program] = []
    blocks = list(fences(page.read_text("utf-8").splitlines()))
    for block, following in zip(blocks, [*blocks[1:], None]):
        if block.info.split(",")[0] != "charl":
            continue
        wanted = "text" if block.info == "charl,error" else "output"
        result = following if following is not None and following.info == wanted else None
        text, before = block.text, ""
        if block.info == "charl,continue":
            last = next(p for p in reversed(found) if p.block.info in ("charl", "charl,continue"))
            text = last.text + text
            before = last.before + (last.result.text if last.result else "")
        found.append(Program(page, block, text, before, result))
    return found


PAGES = [page for page in (ROOT / "README.md", *sorted(ROOT.glob("docs/**/*.md"))) if page.exists()]
PROGRAMS = [program for page in PAGES for program in programs(page)]


@pytest.mark.skipif(UPDATE, reason="CHARL_UPDATE rewrites the pages instead")
@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.name)
def test_program(program: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    result = program.result
    match program.block.info:
        case "charl,fragment":
            _, problems = parse(Source(NAME, program.text))
            assert not problems, render(problems, colour=False)
        case "charl,error":
            outcome = run_program(program.text, NAME)
            assert outcome.error, "this program was expected to fail"
            if result is not None:
                assert outcome.error == result.text
        case "charl" | "charl,continue":
            outcome = run_program(program.text, NAME)
            assert not outcome.error, outcome.error
            if result is not None:
                assert outcome.output == program.before + result.text
        case "charl,signature":
            pass  # the head of an item, cut out of the library by docs/std_reference.py
        case info:
            pytest.fail(f"unknown kind of block: {info}")


@pytest.mark.skipif(not UPDATE, reason="only under CHARL_UPDATE")
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_update(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rewrites the results that pages show; the number of blocks stays as it is."""
    monkeypatch.chdir(tmp_path)
    lines = page.read_text("utf-8").splitlines()
    for program in reversed(programs(page)):
        if program.result is None or program.block.info == "charl,fragment":
            continue
        outcome = run_program(program.text, NAME)
        if program.block.info == "charl,error":
            fresh = outcome.error
        else:
            first = program.text[: len(program.text) - len(program.block.text)]
            before = run_program(first, NAME).output if first else ""
            fresh = outcome.output[len(before) :]
        lines[program.result.first + 1 : program.result.last] = fresh.splitlines()
    page.write_text("\n".join(lines) + "\n", "utf-8")


def test_the_index_links_every_page() -> None:
    index = ROOT / "docs" / "index.md"
    links = re.findall(r"\]\(([^)#]+)\)", index.read_text("utf-8"))
    linked = {(index.parent / link).resolve() for link in links}
    assert {page for page in PAGES if page.name not in ("README.md", "index.md")} <= linked


@pytest.mark.parametrize("page", [*PAGES, ROOT / "CONTRIBUTING.md"], ids=lambda page: page.stem)
def test_links_lead_somewhere(page: Path) -> None:
    prose = re.sub(r"^```.*?^```$|`[^`\n]*`", "", page.read_text("utf-8"), flags=re.M | re.S)
    for link in re.findall(r"\]\(([^)]+)\)", prose):
        target, _, section = link.partition("#")
        if "://" in target:
            continue
        path = (page.parent / target) if target else page
        assert path.exists(), link
        if section:
            titles = re.findall(r"^#+ (.*)$", path.read_text("utf-8"), re.MULTILINE)
            assert section in {re.sub(r"[^\w -]", "", t).lower().replace(" ", "-") for t in titles}


def test_the_reference_of_the_library_is_up_to_date() -> None:
    command = [sys.executable, str(ROOT / "docs" / "std_reference.py"), "--check"]
    assert subprocess.run(command, env={**os.environ, "PYTHONPATH": str(ROOT)}).returncode == 0
