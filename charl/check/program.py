"""Checking a whole program: the front door of the package.

Top-level statements are checked in order; then every annotated function that nothing has called yet
is checked once, generically, so that one run reports every error of a file; then `main`. Errors are
raised together.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

import charl.ops  # noqa: F401  fills the registry of primitives
from charl.check import (  # noqa: F401  registers the rules of every kind of node
    ambient,
    assignment,
    branches,
    chain,
    closures,
    comparison,
    expressions,
    indexing,
    late,
    let,
    literals,
    logic_names,
    loops,
    matching,
    models,
    operators,
    references,
    statements,
    tree,
)
from charl.check.advice import advice
from charl.check.builtins import BUILTINS
from charl.check.declarations import Enum, Function, Module, Struct
from charl.check.dispatch import check_expr, check_statement
from charl.check.finish import finish
from charl.check.frame import Frame, Session
from charl.check.function_calls import call_function
from charl.check.generics import contains_itself
from charl.check.infer import resolve
from charl.check.instances import Actual, check_generically, may_change
from charl.check.modules import Names, declare_module, load_prelude, report
from charl.check.names import walk
from charl.check.signatures import signature_of
from charl.diagnostics.diagnostic import CharlError, Diagnostic, error
from charl.source import Source, Span
from charl.syntax import ast
from charl.types import dims, types
from charl.types.types import UNIT, Type


def check_program(
    source: Source, *, arguments: Sequence[str] = (), tests: bool = False
) -> tree.CheckedProgram:
    """Check a file. `tests` also prepares its test blocks. Raises CharlError with all errors."""
    session = Session(arguments=tuple(arguments))
    load_prelude(session, BUILTINS)
    module = load_main(session, source)
    if session.errors:
        raise CharlError(*session.diagnostics)
    frame = top_frame(session, module)
    first = start_up(session, frame)
    body = check_all(frame, module.syntax.statements)
    call = _call_main(frame, module)
    main = close(session, frame, module, first + body + call)
    check_definitions(session, module)
    # The errors of test blocks are the file's errors, whether or not the tests are to run.
    chunks = [
        (item.name, _test_chunk(session, frame, item, first, body))
        for item in module.syntax.statements
        if isinstance(item, ast.Test)
    ]
    finish_session(session)
    all_chunks = [main, *(chunk for _, chunk in chunks)]
    return tree.CheckedProgram(
        main,
        tuple(chunks if tests else ()),
        tuple(in_order([*warnings(session), *advice(session, module, all_chunks)])),
        session.looked_at,
        session.takes_gradients,
        session.parsing,
    )


def load_main(session: Session, source: Source) -> Module:
    """The program's own module, with its imports loaded and its logic items named."""
    session.loading.append(os.path.realpath(source.name))
    module = declare_module(session, "main", source)
    names = module.names
    assert isinstance(names, Names)
    for name in list(names.lazy):
        names.get(name)
    session.loading.clear()
    logic_names.check_logic(session, module)
    for entry in dict.values(names):
        if isinstance(entry, Struct) and entry.module is module and contains_itself(entry):
            report(
                session,
                error(
                    "E0267",
                    f"`{entry.name}` contains itself",
                    entry.node.name.span,
                    "no value of it could ever be finished",
                    helps=(f"hold it in an `Option[{entry.name}]` or a list",),
                ),
            )
    return module


def top_frame(session: Session, module: Module, name: str = "main") -> Frame:
    span = Span(module.source, 0, 0)
    instance = tree.Instance(session.unique_name(name), name, span, [], [])
    return Frame(
        session,
        module,
        instance,
        [{}],
        is_top=True,
        assigned=_assigned_at_top(session, module),
    )


def _assigned_at_top(session: Session, module: Module) -> frozenset[str]:
    """The top-level variables that change: nothing may rely on their first value."""
    names: frozenset[str] = frozenset()
    for item in module.syntax.statements:
        if isinstance(item, ast.Test) or not isinstance(item, ast.Item):
            names |= may_change(session, item)
    return names


def check_all(frame: Frame, items: Sequence[ast.Statement]) -> list[tree.Statement]:
    return [s for item in items for s in check_statement(frame, item)]


def close(session: Session, frame: Frame, module: Module, body: list[tree.Statement]) -> tree.Chunk:
    """The chunk of a frame's statements."""
    span = Span(module.source, 0, 0)
    frame.instance.body = tree.Block(span, UNIT, tuple(body), None)
    frame.instance.result = UNIT
    session.defined[frame.instance] = frame.defined
    if not session.errors:
        finish(frame, frame.instance.body)
    return tree.Chunk(frame.instance)


def start_up(session: Session, frame: Frame) -> list[tree.Statement]:
    """The top-level statements of imported modules, in the order of their dependencies. The list
    grows when further modules are loaded while `frame` is checked."""
    body: list[tree.Statement] = []

    def initialise(module: Module) -> None:
        if module.initialised:
            return
        module.initialised = True
        inner = Frame(
            session,
            module,
            frame.instance,
            [{}],
            is_top=True,
            literals=frame.literals,
            assigned=_assigned_at_top(session, module),
        )
        body.extend(check_all(inner, module.syntax.statements))
        frame.defined += inner.defined

    session.initialise = initialise
    for module in list(session.start_up):
        initialise(module)
    return body


