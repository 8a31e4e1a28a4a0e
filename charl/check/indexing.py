"""Indexing and slicing: `t[i, a..b, ..]`, masks, index tensors, lists, strings, tuples.

On a tensor every access becomes at most a slice (all ranges at once), an `index` (leading
integers), and one gather or mask selection. Ranges know their sizes where the bounds are known; a
bound that only the run knows gives a size that only the run knows.
"""

from __future__ import annotations

from charl.check import tree
from charl.check.arithmetic import as_list, binary
from charl.check.dispatch import check_expr, expression
from charl.check.frame import Frame
from charl.check.infer import coerce, resolve
from charl.check.known import known, known_dim
from charl.check.measures import list_length, size_expr
from charl.check.rules import apply_op
from charl.core.op import REGISTRY
from charl.records import record
from charl.source import Span
from charl.syntax import ast
from charl.types import dims, dtypes, types
from charl.types.dims import Dim
from charl.types.types import BROKEN, INT, NEVER, STRING, List, Tensor, Type, resolve_dtype


@record
class Slice:
    """One axis of a range access: first index, number of elements, step."""

    start: tree.Expr
    size: tree.Expr
    step: int


@expression(ast.Index)
def check_index(frame: Frame, node: ast.Index, expected: Type | None) -> tree.Expr:
    base = check_expr(frame, node.base)
    return index_value(frame, base, node)


def index_value(frame: Frame, base: tree.Expr, node: ast.Index) -> tree.Expr:
    """`base[items]` for a checked base."""
    kind = resolve(base.type)
    if kind in (BROKEN, NEVER):
        return base
    match kind:
        case Tensor(shape=shape) if shape:
            return _index_tensor(frame, base, kind, node)
        case List() | types.String():
            return _index_list(frame, base, kind, node)
        case types.Array():
            place = _known_place(frame, node)
            if isinstance(place, int) and -kind.length <= place < kind.length:
                return tree.Get(node.span, kind.element, base, place % kind.length)
            return index_value(frame, as_list(base), node)
        case types.Tuple(items):
            place = _known_place(frame, node)
            if isinstance(place, int) and -len(items) <= place < len(items):
                return tree.Get(node.span, items[place], base, place % len(items))
            return frame.error(
                "E0231",
                "the items of a tuple are taken with a known number",
                node.span,
                helps=("write `t.0`",),
            )
    return frame.error(
        "E0320",
        f"{types.show(kind)} cannot be indexed",
        node.base.span,
        f"this is {types.show(kind)}",
    )


def _known_place(frame: Frame, node: ast.Index) -> object:
    if len(node.items) != 1 or isinstance(node.items[0], ast.Range):
        return None
    return known(check_expr(frame, node.items[0]))


def int_index(frame: Frame, node: ast.Expr) -> tree.Expr:
    return coerce(frame, check_expr(frame, node, INT), INT, "an index is an int")


def _single(frame: Frame, node: ast.Index, kind: Type) -> ast.Expr | None:
    if len(node.items) == 1:
        return node.items[0]
    frame.error(
        "E0321",
        f"{types.show(kind)} takes one index",
        node.span,
        helps=("write `x[i][j]` for a list of lists",),
    )
    return None


def _index_list(frame: Frame, base: tree.Expr, kind: Type, node: ast.Index) -> tree.Expr:
    item = _single(frame, node, kind)
    if item is None:
        return tree.Constant(node.span, BROKEN, None)
    prefix = "string" if kind == STRING else "list"
    if not isinstance(item, ast.Range):
        index = int_index(frame, item)
        if resolve(index.type) == BROKEN:
            return index
        element = kind.element if isinstance(kind, List) else STRING
        op = REGISTRY["list_get" if isinstance(kind, List) else "string_index"]
        return tree.Apply(node.span, frame.opened(resolve(element)), op, (base, index), {})
    let, read = frame.temporary("base", base)
    length = list_length(read, node.span)
    part = range_of(frame, item, length)
    if part is None:
        return tree.Constant(node.span, BROKEN, None)
    start, stop = part.start, stop_of(frame, part, node.span)
    step = tree.Constant(node.span, INT, part.step)
    sliced = tree.Apply(node.span, kind, REGISTRY[f"{prefix}_slice"], (read, start, stop, step), {})
    return tree.Block(node.span, kind, (let,), sliced)


def stop_of(frame: Frame, part: Slice, span: Span) -> tree.Expr:
    """`start + size * step`, the exclusive end."""
    step = tree.Constant(span, INT, part.step)
    moved = part.size if part.step == 1 else binary(frame, "*", part.size, step, span)
    return binary(frame, "+", part.start, moved, span)


