"""What a primitive's type rule sees of a call: the OpContext."""

from __future__ import annotations

from typing import NoReturn

from charl.check import tree
from charl.check.frame import Frame
from charl.check.infer import resolve
from charl.core.op import Op
from charl.diagnostics.diagnostic import Label, error
from charl.source import Span
from charl.types import dims, types
from charl.types.dims import Dim, Verdict
from charl.types.types import Tensor


class Rejected(Exception):
    """A rule has refused its operands; the report has been made."""


class Uncheckable(Exception):
    """An attribute is a generic size: nothing can be said before a version for one size is
    checked."""


class OpContext:
    """What a rule sees of the check: it may replace operands by checked ones."""

    def __init__(self, frame: Frame, op: Op, operands: list[tree.Expr], span: Span) -> None:
        self.frame, self.op, self.operands, self.span = frame, op, operands, span

    def equal(self, left: Dim, right: Dim, why: str, operands: tuple[int, ...] = ()) -> Dim:
        frame = self.frame
        left, right = frame.simplify(left), frame.simplify(right)
        verdict = dims.compare(left, right)
        if verdict is Verdict.EQUAL:
            return left
        if verdict is Verdict.DIFFERENT:
            self._reject(f"{why}, but {dims.show(left)} and {dims.show(right)} differ", operands)
        for index in sorted(operands, reverse=True):
            if self._ensure(index, left, right, why) or self._ensure(index, right, left, why):
                frame.learn(left, right)
                break
        return left if isinstance(left, int) else right if isinstance(right, int) else left

    def _ensure(self, index: int, want: Dim, have: Dim, why: str) -> bool:
        """Check at run time that the axes of an operand whose size is `have` have size `want`."""
        operand = self.operands[index]
        kind = resolve(operand.type)
        if not isinstance(kind, Tensor) or have not in kind.shape:
            return False
        shape = tuple(want if d == have else d for d in kind.shape)
        others = tuple(
            Label(o.span, f"this is {types.show(resolve(o.type))}")
            for i, o in enumerate(self.operands)
            if i != index and isinstance(resolve(o.type), Tensor) and o.span != operand.span
        )[:1]
        failure = error(
            "E0511", f"{why}: {{0}} instead of {{1}}", operand.span, "", secondary=others
        )
        self.operands[index] = tree.EnsureShape(
            operand.span, Tensor(kind.dtype, shape), operand, failure
        )
        return True

    def fail(self, why: str, operands: tuple[int, ...] = (), help: str = "") -> NoReturn:
        self._reject(why, operands, (help,) if help else ())

    def unknown(self, name: str) -> Dim:
        return dims.symbol(name)

    def _reject(
        self, message: str, operands: tuple[int, ...], helps: tuple[str, ...] = ()
    ) -> NoReturn:
        shown = [self.operands[i] for i in operands if i < len(self.operands)]
        labels = [
            Label(o.span, f"this is {types.show(resolve(o.type))}")
            for o in dict((o.span, o) for o in shown).values()
        ]
        code = "E0312" if self.op.name == "matmul" else "E0313"
        primary = labels[-1] if labels else Label(self.span)
        self.frame.error(
            code,
            message,
            primary.span,
            primary.text,
            secondary=tuple(labels[:-1]),
            helps=helps,
        )
        raise Rejected
