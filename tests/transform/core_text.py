"""A pass on Core's text: what goes in, what comes out."""

from __future__ import annotations

from collections.abc import Callable
from textwrap import dedent

import charl.ops  # noqa: F401  (fills the registry)
from charl.core.ir import Program
from charl.core.parser import parse_program
from charl.core.printer import print_program
from charl.core.verifier import verify

SAID = 'failure = Diagnostic(code = "E0511", message = "no")'

Pass = Callable[[Program], Program]


def after(step: Pass, text: str) -> str:
    """The text of a program of functions, entry `f`, after a pass, verified before and after."""
    program = parse_program(f"entry @f\n{dedent(text)}")
    verify(program)
    before = print_program(program)
    result = step(program)
    verify(result)
    assert print_program(program) == before, "a pass builds new functions"
    return print_program(result).removeprefix("entry @f\n").strip()


def body(step: Pass, head: str, *lines: str) -> str:
    """The statements of `fn @f(head)` after a pass, one per line, names and all."""
    text = after(step, f"fn @f{head} {{\n" + "\n".join(lines) + "\n}")
    return "\n".join(line.strip() for line in text.split("\n")[1:-1])
