"""Assignment: to variables, to fields and elements, to several places at once.

An assignment to a part of a value is an assignment of the whole: `x.a[i] = v` becomes
`x = x with a replaced`, where `a` is `a` with element `i` replaced. Where nobody else holds the
value, later passes do it in place.
"""

from __future__ import annotations

from charl.check import late, tree
from charl.check.annotations import fields_of_struct
from charl.check.arithmetic import binary
from charl.check.declarations import FieldOf
from charl.check.dispatch import Checked, check_expr, statement
from charl.check.frame import Frame
from charl.check.indexing import int_index, updated
from charl.check.infer import coerce, mismatch, resolve
from charl.check.known import known
from charl.check.literals import tensor_literal
from charl.check.naming import is_place, unknown_name
from charl.core.op import REGISTRY
from charl.diagnostics.diagnostic import Label
from charl.source import Span
from charl.syntax import ast
from charl.types import dims, types
from charl.types.types import BROKEN, INT, NEVER, List, Tensor, Type


@statement(ast.Assign)
def _assign(frame: Frame, node: ast.Assign) -> list[tree.Statement]:
    if isinstance(node.target, ast.TupleLiteral) and node.operator is None:
        return _assign_tuple(frame, node, node.target)
    if not is_place(node.target):
        frame.error("E0240", "this cannot be assigned to", node.target.span)
        return []
    if node.operator is None:
        kind = _place_type(frame, node.target)
        if kind is None:
            check_expr(frame, node.value)
            return []
        return assign_place(frame, node.target, check_expr(frame, node.value, kind))
    return _update_in_place(frame, node)


def _update_in_place(frame: Frame, node: ast.Assign) -> list[tree.Statement]:
    """`target += value`: indices in the target are evaluated once."""
    assert node.operator is not None
    target, before = _fixed_place(frame, node.target)
    old = check_expr(frame, target)
    if resolve(old.type) == BROKEN:
        check_expr(frame, node.value)
        return before
    if isinstance(node.value, ast.ListLiteral) and isinstance(resolve(old.type), Tensor):
        kind = resolve(old.type)
        assert isinstance(kind, Tensor)
        value = tensor_literal(frame, node.value, Tensor(kind.dtype))
    else:
        value = check_expr(frame, node.value, old.type)
    return before + assign_place(frame, target, binary(frame, node.operator, old, value, node.span))


def _fixed_place(frame: Frame, target: ast.Expr) -> tuple[ast.Expr, list[tree.Statement]]:
    """The place with index expressions that are not literals or names bound to variables."""
    match target:
        case ast.Field(base=base):
            inner, before = _fixed_place(frame, base)
            return ast.Field(target.span, inner, target.name), before
        case ast.Index(base=base, items=items):
            inner, before = _fixed_place(frame, base)
            fixed: list[ast.Expr] = []
            for item in items:
                if isinstance(item, ast.IntLiteral | ast.Name | ast.Range):
                    fixed.append(item)
                    continue
                let, read = frame.temporary("index", check_expr(frame, item, INT))
                before = [*before, let]
                fixed.append(Checked(item.span, read))
            return ast.Index(target.span, inner, tuple(fixed)), before
    return target, []


def _assign_tuple(
    frame: Frame, node: ast.Assign, targets: ast.TupleLiteral
) -> list[tree.Statement]:
    value = check_expr(frame, node.value)
    kind = resolve(value.type)
    if kind in (BROKEN, NEVER):
        return [tree.Evaluate(node.span, value)]
    if not isinstance(kind, types.Tuple) or len(kind.items) != len(targets.items):
        mismatch(
            frame,
            value,
            types.Tuple((types.Variable(),) * len(targets.items)),
            f"{len(targets.items)} values are needed on the left",
        )
        return []
    let, read = frame.temporary("values", value)
    statements: list[tree.Statement] = [let]
    for i, (target, item) in enumerate(zip(targets.items, kind.items)):
        if isinstance(target, ast.Name) and target.name == "_":
            continue
        statements += assign_place(frame, target, tree.Get(node.span, item, read, i))
    return statements


