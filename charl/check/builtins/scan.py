"""`scan(f, x, reverse: false)`: the running combinations of the rows of tensors.

    y[0] = x[0],  y[i] = f(y[i-1], x[i])            reverse: from the last row to the first

`f` is associative, so that the rows may be combined in any grouping: Blelloch, "Prefix sums and
their applications" (1990). What is scanned is a tensor, or a tuple, fixed-size list or struct of
tensors; its rows are values of the same form with the leading axis of each tensor gone, and `f`
takes two of them and gives one.

`f` is checked twice: with the types seen here, for errors in the user's terms, and inside a
function `combine` of its own, in which a size that only the run knows is compared with what the
rows need. That function is what the typed tree's `Scan` names.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from charl.check import tree
from charl.check.annotations import fields_of_struct, instantiate
from charl.check.builtins.arguments import take_arguments
from charl.check.canonical import Canonical, closed
from charl.check.declarations import Builtin
from charl.check.dispatch import broken
from charl.check.effects import first_effect
from charl.check.finish import finish_instance
from charl.check.frame import Frame
from charl.check.function_values import call_value
from charl.check.infer import coerce, final, resolve, unify
from charl.check.known import known
from charl.check.measures import size_expr
from charl.check.rules import apply_op, supplied_expr, tensor_expr
from charl.check.signatures import Supplied
from charl.core.op import REGISTRY
from charl.diagnostics.diagnostic import Label, error
from charl.records import record
from charl.source import Span
from charl.syntax import ast
from charl.types import dims, types
from charl.types.dims import Verdict
from charl.types.types import BOOL, BROKEN, NEVER, Tensor, Type

FUNCTIONS = (types.Closure, types.Closures, types.Function)


class CannotScan(Exception):
    """Reported already."""


def _scan(frame: Frame, node: ast.Call, expected: Type | None) -> tree.Expr:
    slots = take_arguments(frame, node, ["f", "x", "reverse"], 2)
    if slots is None or slots[0] is None or slots[1] is None:
        return broken(node)
    try:
        function, value = _function_and_value(frame, slots[0], slots[1])
        reverse = slots[2] is not None and _flag(frame, slots[2])
        return _Scan(frame, function, value, reverse, node.span).check()
    except CannotScan:
        return broken(node)


def _function_and_value(
    frame: Frame, first: Supplied, second: Supplied
) -> tuple[tree.Expr, tree.Expr]:
    """The two, also when they come as `x |> scan(f)` or `x.scan(f)`."""
    function, value = _argument(frame, first), _argument(frame, second)
    if isinstance(resolve(value.type), FUNCTIONS):
        function, value = value, function
    kind = resolve(function.type)
    if BROKEN in (kind, resolve(value.type)):
        raise CannotScan
    if not isinstance(kind, (*FUNCTIONS, types.Struct)):
        frame.error(
            "E0401",
            "`scan` needs a function of two rows",
            function.span,
            f"this is {types.show(kind)}",
        )
        raise CannotScan
    value.type = final(value.type)
    return function, value


def _argument(frame: Frame, slot: Supplied) -> tree.Expr:
    """Brackets are a tensor, also as an item of a tuple."""
    if not isinstance(slot.value, ast.TupleLiteral):
        return tensor_expr(frame, slot)
    items = tuple([tensor_expr(frame, Supplied(item)) for item in slot.value.items])
    if any(resolve(item.type) == BROKEN for item in items):
        raise CannotScan
    return tree.Make(slot.span, types.Tuple(tuple([item.type for item in items])), items)


def _flag(frame: Frame, slot: Supplied) -> bool:
    value = coerce(frame, supplied_expr(frame, slot, BOOL), BOOL, "`reverse` is true or false")
    found = known(value)
    if isinstance(found, bool):
        return found
    if resolve(value.type) != BROKEN:
        frame.error(
            "E0206",
            "`reverse` of `scan` must be known before the run",
            value.span,
            "only the run knows this value",
            helps=("choose with `if` between two scans",),
        )
    raise CannotScan


@record(eq=False)
class _Scan:
    """One scan on its way from its arguments to the function that combines two rows."""

    frame: Frame
    function: tree.Expr
    value: tree.Expr
    reverse: bool
    span: Span

    def check(self) -> tree.Expr:
        frame, span = self.frame, self.span
        if NEVER in (resolve(self.function.type), resolve(self.value.type)):
            return tree.Constant(span, NEVER, None)
        element = _row(frame, self.value, resolve(self.value.type))
        let, read = frame.temporary("scanned", self.value)
        checks = _one_size(frame, self.value, list(_tensors(frame, read, resolve(read.type))))
        self._try(element)
        if frame.generic:
            # A definition takes functions at their word: there is nothing to call yet.
            return tree.Constant(span, self.value.type, None)
        hold, closure = frame.temporary("function", self.function)
        combine = self._combine(element)
        result = tree.Scan(span, self.value.type, combine, closure, read, self.reverse)
        return tree.Block(span, result.type, (hold, let, *checks), result)

    def _try(self, row: Type) -> None:
        """Report what is wrong with `f`, in the types of this place."""
        frame = self.frame
        given = Supplied(tree.Constant(self.value.span, row, None))
        with frame.scope():
            made = resolve(call_value(frame, self.function, [given, given], self.span).type)
            if made in (BROKEN, NEVER):
                if made == BROKEN and not frame.generic:
                    raise CannotScan
            elif not _fits(frame, made, row):
                self._refuse_result(made, row)

    def _refuse_result(self, made: Type, row: Type) -> None:
        helps: tuple[str, ...] = ()
        if isinstance(made, types.List | types.Array) and isinstance(row, Tensor):
            helps = ("`tensor([...])` makes a tensor of numbers",)
        self.frame.error(
            "E0331",
            f"two rows of {types.show(row)} must make one of the same type",
            self.function.span,
            f"this makes {types.show(made)}",
            helps=helps,
        )
        raise CannotScan

    def _combine(self, element: Type) -> tree.Instance:
        """`combine(left, right) = f(left, right)`, its result of the rows' own type."""
        frame, span = self.frame, self.span
        given = (closed(frame, element), closed(frame, final(self.function.type)))
        row, function = Canonical(frame.session).types(given)
        left, right = (tree.Variable(name, row, span) for name in ("left", "right"))
        f = tree.Variable("f", function, span)
        name = frame.session.unique_name("combine")
        instance = tree.Instance(name, "scan", span, [left, right], [f])
        frame.session.calls.setdefault(frame.instance, []).append(instance)
        inner = Frame(frame.session, frame.module, instance, [{}, {}], frame.ambient, frame.uses)
        reads = [Supplied(tree.Read(span, row, v)) for v in (left, right)]
        made = call_value(inner, tree.Read(span, function, f), reads, self.function.span)
        result = coerce(inner, made, row, "two rows must make one of the same type")
        instance.result = row
        instance.body = tree.Block(span, row, (), result)
        finish_instance(inner)
        place = first_effect(instance)
        if place is not None:
            self._refuse_effect(place)
        return instance

    def _refuse_effect(self, place: Span) -> None:
        function = self.function.span
        is_inside = place.source is function.source and (
            function.start <= place.start and place.stop <= function.stop
        )
        show_both = not is_inside and not place.source.library
        self.frame.error(
            "E0331",
            "a function that is scanned with only computes its result",
            place if is_inside else function,
            "this prints, draws random numbers, or reads or writes files",
            secondary=(Label(place, "here"),) if show_both else (),
            helps=("write the loop out, where the order of the calls is settled",),
        )
        raise CannotScan


