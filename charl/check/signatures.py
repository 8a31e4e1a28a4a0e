"""Signatures of functions, and arranging the arguments of a call along them."""

from __future__ import annotations

from collections.abc import Sequence

from charl.check import tree
from charl.check.annotations import Scope, instantiate, resolve_type
from charl.check.declarations import Enum, Function, Module, Signature, Struct
from charl.check.elsewhere import ARGUMENTS
from charl.check.frame import Frame
from charl.check.generics import find_kinds, generic_kinds
from charl.diagnostics.diagnostic import Label
from charl.diagnostics.suggest import nearest
from charl.records import record
from charl.source import Span
from charl.syntax import ast
from charl.types import dims, types
from charl.types.dims import Dim, Symbol
from charl.types.types import Type


@record
class Supplied:
    """One argument of a call: written, or already checked (`self`, the left side of `|>`)."""

    value: ast.Expr | tree.Expr
    name: ast.Identifier | None = None

    @property
    def span(self) -> Span:
        return self.value.span


def written(arguments: Sequence[ast.Argument]) -> list[Supplied]:
    return [Supplied(a.value, a.name) for a in arguments]


def home(frame: Frame, module: Module, function: Function | None = None) -> Frame:
    """A frame that sees a function's own module and statics, for signatures and defaults."""
    statics = dict(function.statics) if function is not None else {}
    return Frame(
        frame.session,
        module,
        frame.instance,
        [statics],
        ambient=frame.ambient,
        uses=frame.uses,
        generic=frame.generic,
        literals=frame.literals,
    )


def self_type(frame: Frame, owner: Struct | Enum, signature: Signature) -> Type:
    """The type of `self` with the owner's generic names as the signature's."""
    arguments: list[Type | Dim] = []
    for name, kind in generic_kinds(frame, owner).items():
        if kind == "type":
            arguments.append(signature.types.setdefault(name, types.Parameter(name, owner)))
        else:
            symbol = signature.dims.setdefault(name, Symbol(name, rigid=True))
            arguments.append(dims.of(symbol))
    return instantiate(frame, owner, tuple(arguments))


def signature_of(frame: Frame, function: Function) -> Signature:
    """The function's signature, resolved on first use. A method's first parameter is `self`."""
    if function.signature is not None:
        return function.signature
    inner = home(frame, function.module, function)
    kinds = dict.fromkeys((g.name for g in function.generics), "dim")
    for node in (*(p.type for p in function.parameters), function.result):
        if node is not None:
            find_kinds(inner, kinds, node)
    signature = Signature((), None, {}, {}, {})
    for name, kind in kinds.items():
        if kind == "type":
            signature.types[name] = types.Parameter(name, function)
        else:
            signature.dims[name] = Symbol(name, rigid=True)
    receiver: tuple[Type, ...] = ()
    if function.owner is not None:
        receiver = (self_type(inner, function.owner, signature),)
    scope = Scope(inner, signature, frozenset(_integers(function)))
    parameters = tuple(
        None if p.type is None else resolve_type(scope, p.type) for p in function.parameters
    )
    result = None if function.result is None else resolve_type(scope, function.result)
    function.signature = Signature(
        receiver + parameters,
        result,
        signature.dims,
        signature.types,
        signature.values,
        signature.bound,
    )
    return function.signature


def _integers(function: Function) -> list[str]:
    """Parameters that may stand for sizes in the signature: written `int`, or without a type."""
    names = []
    for parameter in function.parameters:
        if isinstance(parameter.pattern, ast.NamePattern):
            match parameter.type:
                case (
                    None
                    | ast.NamedType(path=(ast.Identifier(name="int" | "int64"),), arguments=None)
                ):
                    names.append(parameter.pattern.name)
    return names


def parameter_name(parameter: ast.Parameter) -> str:
    return parameter.pattern.name if isinstance(parameter.pattern, ast.NamePattern) else "_"


def arrange(
    frame: Frame,
    shown: str,
    parameters: Sequence[ast.Parameter],
    supplied: Sequence[Supplied],
    span: Span,
) -> list[Supplied | None] | None:
    """The argument for each parameter (None: its default), or None after a report."""
    names = [parameter_name(p) for p in parameters]
    slots: list[Supplied | None] = [None] * len(names)
    position = 0
    sound = True
    for argument in supplied:
        if argument.name is None:
            if position >= len(names):
                sound = False
                _too_many(frame, shown, parameters, supplied, span)
                break
            slots[position] = argument
            position += 1
            continue
        name = argument.name.name
        if name not in names:
            sound = False
            unknown_argument(frame, shown, argument.name, names)
        elif slots[names.index(name)] is not None:
            sound = False
            frame.error("E0222", f"`{name}` is given twice to `{shown}`", argument.name.span)
        else:
            slots[names.index(name)] = argument
    missing = [n for n, p, s in zip(names, parameters, slots) if s is None and p.default is None]
    if missing and sound:
        listed = ", ".join(f"`{n}`" for n in missing)
        where = [p for n, p in zip(names, parameters) if n in missing]
        secondary = () if where[0].span.source.library else (Label(where[0].span, "declared here"),)
        frame.error(
            "E0221",
            f"`{shown}` needs {listed}, which {'is' if len(missing) == 1 else 'are'} not given",
            span,
            secondary=secondary,
        )
        return None
    return slots if sound else None


def unknown_argument(frame: Frame, shown: str, name: ast.Identifier, names: Sequence[str]) -> None:
    here = [n for n in ARGUMENTS.get(name.name, ()) if n in names]
    near = here[0] if here else nearest(name.name, names)
    frame.error(
        "E0223",
        f"`{shown}` has no parameter named `{name.name}`",
        name.span,
        helps=(
            f"did you mean `{near}`?"
            if near
            else f"its parameters are {', '.join(f'`{n}`' for n in names) or 'none'}",
        ),
    )


def _too_many(
    frame: Frame,
    shown: str,
    parameters: Sequence[ast.Parameter],
    supplied: Sequence[Supplied],
    span: Span,
) -> None:
    count = len(parameters)
    expected = (
        "no arguments" if not count else "one argument" if count == 1 else f"{count} arguments"
    )
    frame.error(
        "E0220",
        f"`{shown}` takes {expected}, and {len(supplied)} are given",
        supplied[count].span,
        "one too many" if len(supplied) == count + 1 else "too many from here on",
    )
