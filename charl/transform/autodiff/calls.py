"""The reverse of calls: a forward and a backward function made from the called one.

For a function f, the parameters that are active and the results that have cotangents, there are

    f_forward(x...)                  -> f's results, residuals...
    f_backward(x..., residuals..., cotangents...) -> cotangents of the active parameters

and the call becomes one of f_forward. A recursive function's residuals hold those of its own calls
within, so they are boxed: their type is then one name, whatever is inside. A call marked
`checkpoint` stays as it is; its reverse calls f_forward anew, after putting the random state back
to what it was if f draws. A `custom_call` brings its own backward function.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from functools import partial

from charl.core.builder import Builder
from charl.core.clone import Renaming, copy_function, defined_symbols
from charl.core.ir import Block, Function, Statement, Value
from charl.diagnostics.diagnostic import Diagnostic, error
from charl.records import field, record
from charl.source import Span
from charl.transform.autodiff.accumulate import Emitter
from charl.transform.autodiff.activity import Mask, is_differentiable
from charl.transform.autodiff.loops import before
from charl.transform.autodiff.residual import close
from charl.transform.autodiff.sizes import type_symbols
from charl.transform.autodiff.state import Differentiation
from charl.transform.autodiff.sweep import Sweep
from charl.types import dims, types
from charl.types.dims import Dim, Symbol
from charl.types.types import Box, Type

RANDOM = {
    "random_uniform",
    "random_normal",
    "random_int",
    "permutation",
    "bernoulli",
    "categorical",
}


@record(frozen=False)
class Derivative:
    """Backward takes the arguments at `given`, the results at `returned`, then `residuals`: values
    of the forward function that it returns further, in one box when `boxed`; last the cotangents.
    `positions`: the parameters whose cotangents backward returns."""

    forward: Function
    backward: str
    boxed: bool
    positions: tuple[int, ...]
    given: list[int] = field(default_factory=list)
    returned: list[int] = field(default_factory=list)
    residuals: list[Value] = field(default_factory=list)


def reverse_call(sweep: Sweep, statement: Statement) -> None:
    state, b = sweep.state, sweep.builder
    name = statement.attributes["function"]
    cotangents = sweep.of_results(statement)
    active = tuple(v in sweep.active for v in statement.operands)
    wanted = tuple(c is not None for c in cotangents)
    again = bool(statement.attributes.get("checkpoint"))
    known = state.augmented.get(statement)
    if known is not None and (active, wanted) == known.masks(len(wanted)):
        derivative, residuals = known.derivative, known.residuals
    else:
        found = derive(state, name, active, wanted, statement.span)
        if found is None:
            return
        derivative = found
        if again:
            residuals = recompute(sweep, statement, derivative)
        else:
            residuals = augment(statement, derivative)
            state.augmented[statement] = Augmented(derivative, active, wanted, residuals)
    operands = [statement.operands[i] for i in derivative.given]
    operands += [statement.results[i] for i in derivative.returned]
    operands += [*residuals, *(c for c in cotangents if c is not None)]
    kinds = [statement.operands[i].type for i in derivative.positions]
    results = b.emit("call", operands, {"function": derivative.backward}, (), kinds)
    for i, result in zip(derivative.positions, results):
        sweep.accumulate(statement.operands[i], result)


@record(frozen=False)
class Augmented:
    """How a call has been rewritten, for a second gradient that needs the same of it."""

    derivative: Derivative
    active: Mask
    wanted: Mask
    residuals: tuple[Value, ...]

    def masks(self, results: int) -> tuple[Mask, Mask]:
        return self.active, self.wanted + (False,) * (results - len(self.wanted))


def augment(statement: Statement, derivative: Derivative) -> tuple[Value, ...]:
    """Make a call one of the forward function; its residuals."""
    residuals = residual_results(derivative, statement.operands)
    statement.attributes = statement.attributes | {"function": derivative.forward.name}
    statement.results += residuals
    return residuals


def residual_results(derivative: Derivative, operands: Sequence[Value]) -> tuple[Value, ...]:
    """Values of the caller for the residuals; sizes only the callee knows get fresh names."""
    if derivative.boxed:
        return (Value(residual_box(derivative.forward)),)
    renaming = Renaming()
    for parameter, operand in zip(derivative.forward.body.parameters, operands):
        renaming.bind(parameter, operand)
    for symbol in all_symbols(derivative.forward):
        renaming.symbols.setdefault(symbol, dims.symbol(symbol.name))
    kept = derivative.residuals
    return tuple([Value(renaming.type(v.type), renaming.dim(v.dim), v.name) for v in kept])


def residual_box(forward: Function) -> Box:
    return Box(f"residuals of {forward.name}")


def all_symbols(function: Function) -> list[Symbol]:
    found = dict.fromkeys(defined_symbols(function.body))
    for parameter in function.body.parameters:
        found.update(dict.fromkeys(type_symbols(parameter.type)))
    return list(found)


def recompute(sweep: Sweep, statement: Statement, derivative: Derivative) -> tuple[Value, ...]:
    """Run the forward function again in the reverse code; its residuals."""
    b, count = sweep.builder, len(statement.results)
    draws = draws_random(sweep.state.functions, derivative.forward.name)
    if draws:
        with before(sweep.forward, statement) as forward:
            saved = forward("random_state")
        now = b("random_state")
        b("set_random_state", saved)
    residuals = residual_results(derivative, statement.operands)
    kinds = [v.type for v in (*statement.results, *residuals)]
    name = derivative.forward.name
    results = b.emit("call", statement.operands, {"function": name}, (), kinds)[count:]
    for result, residual in zip(results, residuals):
        result.dim = residual.dim
    if draws:
        b("set_random_state", now)
    return results


def draws_random(functions: Mapping[str, Function], name: str) -> bool:
    return any(
        statement.op.name in RANDOM
        for reached in callees(functions, name)
        for statement in functions[reached].body.walk()
    )


def callees(functions: Mapping[str, Function], name: str) -> dict[str, None]:
    """The functions that a call of `name` may run, itself included."""
    found = {name: None}
    queue = [name]
    while queue:
        for called in calls_in(functions[queue.pop()]):
            if called not in found:
                found[called] = None
                queue.append(called)
    return found


def calls_in(function: Function) -> dict[str, None]:
    """The functions a body calls directly, in order."""
    found: dict[str, None] = {}
    for statement in function.body.walk():
        if statement.op.name in ("call", "custom_call"):
            found[statement.attributes["function"]] = None
        if statement.op.name == "custom_call":
            found[statement.attributes["backward"]] = None
    return found


# --- Deriving a function -------------------------------------------------------------------------


def derive(
    state: Differentiation, name: str, active: Mask, wanted: Mask, span: Span | None
) -> Derivative | None:
    """The derivative of a function; None, with a diagnostic, where there can be none."""
    key = (name, active, wanted)
    if key in state.derivatives:
        return state.derivatives[key]
    function = state.functions[name]
    if any(s.op.name == "gradient" for s in function.body.walk()):
        state.report(of_itself(function, span))
        return None
    direct = calls_in(function)
    boxed = any(name in callees(state.functions, called) for called in direct)
    forward_name, backward_name = fresh_names(state, name)
    forward = copy_function(function, forward_name)
    state.functions[forward_name] = forward
    positions = tuple([i for i, is_active in enumerate(active) if is_active])
    derivative = Derivative(forward, backward_name, boxed, positions)
    state.derivatives[key] = derivative
    state.functions[backward_name] = make_backward(state, derivative, wanted)
    return derivative


def fresh_names(state: Differentiation, name: str) -> tuple[str, str]:
    """Names for the pair; a function that is still being derived has taken its forward name."""
    for count in itertools.count(1):
        suffix = "" if count == 1 else f"_{count}"
        if not {f"{name}_forward{suffix}", f"{name}_backward{suffix}"} & set(state.functions):
            break
    return f"{name}_forward{suffix}", f"{name}_backward{suffix}"


def make_backward(state: Differentiation, derivative: Derivative, wanted: Mask) -> Function:
    """Write the backward function, and have the forward one return its residuals."""
    forward = derivative.forward
    body = forward.body
    varied = {body.parameters[i] for i in derivative.positions}
    state.activity.vary(body.statements, varied)
    results = [r for r, is_wanted in zip(body.results, wanted) if is_wanted]
    useful = {r for r in results if r in varied}
    state.activity.demand(body.statements, varied, useful)
    sweep = Sweep(state, Emitter(Block(), forward.span), varied & useful)
    store = FunctionStore(derivative, set(all_symbols(forward)))
    seeds = [Value(store.renamed(r.type), name="cotangent") for r in results]
    for result, seed in zip(results, seeds):
        sweep.accumulate(result, seed)
    sweep.run(body)
    parameters = [body.parameters[i] for i in derivative.positions]
    if not derivative.boxed:
        reached = [i for i, p in zip(derivative.positions, parameters) if p in sweep.cotangents]
        derivative.positions = tuple(reached)
        parameters = [body.parameters[i] for i in reached]
    reverse = sweep.builder.block
    reverse.results = tuple([sweep.or_zeros(p) for p in parameters])
    reverse.parameters = tuple(seeds)
    given: dict[Value, Callable[[Builder], Value]] = {}
    if not derivative.boxed:
        given = {p: partial(store.read, value=p) for p in body.parameters}
    closed = close(body, reverse, given, store)
    closed.parameters = (*store.finish(), *seeds)
    shown = forward.shown or forward.name
    return Function(derivative.backward, closed, shown, forward.span)


@record(frozen=False)
class FunctionStore:
    """Values of a function reach its reverse as arguments, as further results, or in a box."""

    derivative: Derivative
    local: set[Symbol]
    symbols: dict[Symbol, Dim] = field(default_factory=dict)
    wanted: set[Value] = field(default_factory=set)
    given: dict[int, Value] = field(default_factory=dict)
    returned: dict[int, Value] = field(default_factory=dict)
    kept: dict[Value, Value] = field(default_factory=dict)
    box: Value | None = None

    def read(self, b: Builder, value: Value) -> Value:
        body = self.derivative.forward.body
        kind = self.renamed(value.type)
        result = Value(kind, name=value.name)
        if self.derivative.boxed:
            if self.box is None:
                self.box = Value(residual_box(self.derivative.forward), name="residuals")
            index = len(self.kept)
            result = b("box_field", self.box, index=index, type=kind)
            self.kept[value] = result
        elif value in body.parameters:
            self.given[body.parameters.index(value)] = result
        elif value in body.results:
            self.returned[body.results.index(value)] = result
        else:
            self.kept[value] = result
        if value.dim is not None:
            result.dim = self._dim(value.dim)
        return result

    def renamed(self, kind: Type) -> Type:
        """The type under the backward function's own symbols."""
        return types.map_dims(kind, lambda d: d if isinstance(d, dims.Unknown) else self._dim(d))

    def _dim(self, dim: Dim) -> Dim:
        symbol = dims.as_symbol(dim)
        if symbol is not None:
            return self.symbols.setdefault(symbol, dims.symbol(symbol.name))
        if all(s in self.symbols for s in dims.symbols(dim)):
            return dims.substitute(dim, self.symbols)
        return dims.symbol("n")

    def finish(self) -> tuple[Value, ...]:
        """Return the residuals from the forward function; backward's parameters for them."""
        body, derivative = self.derivative.forward.body, self.derivative
        if not derivative.boxed:
            derivative.given += self.given
            derivative.returned += self.returned
            derivative.residuals += self.kept
            body.results += tuple(self.kept)
            return (*self.given.values(), *self.returned.values(), *self.kept.values())
        box = residual_box(derivative.forward)
        made: Value = Builder(body)("box_make", *self.kept, tag=0, name=box.name)
        body.results += (made,)
        return (self.box or Value(box, name="residuals"),)


def of_itself(function: Function, span: Span | None) -> Diagnostic:
    return error(
        "E0490",
        f"`{function.shown or function.name}` takes the gradient of a call of itself",
        span,
        "this call is being differentiated inside the function that it calls",
        helps=("pass the gradient down as an argument, or write the recursion as a loop",),
    )


# --- Calls with their own reverse ----------------------------------------------------------------


def reverse_custom_call(sweep: Sweep, statement: Statement) -> None:
    """`backward(args..., results..., cotangents...)`, a cotangent for each argument, or for each
    that is differentiable. What is not differentiable has itself for a cotangent: nobody reads it.
    """
    function = sweep.state.functions[statement.attributes["backward"]]
    cotangents = [sweep.or_zeros(r) if is_differentiable(r.type) else r for r in statement.results]
    arguments = list(statement.operands)
    if len(function.body.results) != len(arguments):
        arguments = [v for v in arguments if is_differentiable(v.type)]
    operands = (*statement.operands, *statement.results, *cotangents)
    kinds = [v.type for v in arguments]
    attributes = {"function": function.name}
    results = sweep.builder.emit("call", operands, attributes, (), kinds)
    for argument, result in zip(arguments, results):
        sweep.accumulate(argument, result)
