"""The syntax tree: what the parser reads and the formatter prints.

Plain frozen records, one per production of the grammar; names are not resolved and nothing is
typed. Every node carries its span. Nodes compare by identity (spans make structural equality
useless); `syntax/equal.py` compares two trees without spans, for the formatter's tests.
"""

from __future__ import annotations

from charl.records import record
from charl.source import Span


@record(eq=False)
class Node:
    span: Span


@record(eq=False)
class Identifier(Node):
    """A name at a place where a name is declared or used."""

    name: str


# --- Expressions ---------------------------------------------------------------------------------


@record(eq=False)
class Expr(Node):
    pass


@record(eq=False)
class IntLiteral(Expr):
    value: int


@record(eq=False)
class FloatLiteral(Expr):
    value: float


@record(eq=False)
class BoolLiteral(Expr):
    value: bool


@record(eq=False)
class StringLiteral(Expr):
    value: str


@record(eq=False)
class FormatPiece(Node):
    """`{value:spec}` inside an f-string; `spec` is empty when absent."""

    value: Expr
    spec: str


@record(eq=False)
class FormatString(Expr):
    """`f"loss {loss:.4}"`: literal text and pieces in order."""

    parts: tuple[str | FormatPiece, ...]


@record(eq=False)
class Name(Expr):
    name: str


@record(eq=False)
class Unary(Expr):
    """`operator` is `-` or `not`."""

    operator: str
    operand: Expr


@record(eq=False)
class Binary(Expr):
    """`operator` is one of `or and in + - ++ * / // % @ ** |>` (`||` and `&&` arrive as words)."""

    operator: str
    left: Expr
    right: Expr
    operator_span: Span


@record(eq=False)
class Comparison(Expr):
    """A chain `operands[0] operators[0] operands[1] ...` of `== != < <= > >=`."""

    operands: tuple[Expr, ...]
    operators: tuple[str, ...]


@record(eq=False)
class Range(Expr):
    """`start..stop`, `start..=stop`, `.. step k`; in an index both ends may be absent."""

    start: Expr | None
    stop: Expr | None
    inclusive: bool
    step: Expr | None


@record(eq=False)
class Argument(Node):
    """`value` or `name: value`."""

    name: Identifier | None
    value: Expr


@record(eq=False)
class Call(Expr):
    callee: Expr
    arguments: tuple[Argument, ...]


@record(eq=False)
class Index(Expr):
    """`base[i, a..b, ..]`; also how `Block[128, 4]` is read before names are known."""

    base: Expr
    items: tuple[Expr, ...]


@record(eq=False)
class Field(Expr):
    """`base.name`; tuple fields have digits for a name: `pair.0`."""

    base: Expr
    name: Identifier


@record(eq=False)
class ListLiteral(Expr):
    items: tuple[Expr, ...]


@record(eq=False)
class TupleLiteral(Expr):
    """`()`, `(a,)` or `(a, b)`."""

    items: tuple[Expr, ...]


@record(eq=False)
class Cast(Expr):
    """`value as type`."""

    value: Expr
    type: TypeExpr


@record(eq=False)
class Lambda(Expr):
    """`|x, y: float32| body`."""

    parameters: tuple[Parameter, ...]
    body: Expr


@record(eq=False)
class Block(Expr):
    """`{ statements }`; `result` is the last expression when the block yields it."""

    statements: tuple[Statement, ...]
    result: Expr | None


@record(eq=False)
class If(Expr):
    condition: Expr
    then: Block
    otherwise: Block | If | None


@record(eq=False)
class Arm(Node):
    pattern: Pattern
    guard: Expr | None
    body: Expr


@record(eq=False)
class Match(Expr):
    subject: Expr
    arms: tuple[Arm, ...]


@record(eq=False)
class With(Expr):
    """`with mode = training, device = gpu { ... }`."""

    settings: tuple[tuple[Identifier, Expr], ...]
    body: Block


@record(eq=False)
class Query(Expr):
    """`query ancestor("ana", who)`."""

    atom: Atom


@record(eq=False)
class ErrorExpr(Expr):
    """Stands where the parser has reported an error; later passes stay silent about it."""


# --- Types ---------------------------------------------------------------------------------------


@record(eq=False)
class TypeExpr(Node):
    pass


@record(eq=False)
class UnknownDim(Node):
    """`?`: a dimension known only when the program runs."""


@record(eq=False)
class RestDims(Node):
    """`..`: any number of leading dimensions, as in `float32[.., D]`."""


