"""Modules: finding, loading and declaring files; imports with their cycles and private names.

`import a.b` looks for `a/b.ch` beside the importing file, then in the standard library; a folder
is a module by its `mod.ch`, or a namespace of its files. Names that begin with `_` are private to
their file. A module of the standard library is loaded when one of its names is first looked up, so
that small programs read little. Paths are strings: `pathlib` takes longer to load than the library.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterable, Iterator, Sequence

from charl.check import elsewhere, tree
from charl.check.declarations import (
    Alias,
    Builtin,
    Entry,
    Enum,
    Function,
    Logic,
    Module,
    OpFunction,
    Struct,
    Variant,
)
from charl.check.frame import Frame, Session
from charl.core.op import SURFACE
from charl.diagnostics.diagnostic import Diagnostic, Label, error
from charl.diagnostics.suggest import LONGEST, begun, nearest
from charl.records import record
from charl.source import Source, Span
from charl.syntax import ast
from charl.syntax.parser import parse
from charl.types.dtypes import BY_NAME

STANDARD = os.path.join(os.path.dirname(os.path.dirname(os.path.realpath(__file__))), "std")


@record(frozen=False, eq=False)
class LazyName:
    """A name that an import line brings, looked up when it is first used."""

    node: ast.Import
    name: ast.Identifier
    resolving: bool = False


@record(frozen=False, eq=False)
class LazyModule:
    """A module that an import line names, loaded when it is first used."""

    node: ast.Import


class Names(dict[str, Entry]):
    """A module's names; entries brought by imports are resolved when they are asked for."""

    def __init__(self, session: Session, module: Module) -> None:
        super().__init__()
        self.session, self.module = session, module
        self.lazy: dict[str, LazyName | LazyModule] = {}
        self.own: set[str] = set()

    def __contains__(self, name: object) -> bool:
        return dict.__contains__(self, name) or name in self.lazy

    def __missing__(self, name: str) -> Entry:
        found = resolve_lazy(self, name)
        if found is None:
            raise KeyError(name)
        self[name] = found
        return found

    def get(self, name: str, default: Entry | None = None) -> Entry | None:  # type: ignore[override]
        try:
            return self[name]
        except KeyError:
            return default

    def __iter__(self) -> Iterator[str]:
        yield from dict.__iter__(self)
        yield from (n for n in self.lazy if not dict.__contains__(self, n))


def resolve_lazy(names: Names, name: str) -> Entry | None:
    item = names.lazy.pop(name, None)
    if item is None:
        return None
    session, module = names.session, names.module
    target = load_path(session, module, item.node.path, item.node.span)
    if target is None or isinstance(item, LazyModule):
        return target
    wanted = item.name.name
    inner = target.names
    if wanted in inner and (not wanted.startswith("_")):
        return inner.get(wanted)
    if isinstance(inner, Names) and wanted in target.pending and not wanted.startswith("_"):
        names.lazy[name] = item  # a top-level variable: known once its module has started up
        return None
    near = nearest(wanted, public_names(target)) or begun(wanted, public_names(target))
    report(
        session,
        error(
            "E0261" if wanted.startswith("_") else "E0260",
            f"`{wanted}` is private to `{target.name}`"
            if wanted.startswith("_")
            else f"`{target.name}` has no `{wanted}`",
            item.name.span,
            helps=(f"did you mean `{near}`?",) if near else (),
        ),
    )
    return None


def report(session: Session, item: Diagnostic) -> None:
    span = item.primary.span if item.primary else None
    key = (item.code, span and (id(span.source), span.start, span.stop))
    if key not in session.reported:
        session.reported.add(key)
        session.diagnostics.append(item)


def public_names(module: Module) -> list[str]:
    return [n for n in module.names if not n.startswith("_")]


# --- Loading -------------------------------------------------------------------------------------


