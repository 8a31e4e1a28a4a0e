"""`match`: arms are tried in order, and together they must cover every value.

Each arm becomes a condition and bindings; the whole becomes nested `if`s.
"""

from __future__ import annotations

from charl.check import tree
from charl.check.branches import abort, condition_expr
from charl.check.dispatch import broken, check_expr, expression
from charl.check.exhaustive import missing_and_unreachable
from charl.check.frame import Frame
from charl.check.infer import final, join, resolve
from charl.check.known import known
from charl.check.pattern_tests import PatternTest, both, names_in
from charl.source import Span
from charl.syntax import ast
from charl.types.types import BOOL, BROKEN, NEVER, UNIT, Tensor, Type


@expression(ast.Match)
def check_match(frame: Frame, node: ast.Match, expected: Type | None) -> tree.Expr:
    subject = check_expr(frame, node.subject)
    kind = resolve(subject.type)
    if kind in (BROKEN, NEVER):
        for arm in node.arms:
            if not names_in(arm.pattern):
                check_expr(frame, arm.body, expected)
        return subject
    subject.type = final(subject.type) if isinstance(kind, Tensor) else subject.type
    let, read = frame.temporary("subject", subject)
    arms = [_check_arm(frame, arm, read, expected) for arm in node.arms]
    _check_cover(frame, node, read)
    bodies = [body for _, body in arms]
    if any(resolve(b.type) == UNIT for b in bodies):
        bodies = [_as_unit(b) for b in bodies]
    result, bodies = join(frame, bodies, "the arms of this `match`")
    if result == BROKEN:
        return broken(node)
    chain: tree.Expr = _no_arm(frame, node)
    for (condition, _), body in reversed(list(zip(arms, bodies))):
        if condition is None:
            chain = body
        else:
            chain = _choose(node.span, result, condition, body, chain)
    return tree.Block(node.span, chain.type, (let,), chain)


def _choose(
    span: Span, result: Type, condition: tree.Expr, body: tree.Expr, rest: tree.Expr
) -> tree.Expr:
    fixed = known(condition)
    if isinstance(fixed, bool):
        return body if fixed else rest
    return tree.If(span, result, condition, body, rest)


def _as_unit(body: tree.Expr) -> tree.Expr:
    if resolve(body.type) in (UNIT, NEVER):
        return body
    return tree.Block(body.span, UNIT, (tree.Evaluate(body.span, body),), None)


def _no_arm(frame: Frame, node: ast.Match) -> tree.Expr:
    """Where no arm matches: not reached, since the arms cover every value."""
    return abort("no arm of this `match` fits", node.span)


def _check_arm(
    frame: Frame, arm: ast.Arm, subject: tree.Read, expected: Type | None
) -> tuple[tree.Expr | None, tree.Expr]:
    """The condition under which an arm is taken (None: always), and its body with its names."""
    with frame.scope():
        test = PatternTest(frame, [])
        condition = test.of(arm.pattern, subject)
        bindings = test.bind()
        guard = None if arm.guard is None else condition_expr(frame, arm.guard)
        body = check_expr(frame, arm.body, expected)
    if guard is not None:
        held = tree.Block(guard.span, BOOL, tuple(bindings), guard)
        condition = held if condition is None else both(condition, held)
        # The guard's bindings are made again for the body: patterns have no effects.
        bindings = [_again(b) for b in bindings]
    if bindings:
        body = tree.Block(body.span, body.type, tuple(bindings), body)
    return condition, body


def _again(binding: tree.Statement) -> tree.Statement:
    return binding


def _check_cover(frame: Frame, node: ast.Match, subject: tree.Read) -> None:
    """Report values that no arm covers, and warn of arms that nothing reaches."""
    missing, unreachable = missing_and_unreachable(
        frame, resolve(subject.type), [(a.pattern, a.guard is not None) for a in node.arms]
    )
    if missing:
        listed = ", ".join(f"`{m}`" for m in missing)
        frame.error(
            "E0254",
            "this `match` does not cover every value",
            node.subject.span,
            "some values are not covered"
            if missing[0] == "_"
            else f"{listed} {'is' if len(missing) == 1 else 'are'} not covered",
            helps=(
                "add an arm `_ => ...`"
                if missing[0] == "_"
                else f"add an arm `{missing[0]} => ...`, or `_ => ...` for all the rest",
            ),
        )
    for index in unreachable:
        frame.error(
            "W0110",
            "this arm is never reached",
            node.arms[index].pattern.span,
            "earlier arms cover it",
        )