# What may stand in brackets after a type's name. A plain name or integer expression is an `Expr`:
# whether `N` in `Pair[N]` is a dimension or a type is known only when names are resolved.
TypeArgument = Expr | TypeExpr | UnknownDim | RestDims


@record(eq=False)
class NamedType(TypeExpr):
    """`float32`, `float32[N, 784]`, `Pair[float32, N]`, `nn.Dense[I, O]`.

    `tensor<float32, [N, 784]>` is read as the same node as `float32[N, 784]`.
    `arguments` is None when there are no brackets (a scalar), `()` for `float32[]`.
    """

    path: tuple[Identifier, ...]
    arguments: tuple[TypeArgument, ...] | None


@record(eq=False)
class ListType(TypeExpr):
    """`[T]` (size None) or `[T; n]`."""

    element: TypeExpr
    size: Expr | None


@record(eq=False)
class TupleType(TypeExpr):
    items: tuple[TypeExpr, ...]


@record(eq=False)
class FunctionType(TypeExpr):
    """`fn(A, B) -> C`; bare `fn` (parameters None) is any function."""

    parameters: tuple[TypeExpr, ...] | None
    result: TypeExpr | None


# --- Patterns ------------------------------------------------------------------------------------


@record(eq=False)
class Pattern(Node):
    pass


@record(eq=False)
class WildcardPattern(Pattern):
    pass


@record(eq=False)
class NamePattern(Pattern):
    """A bare name: a variable, or an enum variant without fields (names decide)."""

    name: str


@record(eq=False)
class LiteralPattern(Pattern):
    """A number (perhaps negative), string or boolean."""

    value: int | float | str | bool


@record(eq=False)
class RangePattern(Pattern):
    """`0..10` or `0..=9`, integer bounds."""

    start: int
    stop: int
    inclusive: bool


@record(eq=False)
class TuplePattern(Pattern):
    items: tuple[Pattern, ...]


@record(eq=False)
class ConstructorPattern(Pattern):
    """`Some(x)`, `Shape.Circle(r)`, `Point(x: 0, y: b)`."""

    path: tuple[Identifier, ...]
    arguments: tuple[tuple[Identifier | None, Pattern], ...]


@record(eq=False)
class OrPattern(Pattern):
    options: tuple[Pattern, ...]


# --- Statements ----------------------------------------------------------------------------------


@record(eq=False)
class Statement(Node):
    pass


@record(eq=False)
class Let(Statement):
    """`let pattern: type = value`; `keyword` is `let` or `const`; `mutable` records `let mut`."""

    keyword: str
    mutable: bool
    pattern: Pattern
    type: TypeExpr | None
    value: Expr


@record(eq=False)
class Assign(Statement):
    """`target = value`, or with `operator` one of `+ - * / // % ** @ ++` for `target += value`."""

    target: Expr
    operator: str | None
    value: Expr


@record(eq=False)
class ExprStatement(Statement):
    value: Expr


@record(eq=False)
class Return(Statement):
    value: Expr | None


@record(eq=False)
class Break(Statement):
    pass


@record(eq=False)
class Continue(Statement):
    pass


@record(eq=False)
class While(Statement):
    condition: Expr
    body: Block


@record(eq=False)
class For(Statement):
    pattern: Pattern
    iterable: Expr
    body: Block


@record(eq=False)
class Assert(Statement):
    """`assert condition` or `assert condition, "message"`: an ordinary statement everywhere."""

    condition: Expr
    message: Expr | None


# --- Items (statements too: they may stand in any block) -----------------------------------------


@record(eq=False)
class Item(Statement):
    """`doc` is the text of the `///` lines above, without the slashes; perhaps empty."""

    doc: str


@record(eq=False)
class Generic(Node):
    """`N` in `struct Pair[N]`; its uses tell whether it stands for a type or a dimension."""

    name: str


@record(eq=False)
class Parameter(Node):
    """`name: type = default`. `const`: its value must be known at compile time; `mut`: in-out.

    `name` is `_` for an ignored parameter; a tuple pattern is allowed in lambdas.
    """

    pattern: NamePattern | TuplePattern | WildcardPattern
    type: TypeExpr | None
    default: Expr | None
    const: bool = False
    mutable: bool = False


@record(eq=False)
class Function(Item):
    """`fn name[G](parameters) -> result { body }`; `mutable` marks a `mut fn` method."""

    name: Identifier
    generics: tuple[Generic, ...]
    parameters: tuple[Parameter, ...]
    result: TypeExpr | None
    body: Block
    mutable: bool = False


@record(eq=False)
class FieldDeclaration(Node):
    """`name: type = default` in a struct or model; a model's field may leave out the type."""

    name: Identifier
    type: TypeExpr | None
    default: Expr | None
    doc: str = ""


