"""A module in parts, which are compiled side by side and linked by the host.

What LLVM takes is more than in proportion to what it is given, and it works on one CPU. So of a
large program the kernels go into parts of their own; the functions that call them know no more of
them than their types. What a call gives that never changes is written into the kernel's part
(`launch.whole`), so that the kernel is optimised for it there.

How a program is parted depends on its text alone, and so does its code: the same on any machine.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from charl.records import record

# In lines. A program this small is one part: LLVM may then inline its kernels.
SMALL = 1_500
PART = 400

DEFINED = re.compile(r"^define internal (.*?) (@[\w.]+)\((.*)\)(?: \w+)* \{$", re.MULTILINE)
SYMBOL = re.compile(r"@[\w.]+")
OWN_GLOBAL = re.compile(r"@[dkse]\d+\b|@charl_counters\b")


@record
class Part:
    """The text of a module, and the symbols that others use of it."""

    text: str
    exports: tuple[str, ...]


def parts(
    head: str, data: Iterable[str], routines: Iterable[str], kernels: Sequence[str], rest: str
) -> list[Part]:
    """The parts of a program, each after those whose symbols it uses. `data` are its own globals,
    `routines` what functions call from outside or is defined for them; `kernels` are the functions
    of each kernel, and the `rest` is everything else."""
    routines = list(routines)
    stays: list[str] = []
    goes: list[str] = []
    for kernel in kernels:
        (stays if OWN_GLOBAL.search(kernel) else goes).append(kernel)
    if lines(rest) + sum(map(lines, kernels)) <= SMALL:
        stays, goes = list(kernels), []
    found, declared = [], []
    needed = set(SYMBOL.findall(rest))
    for group in groups(goes):
        used = [m for m in DEFINED.finditer(group) if m[2] in needed]
        names = tuple(m[2][1:] for m in used)
        declared += [f"declare {m[1]} {m[2]}({types(m[3])})" for m in used]
        for m in used:
            group = group.replace(m[0], m[0].replace("define internal", "define", 1))
        found.append(Part("\n".join([head, *routines, group]), names))
    text = "\n".join([head, *data, *routines, *declared, *stays, rest])
    return [*found, Part(text, ())]


def lines(text: str) -> int:
    return text.count("\n")


def groups(kernels: Iterable[str]) -> list[str]:
    """Kernels together, in their order, up to the size of a part."""
    found: list[list[str]] = []
    room = 0
    for kernel in kernels:
        if room < lines(kernel):
            found.append([])
            room = PART
        found[-1].append(kernel)
        room -= lines(kernel)
    return ["\n".join(group) for group in found]


def types(parameters: str) -> str:
    """The types of parameters, without their names and attributes."""
    return ", ".join(p.split()[0] for p in parameters.split(", ")) if parameters else ""