def load_prelude(session: Session, builtins: Iterable[Builtin]) -> None:
    """The module whose names every file sees, and the names of the language itself."""
    own = Module("builtins", Source("<language>", "", library=True), _empty())
    for name, op in SURFACE.items():
        own.names[name] = OpFunction(op)
    for builtin in builtins:
        own.names[builtin.name] = builtin
    session.builtins = own.names
    source = _read(os.path.join(STANDARD, "prelude.ch"))
    session.prelude = declare_module(session, "prelude", source)


def _empty() -> ast.Module:
    return ast.Module(Span(Source("<language>", ""), 0, 0), ())


def _read(path: str) -> Source:
    """A module's file. Those of the library are shown as `std/nn.ch`, wherever they lie."""
    with open(path, encoding="utf-8") as file:
        text = file.read()
    whole = os.path.realpath(path)
    if whole.startswith(STANDARD + os.sep):
        return Source(f"std/{whole[len(STANDARD) + 1 :]}", text, library=True)
    return Source(path, text)


def load_path(
    session: Session, importer: Module, path: Sequence[ast.Identifier], span: Span
) -> Module | None:
    """The module `a.b.c`, seen from a file; None after a report."""
    names = [part.name for part in path]
    found = _find(session, importer, names)
    if found is None:
        known = sorted({*_standard_modules(), *_neighbours(importer)})
        near = nearest(names[-1], known)
        report(
            session,
            error(
                "E0262",
                f"there is no module `{'.'.join(names)}`",
                span if len(path) == 0 else path[0].span.to(path[-1].span),
                helps=_instead(names, near),
            ),
        )
        return None
    key = os.path.realpath(found)
    if key in session.loading:
        _cycle(session, key, span)
        return None
    if key in session.modules:
        return session.modules[key]
    if os.path.isdir(found):
        return _namespace(session, found, ".".join(names))
    session.loading.append(key)
    try:
        source = _read_module(session, found, span)
        module = None if source is None else declare_module(session, names[-1], source)
        if module is not None:
            session.modules[key] = module
            _load_imports(module)
            session.start_up.append(module)
            if session.initialise is not None:
                session.initialise(module)
    finally:
        session.loading.remove(key)
    return module


def _load_imports(module: Module) -> None:
    """A user's module loads what it imports at once, so that cycles and misspellings show."""
    if module.source.library:
        return
    names = module.names
    assert isinstance(names, Names)
    for name in list(names.lazy):
        names.get(name)


def _read_module(session: Session, path: str, span: Span) -> Source | None:
    try:
        return _read(path)
    except UnicodeDecodeError:
        report(session, error("E0263", f"the module file `{path}` is not UTF-8", span))
    except OSError as problem:
        report(
            session, error("E0263", f"cannot read the module `{path}`: {problem.strerror}", span)
        )
    return None


def _instead(names: Sequence[str], near: str | None) -> tuple[str, ...]:
    """What to write where there is no such module, else where it was looked for."""
    first, last = names[0], names[-1]
    if first in elsewhere.MODULES:
        return (elsewhere.MODULES[first],)
    if len(names) == 2 and module_with(last.lower()) == first:
        return (f"`from {first} import {last.lower()}` brings one of its names in",)
    if near:
        return (f"did you mean `{near}`?",)
    return (f"looked for `{'/'.join(names)}.ch` beside this file and in the library",)


def _find(session: Session, importer: Module, names: Sequence[str]) -> str | None:
    for root in (STANDARD if importer.source.library else _folder_of(importer), STANDARD):
        base = os.path.join(root, *names)
        main = os.path.join(base, "mod.ch")
        files = f"{base}.ch", f"{base}.charl"
        if root != STANDARD:
            for path in (*files, base, main):
                session.look_at(path)
        for path in files:
            # A file named as a module of the library means that one, not itself.
            if os.path.isfile(path) and path != importer.source.name:
                return path
        if os.path.isdir(base) and names[-1] != "data":
            return main if os.path.isfile(main) else base
    return None


