"""Checking piece by piece: a REPL's entries, and calls of a file's functions from Python.

An `Incremental` is one module that grows. Each piece is checked against what is there now: items
stay (a new one of the same name takes the place of the old), and every top-level variable comes
with the type and the known value it has at this moment, because the pieces before have already run.
Function instances are made anew for each piece: what they assumed of variables may have changed.

A piece that does not check leaves nothing behind; `forget` undoes one that failed when it ran.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from charl.check import logic_names, tree
from charl.check.annotations import Scope, resolve_type
from charl.check.builtins import BUILTINS
from charl.check.declarations import Entry, Enum, Function, Module, Static, Struct, Variant
from charl.check.dispatch import check_expr
from charl.check.finish import finish
from charl.check.frame import Frame, Session
from charl.check.infer import final
from charl.check.modules import Names, declare, load_prelude, public_names
from charl.check.program import (
    check_all,
    check_definitions,
    finish_session,
    start_up,
    top_frame,
    warnings,
)
from charl.check.signatures import parameter_name, signature_of
from charl.diagnostics.diagnostic import CharlError, Diagnostic
from charl.records import fields, record
from charl.source import Source, Span
from charl.syntax import ast
from charl.syntax.parser import parse
from charl.types.dims import Dim
from charl.types.types import INT, UNIT, Type


@record
class Passed:
    """An argument known by its type: `label` is its name in the call, `span` where errors point;
    `dim` the size that an integer is."""

    label: ast.Identifier | None
    span: Span
    type: Type
    dim: Dim | None = None


class Incremental:
    """`variables` are the top-level variables of all pieces, those of imported modules too."""

    def __init__(self, arguments: Sequence[str] = ()) -> None:
        self.session = Session(arguments=tuple(arguments))
        load_prelude(self.session, BUILTINS)
        source = Source("<start>", "")
        self.module = Module("main", source, ast.Module(Span(source, 0, 0), ()))
        self.names = Names(self.session, self.module)
        self.module.names = self.names
        self.variables: list[tree.Variable] = []
        self.warnings: list[Diagnostic] = []
        self._constants: dict[str, Entry] = {}
        self._before: tuple[Any, ...] = ()

    def check(self, source: Source) -> tree.Chunk:
        """One more piece. The value of its last expression is the chunk's result, if it has one.

        Raises CharlError with all errors, leaving everything as it was.
        """
        self._start()
        self.module.source = source
        syntax, problems = parse(source)
        if problems:
            raise CharlError(*problems)
        try:
            return self._checked(source, syntax)
        except CharlError:
            self.forget()
            raise

    def check_call(
        self, name: ast.Identifier, passed: Sequence[Passed], receiver: Passed | None = None
    ) -> tree.Chunk:
        """A call of a function of the module; with a receiver, of its method of that name, or of
        itself when the name is empty. Receiver and arguments are the chunk's parameters, in this
        order; it defines those that the call changes, and nothing else."""
        self._start()
        given = passed if receiver is None else (receiver, *passed)
        # Names that cannot be written, so that they hide nothing.
        variables = [
            tree.Variable(f"argument {i}", p.type, p.span, dim=p.dim) for i, p in enumerate(given)
        ]
        reads: list[ast.Expr] = [ast.Name(p.span, v.name) for p, v in zip(given, variables)]
        callee: ast.Expr = ast.Name(name.span, name.name)
        if receiver is not None:
            callee = reads.pop(0)
            if name.name:
                callee = ast.Field(name.span, callee, name)
        arguments = [ast.Argument(p.span, p.label, read) for p, read in zip(passed, reads)]
        source = name.span.source
        whole = Span(source, 0, len(source.text))
        call = ast.ExprStatement(whole, ast.Call(whole, callee, tuple(arguments)))
        try:
            return self._checked(source, ast.Module(whole, (call,)), variables)
        except CharlError:
            self.forget()
            raise

    def forget(self) -> None:
        """Everything as it was before the last piece."""
        names, lazy, variables, constants = self._before
        dict.clear(self.names)
        self.names.lazy.clear()
        dict.update(self.names, names)
        self.names.lazy.update(lazy)
        self.variables, self._constants = variables, constants

    def visible_names(self) -> Iterable[str]:
        """Every name that means something in the next piece."""
        return {*self.names, *self._library_names()}

    def entry(self, name: str) -> Entry | None:
        """What a name stands for in the next piece."""
        return top_frame(self.session, self.module, "entry").look_up(name)

    def annotations(self, entry: Entry) -> dict[str, Type | None]:
        """The parameters of something callable, in order, with the types written for them."""
        frame = top_frame(self.session, self.module, "entry")
        match entry:
            case Function():
                signature = signature_of(frame, entry)
                names = [parameter_name(parameter) for parameter in entry.parameters]
                return dict(zip(names, signature.parameters))
            case Struct(node=ast.Struct(generics=())):
                written = [(field.name.name, field.type) for field in entry.fields]
                scope = Scope(frame)
                return {n: None if t is None else resolve_type(scope, t) for n, t in written}
            case Variant(enum=Enum(node=ast.Enum(generics=()))):
                scope = Scope(frame)
                payload = entry.enum.variants[entry.index].payload
                return {
                    name.name if name else f"payload {index}": resolve_type(scope, type)
                    for index, (name, type) in enumerate(payload)
                }
        return {}

    def _library_names(self) -> Iterable[str]:
        prelude = self.session.prelude
        return [*(public_names(prelude) if prelude else ()), *self.session.builtins]

    def _start(self) -> None:
        session = self.session
        for state in (session.diagnostics, session.reported, session.instances, session.calls):
            state.clear()
        self._before = (
            dict(dict.items(self.names)),
            dict(self.names.lazy),
            list(self.variables),
            dict(self._constants),
        )
        self.module.pending.clear()

    def _checked(
        self, source: Source, syntax: ast.Module, parameters: Sequence[tree.Variable] = ()
    ) -> tree.Chunk:
        session = self.session
        self.module.syntax = syntax
        declare(session, self.module, syntax.statements)
        for name in list(self.names.lazy):
            self.names.get(name)
        logic_names.check_logic(session, self.module)
        if session.errors:
            finish_session(session)
        frame = top_frame(session, self.module, "entry")
        frame.scopes[0].update(self._constants)
        frame.scopes[0].update((variable.name, variable) for variable in parameters)
        self._doubt(frame.assigned)
        frame.instance.parameters += parameters
        first = start_up(session, frame)
        body = check_all(frame, syntax.statements[:-1])
        result: tree.Expr | None = None
        match syntax.statements[-1:]:
            case (ast.ExprStatement(value=value),):
                result = check_expr(frame, value)
            case last:
                body += check_all(frame, last)
        span = Span(source, 0, len(source.text))
        kind = UNIT if result is None else result.type
        frame.instance.body = tree.Block(span, kind, tuple(first + body), result)
        check_definitions(session, self.module)
        return self._close(frame)

    def _doubt(self, assigned: Iterable[str]) -> None:
        """What is known of a variable holds only while nothing assigns to it."""
        for variable in self.variables:
            if variable.name in assigned:
                variable.known = variable.dim = None

    def _close(self, frame: Frame) -> tree.Chunk:
        session, instance = self.session, frame.instance
        assert instance.body is not None
        if not session.errors:
            finish(frame, instance.body)
        instance.result = final(instance.body.type)
        kept, used = set(self.variables), variables_in(instance.body)
        instance.globals += [variable for variable in used if variable in kept]
        session.defined[instance] = frame.defined
        finish_session(session)
        self.warnings = warnings(session)
        self.variables += [variable for variable in frame.defined if variable not in kept]
        self._constants.update(
            (name, entry)
            for name, entry in frame.scopes[0].items()
            if name.startswith("const ") and isinstance(entry, Static)
        )
        return tree.Chunk(instance, tuple(frame.defined))


def variables_in(root: tree.Expr) -> dict[tree.Variable, None]:
    """The variables that a tree reads or assigns itself, in order; not those of what it calls."""
    found: dict[tree.Variable, None] = {}
    stack: list[Any] = [root]
    while stack:
        match stack.pop():
            case tree.Variable() as variable:
                found[variable] = None
            case tree.Expr() | tree.Statement() as node:
                stack += [getattr(node, part.name) for part in fields(node)]
            case tuple() as items:
                stack += items
    return found


def learn(variable: tree.Variable, type: Type, value: Any) -> None:
    """Tell the checker what a variable has become: its type with sizes, and its value if that is a
    scalar integer, a truth value or a string (None otherwise)."""
    variable.type, variable.known = type, value
    variable.dim = value if type == INT else None
