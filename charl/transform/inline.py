"""Inlining: calls of small functions, and of functions called from one place, become their bodies.

Callees come first, so that what is copied is as simple as it gets; a function that can reach itself
stays a call. The caller's sizes flow into the copy with its arguments, the call itself is kept in
the spans of what was copied. A call marked `checkpoint` stays a call, and what it calls stays too.
Functions that nothing calls any more are dropped.

Before differentiation, what has a gradient of its own stays a call, and so does what takes one: its
arguments may depend on each other where it is called, which must be nothing to that gradient.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from charl.core.clone import inline as paste_body
from charl.core.control import CALL, CUSTOM_CALL, GRADIENT
from charl.core.effects import call_graph, callees, recursive_functions
from charl.core.ir import Function, Program, Statement, Value
from charl.core.op import Op
from charl.transform.dce import drop_unreached
from charl.transform.rewrite import Rewriter, rewrite

# Statements, nested ones included, of a function that is copied to every call.
SMALL = 12
# A function does not grow past this many statements by inlining.
LARGEST = 4000


def inline(program: Program) -> Program:
    return _inlined(program, {CALL, CUSTOM_CALL}, set())


def inline_before_gradients(program: Program) -> Program:
    taking = {
        f.name for f in program.functions.values() if any(s.op is GRADIENT for s in f.body.walk())
    }
    return _inlined(program, {CALL}, taking)


def _inlined(program: Program, ops: set[Op], kept: set[str]) -> Program:
    """The program with calls by these ops inlined, but for those of the functions `kept`."""
    functions = dict(program.functions)
    recursive = recursive_functions(program)
    calls = Counter(c for f in functions.values() for s in f.body.walk() for c in callees(s))
    for name in callees_first(program):
        rule = _Inlining(functions, recursive | kept, calls, name, ops)
        functions[name] = rewrite(functions[name], rule)
    return drop_unreached(Program(functions, program.entry))


class _Inlining:
    """The rule of this pass for one caller; `functions` are those done so far and those to do."""

    def __init__(
        self,
        functions: Mapping[str, Function],
        kept: set[str],
        calls: Mapping[str, int],
        caller: str,
        ops: set[Op],
    ) -> None:
        self.functions, self.kept, self.calls, self.ops = functions, kept, calls, ops
        self.size = size(functions[caller])

    def __call__(self, r: Rewriter, statement: Statement) -> Sequence[Value] | None:
        if statement.op not in self.ops or statement.attributes.get("checkpoint"):
            return None
        callee = self.functions[statement.attributes["function"]]
        if callee.name in self.kept:
            return None
        more = size(callee)
        once = self.calls[callee.name] == 1
        if not (once or more <= SMALL) or self.size + more > LARGEST:
            return None
        self.size += more
        start = len(r.builder.block.statements)
        results = paste_body(r.builder, callee, statement.operands, statement.span)
        r.learn(start)
        return results


def size(function: Function) -> int:
    """The number of statements, those that cost nothing aside."""
    return sum(s.op.name != "constant" for s in function.body.walk())


def callees_first(program: Program) -> list[str]:
    """Every function after those it calls, recursion aside."""
    graph = call_graph(program)
    order: dict[str, None] = {}
    for root in graph:
        stack = [(root, False)]
        while stack:
            name, done = stack.pop()
            if done:
                order[name] = None
            elif name not in order:
                stack.append((name, True))
                inner = [c for c in sorted(graph.get(name, ())) if c not in order]
                stack += [(c, False) for c in inner if (c, True) not in stack]
    return [name for name in order if name in program.functions]