@record(eq=False)
class Initialiser(Node):
    """`init(parameters) { body }` of a model."""

    parameters: tuple[Parameter, ...]
    body: Block


@record(eq=False)
class Struct(Item):
    name: Identifier
    generics: tuple[Generic, ...]
    fields: tuple[FieldDeclaration, ...]
    methods: tuple[Function, ...]


@record(eq=False)
class Model(Item):
    """`layers` is None when the model has no `layers { }` clause."""

    name: Identifier
    generics: tuple[Generic, ...]
    fields: tuple[FieldDeclaration, ...]
    layers: tuple[Expr, ...] | None
    initialiser: Initialiser | None
    methods: tuple[Function, ...]


@record(eq=False)
class Variant(Node):
    """`A`, `B(int, string)` or `C(width: int)` of an enum."""

    name: Identifier
    payload: tuple[tuple[Identifier | None, TypeExpr], ...]


@record(eq=False)
class Enum(Item):
    name: Identifier
    generics: tuple[Generic, ...]
    variants: tuple[Variant, ...]
    methods: tuple[Function, ...]


@record(eq=False)
class TypeAlias(Item):
    name: Identifier
    generics: tuple[Generic, ...]
    type: TypeExpr


@record(eq=False)
class Import(Item):
    """`import a.b as c` (names None), or `from a.b import x, y as z` with (name, alias) pairs."""

    path: tuple[Identifier, ...]
    alias: Identifier | None
    names: tuple[tuple[Identifier, Identifier | None], ...] | None


@record(eq=False)
class Test(Item):
    name: str
    body: Block


# --- Logic (evaluated by a later stage; parsed, formatted and name-checked here) -----------------


@record(eq=False)
class Relation(Item):
    """`relation parent(string, child: string)`; parameters may be named."""

    name: Identifier
    columns: tuple[tuple[Identifier | None, TypeExpr], ...]


@record(eq=False)
class Atom(Node):
    """`name(terms)` in a fact, rule or query; `_` is `Name("_")`."""

    name: Identifier
    terms: tuple[Expr, ...]


@record(eq=False)
class WeightedAtom(Node):
    """`0.7 :: coin("heads")`; `weight` is None when absent."""

    weight: Expr | None
    atom: Atom


@record(eq=False)
class Fact(Item):
    """`fact a, b`: each alternative group is exclusive (`0.3 :: a | 0.7 :: b`)."""

    groups: tuple[tuple[WeightedAtom, ...], ...]


@record(eq=False)
class Literal(Node):
    """A part of a rule's body."""


@record(eq=False)
class AtomLiteral(Literal):
    atom: Atom
    negated: bool


@record(eq=False)
class ConditionLiteral(Literal):
    """A comparison, or `x in 0..10`."""

    condition: Expr


@record(eq=False)
class BindingLiteral(Literal):
    """`s = x + y`."""

    name: Identifier
    value: Expr


@record(eq=False)
class AggregateLiteral(Literal):
    """`n = count(y : body for x : groups)`; `name` is None for a bare `exists(...)`."""

    name: Identifier | None
    function: Identifier
    value: Expr | None
    body: tuple[Literal, ...]
    group: Expr | None = None
    group_body: tuple[Literal, ...] = ()


@record(eq=False)
class OrLiteral(Literal):
    """`(a, b or c)`: alternatives, each a conjunction."""

    options: tuple[tuple[Literal, ...], ...]


@record(eq=False)
class Rule(Item):
    """`rule weight :: head :- body`."""

    weight: Expr | None
    head: Atom
    body: tuple[Literal, ...]


@record(eq=False)
class LogicColumn(Node):
    """`a: categorical[10][N]`, in a logic block's parameters and results."""

    name: Identifier
    type: TypeExpr
    sizes: tuple[Expr, ...] = ()


@record(eq=False)
class Logic(Item):
    """`logic name[G](parameters) -> results { relations, facts and rules }`."""

    name: Identifier
    generics: tuple[Generic, ...]
    parameters: tuple[LogicColumn, ...]
    results: tuple[LogicColumn, ...]
    items: tuple[Item, ...]


@record(eq=False)
class Comment(Node):
    """A comment outside the tree, kept for the formatter; `text` includes its marks."""

    text: str
    block: bool


@record(eq=False)
class Module(Node):
    """A whole file. `doc` is the text of leading `///` lines followed by a blank line."""

    statements: tuple[Statement, ...]
    comments: tuple[Comment, ...] = ()
    doc: str = ""
