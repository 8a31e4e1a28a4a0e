"""`charl repl`: type Charl, see what it gives.

At a terminal `prompt.py` edits several lines, remembers what was typed and completes names; without
one, entries are read from the standard input and answered plainly. What an entry means is the
business of `session.py`; an entry that fails, or is interrupted, leaves the session as it was.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, TextIO

from charl import __version__
from charl.diagnostics.diagnostic import CharlError, error
from charl.diagnostics.suggest import nearest
from charl.source import Source, Span
from charl.tools.arguments import Command, Invocation
from charl.tools.guard import diagnose, say_interrupted
from charl.tools.report import report

if TYPE_CHECKING:
    from charl.tools.session import Session

DESCRIPTION = """
Reads Charl from the terminal and answers each entry. Enter sends a complete entry and continues
one that is not; Alt-Enter starts a new line, Tab completes, Ctrl-D leaves.

Without a terminal the entries are read from the standard input; the exit status is then 1 if any
of them failed.
"""

HELP = """
An entry is any Charl code; the value of its last expression is shown. Definitions stay.

:type EXPR   the type of an expression, without running it
:core EXPR   the Core it becomes
:doc NAME    what a name is, with its documentation
:reset       forget everything
:help        this list
:quit        leave (so does Ctrl-D)
""".strip()


def run(invocation: Invocation) -> int:
    # The session loads the checker and NumPy; `charl --help` reads this module without them.
    from charl.tools.session import Session

    session = Session(sys.stdout)
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        return answer_all(session, piped_entries(sys.stdin))
    try:
        # prompt_toolkit and Pygments are an optional extra.
        from charl.tools.prompt import typed_entries
    except ImportError:
        print("for history and completion: pip install charl[terminal]", file=sys.stderr)
        return answer_all(session, piped_entries(sys.stdin))
    print(f"charl {__version__}, :help for help")
    answer_all(session, typed_entries(session, tuple(COLON_COMMANDS), is_complete))
    return 0


def answer_all(session: Session, entries: Iterable[str]) -> int:
    """Answers entries until there are no more, or one says `:quit`; 1 if any failed."""
    status = 0
    for entry in entries:
        if entry.strip() in (":quit", ":q"):
            break
        try:
            answer = answer_entry(session, entry)
            if answer:
                print(answer)
        except KeyboardInterrupt as interrupt:
            say_interrupted(interrupt)
            status = 1
        except BrokenPipeError:
            raise
        except Exception as problem:
            report(diagnose(problem), json=False)
            status = 1
        sys.stdout.flush()
    return status


def answer_entry(session: Session, entry: str) -> str:
    if not entry.strip():
        return ""
    if not entry.lstrip().startswith(":"):
        return session.evaluate(entry)
    name, _, rest = entry.strip().partition(" ")
    if name not in COLON_COMMANDS:
        raise unknown_command(entry, name)
    return COLON_COMMANDS[name](session, rest.strip())


def unknown_command(entry: str, name: str) -> CharlError:
    source = Source("<repl>", entry)
    start = entry.index(name)
    guess = nearest(name, COLON_COMMANDS)
    label = f"did you mean `{guess}`?" if guess else ""
    span = Span(source, start, start + len(name))
    help = "`:help` lists the commands"
    return CharlError(error("E0700", f"there is no command `{name}`", span, label, helps=(help,)))


def reset(session: Session, rest: str) -> str:
    session.reset()
    return "forgot everything"


COLON_COMMANDS: dict[str, Callable[[Session, str], str]] = {
    ":type": lambda session, rest: session.type_of(rest),
    ":core": lambda session, rest: session.core_of(rest),
    ":doc": lambda session, rest: session.doc_of(rest),
    ":reset": reset,
    ":help": lambda session, rest: HELP,
    ":quit": lambda session, rest: "",
}


def piped_entries(stream: TextIO) -> Iterator[str]:
    """Entries from a stream: as many lines as make one complete."""
    entry = ""
    for line in stream:
        entry += line
        if is_complete(entry):
            yield entry
            entry = ""
    if entry.strip():
        yield entry


def is_complete(entry: str) -> bool:
    """Whether an entry can be sent: more text would not mend it."""
    # `charl --help` reads this module, and has no use for the parser.
    from charl.syntax.parser import is_incomplete

    return entry.lstrip().startswith(":") or not is_incomplete(Source("<repl>", entry))


COMMAND = Command(
    name="repl",
    summary="type Charl and see what it gives",
    usage="charl repl",
    description=DESCRIPTION,
    run=run,
)
