"""The `forward` of a model made of layers: it applies them in order."""

from __future__ import annotations

from charl.check import late
from charl.check.annotations import fields_of_struct
from charl.check.declarations import Function, Struct
from charl.check.frame import Frame
from charl.syntax import ast
from charl.types import types
from charl.types.types import Type


def forward_of_layers(frame: Frame, kind: types.Struct) -> Function | None:
    """`forward(x)` that applies the layers in order; in-out when a layer's `forward` is."""
    struct: Struct = kind.declaration
    if not struct.layers:
        return None
    found = struct.methods.get("forward")
    if found is None:
        late.check_chain(frame, struct)
        span = struct.node.name.span
        body: ast.Expr = ast.Name(struct.layers[0].span, "x")
        for index, written in enumerate(struct.layers):
            layer = ast.Name(written.span, f"layer{index}")
            body = ast.Call(written.span, layer, (ast.Argument(span, None, body),))
        if struct.chains is False:  # that has been told
            body = ast.ErrorExpr(span)
        parameter = ast.Parameter(span, ast.NamePattern(span, "x"), None, None)
        fields = fields_of_struct(frame, kind)[len(struct.fields) :]
        found = Function(
            "forward",
            struct.module,
            struct.node.span,
            (parameter,),
            None,
            body,
            owner=struct,
            mutable=any(_updates(frame, t) for t in fields),
        )
        struct.methods["forward"] = found
    return found


def _updates(frame: Frame, kind: Type) -> bool:
    """Whether applying a layer may change it."""
    if not isinstance(kind, types.Struct):
        return False
    forward = kind.declaration.methods.get("forward") or forward_of_layers(frame, kind)
    return forward is not None and forward.mutable
