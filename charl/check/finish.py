"""Finishing an instance: every type in its tree made final, every literal given its dtype."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from charl.check import tree
from charl.check.frame import Frame
from charl.check.infer import final
from charl.records import fields, values_of
from charl.types import types
from charl.types.dtypes import DType
from charl.types.types import Tensor, Type

NODES = (tree.Expr, tree.Statement)


class Finals:
    """Final types, each found once: that of a large model is asked for with every use of it."""

    def __init__(self) -> None:
        self._found: dict[int, tuple[Type, Type]] = {}

    def __call__(self, type: Type) -> Type:
        if isinstance(type, Tensor):
            return final(type)
        known = self._found.get(id(type))
        if known is None:  # the type is kept with it, so that the number stays its own
            known = self._found[id(type)] = type, final(type)
        return known[1]


def finish_instance(frame: Frame) -> None:
    """Make every type in the instance final, in place."""
    instance = frame.instance
    for variable in (*instance.parameters, *instance.captured):
        variable.type = final(variable.type)
    if instance.body is not None:
        finish(frame, instance.body)
    if instance.result is not None:
        instance.result = final(instance.result)


def finish(frame: Frame, root: tree.Expr | tree.Statement) -> None:
    finals = Finals()
    stack: list[Any] = [root]
    while stack:
        node = stack.pop()
        if isinstance(node, tree.Expr):
            node.type = finals(node.type)
            if isinstance(node, tree.Apply) and node.op.name == "list_make":
                _check_element(frame, node)
            if isinstance(node, tree.Constant):
                _finish_constant(frame, node)
                continue
        _push(stack, PARTS[type(node)](node), finals)


def _check_element(frame: Frame, node: tree.Apply) -> None:
    """An empty list whose element type nothing has decided."""
    kind = node.type
    if isinstance(kind, types.List):
        node.attributes["element"] = kind.element
        if isinstance(kind.element, types.Variable):
            frame.error(
                "E0304",
                "nothing says what this list holds",
                node.span,
                helps=("say it where the list is made: `let xs: [float32] = []`",),
            )
            node.type = types.BROKEN


def _push(stack: list[Any], values: tuple[Any, ...], finals: Finals) -> None:
    for value in values:
        if isinstance(value, NODES):
            stack.append(value)
        elif isinstance(value, tree.Variable):
            value.type = finals(value.type)
        elif isinstance(value, tuple):
            _push(stack, value, finals)


# Fields with these annotations hold neither nodes nor variables; types are made final apart.
_PLAIN = {"Span", "Type", "str", "int", "bool", "Op", "Instance", "Diagnostic", "Dim"}


class _Parts(dict[type, Callable[[Any], tuple[Any, ...]]]):
    """The fields of each class of typed nodes that may hold nodes or variables."""

    def __missing__(self, kind: type) -> Callable[[Any], tuple[Any, ...]]:
        slots = (f.name for f in fields(kind) if f.type not in _PLAIN and f.name != "known")
        self[kind] = values_of(tuple(slots))
        return self[kind]


PARTS = _Parts()


def _finish_constant(frame: Frame, node: tree.Constant) -> None:
    """A number in the form of its dtype; integers that do not fit are errors."""
    kind = node.type
    if not isinstance(kind, Tensor) or not isinstance(kind.dtype, DType):
        return
    if isinstance(node.value, list):
        node.value = np.array(node.value, dtype=kind.dtype.numpy).reshape(kind.shape)
        return
    if kind.dtype.is_float and isinstance(node.value, int):
        node.value = float(node.value)
    elif kind.dtype.is_int and isinstance(node.value, int):
        limit = 1 << (kind.dtype.bits - 1)
        if not -limit <= node.value < limit:
            frame.error(
                "E0305",
                f"{node.value} does not fit into {types.show(kind)}",
                node.span,
                f"{types.show(kind)} holds {-limit} to {limit - 1}",
            )
