"""What a name can stand for: the entries of scopes.

Declarations compare by identity and live as long as the session; types refer to them. Everything
about them that needs names to be resolved (signatures, field types) is worked out on first use and
kept here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from charl.check import tree
from charl.core.op import Op
from charl.records import field, record
from charl.source import Source, Span
from charl.syntax import ast
from charl.types.dims import Symbol
from charl.types.types import Parameter, Type

if TYPE_CHECKING:
    from charl.check.frame import Frame


@record(frozen=False, eq=False)
class Module:
    """One file. `names` are its items, imports and (as they are reached) top-level variables.

    `pending` are the top-level names that statements further down will define: reading one before
    is an error that can say so."""

    name: str
    source: Source
    syntax: ast.Module
    names: dict[str, Entry] = field(default_factory=dict)
    pending: dict[str, Span] = field(default_factory=dict)
    initialised: bool = False


@record(frozen=False, eq=False)
class Signature:
    """A function's parameters and result with its generic names as rigid symbols and parameters.

    `parameters[i]` is None where the annotation is missing. `values` are symbols that stand for
    the value of an int parameter used as a size. `rest` marks that `..` occurs. `bound` are the
    names of top-level values used as sizes: these are no sizes of the function's own."""

    parameters: tuple[Type | None, ...]
    result: Type | None
    dims: dict[str, Symbol]
    types: dict[str, Parameter]
    values: dict[str, Symbol]
    bound: dict[str, Span] = field(default_factory=dict)


@record(frozen=False, eq=False)
class Function:
    """A named function, method or lambda.

    `captures` are the names of the enclosing function's variables that it uses, sorted;
    `statics` what the names of the enclosing function stand for that need no run-time value
    (generic sizes that are constants, types, const parameters)."""

    name: str
    module: Module
    span: Span
    parameters: tuple[ast.Parameter, ...]
    result: ast.TypeExpr | None
    body: ast.Expr
    generics: tuple[ast.Generic, ...] = ()
    doc: str = ""
    owner: Struct | Enum | None = None
    mutable: bool = False
    captures: tuple[str, ...] = ()
    statics: dict[str, Entry] = field(default_factory=dict)
    recursive_name: str | None = None
    signature: Signature | None = None
    broken: bool = False
    checked: bool = False

    @property
    def shown(self) -> str:
        return f"fn {self.name}"

    @property
    def is_annotated(self) -> bool:
        """Checked once at its definition: every parameter has a type, none is generic in types."""
        return all(p.type is not None for p in self.parameters) and not any(
            p.const for p in self.parameters
        )


@record(frozen=False, eq=False)
class Struct:
    """A struct or model. `layers` holds a model's layer expressions until its fields are known;
    `chains` says whether each takes what the one before gives, once that has been looked at."""

    name: str
    module: Module
    node: ast.Struct | ast.Model
    methods: dict[str, Function] = field(default_factory=dict)
    kinds: dict[str, str] | None = None
    recursive: bool | None = None
    chains: bool | None = None
    layer_types: dict[Any, tuple[Type, ...]] = field(default_factory=dict)

    @property
    def is_model(self) -> bool:
        return isinstance(self.node, ast.Model)

    @property
    def fields(self) -> tuple[ast.FieldDeclaration, ...]:
        return self.node.fields

    @property
    def layers(self) -> tuple[ast.Expr, ...]:
        return (self.node.layers or ()) if isinstance(self.node, ast.Model) else ()

    @property
    def field_names(self) -> tuple[str, ...]:
        """Fields in order; the layers of a model are `layer0`, `layer1`... after the others."""
        layers = tuple(f"layer{i}" for i in range(len(self.layers)))
        return tuple(f.name.name for f in self.fields) + layers


@record(frozen=False, eq=False)
class Enum:
    name: str
    module: Module
    node: ast.Enum
    methods: dict[str, Function] = field(default_factory=dict)
    kinds: dict[str, str] | None = None
    recursive: bool | None = None

    @property
    def variants(self) -> tuple[ast.Variant, ...]:
        return self.node.variants


@record(frozen=False, eq=False)
class Alias:
    name: str
    module: Module
    node: ast.TypeAlias
    kinds: dict[str, str] | None = None


@record
class Variant:
    """One variant of an enum, as a name."""

    enum: Enum
    index: int

    @property
    def name(self) -> str:
        return self.enum.variants[self.index].name.name


@record(frozen=False, eq=False)
class Logic:
    """A relation or a logic block: its evaluation is a later stage."""

    name: str
    node: ast.Relation | ast.Logic


@record
class Static:
    """A name for something known at compile time: a size, a const parameter's value."""

    value: Any
    type: Type | None = None


@record
class StaticType:
    """A name for a type: a generic parameter that an instance has bound."""

    type: Type


@record
class FieldOf:
    """A field of `self`, visible by its name in methods."""

    variable: tree.Variable
    index: int


@record(eq=False)
class Builtin:
    """A function of the language itself, with a check of its own."""

    name: str
    check: Callable[[Frame, ast.Call, Type | None], tree.Expr]
    doc: str = ""


@record(eq=False)
class Derived:
    """A function made of others: `grad(f)`, `value_and_grad(f)`, `checkpoint(f)`, `custom_grad`.

    Its closure captures the functions it is made of."""

    kind: str
    wrt: tuple[int, ...] = (0,)
    single: bool = True

    @property
    def shown(self) -> str:
        return f"fn {self.kind}"


@record(eq=False)
class OpFunction:
    """A primitive used as a function value."""

    op: Op

    @property
    def shown(self) -> str:
        return f"fn {self.op.surface or self.op.name}"


Entry = (
    tree.Variable
    | Module
    | Function
    | Struct
    | Enum
    | Alias
    | Variant
    | Logic
    | Static
    | StaticType
    | FieldOf
    | Builtin
    | OpFunction
)
