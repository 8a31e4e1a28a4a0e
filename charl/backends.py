"""What runs a program: native code, or the interpreter, which is the reference.

`--backend` says it, else the environment variable CHARL_BACKEND, else what is usual for the
command: native code, but the interpreter for what runs once and is done before it would be compiled
(`charl test`). Where LLVM or the runtime's library is missing there is only the interpreter; that
is said, once for each process.
"""

from __future__ import annotations

import os
import sys
from functools import cache
from importlib.util import find_spec

from charl.diagnostics.diagnostic import CharlError, error
from charl.diagnostics.suggest import nearest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Literal

    Backend = Literal["native", "interpreter"]
else:
    Backend = str

NAMES: tuple[Backend, ...] = ("native", "interpreter")
DEFAULT: Backend = "native"
VARIABLE = "CHARL_BACKEND"


def choose(word: str | None = None, usual: Backend = DEFAULT) -> Backend:
    """The backend of this name that can be had, or the one to take without a name.

    Raises CharlError (E0706) for an unknown one."""
    wanted = word or os.environ.get(VARIABLE) or usual
    for name in NAMES:
        if name == wanted:
            return available(name)
    what = "the backend" if word else f"`{VARIABLE}`"
    guess = nearest(wanted, NAMES)
    helps = (f"did you mean `{guess}`?",) if guess else ()
    listed = ", ".join(f"`{name}`" for name in NAMES)
    raise CharlError(
        error("E0706", f"{what} cannot be `{wanted}`", helps=(*helps, f"it can be {listed}"))
    )


def available(wanted: Backend) -> Backend:
    """The backend itself, or the interpreter in its place."""
    if wanted == "native":
        missing = missing_for_native()
        if missing:
            say_fallback(missing)
            return "interpreter"
    return wanted


def missing_for_native() -> str:
    """What native code would need and does not find; nothing in the usual case."""
    from charl.runtime.library import path

    if path() is None:
        return "the runtime's library was not built"
    if find_spec("llvmlite") is None:
        return "the package llvmlite is not installed"
    return ""


@cache
def say_fallback(missing: str) -> None:
    sys.stdout.flush()
    print(f"charl: no native code: {missing}; the interpreter runs instead", file=sys.stderr)
