"""Blocks and branches.

An `if` whose condition is known while checking is the branch that is taken; the other one need not
even fit the types. A block that ends in `return`, `break` or `continue` has no value (`NEVER`).
"""

from __future__ import annotations

from charl.check import tree
from charl.check.dispatch import check_expr, check_statement, expression
from charl.check.frame import Frame
from charl.check.infer import join, resolve
from charl.check.known import known
from charl.check.modules import declare_local
from charl.diagnostics.diagnostic import error
from charl.source import Span
from charl.syntax import ast
from charl.types import dtypes, types
from charl.types.types import BOOL, BROKEN, NEVER, UNIT, Tensor, Type, resolve_dtype


@expression(ast.Block)
def check_block(frame: Frame, node: ast.Block, expected: Type | None) -> tree.Expr:
    with frame.scope():
        return block_body(frame, node, expected)


def block_body(frame: Frame, node: ast.Block, expected: Type | None) -> tree.Expr:
    """A block in a scope that the caller has opened."""
    declare_local(frame, node.statements)
    statements: list[tree.Statement] = []
    for item in node.statements:
        statements += check_statement(frame, item)
    result = None if node.result is None else check_expr(frame, node.result, expected)
    diverges = any(_diverges(s) for s in statements)
    kind = NEVER if diverges else UNIT if result is None else result.type
    return tree.Block(node.span, kind, tuple(statements), result)


def _diverges(item: tree.Statement) -> bool:
    match item:
        case tree.Return() | tree.Break() | tree.Continue():
            return True
        case tree.Evaluate(value=value) | tree.Let(value=value):
            return resolve(value.type) == NEVER
        case tree.While(condition=tree.Constant(value=True), body=body):
            return not leaves_loop(body)
    return False


def leaves_loop(node: tree.Expr | tree.Statement) -> bool:
    """Whether a `break` inside belongs to the loop around."""
    match node:
        case tree.Break():
            return True
        case tree.Block(statements=statements, result=result):
            inner = result is not None and leaves_loop(result)
            return inner or any(leaves_loop(s) for s in statements)
        case tree.If(then=then, otherwise=otherwise):
            return leaves_loop(then) or leaves_loop(otherwise)
        case tree.Evaluate(value=value) | tree.Let(value=value) | tree.Assign(value=value):
            return leaves_loop(value)
    return False


@expression(ast.If)
def check_if(frame: Frame, node: ast.If, expected: Type | None) -> tree.Expr:
    condition = condition_expr(frame, node.condition)
    fixed = known(condition)
    if isinstance(fixed, bool) and not isinstance(node.condition, ast.BoolLiteral):
        chosen = node.then if fixed else node.otherwise
        if chosen is None:
            return tree.Block(node.span, UNIT, (), None)
        return check_expr(frame, chosen, expected)
    with frame.scope():
        then = check_expr(frame, node.then, expected)
    if node.otherwise is None:
        return tree.If(
            node.span, UNIT, condition, _as_unit(then), tree.Block(node.span, UNIT, (), None)
        )
    with frame.scope():
        otherwise = check_expr(frame, node.otherwise, expected)
    kinds = {resolve(then.type), resolve(otherwise.type)}
    if UNIT in kinds and not kinds <= {UNIT, NEVER}:
        then, otherwise = _as_unit(then), _as_unit(otherwise)
    kind, (then, otherwise) = join(frame, [then, otherwise], "the branches of this `if`")
    return tree.If(node.span, kind, condition, then, otherwise)


def _as_unit(expr: tree.Expr) -> tree.Expr:
    """The expression for its effects only."""
    if resolve(expr.type) in (UNIT, NEVER):
        return expr
    return tree.Block(expr.span, UNIT, (tree.Evaluate(expr.span, expr),), None)


def condition_expr(frame: Frame, node: ast.Expr) -> tree.Expr:
    """A condition: one bool."""
    condition = check_expr(frame, node, BOOL)
    kind = resolve(condition.type)
    if kind == BOOL or kind in (BROKEN, NEVER):
        return condition
    helps: tuple[str, ...] = ()
    if isinstance(kind, Tensor) and kind.shape and resolve_dtype(kind.dtype) == dtypes.BOOL:
        helps = ("`any(...)` or `all(...)` makes one bool of many",)
    elif isinstance(kind, Tensor) and not kind.shape:
        helps = (f"compare it: `{node.span.text} != 0`",)
    return frame.error(
        "E0318",
        "a condition must be a bool",
        node.span,
        f"this is {types.show(kind)}",
        helps=helps,
    )


def abort(message: str | tree.Expr, span: Span) -> tree.Expr:
    """Stop the program with a message; has type never."""
    operands: tuple[tree.Expr, ...] = ()
    text = message if isinstance(message, str) else "{0}"
    if isinstance(message, tree.Expr):
        operands = (message,)
    failure = error("E0512", text, span, "stopped here")
    stop = tree.Require(span, tree.Constant(span, BOOL, False), operands, failure)
    return tree.Block(span, NEVER, (stop,), None)
