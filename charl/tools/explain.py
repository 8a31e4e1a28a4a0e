"""`charl explain`: the page of an error code."""

from __future__ import annotations

import sys

from charl.diagnostics import registry
from charl.diagnostics.diagnostic import CharlError, error
from charl.diagnostics.suggest import nearest
from charl.tools.arguments import Command, Invocation, Word
from charl.tools.report import wants_colour

DESCRIPTION = """
Prints the page of a code: what it means, a program that yields it, and the program mended. Without
a code, lists all codes and their titles.
"""


def run(invocation: Invocation) -> int:
    if not invocation.operands:
        for code in registry.codes():
            print(f"{code}  {registry.title(code)}")
        return 0
    show(registry.page(known_code(invocation.operands[0])))
    return 0


def known_code(word: Word) -> str:
    """The code a word names: `E0312`, `e0312`, `E312` and `312` all do. Raises CharlError."""
    text = word.text.upper().strip("[]")
    letter, digits = (text[0], text[1:]) if text[:1] in ("E", "W") else ("E", text)
    code = letter + digits.zfill(4)
    if code in registry.codes():
        return code
    guess = nearest(code, registry.codes())
    label = f"did you mean `{guess}`: {registry.title(guess)}?" if guess else ""
    help = "`charl explain` lists all codes"
    raise CharlError(
        error("E0710", f"there is no code `{word.text}`", word.span, label, helps=(help,))
    )


def show(page: str) -> None:
    """Markdown with colours for a person, as it is for anyone else."""
    if not wants_colour(sys.stdout):
        print(page.rstrip())
        return
    try:
        # Rich is an optional extra, and takes a tenth of a second to load.
        from rich.console import Console
        from rich.markdown import Markdown
    except ImportError:
        print(page.rstrip())
        return
    Console().print(Markdown(page))


COMMAND = Command(
    name="explain",
    summary="tell what an error code means and how to mend it",
    usage="charl explain [CODE]",
    description=DESCRIPTION,
    run=run,
    operands=(0, 1),
)
