"""Which function checks which kind of tree node: the tables that tie the checker's files together.

Each file registers its rules with `@expression(ast.Binary)`; `check_expr` looks them up. The files
themselves do not import each other in circles.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from charl.check import tree
from charl.check.frame import Frame
from charl.records import record
from charl.syntax import ast
from charl.types import types
from charl.types.types import Type

ExprRule = Callable[[Frame, Any, Type | None], tree.Expr]
StatementRule = Callable[[Frame, Any], list[tree.Statement]]

EXPRESSIONS: dict[type[ast.Expr], ExprRule] = {}
STATEMENTS: dict[type[ast.Statement], StatementRule] = {}


def expression(*kinds: type[ast.Expr]) -> Callable[[ExprRule], ExprRule]:
    """Register the rule for some kinds of expression."""

    def register(rule: ExprRule) -> ExprRule:
        for kind in kinds:
            EXPRESSIONS[kind] = rule
        return rule

    return register


def statement(*kinds: type[ast.Statement]) -> Callable[[StatementRule], StatementRule]:
    """Register the rule for some kinds of statement."""

    def register(rule: StatementRule) -> StatementRule:
        for kind in kinds:
            STATEMENTS[kind] = rule
        return rule

    return register


@record(eq=False)
class Checked(ast.Expr):
    """An expression that has been checked already, put back into the untyped tree."""

    expr: tree.Expr


@expression(Checked)
def _checked(frame: Frame, node: Checked, expected: Type | None) -> tree.Expr:
    return node.expr


def check_expr(frame: Frame, node: ast.Expr, expected: Type | None = None) -> tree.Expr:
    """The typed tree of an expression. `expected` is what the context would like: literals take it
    as a hint; the caller still coerces the result."""
    return EXPRESSIONS[type(node)](frame, node, expected)


def check_statement(frame: Frame, node: ast.Statement) -> list[tree.Statement]:
    """The typed statements of one statement."""
    return STATEMENTS[type(node)](frame, node)


def broken(node: ast.Node) -> tree.Expr:
    """What stands for an expression that has been reported about."""
    return tree.Constant(node.span, types.BROKEN, None)