def _place_type(frame: Frame, target: ast.Expr) -> Type | None:
    """The type that a value assigned there must have; None after a report. Parts of tensors have
    none of their own."""
    if isinstance(target, ast.Name):
        entry = frame.look_up(target.name)
        if isinstance(entry, tree.Variable):
            return entry.type
    if isinstance(target, ast.Index):
        base = check_expr(frame, target.base)
        kind = resolve(base.type)
        if isinstance(kind, Tensor):
            return Tensor(kind.dtype)
        if kind == types.STRING:
            frame.error(
                "E0241",
                "the characters of a string cannot be replaced",
                target.span,
                helps=("build a new string with slices and `+`",),
            )
            return None
    if isinstance(target, ast.Name) and frame.look_up(target.name) is None:
        unknown_name(frame, target, helps=(f"`let {target.name} = ...` binds a new name",))
        return None
    value = check_expr(frame, target)
    return None if resolve(value.type) == BROKEN else value.type


@late.assign_place.define
def assign_place(frame: Frame, target: ast.Expr, value: tree.Expr) -> list[tree.Statement]:
    """Assign a checked value to a variable, or to a part of one (a new whole is made)."""
    if resolve(value.type) == BROKEN:
        return []
    match target:
        case ast.Name(name=name):
            return _assign_name(frame, target, name, value)
        case ast.Field(base=base, name=name):
            return _assign_field(frame, base, name, value, target.span)
        case ast.Index(base=base):
            return _assign_index(frame, base, target, value)
    frame.error("E0240", "this cannot be assigned to", target.span)
    return []


def _assign_name(
    frame: Frame, target: ast.Name, name: str, value: tree.Expr
) -> list[tree.Statement]:
    entry = frame.look_up(name)
    match entry:
        case FieldOf(variable=variable, index=index):
            if frame.owner is None or not (frame.owner.mutable or frame.owner.name == "init"):
                frame.error(
                    "E0242",
                    f"`{name}` is a field of `self`, and this method may not change it",
                    target.span,
                    helps=("declare the method `mut fn`",),
                )
                return []
            whole = tree.Read(target.span, variable.type, variable)
            return _assign_item(frame, variable, whole, index, value)
        case tree.Variable():
            return _assign_variable(frame, target, entry, value)
        case None:
            unknown_name(frame, target)
        case _:
            frame.error("E0240", f"`{name}` is not a variable", target.span)
    return []


def _may_assign(frame: Frame, target: ast.Name, entry: tree.Variable) -> bool:
    """Whether a variable may be assigned here, reported when not."""
    name = target.name
    if entry.is_global and not frame.is_top:
        frame.error(
            "E0205",
            f"`{name}` is a top-level variable, and a function cannot assign it",
            target.span,
            secondary=(Label(entry.span, "it is bound here"),),
            helps=("return the new value, or take it as a `mut` parameter",),
        )
        return False
    if entry in frame.instance.captured:
        frame.error(
            "E0246",
            f"`{name}` was captured by value, so assigning it here has no effect",
            target.span,
            helps=("return the new value", f"or shadow it: `let {name} = ...`"),
        )
        return False
    if _is_constant(frame, name):
        frame.error(
            "E0243",
            f"`{name}` is a `const` and cannot be assigned again",
            target.span,
            secondary=(Label(entry.span, "it is bound here"),),
            helps=("bind it with `let`",),
        )
        return False
    return True


def _assign_variable(
    frame: Frame, target: ast.Name, entry: tree.Variable, value: tree.Expr
) -> list[tree.Statement]:
    if not _may_assign(frame, target, entry):
        return []
    name = target.name
    label = (Label(entry.span, f"`{name}` is bound here"),)
    kind = resolve(entry.type)
    if _grows(frame, value, kind):
        shown = types.show(kind)
        open_type = types.map_dims(kind, lambda d: dims.UNKNOWN)
        frame.error(
            "E0310",
            f"`{name}` is {shown}, and the new value is {types.show(resolve(value.type))}",
            value.span,
            secondary=label,
            helps=(f"`let {name}: {open_type} = ...` lets its sizes change",),
        )
        return []
    fitted = coerce(frame, value, kind, "", label)
    if frame.is_top and entry not in frame.defined:
        frame.defined.append(entry)
    return [tree.Assign(target.span, entry, fitted)]


