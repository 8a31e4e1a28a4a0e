"""The ops that structure a program: constants, control flow, calls, gradients and checks.

They have no `evaluate`: the interpreter and the backends execute them themselves, and autodiff
treats each by name. Their result types follow from blocks, functions or attributes, so the builder
is given them; `rule` only re-derives what can be derived without the program.

    %r... = constant {value, type}                 an int, float, bool, str or np.ndarray
    %r    = undefined {type}                       a placeholder nobody reads
    %r... = if %c then { yield ... } else { yield ... }
    %r... = for %lo..%hi step %s carry %a... { (%i, %a...) yield %a'... }     step is not zero
    %r... = while %a... cond { (%a...) yield %c } do { (%a...) yield %a'... }
    %r... = call @f(%x...) {checkpoint}
    %r... = custom_call @f(%x...) {backward}       backward takes x..., results..., cotangents...
    %g... = gradient %y wrt %x...                  y a float scalar; g like x (tensors, lists)
    %r... = scan %x... { (%a..., %b...) yield %c... } {reverse}   associative, along axis 0
            check %c, %o... {failure}              a Diagnostic; {0}, {1} in it show operands
    %r    = ensure_shape %x, %n... {failure}       {0} the size found, {1} the size wanted
            fail %o... {failure}
    %r... = fused %x... { yield %r'... }                tensor statements that become one kernel
    %r... = sweep %x... {least, stops} { yield %r'... } {...}  chains done by rows (kernel/sweep.py)
    %e    = load %x, %i...                         an element, in bounds (kernels)
            store %x, %e, %i...                    writes an element (kernels)
    %r    = scratch {type}                         a tensor that nobody has written yet (kernels)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from charl.core.op import Effect, Op, Parameter, RuleContext, declare
from charl.types.dims import Dim, Unknown
from charl.types.types import INT, Tensor, Type, Typed


def _told(
    ctx: RuleContext, operands: Sequence[Typed], attributes: Mapping[str, Any]
) -> tuple[Type, ...]:
    return (attributes["type"],)


def _constant_dim(*, value: Any, type: Type) -> Dim | None:
    return value if type == INT else None


def _derived(
    ctx: RuleContext, operands: Sequence[Typed], attributes: Mapping[str, Any]
) -> tuple[Type, ...]:
    """The results follow from blocks or from the program, which the builder was given."""
    ctx.fail("the types of this statement follow from its blocks")


def _none(
    ctx: RuleContext, operands: Sequence[Typed], attributes: Mapping[str, Any]
) -> tuple[Type, ...]:
    return ()


def _gradient_rule(
    ctx: RuleContext, operands: Sequence[Typed], attributes: Mapping[str, Any]
) -> tuple[Type, ...]:
    return tuple(operand.type for operand in operands[1:])


def _ensure_shape_rule(
    ctx: RuleContext, operands: Sequence[Typed], attributes: Mapping[str, Any]
) -> tuple[Type, ...]:
    tensor = operands[0].type
    assert isinstance(tensor, Tensor)
    if len(tensor.shape) != len(operands) - 1:
        ctx.fail("a shape of another rank")
    shape = tuple(
        known if size.dim is None or isinstance(size.dim, Unknown) else size.dim
        for size, known in zip(operands[1:], tensor.shape)
    )
    return (Tensor(tensor.dtype, shape),)


def _control(name: str, doc: str, rule: Any = _derived, effect: Effect = Effect.PURE) -> Op:
    return declare(Op(name, doc, (Parameter("operands"),), rule, None, effect=effect))


CONSTANT = declare(
    Op("constant", "A value known at compile time.", (), _told, None, dim=_constant_dim)
)
UNDEFINED = _control("undefined", "A placeholder that nobody reads.", _told)
IF = _control("if", "One of two blocks, by a condition.")
FOR = _control("for", "A counted loop with carried values.")
# A `while`, like a recursion, may never end: it stays even when nobody needs its results.
WHILE = _control("while", "A loop with a condition and carried values.", effect=Effect.CHECK)
CALL = _control("call", "A call of another function of the program.")
CUSTOM_CALL = _control("custom_call", "A call with its own reverse rule.")
GRADIENT = _control("gradient", "Gradients of a scalar, replaced by autodiff.", _gradient_rule)
SCAN = _control("scan", "Inclusive associative scan along the leading axis.")
CHECK = _control("check", "A run-time check.", _none, Effect.CHECK)
ENSURE_SHAPE = _control("ensure_shape", "A checked shape.", _ensure_shape_rule, Effect.CHECK)
FAIL = _control("fail", "Stops the program with a diagnostic.", _none, Effect.CHECK)
FUSED = _control("fused", "Tensor statements that are computed together.")
SWEEP = _control("sweep", "Statements that are done one after another by stretches of rows.")


def _load_rule(
    ctx: RuleContext, operands: Sequence[Typed], attributes: Mapping[str, Any]
) -> tuple[Type, ...]:
    tensor = operands[0].type
    assert isinstance(tensor, Tensor)
    return (Tensor(tensor.dtype),)


LOAD = _control("load", "An element of a tensor, in bounds.", _load_rule)
SCRATCH = _control("scratch", "Memory of a kernel's own.", _told)
STORE = _control("store", "Writes an element of a kernel's result.", _none, Effect.EFFECT)
