"""The code on the pages of the guide about tools is true."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from charl import driver
from charl.diagnostics.as_json import to_json
from charl.diagnostics.diagnostic import CharlError
from charl.source import Source
from charl.tools.arguments import command_line, parse_words
from charl.tools.cli import load_command

GUIDE = Path(__file__).parents[2] / "docs" / "guide"


def blocks(page: str, kind: str) -> list[str]:
    text = (GUIDE / page).read_text(encoding="utf-8")
    found = re.findall(r"^```(.*?)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    return [body for info, body in found if info == kind]


def test_charl_from_python(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (program,) = blocks("python.md", "charl")
    Path("model.ch").write_text(program)
    names: dict[str, object] = {}
    for block in blocks("python.md", "python"):
        exec(block, names)
    shown = capsys.readouterr().out
    assert shown.startswith("2.0\n[20. 40.]\nerror[E03")
    assert re.search(r"\nE03\d\d\n$", shown)


def test_every_command_line_of_the_guide_is_one() -> None:
    lines = [
        line.partition("#")[0].partition("<")[0].split("|")[-1].split()
        for page in ("command-line.md", "native.md")
        for block in blocks(page, "sh")
        for line in block.splitlines()
    ]
    assert len(lines) > 10
    for program, *words in lines:
        assert program == "charl"
        line = command_line(words)
        parse_words(load_command(line[0]), line[1:], line[0].span)


def test_entries_of_the_prompt_are_charl() -> None:
    (conversation,) = [b for b in blocks("command-line.md", "") if b.startswith("> ")]
    entries = [line.removeprefix("> ") for line in conversation.splitlines()]
    driver.check(Source("guide", "\n".join(entries)))


def test_json_shows_the_first_error_of_the_page() -> None:
    program = blocks("errors.md", "charl,error")[0]
    (shown,) = blocks("errors.md", "json")
    with pytest.raises(CharlError) as caught:
        driver.check(Source("example.ch", program))
    assert json.loads(shown) == json.loads(to_json(caught.value.diagnostics))
