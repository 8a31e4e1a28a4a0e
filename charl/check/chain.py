"""The check at the definition of a model made of layers that the layers chain.

The chain is followed with a batch of unknown size: each layer whose `forward` says what it takes is
compared with what the layer before gives, so that the error names the two layers and not the code
inside one of them.
"""

from __future__ import annotations

from charl.check import late, tree
from charl.check.bindings import Bindings
from charl.check.declarations import Struct
from charl.check.frame import Frame
from charl.check.function_values import call_value
from charl.check.generics import generic_kinds
from charl.check.infer import final, resolve
from charl.check.models import layer_types
from charl.check.signatures import Supplied, home, signature_of
from charl.diagnostics.diagnostic import Label
from charl.source import Span
from charl.types import dims, types
from charl.types.types import BROKEN, NEVER, Tensor, Type


@late.check_chain.define
def check_chain(frame: Frame, struct: Struct) -> None:
    """Once for a model with layers, before its `forward` is made: follow a batch of unknown size
    through them."""
    if struct.chains is not None or not struct.layers or "forward" in struct.methods:
        return
    struct.chains = True
    frame = home(frame, struct.module)
    if generic_kinds(frame, struct):
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
            struct.chains = False
            _refuse(frame, struct, index, flowing, taken)
            return
        given = _applied(frame, layer, flowing, written.span)
        if not isinstance(given, Tensor) or len(frame.session.errors) > before:
            return
        flowing = given


def _applied(frame: Frame, layer: Type, taken: Tensor, span: Span) -> Type:
    """What a layer gives for an input of this type. It is a variable here, so that a `mut fn
    forward` finds something to change."""
    variable = tree.Variable("layer", layer, span)
    x = tree.Read(span, taken, tree.Variable("x", taken, span))
    with frame.scope() as names:
        names["layer"] = variable
        result = call_value(frame, tree.Read(span, layer, variable), [Supplied(x)], span)
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
