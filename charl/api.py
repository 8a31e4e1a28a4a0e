"""Charl from Python: `charl.load` a file, call its functions on NumPy arrays.

    m = charl.load("model.ch")
    m.predict(images)                       # fn predict(images: float32[N, 784]) -> int[N]
    net = m.train(images, labels, epochs=3)  # what Python has no type for comes back as a `Value`
    m.accuracy(net, images, labels)

An argument that the function takes as `mut`, and the value whose `mut fn` is called, is changed in
place, as a variable is in Charl: a `Value`, a list or an array. Nothing else is changed by a call.

A call is a small piece of Charl, checked against the types of its arguments, compiled, and kept:
the next call with the same types runs at once. Shapes are part of the types; a function that is
called with many different ones is compiled once more with sizes that only the run knows, and that
code serves them all. Errors are `charl.Error`, which carries the diagnostics.
"""

from __future__ import annotations

import sys
import warnings
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from os import PathLike, fspath
from typing import Any

from charl import driver
from charl.backends import choose
from charl.check.declarations import Function, Struct, Variant
from charl.check.incremental import Passed
from charl.check.tree import Variable
from charl.diagnostics.diagnostic import CharlError, Diagnostic, error
from charl.diagnostics.render import render
from charl.diagnostics.suggest import nearest
from charl.kept import Compiled, Kept
from charl.python_values import (
    Binder,
    Leaves,
    Unsuited,
    Value,
    change,
    expect_changeable,
    to_charl,
    to_python,
)
from charl.records import record
from charl.source import Source, Span
from charl.syntax import ast
from charl.types import dims, types
from charl.types.dtypes import DType
from charl.types.types import Tensor, Type

# So many versions of one call for exact shapes, then one for all.
EXACT_SHAPES = 4


class Error(Exception):
    """One or more errors of a Charl program; `str()` shows them as a terminal without colours."""

    def __init__(self, *diagnostics: Diagnostic) -> None:
        super().__init__(render(diagnostics, colour=False))
        self.diagnostics = diagnostics


class MissingName(Error, AttributeError):
    """A file has nothing of this name (E0741)."""


class Warning(UserWarning):
    """A warning about a Charl program."""


def load(
    path: str | PathLike[str],
    arguments: Sequence[str] = (),
    *,
    backend: str | None = None,
) -> Program:
    """Checks a file and runs its top-level code, but not its `main`. Raises Error.

    `arguments` are what the program's own `arguments()` gives; `backend` is "native" or
    "interpreter", without it what CHARL_BACKEND says, else native.
    """
    try:
        source = driver.read_source(fspath(path))
        kept = Kept(arguments, choose(backend))
        _, _, found = kept.run(source, sys.stdout)
    except CharlError as problem:
        raise Error(*problem.diagnostics) from None
    if found:
        warnings.warn(render(found, colour=False), Warning, stacklevel=2)
    return Program(source.name, kept)


class Program:
    """A loaded file. Its attributes are the file's functions, types and variables."""

    def __init__(self, name: str, kept: Kept) -> None:
        self._name, self._kept = name, kept
        self._callees: dict[str, Callee] = {}
        self._methods: dict[str, Callee] = {}

    def __repr__(self) -> str:
        return f"<charl program {self._name}>"

    def __dir__(self) -> list[str]:
        return sorted(name for name in self._kept.checker.names if not name.startswith("_"))

    def __getattr__(self, name: str) -> Any:
        if name in self._callees:
            return self._callees[name]
        entry = None if name.startswith("_") else self._kept.checker.names.get(name)
        match entry:
            case Variable():
                return to_python(entry.type, self._kept.values[entry], self._bind)
            case Variant() if not entry.enum.variants[entry.index].payload:
                type, leaves, _ = self._kept.run(Source("<python>", name), sys.stdout)
                return to_python(type, leaves, self._bind)
            case Function() | Struct() | Variant():
                annotations = self._kept.checker.annotations(entry)
                callee = Callee(self._kept, name, annotations, self._bind)
                callee.__doc__ = documentation(entry)
                self._callees[name] = callee
                return callee
        raise MissingName(self._missing(name))

    def _bind(self, value: Value, method: str) -> Callable[..., Any]:
        """A value that can be called, or its method."""
        if method not in self._methods:
            self._methods[method] = Callee(self._kept, method, {}, self._bind)
        return partial(self._methods[method].call, value)

    def _missing(self, name: str) -> Diagnostic:
        guess = nearest(name, dir(self))
        helps = (f"did you mean `{guess}`?",) if guess else ()
        return error("E0741", f"`{self._name}` has nothing named `{name}`", helps=helps)


@record
class Argument:
    """One argument of a call: `name` is None for a positional one, `place` what messages call it,
    `value` what Python passed."""

    name: str | None
    place: str
    value: Any
    type: Type
    leaves: Leaves


# What stands for the name of the value whose method is called.
RECEIVER = "."

# What a compiled call is found by: the name and type of each argument.
Key = tuple[tuple[str | None, Type], ...]


