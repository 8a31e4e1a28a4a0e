"""Control flow: branches, loops, calls, and the checks that stop a program.

Loops have files of their own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from charl.backend.llvm import lists, tensors
from charl.backend.llvm.functions import (
    UNLIKELY,
    FunctionWriter,
    constant_literal,
    counted,
    return_type,
    writer,
)
from charl.backend.llvm.layout import Held, held_in, register_types, registers
from charl.core.ir import Block, Statement, Value
from charl.types.types import Box, List, Tensor, is_scalar


@writer("constant")
def _constant(w: FunctionWriter, s: Statement) -> None:
    (result,) = s.results
    value, type = s.attributes["value"], result.type
    if is_scalar(type):
        w.bind(result, Held(constant_literal(value, type)))
    elif isinstance(type, Tensor):
        w.bind(result, Held(w.module.constant(value, type), tuple(str(n) for n in type.shape)))
    else:
        w.bind(result, Held(w.module.string(value)))


@writer("undefined")
def _undefined(w: FunctionWriter, s: Statement) -> None:
    (result,) = s.results
    if is_scalar(result.type):
        w.bind(result, Held("zeroinitializer"))
        return
    sizes: tuple[str, ...] = ()
    if isinstance(result.type, Tensor):
        sizes = tuple(str(n) if isinstance(n, int) else "0" for n in result.type.shape)
    if isinstance(result.type, List | Box):
        w.bind(result, Held(w.module.empty(result.type)))
    else:
        w.bind(result, Held(w.module.nothing, sizes))


@writer("if")
def _if(w: FunctionWriter, s: Statement) -> None:
    labels = [w.text.label("then"), w.text.label("else")]
    after = w.text.label("after")
    w.text.branch(w.of(s.operands[0]), *labels)
    ends: list[tuple[list[str], str]] = []
    for label, block in zip(labels, s.blocks):
        w.text.place(label)
        symbols = w.scope()
        w.block(block)
        if w.text.reached:
            names = block_registers(w, block, s.results)
            ends.append((names, w.text.here))
            w.text.jump(after)
        w.restore(symbols)
    if not ends:
        w.text.reached = False
        return
    w.text.place(after)
    kinds = [register_types(v.type) for v in s.results]
    place = 0
    for value, types in zip(s.results, kinds):
        names = []
        for type in types:
            names.append(w.text.phi(type, [(found[place], label) for found, label in ends]))
            place += 1
        w.bind(value, held_in(names, value.type))


def block_registers(w: FunctionWriter, block: Block, like: Sequence[Value]) -> list[str]:
    """The registers of what a block yields, laid out as the types of `like` demand: a size that is
    constant in the block may not be one to the whole."""
    found: list[str] = []
    for (held, _), value in zip(w.results_of(block), like):
        found += registers(held, value.type)
    return found


# --- Loops ---------------------------------------------------------------------------------------


class Carried:
    """The phis of what a loop carries; what `stays` where it is needs none for its pointer."""

    def __init__(
        self, w: FunctionWriter, parameters: Sequence[Value], stays: Mapping[Value, str] = {}
    ) -> None:
        self.w, self.parameters, self.stays = w, parameters, stays
        self.names: list[str] = []
        self.gaps: list[int | None] = []
        for value in parameters:
            for type in register_types(value.type):
                gap: int | None = None
                if type == "ptr" and value in stays:
                    name = stays[value]
                else:
                    name, gap = w.text.open_phi(type)
                self.names.append(name)
                self.gaps.append(gap)

    def bind(self) -> None:
        self.give(self.parameters)

    def give(self, values: Sequence[Value]) -> None:
        """These values are what is carried now."""
        names = iter(self.names)
        for value, parameter in zip(values, self.parameters):
            types = register_types(parameter.type)
            self.w.bind(value, held_in([next(names) for _ in types], parameter.type))

    def fill(self, incoming: Sequence[tuple[Sequence[str], str]]) -> None:
        for position, gap in enumerate(self.gaps):
            if gap is not None:
                self.w.text.fill(gap, [(names[position], label) for names, label in incoming])


def initial(
    w: FunctionWriter, s: Statement, parameters: Sequence[Value]
) -> tuple[list[str], dict[Value, str]]:
    """The registers of a loop's initial values, which it owns; and the pointers of those that it
    changes in place, which nobody else holds."""
    found: list[str] = []
    stays: dict[Value, str] = {}
    in_place = w.in_place.carries.get(s, ())
    for inner in (x for block in s.blocks for x in block.walk()):
        if inner.op.name == "list_get" and inner.operands[0] in w.held:
            lists.parts(w, inner.operands[0])
    operands = s.operands[len(s.operands) - len(parameters) :]
    for place, value in enumerate(operands):  # first, so that what is held twice is known to be
        if counted(value) and place not in in_place:
            w.take(value)
    for place, (value, parameter) in enumerate(zip(operands, parameters)):
        held = w.held[value]
        if place in in_place:
            if isinstance(value.type, List):
                held = Held(lists.own(w, value))
                if w.in_place.roots.get(parameter) is parameter:
                    w.lists[parameter] = lists.parts_at(w, held.text)
            else:
                held = tensors.own(w, value)
                if w.in_place.versions[parameter] is parameter:
                    tensors.set_apart(w, parameter)
            stays[parameter] = held.text
        found += registers(held, parameter.type)
    return found, stays


def poll(w: FunctionWriter) -> None:
    """Stops the program when the user has asked for it."""
    flag = w.text.let("load volatile i32, ptr @charl_interrupted")
    asked = w.text.let(f"icmp ne i32 {flag}, 0")
    stop, go_on = w.text.label("interrupted"), w.text.label("fine")
    w.text.branch(asked, stop, go_on, UNLIKELY)
    late = w.text.apart(stop)
    assert w.statement is not None
    site = w.module.site(w.statement, w.function)
    late.put(f"call void @charl_fault(i64 {site}, ptr null, i64 0)")
    w.fail(late, "2")
    w.late.append(late)
    w.text.place(go_on)


# --- Calls ---------------------------------------------------------------------------------------


@writer("call", "custom_call")
def _call(w: FunctionWriter, s: Statement) -> None:
    function = w.module.program.functions[s.attributes["function"]]
    given: list[str] = []
    for value, parameter in zip(s.operands, function.body.parameters):
        if counted(value):
            w.take(value)
        kinds = register_types(parameter.type)
        given += [f"{k} {r}" for k, r in zip(kinds, registers(w.held[value], parameter.type))]
    type = return_type(function)
    result = w.text.let(f"call {type} {w.module.symbol(function.name)}({', '.join(given)})")
    if type == "i32":
        w.hand_on(result, trace=True)
        return
    w.hand_on(w.text.let(f"extractvalue {type} {result}, 0"), trace=True)
    place = 1
    for value, like in zip(s.results, function.body.results):
        names = []
        for _ in register_types(like.type):
            names.append(w.text.let(f"extractvalue {type} {result}, {place}"))
            place += 1
        w.bind(value, held_in(names, like.type))


# --- Checks --------------------------------------------------------------------------------------


@writer("check")
def _check(w: FunctionWriter, s: Statement) -> None:
    w.fail_if(w.text.let(f"xor i1 {w.of(s.operands[0])}, true"))


@writer("fail")
def _fail(w: FunctionWriter, s: Statement) -> None:
    w.text.jump(w.failure())


@writer("ensure_shape")
def _ensure_shape(w: FunctionWriter, s: Statement) -> None:
    tensor, *sizes = s.operands
    held = w.held[tensor]
    for found, wanted in zip(held.sizes, sizes):
        if found != w.of(wanted):
            w.fail_if(w.text.let(f"icmp ne i64 {found}, {w.of(wanted)}"))
    (result,) = s.results
    pointer = w.take(tensor)
    w.bind(result, Held(pointer, tuple(w.of(n) for n in sizes)))