def _grows(frame: Frame, value: tree.Expr, kind: Type) -> bool:
    """Whether an assignment would only change the sizes of a tensor."""
    new = resolve(value.type)
    return (
        isinstance(kind, Tensor)
        and isinstance(new, Tensor)
        and types.resolve_dtype(kind.dtype) == types.resolve_dtype(new.dtype)
        and len(kind.shape) == len(new.shape)
        and any(
            dims.compare(frame.simplify(a), frame.simplify(b)) is dims.Verdict.DIFFERENT
            for a, b in zip(kind.shape, new.shape)
        )
    )


def _is_constant(frame: Frame, name: str) -> bool:
    for scope in reversed(frame.scopes):
        if "const " + name in scope:
            return True
        if name in scope:
            return False
    return False


def _assign_item(
    frame: Frame, variable: tree.Variable, whole: tree.Expr, index: int, value: tree.Expr
) -> list[tree.Statement]:
    kind = resolve(variable.type)
    assert isinstance(kind, types.Struct)
    wanted = fields_of_struct(frame, kind)[index]
    fitted = coerce(frame, value, wanted, f"the field is {types.show(wanted)}")
    return [tree.Assign(value.span, variable, tree.Replace(value.span, kind, whole, index, fitted))]


def _assign_field(
    frame: Frame, base: ast.Expr, name: ast.Identifier, value: tree.Expr, span: Span
) -> list[tree.Statement]:
    whole = check_expr(frame, base)
    kind = resolve(whole.type)
    if kind == BROKEN:
        return []
    index: int | None = None
    wanted: Type = BROKEN
    if isinstance(kind, types.Struct) and name.name in kind.declaration.field_names:
        index = kind.declaration.field_names.index(name.name)
        wanted = fields_of_struct(frame, kind)[index]
    elif isinstance(kind, types.Tuple) and name.name.isdigit() and int(name.name) < len(kind.items):
        index = int(name.name)
        wanted = kind.items[index]
    if index is None:
        check_expr(frame, ast.Field(span, base, name))
        return []
    fitted = coerce(frame, value, wanted, f"`{name.name}` is {types.show(wanted)}")
    return assign_place(frame, base, tree.Replace(span, whole.type, whole, index, fitted))


def _assign_index(
    frame: Frame, base: ast.Expr, target: ast.Index, value: tree.Expr
) -> list[tree.Statement]:
    whole = check_expr(frame, base)
    kind = resolve(whole.type)
    match kind:
        case Tensor():
            return assign_place(frame, base, updated(frame, whole, kind, target, value))
        case List(element) if len(target.items) == 1:
            item = target.items[0]
            if isinstance(item, ast.Range):
                frame.error(
                    "E0244",
                    "a range of a list cannot be assigned",
                    target.span,
                    helps=("assign its elements in a loop, or concatenate slices with `++`",),
                )
                return []
            index = int_index(frame, item)
            fitted = coerce(frame, value, element, f"the elements are {types.show(element)}")
            new = tree.Apply(
                target.span, whole.type, REGISTRY["list_set"], (whole, index, fitted), {}
            )
            return assign_place(frame, base, new)
        case types.Array(element, length):
            place = known(check_expr(frame, target.items[0], INT))
            if isinstance(place, int) and -length <= place < length:
                fitted = coerce(frame, value, element)
                new_whole = tree.Replace(target.span, kind, whole, place % length, fitted)
                return assign_place(frame, base, new_whole)
    if kind != BROKEN:
        frame.error("E0320", f"{types.show(kind)} cannot be assigned by index", target.span)
    return []
