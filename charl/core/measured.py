"""What a profile says of a program's statements, on either backend."""

from __future__ import annotations

from charl.core.ir import Function, Statement
from charl.records import record


@record(eq=False)
class Measured:
    """What a statement took: the seconds of its own, without those of others that are measured
    inside it. `calls`, `bytes` moved and floating-point `operations`, where they were counted."""

    function: Function
    statement: Statement
    seconds: float
    calls: int = 0
    bytes: int = 0
    operations: int = 0
    hosted: bool = False


@record(eq=False)
class Profile:
    """What was measured, and the seconds of the whole run; not `counted` where the program was
    only looked at from time to time. `together` are the statements that a run which measures
    nothing does by rows, each list as one piece of work."""

    measured: list[Measured]
    seconds: float
    counted: bool
    together: tuple[list[Statement], ...] = ()
