"""The reverse of `scan`: a loop over the leading axis, backwards.

With y[0] = x[0] and y[i] = f(y[i-1], x[i]), the cotangent g that reaches y[i] from later elements
is carried down:

    for i = n-1 .. 1:   (dy[i-1] part, dx[i]) = reverse of f at (y[i-1], x[i]) for dy[i] + g
    dx[0] = dy[0] + g

The y are the scan's own results, so nothing is kept: f runs again at each step. A reversed scan
starts from the last element. The order is sequential though the scan is associative: the adjoint of
an associative f is a scan of Jacobians, which are quadratic in the size of an element.
"""

from __future__ import annotations

from charl.core.builder import Builder
from charl.core.clone import Renaming, paste
from charl.core.ir import Block, Statement, Value
from charl.records import field, record
from charl.transform.autodiff.accumulate import Emitter, total
from charl.transform.autodiff.residual import prune
from charl.transform.autodiff.sweep import Sweep
from charl.types import dims
from charl.types.types import INT, Tensor


def reverse_scan(sweep: Sweep, statement: Statement) -> None:
    b, xs = sweep.builder, statement.operands
    parameters = statement.blocks[0].parameters
    count = b.size(xs[0], 0)
    step = Step(sweep, statement, count)
    # An operand may matter as a right element only, where its own result matters to nobody.
    active, half = sweep.active, len(xs)
    step.chosen = [
        j
        for j, y in enumerate(statement.results)
        if y in sweep.cotangents or parameters[j] in active or parameters[half + j] in active
    ]
    body = step_body(step)
    zeros = [b.scalar(0, xs[j].dtype) for j in step.chosen]
    starts = [element_of(b, xs[j], zero) for j, zero in zip(step.chosen, zeros)]
    starts += [b.zeros_like(xs[j]) for j in step.chosen]
    starts += [sweep.or_zeros(v) for v in step.sums]
    bounds = (b("sub", count, 1), b.constant(0), b.constant(-1))
    kinds = [v.type for v in body.parameters[1:]]
    results = b.emit("for", (*bounds, *starts), {}, (body,), kinds)
    size = len(step.chosen)
    sweep.cotangents.update(zip(step.sums, results[2 * size :]))
    first = first_element(step, results[:size], results[size : 2 * size])
    for j, cotangent in zip(step.chosen, first):
        sweep.accumulate(xs[j], cotangent)


@record(frozen=False)
class Step:
    """What the steps of one reverse share: the operands that are active, the sums they carry."""

    sweep: Sweep
    statement: Statement
    count: Value
    chosen: list[int] = field(default_factory=list)
    sums: dict[Value, Value] = field(default_factory=dict)

    def sum_of(self, outer: Value) -> Value:
        if outer not in self.sums:
            self.sums[outer] = Value(outer.type)
        return self.sums[outer]

    def place(self, b: Builder, i: Value) -> Value:
        """Where the i-th element of the scan stands."""
        if not self.statement.attributes.get("reverse"):
            return i
        result: Value = b("sub", b("sub", self.count, 1), i)
        return result

    def arriving(self, b: Builder, j: int, place: Value, later: Value) -> Value:
        """The whole cotangent of a result's element."""
        cotangent = self.sweep.cotangents.get(self.statement.results[j])
        return later if cotangent is None else total(b, later, b("index", cotangent, place))


def step_body(step: Step) -> Block:
    """for %i do (%later..., %dx..., sums...): the step above."""
    statement, chosen = step.statement, step.chosen
    xs, ys = statement.operands, statement.results
    i = Value(INT, dims.symbol("i"), "i")
    later = [Value(Tensor(xs[j].dtype, xs[j].shape[1:])) for j in chosen]
    stacks = [Value(xs[j].type) for j in chosen]
    body = Block((i, *later, *stacks))
    b = Emitter(body, step.sweep.builder.span)
    here, previous = step.place(b, i), step.place(b, b("sub", i, 1))
    lefts = [b("index", y, previous) for y in ys]
    rights = [b("index", x, here) for x in xs]
    start = len(body.statements)
    renaming = Renaming()
    outputs = paste(b, statement.blocks[0], (*lefts, *rights), renaming)
    stop = len(body.statements)
    active = {renaming.values.get(v, v) for v in step.sweep.active}
    active |= {lefts[j] for j in chosen} | {rights[j] for j in chosen}
    own = {*lefts, *rights, *(r for s in body.statements[start:stop] for r in s.results)}
    child = Sweep(step.sweep.state, b, active, own, step.sum_of)
    for j, g in zip(chosen, later):
        child.accumulate(outputs[j], step.arriving(b, j, here, g))
    child.run(body, stop, start)
    body.results = tuple([child.or_zeros(lefts[j]) for j in chosen])
    for j, stack in zip(chosen, stacks):
        body.results += (b("index_update", stack, child.or_zeros(rights[j]), here),)
    body.results += tuple([child.cotangents.get(v, s) for v, s in step.sums.items()])
    body.parameters += tuple(step.sums.values())
    prune(body)
    return body


def first_element(
    step: Step, later: tuple[Value, ...], stacks: tuple[Value, ...]
) -> tuple[Value, ...]:
    """for %i in 0..min(n, 1): put the first element's cotangent into each stack."""
    outside = step.sweep.builder
    parameters = [Value(s.type) for s in stacks]
    i = Value(INT, dims.symbol("i"), "i")
    body = Block((i, *parameters))
    b = Emitter(body, outside.span)
    place = step.place(b, i)
    whole = [step.arriving(b, j, place, g) for j, g in zip(step.chosen, later)]
    pairs = zip(parameters, whole)
    body.results = tuple([b("index_update", p, g, place) for p, g in pairs])
    bounds = (outside.constant(0), outside("minimum", step.count, 1), outside.constant(1))
    kinds = [s.type for s in stacks]
    return outside.emit("for", (*bounds, *stacks), {}, (body,), kinds)


def element_of(b: Builder, x: Value, fill: Value) -> Value:
    """An element's shape filled with a scalar."""
    if x.rank == 1:
        return fill
    sizes = [b.size(x, axis) for axis in range(1, x.rank)]
    result: Value = b("broadcast", fill, *sizes, axes=())
    return result
