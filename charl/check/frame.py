"""The state of a check: the Session for a whole program, a Frame for one function instance.

A frame knows where names are looked up, what the ambient parameters are, and by which chain of uses
its function came to be checked: an error inside a template is shown at the user's own code, with
that chain. Every error goes through `Frame.report`, which drops repetitions (a function may be
checked for many types) and points into the standard library only when nothing else is at hand.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from charl.check import tree
from charl.check.declarations import Derived, Entry, Function, Module
from charl.check.known import known
from charl.diagnostics import diagnostic
from charl.diagnostics.diagnostic import Diagnostic, Label
from charl.records import field, record, replace
from charl.source import Span
from charl.stamps import Stamp, stamp
from charl.types import dims, types
from charl.types.dims import Dim, Symbol
from charl.types.types import DTypeVariable, Type

MAXIMUM_DEPTH = 100


@record(frozen=False, eq=False)
class Session:
    """Everything that outlives one function: modules, instances, diagnostics."""

    modules: dict[str, Module] = field(default_factory=dict)
    prelude: Module | None = None
    builtins: dict[str, Entry] = field(default_factory=dict)
    diagnostics: list[Diagnostic] = field(default_factory=list)
    instances: dict[Any, Progress] = field(default_factory=dict)
    lambdas: dict[Any, Function] = field(default_factory=dict)
    derived: dict[Any, Derived] = field(default_factory=dict)
    calls: dict[tree.Instance, list[tree.Instance]] = field(default_factory=dict)
    reported: set[Any] = field(default_factory=set)
    pool: list[Symbol] = field(default_factory=list)
    names: dict[str, int] = field(default_factory=dict)
    loading: list[str] = field(default_factory=list)
    arguments: tuple[str, ...] = ()
    defined: dict[tree.Instance, list[tree.Variable]] = field(default_factory=dict)
    """For a chunk of top-level code, the top-level variables that it binds itself."""
    start_up: list[Module] = field(default_factory=list)
    in_out: set[str] = field(default_factory=set)
    """Names of functions that have `mut` parameters."""
    initialise: Callable[[Module], None] | None = None
    """Checks the top-level statements of a module that is loaded while another is checked."""
    looked_at: dict[str, Stamp] = field(default_factory=dict)
    """Paths outside the library whose state took part in the check, as they were then."""
    takes_gradients: bool = False
    """Whether some tree that was made, kept or not, takes a gradient."""
    parsing: float = 0.0
    """The seconds spent in the parser."""

    def look_at(self, path: str) -> None:
        """Note, before it is read or found missing, that the check depends on a path."""
        self.looked_at.setdefault(path, stamp(path))

    def pool_symbol(self, index: int) -> Symbol:
        """Symbol number `index` of canonical argument types, shared by all instances."""
        while len(self.pool) <= index:
            self.pool.append(Symbol("?"))
        return self.pool[index]

    def unique_name(self, name: str) -> str:
        """A name no other instance has."""
        count = self.names.get(name, 0)
        self.names[name] = count + 1
        return f"{name}.{count}" if count else name

    @property
    def errors(self) -> list[Diagnostic]:
        return [d for d in self.diagnostics if d.is_error]


@record(frozen=False, eq=False)
class Progress:
    """An instance and how far its check has come. `used` says that its own body asked for the
    result type before it was known."""

    instance: tree.Instance
    function: Any
    finished: bool = False
    used: bool = False


@record(frozen=False, eq=False)
class Frame:
    """The check of one instance (or of top-level code)."""

    session: Session
    module: Module
    instance: tree.Instance
    scopes: list[dict[str, Entry]]
    ambient: tuple[tuple[str, Any], ...] = ()
    uses: tuple[diagnostic.Frame, ...] = ()
    is_top: bool = False
    generic: bool = False
    assigned: frozenset[str] = frozenset()
    loops: int = 0
    returns: list[tree.Return] = field(default_factory=list)
    result: Type | None = None
    facts: dict[Symbol, Dim] = field(default_factory=dict)
    literals: list[DTypeVariable] = field(default_factory=list)
    defined: list[tree.Variable] = field(default_factory=list)
    pending: list[tree.Statement] | None = None
    owner: Function | None = None
    capture_indices: dict[str, int] = field(default_factory=dict)

    # --- Diagnostics -----------------------------------------------------------------------------

    def report(self, item: Diagnostic) -> None:
        """Record a diagnostic once, seen from the user's code where possible."""
        shown = replace(item, frames=item.frames + self.uses).seen_by_user()
        primary = shown.primary.span if shown.primary else None
        key = (shown.code, primary and (id(primary.source), primary.start, primary.stop))
        if key in self.session.reported:
            return
        self.session.reported.add(key)
        self.session.diagnostics.append(shown)

    def error(
        self,
        code: str,
        message: str,
        span: Span,
        label: str = "",
        *,
        secondary: tuple[Label, ...] = (),
        helps: tuple[str, ...] = (),
        notes: tuple[str, ...] = (),
    ) -> tree.Expr:
        """Report, and stand in for the broken expression."""
        self.report(
            diagnostic.error(
                code, message, span, label, secondary=secondary, helps=helps, notes=notes
            )
        )
        return tree.Constant(span, types.BROKEN, None)

    # --- Names -----------------------------------------------------------------------------------

    def look_up(self, name: str) -> Entry | None:
        """What a name stands for here, innermost scope first, then the module and the prelude."""
        for scope in reversed(self.scopes):
            if name in scope:
                return scope[name]
        if name in self.module.names:
            return self.module.names.get(name)
        prelude = self.session.prelude
        if prelude is not None and name in prelude.names:
            private = name.startswith("_") and not self.module.source.library
            entry = None if private else prelude.names.get(name)
            if entry is not None:
                return entry
        return self.session.builtins.get(name)

    def visible_names(self) -> Iterator[str]:
        for scope in reversed(self.scopes):
            yield from scope
        yield from self.module.names
        if self.session.prelude is not None:
            yield from (n for n in self.session.prelude.names if not n.startswith("_"))
        yield from self.session.builtins

    @contextmanager
    def scope(self) -> Iterator[dict[str, Entry]]:
        """A nested block: names end with it, and so do the size facts learnt inside."""
        names: dict[str, Entry] = {}
        facts = dict(self.facts)
        self.scopes.append(names)
        yield names
        self.scopes.pop()
        self.facts = facts

    def bind(self, name: str, entry: Entry) -> None:
        """Make a name known in the innermost scope; at top level, in the module."""
        if self.is_top and len(self.scopes) == 1:
            self.module.names[name] = entry
            self.module.pending.pop(name, None)
            if isinstance(entry, tree.Variable):
                entry.is_global = True
                self.defined.append(entry)
        elif name != "_":
            self.scopes[-1][name] = entry

    def temporary(self, name: str, value: tree.Expr) -> tuple[tree.Let, tree.Read]:
        """A fresh variable for a value that is needed more than once, and a reading of it."""
        variable = tree.Variable(name, value.type, value.span, known=known(value))
        return tree.Let(value.span, variable, value), tree.Read(value.span, value.type, variable)

    # --- Sizes -----------------------------------------------------------------------------------

    def simplify(self, dim: Dim) -> Dim:
        """The dim with what run-time checks have established put in."""
        return dims.substitute(dim, self.facts) if self.facts else dim

    def learn(self, left: Dim, right: Dim) -> None:
        """A run-time check has made two dims equal from here on in this block."""
        for dim, other in ((left, right), (right, left)):
            symbol = dims.as_symbol(dim)
            if symbol is not None and not symbol.rigid and symbol not in set(dims.symbols(other)):
                self.facts = {s: dims.substitute(d, {symbol: other}) for s, d in self.facts.items()}
                self.facts[symbol] = other
                return

    def opened(self, type: Type) -> Type:
        """The type with every written `?` replaced by a fresh symbol."""
        return types.map_dims(
            type, lambda d: dims.symbol("?") if isinstance(d, dims.Unknown) else d
        )

    def literal(self, float_only: bool) -> types.Tensor:
        """The type of a numeric literal that its context may still decide."""
        variable = DTypeVariable(float_only)
        self.literals.append(variable)
        return types.Tensor(variable)

    def ambient_value(self, name: str) -> Any:
        return dict(self.ambient).get(name)
