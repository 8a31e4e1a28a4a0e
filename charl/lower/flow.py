"""What a piece of the typed tree does: which variables it reads and assigns, how it may be left.

All answers are computed from the tree alone, once per node. They are what makes loop state and the
results of branches explicit: a loop carries the variables that it assigns, a branch yields those
that somebody reads afterwards.
"""

from __future__ import annotations

from collections.abc import Iterator

from charl.check import tree
from charl.check.tree import Expr, Instance, Statement, Variable
from charl.lower.walk import Node, children
from charl.records import field, record
from charl.types.types import Never

Path = tuple[int, ...]
"""The items taken, one inside the other, to reach a part of a variable's value; () is all of it."""

Assigned = dict[Variable, frozenset[Path]]
NOTHING_ASSIGNED: Assigned = {}

EXITS = (tree.Break, tree.Continue, tree.Return)
Exit = type[Statement]
NO_EXITS: frozenset[Exit] = frozenset()


def instances(node: Node) -> tuple[Instance, ...]:
    """The instances that a node itself calls."""
    match node:
        case tree.Call(instance=instance) | tree.Scan(instance=instance):
            return (instance,)
        case tree.CallOneOf(cases=cases):
            return tuple(instance for _, instance in cases)
        case tree.CustomCall(instance=instance, backward=backward):
            return (instance, backward)
    return ()


@record(frozen=False, eq=False)
class Flow:
    """Answers about the nodes of one function, remembered."""

    _children: dict[Node, tuple[Node, ...]] = field(default_factory=dict)
    _reads: dict[Node, frozenset[Variable]] = field(default_factory=dict)
    _assigned: dict[Node, Assigned] = field(default_factory=dict)
    _escapes: dict[Node, frozenset[Exit]] = field(default_factory=dict)
    _has_exits: dict[Node, bool] = field(default_factory=dict)
    _completes: dict[Node, bool] = field(default_factory=dict)

    def children(self, node: Node) -> tuple[Node, ...]:
        found = self._children.get(node)
        if found is None:
            found = self._children[node] = tuple(children(node))
        return found

    def reads(self, node: Node) -> frozenset[Variable]:
        """The variables whose values the node uses, those it defines itself among them."""
        found = self._reads.get(node)
        if found is None:
            used = {v for instance in instances(node) for v in instance.globals}
            if isinstance(node, tree.Read):
                used.add(node.variable)
            found = frozenset(used).union(*map(self.reads, self.children(node)))
            self._reads[node] = found
        return found

    def assigned(self, node: Node) -> Assigned:
        """The variables the node assigns, in order, each with the parts that may change."""
        found = self._assigned.get(node)
        if found is None:
            parts = [inner for child in self.children(node) if (inner := self.assigned(child))]
            if isinstance(node, tree.Assign):
                paths = frozenset(changed_paths(node.variable, (), node.value))
                parts.append({node.variable: paths})
            found = self._assigned[node] = _merged(parts)
        return found

    def escapes(self, node: Node) -> frozenset[Exit]:
        """The kinds of exit that may leave the node from inside."""
        found = self._escapes.get(node)
        if found is None:
            inner = NO_EXITS.union(*map(self.escapes, self.children(node)))
            match node:
                case tree.Break() | tree.Continue() | tree.Return():
                    found = inner | {type(node)}
                case tree.While(body=body) | tree.For(body=body):
                    # What leaves the condition or a bound leaves the loop around this one.
                    heads = [self.escapes(c) for c in self.children(node) if c is not body]
                    of_body = self.escapes(body) & {tree.Return}
                    found = of_body.union(*heads)
                case _:
                    found = inner
            self._escapes[node] = found
        return found

    def has_exits(self, node: Node) -> bool:
        """Whether there is an exit anywhere inside, also one that a loop inside takes up."""
        found = self._has_exits.get(node)
        if found is None:
            found = isinstance(node, EXITS) or any(map(self.has_exits, self.children(node)))
            self._has_exits[node] = found
        return found

    def completes(self, node: Node) -> bool:
        """Whether control may reach the end of the node; true when in doubt."""
        found = self._completes.get(node)
        if found is None:
            found = self._completes[node] = self._find_completes(node)
        return found

    def _find_completes(self, node: Node) -> bool:
        match node:
            case tree.Break() | tree.Continue() | tree.Return():
                return False
            case tree.If(condition=condition, then=then, otherwise=otherwise):
                either = self.completes(then) or self.completes(otherwise)
                return self.completes(condition) and either
            case tree.While(condition=tree.Constant(value=True), body=body):
                return tree.Break in self.escapes(body)
            case tree.While(condition=condition):
                return self.completes(condition)
            case tree.For(start=start, stop=stop, step=step):
                return all(map(self.completes, (start, stop, step)))
        if isinstance(node, Expr) and isinstance(node.type, Never):
            return False
        return all(map(self.completes, self.children(node)))


def _merged(parts: list[Assigned]) -> Assigned:
    """The variables of all parts, in order, each with all its paths."""
    if len(parts) <= 1:
        return parts[0] if parts else NOTHING_ASSIGNED
    merged: Assigned = {}
    for part in parts:
        for variable, paths in part.items():
            merged[variable] = merged.get(variable, frozenset()) | paths
    return merged


def changed_paths(variable: Variable, path: Path, value: Expr) -> Iterator[Path]:
    """The parts of `variable` that may differ once `value` stands at `path` in it."""
    match value:
        case tree.Replace(value=base, index=index, item=item) if is_part(base, variable, path):
            yield from changed_paths(variable, (*path, index), item)
        case tree.Replace(value=tree.Replace() as base, index=index, item=item):
            yield from changed_paths(variable, path, base)
            yield from changed_paths(variable, (*path, index), item)
        case tree.Block(result=result) if result is not None:
            # What its statements assign counts by itself.
            yield from changed_paths(variable, path, result)
        case _ if not is_part(value, variable, path):
            yield path


def is_part(value: Expr, variable: Variable, path: Path) -> bool:
    """Whether an expression reads exactly the part of a variable at `path`."""
    match value:
        case tree.Get(value=whole, index=index):
            return bool(path) and path[-1] == index and is_part(whole, variable, path[:-1])
        case tree.Read(variable=read):
            return not path and read is variable
    return False
