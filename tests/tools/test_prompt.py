"""The REPL's editor, driven by keys through a pipe."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pytest

pytest.importorskip("prompt_toolkit")

from prompt_toolkit.application import create_app_session
from prompt_toolkit.completion import CompleteEvent
from prompt_toolkit.document import Document
from prompt_toolkit.input import create_pipe_input
from prompt_toolkit.output import DummyOutput

from charl.tools.prompt import NameCompleter, indentation, typed_entries


class Session:
    def names(self) -> Iterable[str]:
        return ["weights", "width", "relu"]

    def members(self, before: str) -> Iterable[str]:
        return ["bias", "weight"] if before.endswith("net.") else []


def balanced(entry: str) -> bool:
    return entry.count("(") <= entry.count(")")


def typed(keys: str) -> list[str]:
    with create_pipe_input() as pipe, create_app_session(input=pipe, output=DummyOutput()):
        pipe.send_text(keys + "\x04")
        return list(typed_entries(Session(), (":type", ":help"), balanced))


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    return tmp_path


def test_enter_sends_a_complete_entry_and_continues_another(state: Path) -> None:
    assert typed("a\rf(\r1)\r") == ["a", "f(\n    1)"]
    assert "+a" in (state / "charl" / "history").read_text().split("\n")


def test_a_closing_bracket_steps_back() -> None:
    assert typed("f(\r1,\r2\r)\r") == ["f(\n    1,\n    2\n)"]
    assert typed("f(  )\r") == ["f(  )"]


def test_an_empty_line_sends_what_stands_there() -> None:
    assert typed("f(\r\r") == ["f(\n    "]


def test_interrupt_drops_the_entry() -> None:
    assert typed("nonsense\x03a\r") == ["a"]


def test_alt_enter_always_breaks_the_line() -> None:
    assert typed("a\x1b\rb\r") == ["a\nb"]


def completions(text: str) -> list[str]:
    completer = NameCompleter(Session(), (":type", ":help"))
    found = completer.get_completions(Document(text), CompleteEvent())
    return [completion.text for completion in found]


def test_completion() -> None:
    assert completions("print(w") == ["weights", "while", "width", "with"]
    assert completions(":t") == [":type"]
    assert completions("x.w") == []
    assert completions("print(net.w") == ["weight"]
    assert completions("net.") == ["bias", "weight"]
    assert completions("") == []


def test_indentation() -> None:
    assert indentation("  f(x) {") == "      "
    assert indentation("  x") == "  "


def test_without_a_writable_home_there_is_still_a_prompt(
    state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (state / "file").write_text("")
    monkeypatch.setenv("XDG_STATE_HOME", str(state / "file"))
    assert typed("a\r") == ["a"]
