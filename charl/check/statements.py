"""Statements: expressions, `return`, `break`, `while`, `assert`, declarations inside functions."""

from __future__ import annotations

from charl.check import late, tree
from charl.check.arithmetic import operand_pair
from charl.check.branches import condition_expr
from charl.check.closures import make_closure
from charl.check.comparison import compare
from charl.check.dispatch import check_expr, statement
from charl.check.frame import Frame
from charl.check.infer import coerce, has_variables, resolve
from charl.check.known import known
from charl.check.names import used_names
from charl.check.rules import apply_op
from charl.core.op import REGISTRY
from charl.diagnostics.diagnostic import error
from charl.syntax import ast
from charl.types import types
from charl.types.types import BOOL, BROKEN, NEVER, UNIT, Closure, Tensor


@statement(ast.ExprStatement)
def _expression(frame: Frame, node: ast.ExprStatement) -> list[tree.Statement]:
    return [tree.Evaluate(node.span, check_expr(frame, node.value))]


def _function_item(frame: Frame, node: ast.Function) -> list[tree.Statement]:
    """A function inside a function is a closure with a name; it may call itself."""
    used = used_names(node)
    value = make_closure(
        frame,
        node,
        node.name.name,
        node.parameters,
        node.result,
        node.body,
        node.generics,
        used,
        node.span,
        node.name.name,
    )
    if isinstance(value.type, Closure) and not any(map(has_variables, value.type.captured)):
        late.check_definition(frame, value.type.function, value.type.captured)
    variable = tree.Variable(node.name.name, value.type, node.name.span)
    frame.bind(node.name.name, variable)
    return [tree.Let(node.span, variable, value)]


@statement(ast.Function)
def _function(frame: Frame, node: ast.Function) -> list[tree.Statement]:
    if frame.is_top and len(frame.scopes) == 1:
        return []
    return _function_item(frame, node)


@statement(
    ast.Struct, ast.Model, ast.Enum, ast.TypeAlias, ast.Import, ast.Relation, ast.Fact, ast.Rule,
    ast.Logic, ast.Test,
)  # fmt: skip
def _item(frame: Frame, node: ast.Item) -> list[tree.Statement]:
    """Items have been declared when their block was entered; tests are checked on their own."""
    return []


# --- Control -------------------------------------------------------------------------------------


@statement(ast.Return)
def _return(frame: Frame, node: ast.Return) -> list[tree.Statement]:
    if frame.owner is None:
        frame.error("E0245", "`return` stands outside a function", node.span)
        return []
    if node.value is None:
        value: tree.Expr = tree.Make(node.span, UNIT, ())
    else:
        value = check_expr(frame, node.value, frame.result)
    result = tree.Return(node.span, value)
    frame.returns.append(result)
    return [result]


@statement(ast.Break, ast.Continue)
def _leave(frame: Frame, node: ast.Break | ast.Continue) -> list[tree.Statement]:
    word = "break" if isinstance(node, ast.Break) else "continue"
    if not frame.loops:
        frame.error("E0245", f"`{word}` stands outside a loop", node.span)
        return []
    kind = tree.Break if isinstance(node, ast.Break) else tree.Continue
    return [kind(node.span)]


@statement(ast.While)
def _while(frame: Frame, node: ast.While) -> list[tree.Statement]:
    with frame.scope():
        condition = condition_expr(frame, node.condition)
        frame.loops += 1
        body = check_expr(frame, node.body)
        frame.loops -= 1
    return [tree.While(node.span, condition, body)]


@statement(ast.Assert)
def _assert(frame: Frame, node: ast.Assert) -> list[tree.Statement]:
    statements: list[tree.Statement] = []
    operands: list[tree.Expr] = []
    message = "this does not hold"
    match node.condition:
        case ast.Comparison(operands=(left, right), operators=(operator,)):
            first, second = operand_pair(frame, left, right, None)
            let_a, a = frame.temporary("left", first)
            let_b, b = frame.temporary("right", second)
            if known(first) is None or known(second) is None:
                statements += [let_a, let_b]
                first, second = a, b
            condition = compare(frame, operator, first, second, node.condition.span)
            if resolve(condition.type) == BROKEN:
                return []
            condition = _one_bool(frame, condition)
            operands = [_shown(first), _shown(second)]
            message = "this does not hold: the left side is {0}, the right side {1}"
        case other:
            checked = check_expr(frame, other, BOOL)
            condition = _one_bool(frame, checked)
    if resolve(condition.type) in (BROKEN, NEVER):
        return []
    if node.message is not None:
        text = coerce(frame, check_expr(frame, node.message, types.STRING), types.STRING)
        operands.append(text)
        message = f"{{{len(operands) - 1}}}: {message}"
    failure = error("E0509", message, node.condition.span, "asserted here")
    return [*statements, tree.Require(node.span, condition, tuple(operands), failure)]


def _one_bool(frame: Frame, condition: tree.Expr) -> tree.Expr:
    """An assertion about a tensor is one about all its elements."""
    kind = resolve(condition.type)
    if isinstance(kind, Tensor) and kind.shape and kind.dtype == types.BOOL.dtype:
        attributes = {"axis": None, "keep_dims": False}
        return apply_op(frame, REGISTRY["reduce_all"], [condition], attributes, condition.span)
    return coerce(frame, condition, BOOL, "an assertion is a bool")


def _shown(value: tree.Expr) -> tree.Expr:
    return tree.Show(value.span, types.STRING, value)
