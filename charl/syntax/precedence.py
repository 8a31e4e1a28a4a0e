"""The one precedence table: the parser climbs it, the formatter places parentheses by it.

Levels count from the loosest. A level is left-associative, except `**` (right), comparisons
(a chain `a < b <= c` is one node) and ranges (which do not nest).
"""

from __future__ import annotations

LEVELS: tuple[tuple[str, ...], ...] = (
    ("|>",),
    ("or", "||"),
    ("and", "&&"),
    ("prefix not",),
    ("==", "!=", "<", "<=", ">", ">=", "in", "not"),  # `not` here is that of `x not in xs`
    ("..", "..="),
    ("+", "-", "++"),
    ("*", "/", "//", "%", "@"),
    ("prefix -",),
    ("**",),
    ("as",),
    ("(", "[", "."),
)

INFIX: dict[str, int] = {
    operator: level
    for level, operators in enumerate(LEVELS)
    for operator in operators
    if not operator.startswith("prefix")
}

PIPE = INFIX["|>"]
OR = INFIX["or"]
NOT = LEVELS.index(("prefix not",))
COMPARISON = INFIX["=="]
RANGE = INFIX[".."]
SUM = INFIX["+"]
PRODUCT = INFIX["*"]
NEGATION = LEVELS.index(("prefix -",))
POWER = INFIX["**"]
CAST = INFIX["as"]
POSTFIX = INFIX["."]
ATOM = len(LEVELS)

COMPARISONS = frozenset(("==", "!=", "<", "<=", ">", ">="))
SPELLED = {"||": "or", "&&": "and"}  # read as words, and formatted so
ASSIGNMENTS = {
    operator + "=": operator for operator in ("+", "-", "*", "/", "//", "%", "**", "@", "++")
}