class Callee:
    """A function, struct, model or enum variant of a program: call it with Python values."""

    def __init__(
        self, kept: Kept, name: str, annotations: dict[str, Type | None], bind: Binder
    ) -> None:
        self._kept, self._bind, self._annotations = kept, bind, annotations
        self._compiled: dict[Key, Compiled] = {}
        self._shapes: Counter[Key] = Counter()
        self.__name__ = name

    def __repr__(self) -> str:
        return f"<charl {self.__name__}>"

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        return self.call(None, *arguments, **named)

    def call(self, receiver: Value | None, /, *arguments: Any, **named: Any) -> Any:
        """Calls the function, or this method of `receiver`. Raises Error."""
        try:
            given = self._arguments(arguments, named)
            if receiver is not None:
                given.insert(0, Argument(RECEIVER, "the value", receiver, *to_charl(receiver)))
            type, result = self._run(given)
        except CharlError as problem:
            raise Error(*problem.diagnostics) from None
        return to_python(type, result, self._bind)

    def _run(self, given: Sequence[Argument]) -> tuple[Type, Leaves]:
        key = tuple((argument.name, argument.type) for argument in given)
        compiled = self._version(key)
        try:
            for position in compiled.changes():
                expect_changeable(given[position].value)
            leaves = [argument.leaves for argument in given]
            type, result, changed = self._kept.execute(compiled, leaves, sys.stdout)
        except Unsuited as problem:
            raise self._unsuited(given[position].place, problem) from problem
        except CharlError:
            if key not in self._compiled:
                # Checked for these very shapes, a wrong one is told with all that is known.
                self._compile(key)
            raise
        for position, (new_type, new_leaves) in changed.items():
            change(given[position].value, new_type, new_leaves, self._bind)
        return type, result

    def _unsuited(self, place: str, problem: Unsuited) -> CharlError:
        helps = (problem.help,) if problem.help else ()
        return CharlError(
            error("E0742", f"{place} of `{self.__name__}` {problem.reason}", helps=helps)
        )

    def _arguments(self, arguments: Sequence[Any], named: dict[str, Any]) -> list[Argument]:
        """The arguments as Charl values. Raises CharlError (E0742) for what has no Charl type."""
        names = list(self._annotations)
        passed = [(None, value) for value in arguments] + list(named.items())
        given: list[Argument] = []
        for position, (name, value) in enumerate(passed):
            parameter = name or (names[position] if position < len(names) else "")
            place = f"`{parameter}`" if parameter else f"argument {position + 1}"
            wanted = self._annotations.get(parameter)
            try:
                type, leaves = to_charl(value, wanted)
                expect_dtype(type, wanted)
            except Unsuited as problem:
                raise self._unsuited(place, problem) from problem
            given.append(Argument(name, place, value, type, leaves))
        return given

    def _version(self, key: Key) -> Compiled:
        """The code for arguments of these types, made now if there is none yet."""
        if key in self._compiled:
            return self._compiled[key]
        shapeless = tuple((name, without_shape(type)) for name, type in key)
        if shapeless in self._compiled:
            return self._compiled[shapeless]
        self._shapes[shapeless] += 1
        if self._shapes[shapeless] == EXACT_SHAPES:
            for_all = tuple((name, with_open_shape(type)) for name, type in key)
            try:
                self._compiled[shapeless] = self._compile(for_all)
            except CharlError:
                pass  # only exact shapes will do
            else:
                return self._compiled[shapeless]
        self._compiled[key] = self._compile(key)
        return self._compiled[key]

    def _compile(self, key: Key) -> Compiled:
        chunk = self._kept.checker.check_call(*call_of(self.__name__, key))
        self._kept.checker.forget()
        return Compiled(chunk, driver.compile_chunk(chunk), self._kept.backend)


def expect_dtype(type: Type, wanted: Type | None) -> None:
    """Raises Unsuited for an array of another dtype than is asked for.

    The checker would say so too, but with the mend in Charl's words, not in NumPy's."""
    if not (isinstance(type, Tensor) and isinstance(wanted, Tensor)):
        return
    if isinstance(wanted.dtype, DType) and type.dtype != wanted.dtype and type.shape:
        reason = f"is {wanted.dtype}, and the array is {type.dtype}"
        raise Unsuited(reason, f'convert it: array.astype("{wanted.dtype}")')


def call_of(name: str, key: Key) -> tuple[ast.Identifier, list[Passed], Passed | None]:
    """A call as the checker takes it. Its text, which errors show, has types for values:
    `predict(float32[5, 784], epochs: int)`, `Net.forward(float32[5, 784])`."""
    receiver = key[0][1] if key and key[0][0] == RECEIVER else None
    arguments = key if receiver is None else key[1:]
    parts = [(f"{label}: " if label else "", types.show(type)) for label, type in arguments]
    owner = "" if receiver is None else types.show(receiver)
    head = f"{owner}.{name}" if owner and name else owner or name
    source = Source("<python>", f"{head}({', '.join(label + shown for label, shown in parts)})")
    passed: list[Passed] = []
    start = len(head) + 1
    for (label, type), (prefix, shown) in zip(arguments, parts):
        place = start + len(prefix)
        identifier = None
        if label is not None:
            identifier = ast.Identifier(Span(source, start, start + len(label)), label)
        passed.append(Passed(identifier, Span(source, place, place + len(shown)), type))
        start = place + len(shown) + len(", ")
    callee = ast.Identifier(Span(source, len(head) - len(name), len(head)), name)
    if receiver is None:
        return callee, passed, None
    return callee, passed, Passed(None, Span(source, 0, len(owner)), receiver)


def without_shape(type: Type) -> Type:
    """A tensor argument's dtype and rank."""
    if isinstance(type, Tensor):
        return Tensor(type.dtype, (dims.UNKNOWN,) * len(type.shape))
    return type


def with_open_shape(type: Type) -> Type:
    """A tensor argument with sizes that only the run knows."""
    if isinstance(type, Tensor):
        return Tensor(type.dtype, tuple(dims.symbol("n") for _ in type.shape))
    return type


def documentation(entry: Function | Struct | Variant) -> str:
    match entry:
        case Function():
            return entry.doc
        case Struct():
            return entry.node.doc
        case Variant():
            return entry.enum.node.doc
