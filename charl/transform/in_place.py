"""Tensors and lists that a loop changes where they lie, from its first turn to its last.

A statement that changes a tensor must know that nobody else holds it, or make a copy. Asked at
every turn of a loop, that question costs more than the change, and hides from LLVM that the tensor
stays where it is. So a loop asks once, before its first turn, and this analysis finds for which of
its carries that is enough: every *version* of the carry within the body

- is only looked at (`LOOKS`), until one statement changes it in place (`CHANGES`), hands it round a
  loop of which the same is true, or yields it from all branches of an `if`;
- ends there, as `ownership` knows, so that the next version takes over its memory;
- and the last of them is what the body yields at the same place.

The loop then owns what all its versions share: one piece of memory that nobody else holds.
"""

from __future__ import annotations

from collections.abc import Collection

from charl.core.clone import free_values
from charl.core.control import FUSED
from charl.core.ir import Block, Function, Statement, Value
from charl.records import field, record
from charl.transform.ownership import Ownership
from charl.types.types import List, Tensor

# Ops that read their operands and keep none of them.
LOOKS = frozenset({"index", "dim", "list_get", "list_length"})
# Ops after which a list is as long as before, its items where they were.
STEADY = frozenset({"list_set", "list_reverse", "list_slice_set", "list_add_at"})
# Ops that overwrite their first operand, with the place among the operands of what else they keep
# (a list keeps its new items).
CHANGES: dict[str, tuple[int, ...]] = {
    "index_update": (),
    "index_add": (),
    "list_set": (2,),
    "list_push": (1,),
    "list_pop": (),
    "list_insert": (2,),
    "list_remove": (),
    "list_reverse": (),
    "list_concat": (),
    "list_slice_set": (),
    "list_add_at": (),
}


@record(frozen=False)
class InPlace:
    """`carries[loop]` are the places among the carries of a loop that it changes in place, and
    `versions` the values that share the memory of one, each with the parameter of the outermost
    loop that it all begins with. `roots` tells the same of lists that keep their length, and of
    what the loops leave of them."""

    carries: dict[Statement, list[int]] = field(default_factory=dict)
    versions: dict[Value, Value] = field(default_factory=dict)
    roots: dict[Value, Value] = field(default_factory=dict)


def plan_in_place(function: Function, plan: Ownership) -> InPlace:
    found = InPlace()
    search = _Search(plan)
    for statement in function.body.walk():
        if statement.op.name in ("for", "while"):
            for place, result in enumerate(statement.results):
                versions = _lies_in_memory(result) and search.versions(statement, place)
                if versions:
                    found.carries.setdefault(statement, []).append(place)
                    parameters = statement.blocks[-1].parameters
                    root = parameters[len(parameters) - len(statement.results) + place]
                    for version in versions:
                        found.versions.setdefault(version, root)
                    if isinstance(result.type, List) and search.moved.isdisjoint(versions):
                        for version in (*versions, result):
                            found.roots.setdefault(version, root)
    return found


def _lies_in_memory(value: Value) -> bool:
    return isinstance(value.type, List) or (
        isinstance(value.type, Tensor) and value.type.shape != ()
    )


class _Search:
    def __init__(self, plan: Ownership) -> None:
        self.plan = plan
        self.known: dict[tuple[Statement, int], set[Value] | None] = {}
        self.outside: dict[Statement, set[Value]] = {}
        self.moved: set[Value] = set()  # lists that are longer or shorter than those before them

    def versions(self, loop: Statement, place: int) -> set[Value] | None:
        """The versions of a carry that is changed in place, else None."""
        key = loop, place
        if key not in self.known:
            self.known[key] = self._versions(loop, place)
        return self.known[key]

    def _versions(self, loop: Statement, place: int) -> set[Value] | None:
        *conditions, body = loop.blocks
        count = len(loop.results)
        first = body.parameters[len(body.parameters) - count + place]
        found = {first}
        for condition in conditions:
            found.add(condition.parameters[place])
            if not self.looks(condition, condition.parameters[place]):
                return None
        last = self.last(body, first, found)
        if last is None or last is first or body.results.count(last) != 1:
            return None
        yields = body.results[place] is last and self.plan.moved[body][place]
        return found if yields else None

    def last(self, block: Block, version: Value, found: set[Value]) -> Value | None:
        """The version at the end of a block; all are entered into `found`."""
        current: Value | None = version
        for statement in block.statements:
            assert current is not None
            used = current in statement.operands
            if used or current in self.free(statement):
                current = self.after(statement, current, used, found)
                if current is None:
                    return None
                found.add(current)
        return current

    def free(self, statement: Statement) -> Collection[Value]:
        """What the blocks of a statement use from outside."""
        if not statement.blocks or statement.op is FUSED:
            return ()
        if statement not in self.outside:
            self.outside[statement] = set(free_values(*statement.blocks))
        return self.outside[statement]

    def after(
        self, statement: Statement, version: Value, used: bool, found: set[Value]
    ) -> Value | None:
        """The version after a statement that has to do with one."""
        name, operands = statement.op.name, statement.operands
        dies = version in self.plan.dying.get(statement, ())
        if name in CHANGES and operands[0] is version:
            if name not in STEADY:
                self.moved.add(statement.results[0])
            return statement.results[0] if dies and operands.count(version) == 1 else None
        if name == "if":
            return None if used else self.after_branches(statement, version, found)
        if name in ("for", "while"):
            if not used:
                outlives = version not in self.plan.outlived.get(statement, ())
                return version if outlives and self.all_look(statement, version) else None
            return self.after_loop(statement, version, dies, found)
        if dies or not used:
            return None
        return version if self.looks_at(statement, version) else None

    def after_loop(
        self, loop: Statement, version: Value, dies: bool, found: set[Value]
    ) -> Value | None:
        place = loop.operands.index(version) - (len(loop.operands) - len(loop.results))
        if not dies or loop.operands.count(version) > 1 or version in self.free(loop):
            return None
        inner = self.versions(loop, place)
        if inner is None:
            return None
        found |= inner
        return loop.results[place]

    def after_branches(
        self, statement: Statement, version: Value, found: set[Value]
    ) -> Value | None:
        lasts = [self.last(block, version, found) for block in statement.blocks]
        for block, last in zip(statement.blocks, lasts):
            if last is None or block.results.count(last) > 1:
                return None
        for place, result in enumerate(statement.results):
            if all(b.results[place] is x for b, x in zip(statement.blocks, lasts)):
                moved = all(self.plan.moved[b][place] for b in statement.blocks)
                return result if moved else None
        untouched = all(last is version for last in lasts)
        yielded = any(version in block.results for block in statement.blocks)
        return version if untouched and not yielded else None

    def all_look(self, statement: Statement, version: Value) -> bool:
        return all(self.looks(block, version) for block in statement.blocks)

    def looks(self, block: Block, version: Value) -> bool:
        """Whether a block does no more than look at a value, and lets it live."""
        if version in block.results or version in self.plan.unneeded.get(block, ()):
            return False
        for statement in block.statements:
            if version in statement.operands and not self.looks_at(statement, version):
                return False
            if statement.op is not FUSED and not self.all_look(statement, version):
                return False
            if version in self.plan.dying.get(statement, ()):
                return False
        return True

    def looks_at(self, statement: Statement, version: Value) -> bool:
        name, operands = statement.op.name, statement.operands
        if name in CHANGES:
            return all(operands[i] is not version for i in (0, *CHANGES[name]))
        return name in LOOKS or statement.op is FUSED