def _call_main(frame: Frame, module: Module) -> list[tree.Statement]:
    """`main()` runs last, unless the top level calls it itself."""
    main = module.names.get("main")
    if not isinstance(main, Function) or _calls_main(module):
        return []
    if any(p.default is None for p in main.parameters):
        frame.error(
            "E0280",
            "`main` takes no arguments",
            main.span,
            helps=("`arguments()` gives the arguments of the script",),
        )
        return []
    call = call_function(frame, main, [], main.span)
    return [tree.Evaluate(main.span, call)]


def _calls_main(module: Module) -> bool:
    return any(
        isinstance(node, ast.Call)
        and isinstance(node.callee, ast.Name)
        and node.callee.name == "main"
        for item in module.syntax.statements
        if not isinstance(item, ast.Item)
        for node in walk(item)
    )


def _test_chunk(
    session: Session,
    main: Frame,
    test: ast.Test,
    first: list[tree.Statement],
    body: Sequence[tree.Statement],
) -> tree.Chunk:
    """A test: the file's top level, which is checked once for all, then the test's block. What
    starts up the modules it loads is added to `first`."""
    frame = top_frame(session, main.module, "test")
    before = len(first)
    block = tree.Evaluate(test.span, check_expr(frame, test.body))
    instance = frame.instance
    instance.body = tree.Block(test.span, UNIT, (*first, *body, block), None)
    instance.result = UNIT
    session.defined[instance] = [*main.defined, *frame.defined]
    if not session.errors:
        for statement in (*first[before:], block):
            finish(frame, statement)
    return tree.Chunk(instance)


def together(checked: tree.CheckedProgram) -> tree.Chunk:
    """The file and after it the blocks of its tests: not to run, but to be looked at in one go."""
    top = checked.main.instance
    assert top.body is not None and isinstance(top.body, tree.Block)
    body = top.body.statements
    for _, test in checked.tests:
        assert isinstance(test.instance.body, tree.Block)
        body = (*body, test.instance.body.statements[-1])
    block = tree.Block(top.span, UNIT, body, None)
    return tree.Chunk(tree.Instance(top.name, top.shown, top.span, [], [], body=block, result=UNIT))


# --- Definitions ---------------------------------------------------------------------------------


def check_definitions(session: Session, module: Module) -> None:
    """Check every function whose parameters all have types once, for all sizes; and that the
    layers of models chain."""
    frame = top_frame(session, module, "definitions")
    frame.is_top = False
    frame.generic = True
    for entry in list(dict.values(module.names)):
        match entry:
            case Function() if entry.module is module:
                check_definition(frame, entry)
            case Struct() | Enum() if entry.module is module:
                _check_type(frame, entry)


def _check_type(frame: Frame, entry: Struct | Enum) -> None:
    for method in list(entry.methods.values()):
        check_definition(frame, method)
    if isinstance(entry, Struct):
        models.check_fields(frame, entry)
        chain.check_chain(frame, entry)


@late.check_definition.define
def check_definition(frame: Frame, function: Function, captured: tuple[Type, ...] = ()) -> None:
    """Check an annotated function once, for all sizes; `captured` are the types of what a nested
    one captures."""
    if function.checked or not function.is_annotated:
        return
    function.checked = True
    signature = signature_of(frame, function)
    if signature.types or not signature.dims.keys().isdisjoint(function.captures):
        return  # sizes of the function around it: known where it is called
    if any(p is None or resolve(p) == types.BROKEN for p in signature.parameters):
        return
    if any(isinstance(p, types.Function) and p.parameters is None for p in signature.parameters):
        return
    arguments = tuple(rigid(p) for p in signature.parameters if p is not None)
    actual = Actual(arguments, tuple(None for _ in arguments), captured=captured)
    before = len(frame.session.errors)
    check_generically(frame, function, actual)
    function.broken = len(frame.session.errors) > before


def rigid(annotation: Type) -> Type:
    """An annotation as the type of an argument: `?` are fresh sizes."""
    return types.map_dims(
        annotation, lambda d: dims.symbol("?") if isinstance(d, dims.Unknown) else d
    )


# --- The end -------------------------------------------------------------------------------------


def finish_session(session: Session) -> None:
    """Raise what was found, or hand on the top-level variables that functions read."""
    if session.errors:
        raise CharlError(*in_order(session.diagnostics))
    _spread_globals(session)


def in_order(found: Sequence[Diagnostic]) -> list[Diagnostic]:
    """Errors by file and place; those without a place first."""
    files: dict[str, int] = {}

    def key(item: Diagnostic) -> tuple[int, int]:
        if item.primary is None:
            return (-1, 0)
        span = item.primary.span
        return (files.setdefault(span.source.name, len(files)), span.start)

    return sorted(found, key=key)


def warnings(session: Session) -> list[Diagnostic]:
    return [d for d in in_order(session.diagnostics) if not d.is_error]


def _spread_globals(session: Session) -> None:
    """A function reads the top-level variables that the functions it calls read."""
    changed = True
    while changed:
        changed = False
        for caller, callees in session.calls.items():
            own = session.defined.get(caller, ())
            for callee in callees:
                for variable in callee.globals:
                    if variable not in caller.globals and variable not in own:
                        caller.globals.append(variable)
                        changed = True