def range_of(frame: Frame, node: ast.Range, length: tree.Expr) -> Slice | None:
    """A range within an axis of this length. Negative ends count from the end."""
    step = _step(frame, node)
    if step is None:
        return None
    span = node.span
    one = tree.Constant(span, INT, 1)
    zero = tree.Constant(span, INT, 0)
    backwards = step < 0
    last = binary(frame, "-", length, one, span)
    start = (
        (last if backwards else zero)
        if node.start is None
        else from_end(frame, int_index(frame, node.start), length)
    )
    if node.stop is None:
        stop = tree.Constant(span, INT, -1) if backwards else length
    else:
        stop = from_end(frame, int_index(frame, node.stop), length)
        if node.inclusive:
            stop = binary(frame, "-" if backwards else "+", stop, one, span)
    if BROKEN in (resolve(start.type), resolve(stop.type)):
        return None
    distance = binary(frame, "-", *((start, stop) if backwards else (stop, start)), span)
    size = distance
    if abs(step) != 1:
        wide = tree.Constant(span, INT, abs(step))
        rounded = binary(frame, "+", distance, tree.Constant(span, INT, abs(step) - 1), span)
        size = binary(frame, "//", rounded, wide, span)
    return Slice(start, size, step)


def _step(frame: Frame, node: ast.Range) -> int | None:
    if node.step is None:
        return 1
    value = known(check_expr(frame, node.step, INT))
    if isinstance(value, int) and value != 0:
        return value
    frame.error(
        "E0322",
        "the step of a slice must be a known number other than 0",
        node.step.span,
        helps=("other steps: a loop, or an index tensor such as `x[start + step * arange(n)]`",),
    )
    return None


def from_end(frame: Frame, index: tree.Expr, length: tree.Expr) -> tree.Expr:
    """An index where negative numbers count from the end."""
    value = known(index)
    if isinstance(value, int):
        return binary(frame, "+", length, index, index.span) if value < 0 else index
    if value is not None or resolve(index.type) in (BROKEN, NEVER):
        return index
    let, read = frame.temporary("index", index)
    zero = tree.Constant(index.span, INT, 0)
    negative = apply_op(frame, REGISTRY["lt"], [read, zero], {}, index.span)
    wrapped = binary(frame, "+", length, read, index.span)
    chosen = apply_op(frame, REGISTRY["select"], [negative, wrapped, read], {}, index.span)
    return tree.Block(index.span, INT, (let,), chosen)


# --- Tensors -------------------------------------------------------------------------------------


def _index_tensor(frame: Frame, base: tree.Expr, kind: Tensor, node: ast.Index) -> tree.Expr:
    items: list[tree.Expr | ast.Range] = []
    for item in node.items:
        if isinstance(item, ast.Range):
            items.append(item)
            continue
        value = tensor_index(frame, item)
        if resolve(value.type) in (BROKEN, NEVER):
            return value
        items.append(value)
    if not _fits(frame, kind, items, node):
        return tree.Constant(node.span, BROKEN, None)
    if all(isinstance(i, tree.Expr) and types.is_scalar(resolve(i.type)) for i in items):
        operands = [base, *(i for i in items if isinstance(i, tree.Expr))]
        return apply_op(frame, REGISTRY["index"], operands, {}, node.span)
    return _general(frame, base, kind, items, node.span)


def tensor_index(frame: Frame, item: ast.Expr) -> tree.Expr:
    """An index: an int, an int tensor, or a bool mask."""
    if isinstance(item, ast.ListLiteral):
        return check_expr(frame, item, Tensor(dtypes.INT64, (len(item.items),)))
    value = check_expr(frame, item, INT)
    kind = resolve(value.type)
    if kind in (BROKEN, NEVER):
        return value
    if not isinstance(kind, Tensor) or not _is_index_dtype(kind):
        return frame.error(
            "E0323",
            "an index is an int, a range, an int tensor, or a bool mask",
            item.span,
            f"this is {types.show(kind)}",
        )
    if not kind.shape and resolve_dtype(kind.dtype) != dtypes.BOOL:
        return coerce(frame, value, INT, "an index is an int")
    return value


def _is_index_dtype(kind: Tensor) -> bool:
    dtype = resolve_dtype(kind.dtype)
    if isinstance(dtype, types.DTypeVariable):
        return not dtype.float_only
    return dtype.is_int or (dtype == dtypes.BOOL and bool(kind.shape))


def _fits(frame: Frame, kind: Tensor, items: list[tree.Expr | ast.Range], node: ast.Index) -> bool:
    used = 0
    advanced = 0
    for item in items:
        item_kind = resolve(item.type) if isinstance(item, tree.Expr) else None
        mask = isinstance(item_kind, Tensor) and resolve_dtype(item_kind.dtype) == dtypes.BOOL
        used += len(item_kind.shape) if mask and isinstance(item_kind, Tensor) else 1
        advanced += isinstance(item_kind, Tensor) and bool(item_kind.shape)
    if used > len(kind.shape):
        frame.error(
            "E0321",
            f"{types.show(kind)} has {len(kind.shape)} axes, and {used} indices stand here",
            node.span,
        )
        return False
    if advanced > 1:
        frame.error(
            "E0324",
            "one index tensor or mask at a time",
            node.span,
            helps=("index in two steps: `x[a][.., b]`",),
        )
        return False
    return True