def _fits(frame: Frame, made: Type, row: Type) -> bool:
    """Whether `coerce` takes one for the other, perhaps with a check of sizes in the run."""
    match made, row:
        case Tensor(), Tensor():
            return unify(frame, Tensor(made.dtype), Tensor(row.dtype)) and _may_agree(
                frame, made.shape, row.shape
            )
        case types.Tuple(items), types.Tuple(wanted):
            same = len(items) == len(wanted)
            return same and all(_fits(frame, resolve(a), resolve(b)) for a, b in zip(items, wanted))
    return unify(frame, made, row)


def _may_agree(frame: Frame, a: Sequence[dims.Dim], b: Sequence[dims.Dim]) -> bool:
    pairs = zip(map(frame.simplify, a), map(frame.simplify, b))
    return len(a) == len(b) and all(dims.compare(*p) is not Verdict.DIFFERENT for p in pairs)


def _row(frame: Frame, value: tree.Expr, kind: Type) -> Type:
    """The type with the leading axis of each tensor gone."""
    match kind:
        case Tensor(dtype, shape) if shape:
            return Tensor(dtype, shape[1:])
        case types.GenericTensor(dtype, shape) if shape:
            return types.GenericTensor(dtype, shape[1:]) if shape[1:] else dtype
        case types.Tuple(items) if items:
            return types.Tuple(tuple([_row(frame, value, resolve(t)) for t in items]))
        case types.Array(element, length) if length:
            return types.Array(_row(frame, value, resolve(element)), length)
        case types.Struct():
            return _struct_row(frame, value, kind)
    if kind == BROKEN:
        raise CannotScan
    helps: tuple[str, ...] = ()
    if types.is_scalar(kind):
        helps = ("a scalar has no rows",)
    elif isinstance(kind, types.List):
        helps = ("`tensor(xs)` makes a tensor of a list of numbers",)
    whole = types.show(resolve(value.type))
    within = "" if kind is resolve(value.type) else f", and there is {types.show(kind)} in it"
    frame.error(
        "E0313",
        "`scan` goes along the leading axis of tensors, or of a tuple or struct of tensors",
        value.span,
        f"this is {whole}{within}",
        helps=helps,
    )
    raise CannotScan


