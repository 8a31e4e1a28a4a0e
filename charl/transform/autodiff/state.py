"""What one run of autodiff knows: the program being rewritten, and what was already derived.

Everything here only grows. Residuals are keyed by the forward value they keep, since a value
belongs to one block; a second gradient through the same statement finds them there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from charl.core.ir import Function, Statement, Value
from charl.diagnostics.diagnostic import Diagnostic
from charl.records import field, record
from charl.transform.autodiff.activity import Activity, Mask

if TYPE_CHECKING:
    from charl.transform.autodiff.calls import Augmented, Derivative
    from charl.transform.autodiff.sweep import Sweep

Rule = Callable[["Sweep", Statement], None]


@record(frozen=False)
class Differentiation:
    functions: dict[str, Function]
    rules: Mapping[str, Rule]
    activity: Activity
    diagnostics: list[Diagnostic] = field(default_factory=list)
    derivatives: dict[tuple[str, Mask, Mask], Derivative] = field(default_factory=dict)
    # Forward value -> the result of the statement around it that keeps it (a stack, a list, or
    # the value itself), and loop -> its number of iterations. `later` are values of a loop that
    # stand one place after the number of their iteration.
    kept: dict[Value, Value] = field(default_factory=dict)
    later: set[Value] = field(default_factory=set)
    trips: dict[Statement, Value] = field(default_factory=dict)
    augmented: dict[Statement, Augmented] = field(default_factory=dict)

    def report(self, diagnostic: Diagnostic) -> None:
        """Each place is told once, however often templates repeat it. A gradient that the standard
        library takes may well be zero: that says nothing about the program."""
        at = diagnostic.primary
        if at is not None and at.span.source.library and not diagnostic.is_error:
            return
        place = (diagnostic.code, diagnostic.primary)
        if all((d.code, d.primary) != place for d in self.diagnostics):
            self.diagnostics.append(diagnostic)
