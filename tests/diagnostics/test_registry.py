"""Every code has a page, every page's code is used, and the examples on the pages are true."""

from __future__ import annotations

import io
import re
from contextlib import redirect_stdout
from pathlib import Path

import pytest

import charl
from charl import driver
from charl.diagnostics import registry
from charl.diagnostics.diagnostic import CharlError
from charl.source import Source

PACKAGE = Path(charl.__file__).parent
CODE = re.compile(r'"([EW]\d{4})"')
BLOCK = re.compile(r"^```(charl\S*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def codes_in_use() -> dict[str, str]:
    """Each code that stands as a string in the package, with a file that has it."""
    used: dict[str, str] = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        for code in CODE.findall(path.read_text(encoding="utf-8")):
            used.setdefault(code, str(path.relative_to(PACKAGE)))
    return used


def blocks(kind: str) -> list[tuple[str, str]]:
    """The (code, program) of the blocks of one kind on all pages."""
    return [
        (code, text)
        for code in registry.codes()
        for found, text in BLOCK.findall(registry.page(code))
        if found == kind
    ]


def test_every_code_in_use_has_a_page() -> None:
    missing = {code: path for code, path in codes_in_use().items() if code not in registry.codes()}
    assert not missing


def test_every_page_is_of_a_code_in_use() -> None:
    assert set(registry.codes()) <= set(codes_in_use())


@pytest.mark.parametrize("code", registry.codes())
def test_a_page_begins_with_its_code_and_title(code: str) -> None:
    heading, blank, text = registry.page(code).split("\n", 2)
    assert re.fullmatch(rf"# {code}: \S.*[^.\s]", heading)
    assert registry.title(code) == heading.split(": ", 1)[1]
    assert blank == "" and text.strip()


def test_an_unknown_code_raises() -> None:
    with pytest.raises(KeyError):
        registry.page("E9999")
    with pytest.raises(KeyError):
        registry.title("../../E0101")


def yielded(program: str) -> set[str]:
    """The codes that checking a program gives, and running it when it checks."""
    output = io.StringIO()
    try:
        checked = driver.check(Source("page.ch", program), tests=True)
        warnings = list(checked.warnings)
        compiled = driver.compile_chunk(checked.main, warn=warnings.append)
        with redirect_stdout(output):
            driver.run(compiled, output)
    except CharlError as problem:
        return {diagnostic.code for diagnostic in problem.diagnostics}
    return {warning.code for warning in warnings}


@pytest.mark.parametrize(("code", "program"), blocks("charl,error"))
def test_an_example_of_an_error_yields_exactly_its_code(code: str, program: str) -> None:
    assert yielded(program) == {code}


@pytest.mark.parametrize(("code", "program"), blocks("charl"))
def test_the_mend_of_a_page_is_right(code: str, program: str) -> None:
    assert yielded(program) == set()


def test_pages_of_what_a_program_can_do_wrong_have_an_example_and_its_mend() -> None:
    """Codes that need surroundings (other files, a machine, a command line) describe instead."""
    several_files = {"E0263", "E0264"}
    lacking = [
        code
        for code in registry.codes()
        if code[:3] in ("E01", "E02", "E03", "E04", "E08")
        and code not in several_files
        and not {"charl,error", "charl"} <= {kind for kind, _ in BLOCK.findall(registry.page(code))}
    ]
    assert not lacking