def _struct_row(frame: Frame, value: tree.Expr, kind: types.Struct) -> Type:
    """`Pair[float[n], float[n]]` has rows `Pair[float, float]`: the fields follow the arguments."""
    rows = tuple([_row(frame, value, resolve(t)) for t in fields_of_struct(frame, kind)])
    arguments = tuple(
        _row(frame, value, resolve(a)) if isinstance(a, Type) else a for a in kind.arguments
    )
    made = instantiate(frame, kind.declaration, arguments)
    if rows and isinstance(made, types.Struct) and fields_of_struct(frame, made) == rows:
        return made
    name = kind.declaration.name
    frame.error(
        "E0313",
        f"the rows of {types.show(kind)} are no {name}",
        value.span,
        "its declaration says the rank of its fields",
        helps=(
            f"scan a tuple of the fields, or declare `struct {name}[A] {{ field: A }}`, which "
            "holds tensors and rows alike",
        ),
    )
    raise CannotScan


def _tensors(frame: Frame, value: tree.Expr, kind: Type) -> Iterator[tree.Expr]:
    match kind:
        case types.Tuple(items):
            parts: Sequence[Type] = items
        case types.Array(element, length):
            parts = (element,) * length
        case types.Struct():
            parts = fields_of_struct(frame, kind)
        case _:
            yield value
            return
    for index, part in enumerate(parts):
        yield from _tensors(frame, tree.Get(value.span, part, value, index), resolve(part))


def _one_size(frame: Frame, value: tree.Expr, tensors: Sequence[tree.Expr]) -> list[tree.Statement]:
    """Checks for the run that all tensors have as many rows as the first."""
    checks: list[tree.Statement] = []
    first, *others = [_leading(t) for t in tensors]
    for tensor, size in zip(tensors[1:], others):
        a, b = frame.simplify(first), frame.simplify(size)
        message = "the tensors of a scan have one leading size"
        match dims.compare(a, b):
            case Verdict.DIFFERENT:
                frame.error(
                    "E0310",
                    message,
                    value.span,
                    f"{dims.show(a)} rows here and {dims.show(b)} there",
                )
                raise CannotScan
            case Verdict.OPEN:
                span = value.span
                sizes = (size_expr(a, tensors[0], 0, span), size_expr(b, tensor, 0, span))
                same = apply_op(frame, REGISTRY["eq"], list(sizes), {}, span)
                failure = error("E0511", message, span, "{0} rows here and {1} there")
                checks.append(tree.Require(span, same, sizes, failure))
                frame.learn(a, b)
    return checks


def _leading(tensor: tree.Expr) -> dims.Dim:
    kind = resolve(tensor.type)
    assert isinstance(kind, Tensor | types.GenericTensor)
    return kind.shape[0]


BUILTINS = (
    Builtin(
        "scan",
        _scan,
        "scan(f, x, reverse: false): the running combinations of the rows of x by an associative "
        "f of two rows; x is a tensor, or a tuple or struct of tensors.",
    ),
)
