"""Calling kernels: in place, or in stretches that the threads share.

A small kernel is called in place, where LLVM may inline it; a large one is cut into stretches by
`charl_parallel`, which hands its operands over in memory (`name.part`). The stretches of a
reduction's first axis leave parts, and the kernel `join` makes the result of them. One part is
already the result.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from charl.backend.llvm.functions import FunctionWriter
from charl.backend.llvm.kernel_texts import SELF
from charl.backend.llvm.module import Module
from charl.backend.llvm.tensors import allocate
from charl.core.control import CHECK
from charl.core.ir import Value
from charl.kernel import schedule
from charl.kernel.blocks import PARTS
from charl.kernel.build import Kernel
from charl.kernel.nest import may_stop
from charl.types.types import Tensor

Arguments = Sequence[tuple[str, str]]  # registers with their types


def launch(w: FunctionWriter, kernel: Kernel, given: Arguments) -> str:
    """Calls the kernel over its whole outermost loop; its status."""
    count = turns_of(w, kernel)
    if kernel.outermost is None:
        return whole(w, kernel, count, given)
    if count.isdecimal() and not schedule.is_shared(int(count), kernel.inner, kernel.cost):
        return whole(w, kernel, count, given)
    grain = schedule.grain(kernel.inner, kernel.cost)
    if not stops_before_loops(kernel):
        return share(w, kernel, count, str(grain), given)
    empty = w.text.let(f"icmp eq i64 {count}, 0")
    return either(
        w,
        empty,
        lambda: whole(w, kernel, count, given),
        lambda: share(w, kernel, count, str(grain), given),
    )


def stops_before_loops(kernel: Kernel) -> bool:
    """Whether it makes sure of something, such as an index, that must be so where there are no
    elements, too: no thread is given a stretch of nothing."""
    return any(
        s.op is CHECK or may_stop(s.op.name, s.operands) for s in kernel.function.body.statements
    )


def either(
    w: FunctionWriter, condition: str, then: Callable[[], str], otherwise: Callable[[], str]
) -> str:
    """The status of one of two calls."""
    text = w.text
    labels = text.label("then"), text.label("otherwise")
    done = text.label("done")
    text.branch(condition, *labels)
    found = []
    for label, call in zip(labels, (then, otherwise)):
        text.place(label)
        found.append((call(), text.here))
        text.jump(done)
    text.place(done)
    return text.phi("i32", found)


def turns_of(w: FunctionWriter, kernel: Kernel) -> str:
    """Those of the outermost loop."""
    return "1" if kernel.outermost is None else w.size(kernel.outermost)


def launch_in_parts(
    w: FunctionWriter,
    kernel: Kernel,
    join: Kernel,
    given: Arguments,
    result: Arguments,
    value: Value,
) -> str:
    """Calls a reduction in parts, and joins them; its status."""
    assert kernel.outermost is not None
    text, count = w.text, w.size(kernel.outermost)
    turns, parts = cut(w, kernel, count)
    if parts.isdecimal():
        return several(w, kernel, join, (count, turns, parts), given, result, value)
    cuts = (count, turns, parts)
    return either(
        w,
        text.let(f"icmp sle i64 {parts}, 1"),
        lambda: whole(w, kernel, count, one_part(given, result)),
        lambda: several(w, kernel, join, cuts, given, result, value),
    )


def one_part(given: Arguments, result: Arguments) -> Arguments:
    """What a reduction in parts takes where its only part, number 0 of 1, is the result."""
    place, *sizes = result
    return [*given, place, ("i64", "1"), *sizes, ("i64", "0")]


def several(
    w: FunctionWriter,
    kernel: Kernel,
    join: Kernel,
    cuts: tuple[str, str, str],
    given: Arguments,
    result: Arguments,
    value: Value,
) -> str:
    """The parts of a reduction over so many turns, each of so many, and so many parts; and their
    joining."""
    count, turns, parts = cuts
    _, *sizes = result
    left = iter(size for _, size in sizes)
    shape = [str(dim) if isinstance(dim, int) else next(left) for dim in value.shape]
    memory = allocate(w, Tensor(value.dtype, (PARTS, *value.shape)), [parts, *shape])
    parted = [("ptr", memory.text), ("i64", parts), *sizes]
    failed = share(w, kernel, count, turns, [*given, *parted], numbered=True)
    joined = whole(w, join, "1", [*parted, *result])
    w.release(memory.text)
    return w.text.let(f"or i32 {failed}, {joined}")


def cut(w: FunctionWriter, kernel: Kernel, count: str) -> tuple[str, str]:
    """The turns of a part and the number of parts."""
    if count.isdecimal():
        known = schedule.part_turns(int(count), kernel.inner, kernel.cost)
        return str(known), str(-(-int(count) // known))
    least = max(schedule.grain(kernel.inner, kernel.cost), schedule.LEAST_TURNS)
    even = divided_up(w, count, str(schedule.MOST_PARTS))
    larger = w.text.let(f"icmp sgt i64 {even}, {least}")
    turns = w.text.let(f"select i1 {larger}, i64 {even}, i64 {least}")
    return turns, divided_up(w, count, turns)


def divided_up(w: FunctionWriter, count: str, by: str) -> str:
    more = w.text.let(f"add i64 {count}, {w.text.let(f'sub i64 {by}, 1')}")
    return w.text.let(f"udiv i64 {more}, {by}")


def whole(w: FunctionWriter, kernel: Kernel, count: str, given: Arguments) -> str:
    """Calls the kernel over its whole loop. What the call gives that never changes is written
    beside the kernel: a call of it may stand in another part of the module (`parts.py`)."""
    operands = [("i64", "0"), ("i64", count), *given]
    varying = [(kind, f"%a{n}") for n, (kind, x) in enumerate(operands) if not is_literal(x)]
    listed = [f"{kind} {x if is_literal(x) else f'%a{n}'}" for n, (kind, x) in enumerate(operands)]
    parameters = ", ".join(f"{kind} {x}" for kind, x in varying)
    text = "\n".join(
        [
            f"define internal i32 {SELF}({parameters}) {{",
            f"  %status = call i32 @{kernel.function.name}({', '.join(listed)})",
            "  ret i32 %status",
            "}",
            "",
        ]
    )
    called = w.module.kernel_texts.beside(kernel.function.name, "whole", text)
    passed = ", ".join(f"{kind} {x}" for kind, x in operands if not is_literal(x))
    return w.text.let(f"call i32 {called}({passed})")


def is_literal(text: str) -> bool:
    """Whether it is a number."""
    return text[0] not in "%@g"


def share(
    w: FunctionWriter,
    kernel: Kernel,
    count: str,
    turns: str,
    given: Arguments,
    *,
    numbered: bool = False,
) -> str:
    """Has the threads share the loop, in stretches of so many turns; the status. `numbered`: the
    kernel takes the number of its stretch."""
    words = [*given, ("i64", turns)] if numbered else given
    for place, (kind, text) in enumerate(words):
        w.put_word(w.text, place, kind, text)
    w.slot_words = max(w.slot_words, len(words))
    body = part(w.module, kernel, [kind for kind, _ in given], numbered=numbered)
    run = w.declare("charl_parallel", "i32", ["ptr", "ptr", "i64", "i64"])
    return w.text.let(f"call i32 {run}(ptr {body}, ptr {w.slots}, i64 {count}, i64 {turns})")


def part(module: Module, kernel: Kernel, kinds: Sequence[str], *, numbered: bool = False) -> str:
    """The kernel with its operands in memory, as `charl_parallel` calls it: its symbol."""
    lines = []
    for place, kind in enumerate([*kinds, "i64"] if numbered else kinds):
        lines.append(f"  %p{place} = getelementptr i64, ptr %words, i64 {place}")
        lines.append(f"  %a{place} = load {kind}, ptr %p{place}")
    listed = "".join(f", {kind} %a{place}" for place, kind in enumerate(kinds))
    if numbered:
        lines.append(f"  %number = udiv i64 %low, %a{len(kinds)}")
        listed += ", i64 %number"
    text = "\n".join(
        [
            f"define internal i32 {SELF}(ptr %words, i64 %low, i64 %high) {{",
            *lines,
            f"  %status = call i32 @{kernel.function.name}(i64 %low, i64 %high{listed})",
            "  ret i32 %status",
            "}",
            "",
        ]
    )
    return module.kernel_texts.beside(kernel.function.name, "part", text)
