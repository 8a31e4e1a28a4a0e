"""Models made of layers: their `forward`, and the check at the definition that the layers chain.

The chain is followed with a batch of unknown size: each layer whose `forward` says what it takes is
compared with what the layer before gives, so that the error names the two layers and not the code
inside one of them.
"""

from __future__ import annotations

from charl.check import tree
from charl.check.annotations import fields_of_struct
from charl.check.bindings import Bindings
from charl.check.calls import call_value
from charl.check.declarations import Function, Struct
from charl.check.dispatch import HOOKS
from charl.check.frame import Frame
from charl.check.generics import generic_kinds
from charl.check.infer import final, resolve
from charl.check.models import layer_types
from charl.check.signatures import Supplied, signature_of
from charl.diagnostics.diagnostic import Label
from charl.source import Span
from charl.syntax import ast
from charl.types import dims, types
from charl.types.types import BROKEN, NEVER, Tensor, Type


def forward_of_layers(frame: Frame, kind: types.Struct) -> Function | None:
    """`forward(x)` that applies the layers in order; in-out when a layer's `forward` is."""
    struct: Struct = kind.declaration
    if not struct.layers:
        return None
    found = struct.methods.get("forward")
    if found is None:
        span = struct.node.name.span
        body: ast.Expr = ast.Name(struct.layers[0].span, "x")
        for index, written in enumerate(struct.layers):
            layer = ast.Name(written.span, f"layer{index}")
            body = ast.Call(written.span, layer, (ast.Argument(span, None, body),))
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


def check_chain(frame: Frame, struct: Struct) -> None:
    """At the definition of a model with layers: follow a batch of unknown size through them."""
    if not struct.layers or generic_kinds(frame, struct) or "forward" in struct.methods:
        return
    kinds = [resolve(t) for t in layer_types(frame, struct, ())][len(struct.fields) :]
    if BROKEN in kinds:
        return
    flowing: Tensor | None = None
    before = len(frame.session.errors)
    for index, (layer, written) in enumerate(zip(kinds, struct.layers)):
        taken = _taken(frame, layer)
        if flowing is None:
            if taken is None:
                continue
            flowing = taken
        elif taken is not None and not _fits(flowing, taken):
            _refuse(frame, struct, index, flowing, taken)
            return
        given = _applied(frame, layer, flowing, written.span)
        if not isinstance(given, Tensor) or len(frame.session.errors) > before:
            return
        flowing = given


def _applied(frame: Frame, layer: Type, taken: Tensor, span: Span) -> Type:
    """What a layer gives for an input of this type."""
    callee = tree.Read(span, layer, tree.Variable("layer", layer, span))
    x = tree.Read(span, taken, tree.Variable("x", taken, span))
    result = call_value(frame, callee, [Supplied(x)], span)
    kind = resolve(result.type)
    return kind if kind in (BROKEN, NEVER) else final(kind)


def _fits(given: Tensor, taken: Tensor) -> bool:
    """Whether the trailing sizes agree, as far as they are known."""
    return all(
        dims.compare(a, b) is not dims.Verdict.DIFFERENT
        for a, b in zip(reversed(given.shape), reversed(taken.shape))
    )


def _refuse(frame: Frame, struct: Struct, index: int, given: Tensor, taken: Tensor) -> None:
    frame.error(
        "E0407",
        f"the layers of `{struct.name}` do not chain",
        struct.layers[index].span,
        f"this takes {_features(taken)}",
        secondary=(Label(struct.layers[index - 1].span, f"this gives {_features(given)}"),),
    )


def _features(kind: Tensor) -> str:
    """A layer's input or output in words: its sizes behind the batch."""
    sizes = [dims.show(d) for d in kind.shape[1:]]
    return f"{sizes[0]} features" if len(sizes) == 1 else f"[{', '.join(sizes)}] for each example"


def _taken(frame: Frame, layer: Type) -> Tensor | None:
    """What a layer takes, for a batch of unknown size, when its `forward` says so."""
    if not isinstance(layer, types.Struct):
        return None
    method = layer.declaration.methods.get("forward")
    if method is None or method.parameters[0].type is None:
        return None
    own, argument = signature_of(frame, method).parameters[:2]
    bindings = Bindings()
    bindings.match(own or BROKEN, layer)
    bindings.rest = (dims.symbol("B"),)
    taken = bindings.apply(argument or BROKEN)
    if not isinstance(taken, Tensor):
        return None
    fresh = {s: dims.symbol(s.name) for d in taken.shape for s in dims.symbols(d) if s.rigid}
    changed = types.substitute(taken, fresh)
    return changed if isinstance(changed, Tensor) else None


HOOKS["forward"] = forward_of_layers