def _folder_of(module: Module) -> str:
    return os.path.dirname(module.source.name)


def _modules_in(folder: str) -> list[str]:
    """The names of the files in a folder that are modules, in order."""
    if not os.path.isdir(folder):
        return []
    return sorted(name[: -len(".ch")] for name in os.listdir(folder) if name.endswith(".ch"))


def _standard_modules() -> list[str]:
    return [name for name in _modules_in(STANDARD) if name != "prelude"]


def _neighbours(importer: Module) -> list[str]:
    return _modules_in(_folder_of(importer) or os.curdir)


def _namespace(session: Session, folder: str, name: str) -> Module:
    """A folder without `mod.ch`: its files are its members."""
    source = Source(os.path.join(folder, "mod.ch"), "")
    module = Module(name, source, _empty())
    names = Names(session, module)
    module.names = names
    session.modules[os.path.realpath(folder)] = module
    span = Span(source, 0, 0)
    for stem in _modules_in(folder):
        part = ast.Identifier(span, stem)
        names.lazy[stem] = LazyModule(ast.Import(span, "", (part,), None, None))
    return module


def _cycle(session: Session, key: str, span: Span) -> None:
    circle = (*session.loading[session.loading.index(key) :], key)
    report(
        session,
        error(
            "E0264",
            "these modules import each other in a circle",
            span,
            " -> ".join(os.path.splitext(os.path.basename(path))[0] for path in circle),
            helps=("move what both need into a third module",),
        ),
    )


# --- Declaring -----------------------------------------------------------------------------------


def declare_module(session: Session, name: str, source: Source) -> Module:
    """Parse a file and make its items known; syntax errors are reported."""
    start = time.perf_counter()
    syntax, problems = parse(source)
    session.parsing += time.perf_counter() - start
    for problem in problems:
        report(session, problem)
    module = Module(name, source, syntax)
    module.names = Names(session, module)
    declare(session, module, syntax.statements)
    return module


def declare(
    session: Session,
    module: Module,
    statements: Sequence[ast.Statement],
    into: dict[str, Entry] | None = None,
) -> None:
    """Enter the items of a block into its names (the module's, or a local scope)."""
    names = module.names if into is None else into
    places: dict[str, Span] = {}
    for item in statements:
        if isinstance(item, ast.Import):
            _declare_import(module, item, names, places)
            continue
        found = _entry(module, item)
        if found is None:
            if into is None and isinstance(item, ast.Let):
                for pattern in _pattern_names(item.pattern):
                    module.pending.setdefault(pattern.name, pattern.span)
            continue
        if into is not None and isinstance(found[0], Function):
            continue
        entry, identifier = found
        _enter(session, names, places, identifier, entry)
        if isinstance(entry, Enum):
            _enter_variants(names, entry)


def _enter(
    session: Session,
    names: dict[str, Entry],
    places: dict[str, Span],
    identifier: ast.Identifier,
    entry: Entry,
) -> None:
    name = identifier.name
    if name in places:
        report(
            session,
            error(
                "E0265",
                f"`{name}` is declared twice",
                identifier.span,
                secondary=(Label(places[name], "first declared here"),),
            ),
        )
        return
    if name in BY_NAME or name == "string":
        report(session, error("E0266", f"`{name}` is the name of a type", identifier.span))
    places[name] = identifier.span
    names[name] = entry


def _enter_variants(names: dict[str, Entry], enum: Enum) -> None:
    """Variants are visible by their bare names unless something else has the name."""
    for index, variant in enumerate(enum.variants):
        if not dict.__contains__(names, variant.name.name):
            names[variant.name.name] = Variant(enum, index)


