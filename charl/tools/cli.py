"""`charl`: the one command-line program.

Each command is a module of this folder that declares `COMMAND` (its options as data and the one
function that runs it). `COMMANDS` below is the dispatch table; the module of a command is imported
when it is called, and whatever is heavy (NumPy, the checker, terminal libraries) is imported by the
command only once it is needed: `charl --version` imports none of it.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Sequence
from importlib import import_module

from charl import __version__
from charl.diagnostics.diagnostic import CharlError, error
from charl.diagnostics.suggest import nearest
from charl.tools.arguments import Command, Word, command_line, help_page, parse_words
from charl.tools.guard import guarded

COMMANDS = ("run", "check", "fmt", "repl", "test", "build", "bench", "explain", "new")

SUFFIXES = (".ch", ".charl")


def main(words: Sequence[str] | None = None) -> int:
    """Runs one command line, without the program's name; the exit status."""
    words = sys.argv[1:] if words is None else words
    for stream in (sys.stdout, sys.stderr):
        # A terminal that cannot show a character gets an escape of it, not a crash.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    before_rest = words[: words.index("--")] if "--" in words else words
    return guarded(lambda: dispatch(command_line(words)), json="--json" in before_rest)


def dispatch(words: Sequence[Word]) -> int:
    if not words or words[0].text in ("--help", "-h", "help"):
        return show_help(words[1:])
    first = words[0]
    if first.text in ("--version", "-V"):
        print(f"charl {__version__}")
        return 0
    command = load_command(first)
    invocation = parse_words(command, words[1:], first.span)
    if invocation.has("--help"):
        print(help_page(command))
        return 0
    return command.run(invocation)


def load_command(word: Word) -> Command:
    if word.text not in COMMANDS:
        raise unknown_command(word)
    command: Command = import_module(f"charl.tools.{word.text}").COMMAND
    return command


def unknown_command(word: Word) -> CharlError:
    if word.text.startswith("-"):
        guess = nearest(word.text, ("--version", "--help"))
        label = f"did you mean `{guess}`?" if guess else ""
        return CharlError(error("E0704", f"charl has no option `{word.text}`", word.span, label))
    guess = nearest(word.text, COMMANDS)
    help = "`charl --help` lists the commands"
    if word.text.endswith(SUFFIXES):
        help = f"to run a program: `charl run {word.span.text}`"
    label = f"did you mean `{guess}`?" if guess else ""
    return CharlError(
        error("E0700", f"there is no command `{word.text}`", word.span, label, helps=(help,))
    )


def show_help(words: Sequence[Word]) -> int:
    """`charl --help`, or `charl help COMMAND`."""
    if words:
        print(help_page(load_command(words[0])))
        return 0
    commands = [import_module(f"charl.tools.{name}").COMMAND for name in COMMANDS]
    width = max(len(name) for name in COMMANDS)
    lines = [f"  {command.name.ljust(width)}  {command.summary}" for command in commands]
    print(
        "\n".join(
            [
                "Charl: a language for small models that reason",
                "",
                "usage: charl COMMAND [OPTIONS]",
                "",
                "commands:",
                *lines,
                "",
                "`charl COMMAND --help` tells about one command, `charl --version` its version.",
            ]
        )
    )
    return 0