def _general(
    frame: Frame,
    base: tree.Expr,
    kind: Tensor,
    items: list[tree.Expr | ast.Range],
    span: Span,
) -> tree.Expr:
    """Slice all axes at once, then drop the axes of integers, then gather or select."""
    statements: list[tree.Statement] = []
    let, read = frame.temporary("base", base)
    statements.append(let)
    parts: list[Slice] = []
    dropped: list[int] = []
    advanced: tuple[int, tree.Expr] | None = None
    axis = 0
    for item in items:
        if isinstance(item, ast.Range):
            length = size_expr(kind.shape[axis], read, axis, span)
            part = range_of(frame, item, length)
            if part is None:
                return tree.Constant(span, BROKEN, None)
            parts.append(part)
            axis += 1
            continue
        item_kind = resolve(item.type)
        assert isinstance(item_kind, Tensor)
        if item_kind.shape:
            advanced = (axis - len(dropped), item)
            is_mask = resolve_dtype(item_kind.dtype) == dtypes.BOOL
            count = len(item_kind.shape) if is_mask else 1
            parts += [whole_axis(kind, read, axis + k, span) for k in range(count)]
            axis += count
        else:
            start = from_end(frame, item, size_expr(kind.shape[axis], read, axis, span))
            parts.append(Slice(start, tree.Constant(span, INT, 1), 1))
            dropped.append(axis)
            axis += 1
    parts += [whole_axis(kind, read, a, span) for a in range(axis, len(kind.shape))]
    result = _sliced(frame, read, kind, parts, dropped, span)
    if advanced is not None:
        result = _advanced(frame, result, *advanced, span)
    return tree.Block(span, result.type, tuple(statements), result)


def _sliced(
    frame: Frame,
    read: tree.Expr,
    kind: Tensor,
    parts: list[Slice],
    dropped: list[int],
    span: Span,
) -> tree.Expr:
    """The slice of all axes, as narrow as possible, without the axes of integers."""
    result = read
    if not all(is_whole(p, kind.shape[i]) for i, p in enumerate(parts)):
        operands = [read, *(p.start for p in parts), *(p.size for p in parts)]
        attributes = {"steps": tuple(p.step for p in parts)}
        result = apply_op(frame, REGISTRY["slice"], operands, attributes, span)
    if dropped:
        sliced = resolve(result.type)
        if not isinstance(sliced, Tensor):
            return result
        let, again = frame.temporary("slice", result)
        kept = [i for i in range(len(parts)) if i not in dropped]
        sizes = [size_expr(sliced.shape[i], again, i, span) for i in kept]
        shaped = apply_op(frame, REGISTRY["reshape"], [again, *sizes], {}, span)
        result = tree.Block(span, shaped.type, (let,), shaped)
    return result


def is_whole(part: Slice, size: Dim) -> bool:
    return part.step == 1 and known(part.start) == 0 and known_dim(part.size) == size


def _advanced(frame: Frame, base: tree.Expr, axis: int, index: tree.Expr, span: Span) -> tree.Expr:
    kind = resolve(index.type)
    assert isinstance(kind, Tensor)
    if resolve_dtype(kind.dtype) != dtypes.BOOL:
        return apply_op(frame, REGISTRY["gather"], [base, index], {"axis": axis}, span)
    if axis:
        base_kind = resolve(base.type)
        assert isinstance(base_kind, Tensor)
        rank = len(base_kind.shape)
        front = [axis, *(a for a in range(rank) if a != axis)]
        back = [*range(1, axis + 1), 0, *range(axis + 1, rank)]
        moved = apply_op(frame, REGISTRY["transpose"], [base], {"permutation": tuple(front)}, span)
        chosen = apply_op(frame, REGISTRY["mask_select"], [moved, index], {}, span)
        return apply_op(frame, REGISTRY["transpose"], [chosen], {"permutation": tuple(back)}, span)
    return apply_op(frame, REGISTRY["mask_select"], [base, index], {}, span)


def whole_axis(kind: Tensor, read: tree.Expr, axis: int, span: Span) -> Slice:
    zero = tree.Constant(span, INT, 0)
    return Slice(zero, size_expr(kind.shape[axis], read, axis, span), 1)


# --- Assignment to a part of a tensor ------------------------------------------------------------


