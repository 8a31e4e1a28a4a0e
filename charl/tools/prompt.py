"""The REPL's editor, on prompt_toolkit: several lines, history, completion, colours."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Protocol

from prompt_toolkit import PromptSession
from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document
from prompt_toolkit.history import FileHistory, History, InMemoryHistory
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.lexers import PygmentsLexer

from charl.tools.highlight import KEYWORDS, TYPES, CharlLexer

PROMPT = "> "
CONTINUATION = ". "
INDENT = "    "


class Names(Protocol):
    """What completion asks of a session."""

    def names(self) -> Iterable[str]:
        """Every name that means something at the prompt now."""
        ...

    def members(self, before: str) -> Iterable[str]:
        """Every name that means something behind a text that ends with a point."""
        ...


class NameCompleter(Completer):
    """Colon commands at the start of an entry; behind a point the members of what stands before;
    keywords and the session's names elsewhere."""

    def __init__(self, session: Names, commands: tuple[str, ...]) -> None:
        self.session, self.commands = session, commands

    def get_completions(self, document: Document, event: CompleteEvent) -> Iterator[Completion]:
        before = document.text_before_cursor
        command = re.fullmatch(r"\s*(:\w*)", before)
        if command:
            yield from matching(command[1], self.commands)
            return
        word = re.search(r"\w*$", before)
        assert word is not None, "an empty word stands everywhere"
        if before[: word.start()].endswith("."):
            yield from matching(word[0], self.session.members(before[: word.start()]))
        elif word[0]:
            yield from matching(word[0], {*KEYWORDS, *TYPES, *self.session.names()})


def matching(start: str, names: Iterable[str]) -> Iterator[Completion]:
    for name in sorted(names):
        if name.startswith(start):
            yield Completion(name, start_position=-len(start))


def typed_entries(
    session: Names, commands: tuple[str, ...], is_complete: Callable[[str], bool]
) -> Iterator[str]:
    """Entries typed by a person, until Ctrl-D. Ctrl-C drops the entry being typed."""
    prompt: PromptSession[str] = PromptSession(
        history=history(),
        lexer=PygmentsLexer(CharlLexer),
        completer=NameCompleter(session, commands),
        complete_while_typing=False,
        key_bindings=bindings(is_complete),
        multiline=True,
        prompt_continuation=CONTINUATION,
    )
    while True:
        try:
            yield prompt.prompt(PROMPT)
        except KeyboardInterrupt:
            continue
        except EOFError:
            return


def bindings(is_complete: Callable[[str], bool]) -> KeyBindings:
    keys = KeyBindings()

    @keys.add("enter")
    def send_or_continue(event: KeyPressEvent) -> None:
        buffer = event.current_buffer
        at_end = not buffer.document.text_after_cursor.strip()
        # An empty line sends whatever stands there, so that nobody is ever stuck.
        stuck = not buffer.document.current_line.strip()
        if at_end and (stuck or is_complete(buffer.text)):
            buffer.validate_and_handle()
        else:
            buffer.insert_text("\n" + indentation(buffer.document.current_line_before_cursor))

    @keys.add("escape", "enter")
    def new_line(event: KeyPressEvent) -> None:
        event.current_buffer.insert_text("\n")

    @keys.add("}")
    @keys.add(")")
    @keys.add("]")
    def close(event: KeyPressEvent) -> None:
        buffer = event.current_buffer
        before = buffer.document.current_line_before_cursor
        if before.endswith(INDENT) and not before.strip():
            buffer.delete_before_cursor(len(INDENT))
        buffer.insert_text(event.data)

    return keys


def indentation(line: str) -> str:
    """The indentation of the line after this one."""
    own = line[: len(line) - len(line.lstrip())]
    return own + INDENT * line.rstrip().endswith(("{", "(", "["))


def history() -> History:
    """What was typed in earlier sessions, kept with the user's state (XDG Base Directory)."""
    base = os.environ.get("XDG_STATE_HOME")
    path = (Path(base) if base else Path.home() / ".local" / "state") / "charl" / "history"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    except OSError:
        return InMemoryHistory()
    return FileHistory(str(path))
