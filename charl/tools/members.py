"""What may stand after a point: completion of `net.`, `data.load_`, `[1, 2].`.

The operand is what stands right before the point, cut out by its brackets; the checker says what
it is, and nothing runs. Modules offer their public names, enums their variants, values their fields
and methods, and any value the functions that can take it first, since `x.f(y)` is `f(x, y)`.

Whether a function can is told by what it declares of its first parameter. Of templates, which
declare nothing, the user's own are offered to every value; in the library `x` is a tensor and `xs`
a list.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from charl.check.declarations import Entry, Enum, Function, Module, OpFunction
from charl.core.op import Kind, Op
from charl.diagnostics.diagnostic import CharlError
from charl.kept import Kept
from charl.source import Source
from charl.syntax import ast
from charl.syntax import tokens as t
from charl.syntax.lexer import lex
from charl.syntax.tokens import Token
from charl.types import dtypes, types
from charl.types.types import Tensor, Type

# The functions of the language itself that are called on a value.
OF_LISTS = ("insert", "len", "map", "pop", "push", "remove", "tensor")
OF_TENSORS = ("full_like", "len", "ones_like", "reshape", "shape", "size", "to_list", "zeros_like")


def members(kept: Kept, before: str) -> Iterable[str]:
    """The names that may follow `before`, which ends with a point."""
    operand = operand_before(before[:-1])
    if not operand:
        return ()
    entry: Entry | None = None
    for index, part in enumerate(operand.split(".")):
        if index == 0:
            entry = kept.checker.entry(part)
        else:
            entry = entry.names.get(part) if isinstance(entry, Module) else None
    match entry:
        case Module():
            return [name for name in entry.names if not name.startswith("_")]
        case Enum():
            return [variant.name.name for variant in entry.variants]
    kind = type_of(kept, operand)
    return () if kind is None else {*own(kind), *functions_for(kept, kind)}


def operand_before(text: str) -> str:
    """The operand that `text` ends with: names, calls and indices joined by points, a literal
    list. Empty when there is none, as behind a number, which a point continues."""
    tokens = [token for token in lex(Source("<entry>", text))[0] if token.kind != t.END]
    if tokens and tokens[-1].kind in (t.INT, t.FLOAT):
        field = len(tokens) > 1 and tokens[-2].kind == "."  # `pair.1`
        if not field:
            return ""
    position = len(tokens)
    while position:
        position = _step_back(tokens, position - 1)
        if not position or tokens[position - 1].kind != ".":
            break
        position -= 1
    return text[tokens[position].start :] if tokens and position < len(tokens) else ""


def _step_back(tokens: Sequence[Token], last: int) -> int:
    """Where the part of an operand starts whose last token is at `last`: a name or a literal, with
    the brackets of calls and indices behind it."""
    depth = 0
    while last >= 0:
        kind = tokens[last].kind
        depth += (kind in t.CLOSING) - (kind in t.OPENING)
        if depth <= 0 and kind in (t.NAME, t.STRING, t.INT):
            return last
        before = tokens[last - 1].kind if last else ""
        if depth <= 0 and before not in (*t.CLOSING, t.NAME, t.STRING):
            return last
        last -= 1
    return 0


def type_of(kept: Kept, operand: str) -> Type | None:
    """The type of an expression, which is not run; None when it has none yet."""
    try:
        chunk = kept.checker.check(Source("<entry>", operand))
    except CharlError:
        return None
    kept.checker.forget()
    return chunk.instance.result


def own(kind: Type) -> Iterable[str]:
    """The fields and methods that a type has itself."""
    match kind:
        case types.Struct(declaration=declaration):
            return *declaration.field_names, *declaration.methods
        case types.Enum(declaration=declaration):
            return tuple(declaration.methods)
        case types.Tuple(items):
            return tuple(map(str, range(len(items))))
        case types.Array(length=length):
            return *map(str, range(length)), *OF_LISTS
        case types.List():
            return OF_LISTS
        case Tensor():
            return OF_TENSORS
        case types.String():
            return ("len",)
    return ()


def functions_for(kept: Kept, kind: Type) -> Iterator[str]:
    """Functions that take a value of this type first."""
    for name in kept.checker.visible_names():
        match kept.checker.entry(name):
            case OpFunction(op=op) if _op_takes(op, kind):
                yield name
            case Function(parameters=(first, *_), module=module) if not first.const:
                template = first.type is None and module.source.library
                if _in_library(first, kind) if template else _takes(kept, first, kind):
                    yield name


def _op_takes(op: Op, kind: Type) -> bool:
    if not op.parameters:
        return False
    first = op.parameters[0]
    if first.kind is Kind.VALUE:
        return first.type == kind
    if first.kind is not Kind.TENSOR or not isinstance(kind, Tensor):
        return False
    dtype = types.resolve_dtype(kind.dtype)
    asked = first.dtype.removeprefix("T:")
    if not isinstance(dtype, dtypes.DType) or asked == "any":
        return True
    return asked in (dtype.name, dtype.kind) or (asked == "number" and dtype.kind != "bool")


def _in_library(parameter: ast.Parameter, kind: Type) -> bool:
    """Whether a template of the library takes a value of this type."""
    name = parameter.span.text
    if isinstance(kind, Tensor):
        return name == "x"
    return name == "xs" and isinstance(kind, types.List | types.Array)


def _takes(kept: Kept, parameter: ast.Parameter, kind: Type) -> bool:
    """Whether a parameter's type, as it is written, may be this one."""
    match parameter.type:
        case None:
            return True
        case ast.NamedType(path=path, arguments=arguments):
            name = path[-1].name
            if isinstance(kind, types.Struct | types.Enum):
                return bool(kind.declaration.name == name)
            if not isinstance(kind, Tensor):
                return name == types.show(kind)
            if (arguments is None) != (not kind.shape):
                return False
            dtype = dtypes.BY_NAME.get(name)
            generic = dtype is None and kept.checker.entry(name) is None
            return generic or dtype == types.resolve_dtype(kind.dtype)
        case ast.ListType():
            return isinstance(kind, types.List | types.Array)
        case ast.TupleType():
            return isinstance(kind, types.Tuple)
    return False