def updated(
    frame: Frame, base: tree.Expr, kind: Tensor, node: ast.Index, value: tree.Expr
) -> tree.Expr:
    """The tensor `base` with `node.items` replaced by `value`."""
    items: list[tree.Expr | ast.Range] = [
        item if isinstance(item, ast.Range) else tensor_index(frame, item) for item in node.items
    ]
    if any(isinstance(i, tree.Expr) and resolve(i.type) == BROKEN for i in items):
        return tree.Constant(node.span, BROKEN, None)
    if not _fits(frame, kind, items, node):
        return tree.Constant(node.span, BROKEN, None)
    scalars = [i for i in items if isinstance(i, tree.Expr) and types.is_scalar(resolve(i.type))]
    if len(scalars) == len(items):
        rest = Tensor(kind.dtype, kind.shape[len(items) :])
        value = stretch_to(frame, value, rest, node.span)
        return apply_op(frame, REGISTRY["index_update"], [base, value, *scalars], {}, node.span)
    first = items[0]
    if isinstance(first, tree.Expr) and len(items) == 1:
        return _update_advanced(frame, base, kind, first, value, node.span)
    return _update_slice(frame, base, kind, items, value, node.span)


def _update_advanced(
    frame: Frame, base: tree.Expr, kind: Tensor, index: tree.Expr, value: tree.Expr, span: Span
) -> tree.Expr:
    index_kind = resolve(index.type)
    assert isinstance(index_kind, Tensor)
    if resolve_dtype(index_kind.dtype) == dtypes.BOOL:
        if len(index_kind.shape) < len(kind.shape):
            lifted = [size_expr(d, index, a, span) for a, d in enumerate(index_kind.shape)] + [
                tree.Constant(span, INT, 1)
            ] * (len(kind.shape) - len(index_kind.shape))
            index = apply_op(frame, REGISTRY["reshape"], [index, *lifted], {}, span)
        value = stretch_to(frame, value, kind, span, scalar_stays=True)
        wide = Tensor(dtypes.BOOL, kind.shape)
        if resolve(index.type) != wide:
            index = tree.Stretch(span, wide, index)
        return apply_op(frame, REGISTRY["select"], [index, value, base], {}, span)
    rows = Tensor(kind.dtype, (*index_kind.shape, *kind.shape[1:]))
    value = stretch_to(frame, value, rows, span)
    return apply_op(frame, REGISTRY["scatter_set"], [base, index, value], {"axis": 0}, span)


def _update_slice(
    frame: Frame,
    base: tree.Expr,
    kind: Tensor,
    items: list[tree.Expr | ast.Range],
    value: tree.Expr,
    span: Span,
) -> tree.Expr:
    let, read = frame.temporary("base", base)
    parts: list[Slice] = []
    kept: list[int] = []
    for axis, item in enumerate(items):
        length = size_expr(kind.shape[axis], read, axis, span)
        if isinstance(item, ast.Range):
            part = range_of(frame, item, length)
            if part is None:
                return tree.Constant(span, BROKEN, None)
            parts.append(part)
            kept.append(axis)
        elif types.is_scalar(resolve(item.type)):
            parts.append(Slice(from_end(frame, item, length), tree.Constant(span, INT, 1), 1))
        else:
            return frame.error(
                "E0324", "assign through an index tensor or mask alone: `x[mask] = v`", span
            )
    parts += [whole_axis(kind, read, a, span) for a in range(len(items), len(kind.shape))]
    kept += list(range(len(items), len(kind.shape)))
    shape = tuple(_size_of_part(p) for p in parts)
    part_kind = Tensor(kind.dtype, tuple(shape[a] for a in kept))
    value = stretch_to(frame, value, part_kind, span)
    if len(kept) < len(parts):
        sizes = [p.size for p in parts]
        value = apply_op(frame, REGISTRY["reshape"], [value, *sizes], {}, span)
    operands = [read, value, *(p.start for p in parts)]
    attributes = {"steps": tuple(p.step for p in parts)}
    result = apply_op(frame, REGISTRY["slice_update"], operands, attributes, span)
    return tree.Block(span, result.type, (let,), result)


def _size_of_part(part: Slice) -> Dim:
    size = known_dim(part.size)
    return dims.symbol("?") if size is None else size


def stretch_to(
    frame: Frame, value: tree.Expr, kind: Tensor, span: Span, scalar_stays: bool = False
) -> tree.Expr:
    """A value for a part of a tensor: of the part's shape, or stretched to it."""
    found = resolve(value.type)
    if isinstance(found, Tensor) and len(found.shape) < len(kind.shape):
        value = coerce(frame, value, Tensor(kind.dtype, found.shape))
        if scalar_stays and not found.shape:
            return value
        if resolve(value.type) != BROKEN:
            return tree.Stretch(span, kind, value)
        return value
    return coerce(frame, value, kind)
