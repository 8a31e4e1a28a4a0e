"""Records: classes that are nothing but their named fields, made quickly.

    @record
    class Span:
        source: Source
        start: int
        stop: int = 0

The subset of the standard library's dataclasses that Charl uses, with the same meaning: positional
fields in order (those of the base classes first), defaults, `field(default_factory=...)`, equality
and hash by value (`eq=False`: by identity), `match`. There is an own one because a program should
start at once: a dataclass with slots costs about a millisecond of generated and compiled methods,
and Charl has some three hundred. Here equality, hash and the printed form are shared functions over
the fields, and `__init__`, the one that must be fast, is compiled when the first object is made.

A record always has slots, and is frozen unless it says `frozen=False`. That is the type checker's
business (`dataclass_transform` teaches mypy): at run time nothing guards a field, which makes
objects three times as quick to build. `super()` without arguments does not work in the methods of
a record, as in those of any class that is made anew to have slots.
"""

from __future__ import annotations

from collections.abc import Callable
from operator import attrgetter

# As in every module that is loaded before a kept program begins: `typing` takes as long to load as
# all of them. Type checkers take the name for true.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, TypeVar, dataclass_transform, overload

    T = TypeVar("T")


class _Missing:
    def __repr__(self) -> str:
        return "MISSING"


MISSING: Any = _Missing()


class Field:
    """A field as declared, `type` the text of its annotation. `compare=False` leaves it out of
    equality, hash and printed form."""

    __slots__ = ("compare", "default", "default_factory", "name", "type")

    def __init__(self, default_factory: Any, compare: bool) -> None:
        self.name = ""
        self.type = ""
        self.default: Any = MISSING
        self.default_factory = default_factory
        self.compare = compare


def field(*, default_factory: Callable[[], Any] = MISSING, compare: bool = True) -> Any:
    """What a field says beyond its type and default; stands where the default would."""
    return Field(default_factory, compare)


if TYPE_CHECKING:

    @overload
    @dataclass_transform(frozen_default=True, field_specifiers=(field,))
    def record(cls: type[T], /) -> type[T]: ...

    @overload
    @dataclass_transform(frozen_default=True, field_specifiers=(field,))
    def record(*, frozen: bool = True, eq: bool = True) -> Callable[[type[T]], type[T]]: ...

    def record(*arguments: Any, **named: Any) -> Any: ...

else:

    def record(cls=None, /, *, frozen=True, eq=True):
        """The decorator. A record with equality by value has a hash only if it is frozen."""
        if cls is None:
            return lambda cls: _remake(cls, frozen, eq)
        return _remake(cls, frozen, eq)


def fields(kind: object) -> tuple[Field, ...]:
    """The fields of a record class, or of a record, in the order of its `__init__`."""
    return tuple(kind.__record_fields__.values())  # type: ignore[attr-defined]


def is_record(value: object) -> bool:
    return hasattr(type(value), "__record_fields__")


def replace(value: T, /, **changes: Any) -> T:
    """A copy of a record with some fields changed."""
    kept = {f.name: getattr(value, f.name) for f in fields(value) if f.name not in changes}
    return type(value)(**kept, **changes)


def _remake(cls: type, frozen: bool, eq: bool) -> type:
    """The class once more, with slots and the methods of a record: slots cannot be added later."""
    namespace = dict(cls.__dict__)
    inherited: dict[str, Field] = {}
    for base in reversed(cls.__mro__[1:]):
        inherited |= base.__dict__.get("__record_fields__", {})
    own = {
        name: _declared(name, annotation, namespace.pop(name, MISSING))
        for name, annotation in namespace.get("__annotations__", {}).items()
    }
    every = inherited | own
    compared = tuple(f.name for f in every.values() if f.compare)
    namespace.pop("__dict__", None)
    namespace.pop("__weakref__", None)
    namespace["__slots__"] = tuple(name for name in own if name not in inherited)
    namespace["__match_args__"] = tuple(every)
    namespace["__record_fields__"] = every
    namespace.setdefault("__repr__", _repr)
    if eq and "__eq__" not in namespace:
        key = values_of(compared)
        namespace["__eq__"] = _equality(key) if compared else _same_class
        if frozen:
            namespace.setdefault("__hash__", lambda self: hash(key(self)))
    namespace.setdefault("__init__", _first_init(every))  # to be set later costs Python more
    made = type(cls)(cls.__name__, cls.__bases__, namespace)
    made.__qualname__ = cls.__qualname__
    return made


def _declared(name: str, annotation: str, default: Any) -> Field:
    found = default if isinstance(default, Field) else Field(MISSING, compare=True)
    found.name, found.type = name, annotation
    if found is not default:
        found.default = default
    return found


def values_of(names: tuple[str, ...]) -> Callable[[Any], tuple[Any, ...]]:
    """What gives the values of the named fields of a record, all at once."""
    if len(names) > 1:
        return attrgetter(*names)
    if names:
        only = attrgetter(*names)
        return lambda self: (only(self),)
    return lambda self: ()


def _equality(key: Callable[[Any], tuple[object, ...]]) -> Callable[[Any, object], bool]:
    # A plain answer for another class, too: Python would only ask `other` and hear the same.
    return lambda self, other: (
        self is other or (self.__class__ is other.__class__ and key(self) == key(other))
    )


def _same_class(self: object, other: object) -> bool:
    return self.__class__ is other.__class__


def _repr(self: Any) -> str:
    shown = (f"{f.name}={getattr(self, f.name)!r}" for f in fields(self) if f.compare)
    return f"{type(self).__qualname__}({', '.join(shown)})"


def _first_init(every: dict[str, Field]) -> Callable[..., None]:
    """An `__init__` that puts the compiled one in its place when the first object is made."""

    def __init__(self: Any, *arguments: Any, **named: Any) -> None:
        compiled = _compiled_init(every)
        for made in type(self).__mro__:
            if made.__dict__.get("__init__") is __init__:
                made.__init__ = compiled  # type: ignore[misc]
        compiled(self, *arguments, **named)

    return __init__


def _compiled_init(every: dict[str, Field]) -> Callable[..., None]:
    """`def __init__(self, a, b=...): self.a = a ...`, as one would write it by hand."""
    known: dict[str, Any] = {"MISSING": MISSING}
    parameters, body = ["self"], []
    for name, f in every.items():
        value = name
        if f.default_factory is not MISSING:
            known[f"_make_{name}"] = f.default_factory
            parameters.append(f"{name}=MISSING")
            value = f"_make_{name}() if {name} is MISSING else {name}"
        elif f.default is not MISSING:
            known[f"_default_{name}"] = f.default
            parameters.append(f"{name}=_default_{name}")
        else:
            parameters.append(name)
        body.append(f"    self.{name} = {value}\n")
    text = f"def __init__({', '.join(parameters)}):\n{''.join(body) or '    pass'}"
    exec(text, known)
    return known["__init__"]  # type: ignore[no-any-return]
