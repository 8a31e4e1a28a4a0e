"""A compiled program as it is kept and run: machine code, and what the host must know of it."""

from __future__ import annotations

from collections.abc import Callable

from charl.records import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from charl.backend.llvm.module import Site
    from charl.core.ir import Program


@record(eq=False)
class Origin:
    """What machine code was made from; `sites` are the places that it knows by number."""

    program: Program
    sites: list[Site]


@record(eq=False)
class Image:
    """`objects` are object files, each with the symbols of it that those after it and the host use.
    `entries` are the symbols of the functions that may be called by name, and `entry` is the one
    that begins the program. `asked` are the ops left to the interpreter, and in how many places;
    with `measures` the code counts where its time goes. `origin` is asked for only where it is
    needed, since it takes longer to read than the rest to run."""

    objects: tuple[tuple[bytes, tuple[str, ...]], ...]
    entry: str
    entries: dict[str, str]
    asked: dict[str, int]
    origin: Callable[[], Origin]
    measures: bool = False