def _entry(module: Module, item: ast.Statement) -> tuple[Entry, ast.Identifier] | None:
    match item:
        case ast.Function():
            return make_function(module, item), item.name
        case ast.Struct() | ast.Model():
            struct = Struct(item.name.name, module, item)
            _report_twins(module, [(f.name.name, f.name.span) for f in item.fields], "fields")
            struct.methods = {m.name.name: make_function(module, m, struct) for m in item.methods}
            return struct, item.name
        case ast.Enum():
            enum = Enum(item.name.name, module, item)
            enum.methods = {m.name.name: make_function(module, m, enum) for m in item.methods}
            return enum, item.name
        case ast.TypeAlias():
            return Alias(item.name.name, module, item), item.name
        case ast.Relation() | ast.Logic():
            return Logic(item.name.name, item), item.name
    return None


def _report_twins(module: Module, names: Sequence[tuple[str, Span]], what: str) -> None:
    """Report a name that a list of fields or parameters has twice."""
    seen: dict[str, Span] = {}
    for name, span in names:
        if name in seen and name != "_":
            report(
                module.names.session,  # type: ignore[attr-defined]
                error(
                    "E0265",
                    f"there are two {what} named `{name}`",
                    span,
                    secondary=(Label(seen[name], "the first is here"),),
                ),
            )
        seen.setdefault(name, span)


def make_function(
    module: Module, node: ast.Function, owner: Struct | Enum | None = None
) -> Function:
    named = [p.pattern for p in node.parameters if isinstance(p.pattern, ast.NamePattern)]
    _report_twins(module, [(p.name, p.span) for p in named], "parameters")
    if any(p.mutable for p in node.parameters):
        module.names.session.in_out.add(node.name.name)  # type: ignore[attr-defined]
    return Function(
        node.name.name,
        module,
        node.name.span,
        node.parameters,
        node.result,
        node.body,
        node.generics,
        node.doc,
        owner,
        node.mutable,
    )


def _declare_import(
    module: Module,
    node: ast.Import,
    names: dict[str, Entry],
    places: dict[str, Span],
) -> None:
    lazy = module.names.lazy if isinstance(module.names, Names) else {}
    if node.names is None:
        identifier = node.alias or node.path[-1]
        lazy[identifier.name] = LazyModule(node)
        places[identifier.name] = identifier.span
        return
    for name, alias in node.names:
        lazy[(alias or name).name] = LazyName(node, name)


def _pattern_names(pattern: ast.Pattern) -> list[ast.NamePattern]:
    match pattern:
        case ast.NamePattern():
            return [pattern]
        case ast.TuplePattern(items=items):
            return [n for item in items for n in _pattern_names(item)]
    return []


def declare_local(frame: Frame, statements: Sequence[ast.Statement]) -> None:
    """The items of a block inside a function (functions are bound when they are reached)."""
    if any(isinstance(s, ast.Item) for s in statements):
        declare(frame.session, frame.module, statements, into=frame.scopes[-1])


# --- Members -------------------------------------------------------------------------------------


def member(module: Module, name: str) -> Entry | None:
    if name.startswith("_") or name not in module.names:
        return None
    return module.names.get(name)


def no_member(frame: Frame, module: Module, name: ast.Identifier) -> tree.Expr:
    if name.name.startswith("_") and name.name in module.names:
        return frame.error("E0261", f"`{name.name}` is private to `{module.name}`", name.span)
    near = nearest(name.name, public_names(module)) or begun(name.name, public_names(module))
    return frame.error(
        "E0260",
        f"`{module.name}` has no `{name.name}`",
        name.span,
        helps=(f"did you mean `{near}`?",) if near else (),
    )


def module_with(name: str) -> str | None:
    """The library module that declares a name, for a suggestion."""
    if len(name) > LONGEST:
        return None
    declared = re.compile(rf"^(?:fn|struct|model|enum|const) {re.escape(name)}\b", re.MULTILINE)
    for stem in _standard_modules():
        if declared.search(_read(os.path.join(STANDARD, f"{stem}.ch")).text):
            return stem
    return None
