"""Options of the commands that compile: which backend, how hard, with which passes."""

from __future__ import annotations

from charl import backends
from charl.diagnostics.diagnostic import CharlError, error
from charl.diagnostics.suggest import nearest
from charl.tools.arguments import Invocation, Option

# Names of `transform/pipeline.py`; help tells them without loading it.
PASSES = ("drop_unreached", "dce", "inline", "simplify", "contractions", "cse", "hoist")

DEFAULT_LEVEL = 2


def backend_option(usual: backends.Backend = backends.DEFAULT) -> Option:
    return Option(
        "--backend",
        f"what executes the program, else ${backends.VARIABLE}, else {usual}",
        "NAME",
        choices=backends.NAMES,
    )


BACKEND = backend_option()
LEVEL = Option(
    "--level",
    f"how hard native code is optimised, usually {DEFAULT_LEVEL}",
    "N",
    short="-O",
    choices=("0", "1", "2", "3"),
)
PASS_LIST = Option(
    "--passes",
    f"passes to run in place of all, with commas between: {', '.join(PASSES)}; or none",
    "LIST",
)


def backend_of(
    invocation: Invocation, usual: backends.Backend = backends.DEFAULT
) -> backends.Backend:
    """Raises CharlError (E0706) where the environment names an unknown one."""
    return backends.choose(invocation.value(BACKEND.name, "") or None, usual)


def level_of(invocation: Invocation) -> int:
    return int(invocation.value(LEVEL.name, str(DEFAULT_LEVEL)))


def passes_of(invocation: Invocation) -> tuple[str, ...] | None:
    """The names of the passes asked for; None for all. Raises CharlError (E0706)."""
    word = invocation.options.get(PASS_LIST.name)
    if word is None:
        return None
    names = tuple(name.strip() for name in word.text.split(",") if name.strip())
    if names == ("none",):
        return ()
    for name in names:
        if name not in PASSES:
            guess = nearest(name, PASSES)
            label = f"did you mean `{guess}`?" if guess else ""
            helps = (f"the passes are {', '.join(PASSES)}",)
            raise CharlError(
                error("E0706", f"there is no pass `{name}`", word.span, label, helps=helps)
            )
    return names
