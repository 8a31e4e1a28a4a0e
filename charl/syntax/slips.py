"""Habits from other languages, and what Charl writes instead.

Data only: the grammar looks here when something does not fit, so that the error names the mend.
"""

from __future__ import annotations

# An operator of another language -> the operator meant. Reading goes on with that one.
OPERATORS = {
    "&": "and",
    "|": "or",
    "^": "**",
    "===": "==",
    "!==": "!=",
    "<>": "!=",
    "...": "..",
    "<<": "*",
    ">>": "//",
}

# An operator on bits -> the function that does it.
BITS = {
    "&": "bit_and",
    "|": "bit_or",
    "^": "bit_xor",
    "<<": "shift_left",
    ">>": "shift_right",
}
SHIFTS = ("<<", ">>")  # they have no other meaning

# A word that cannot be used as an expression in Charl -> what to write.
NULLS = frozenset(("null", "nil", "nullptr", "undefined"))

# Words that other languages put where a keyword of Charl stands: (what is meant, reading goes on).
FUNCTION_WORDS = frozenset(("def", "func", "function", "fun", "proc"))
BINDING_WORDS = frozenset(("var", "val", "auto", "local", "my"))
ELSE_IF_WORDS = frozenset(("elif", "elseif", "elsif"))

# Types that other languages put before a name.
TYPE_WORDS = frozenset(
    ("int", "int8", "int16", "int32", "int64", "float", "float16", "float32", "float64", "bool")
    + ("string", "str", "char", "double", "long", "tensor", "Tensor", "void", "auto")
)

# A word that something follows which does not fit -> help.
STATEMENT_WORDS = {
    "class": "write `struct Name { field: type }`; its methods stand inside",
    "impl": "methods stand inside the braces of their `struct`, `enum` or `model`",
    "trait": "there are no traits; leave parameter types out for a function of many types",
    "interface": "there are no interfaces; leave parameter types out for a function of many types",
    "loop": "write `while true { ... }`",
    "do": "write `while condition { ... }`",
    "until": "write `while not condition { ... }`",
    "unless": "write `if not condition { ... }`",
    "switch": "write `match value { pattern => result }`",
    "case": "an arm of a `match` is written `pattern => result`",
    "try": "there are no exceptions; functions that can fail return a `Result`, see `match`",
    "except": "there are no exceptions; functions that can fail return a `Result`, see `match`",
    "raise": 'there are no exceptions; return a `Result`, or write `assert condition, "message"`',
    "throw": 'there are no exceptions; return a `Result`, or write `assert condition, "message"`',
    "lambda": "a closure is written `|x| x + 1`",
    "pass": "an empty block is `{ }`",
    "pub": "names are public unless they start with `_`",
    "public": "names are public unless they start with `_`",
    "private": "a name that starts with `_` is private to its module",
    "export": "names are public unless they start with `_`",
    "static": "leave it out; `const` forbids reassignment",
    "using": "write `import module` or `from module import name`",
    "use": "write `import module` or `from module import name`",
    "include": "write `import module` or `from module import name`",
    "require": "write `import module` or `from module import name`",
    "async": "leave it out; there are no asynchronous functions",
    "await": "leave it out; there are no asynchronous functions",
    "del": "names end with their block; there is nothing to delete",
    "global": "a function may read top-level names, and returns what it changes",
    "nonlocal": "closures capture by value; return what changes",
    "end": "blocks end with `}`",
    "begin": "blocks start with `{`",
    "then": "the branches of an `if` stand in `{ }`",
    "elif": "write `else if`",
    "typedef": "write `type Name = ...`",
    "typealias": "write `type Name = ...`",
    "record": "write `struct Name { field: type }`",
    "data": "write `struct Name { field: type }`",
    "new": "leave it out: a struct is built by `Name(field: value)`",
    "f": 'a formatted string has no space: `f"..."`',
}
