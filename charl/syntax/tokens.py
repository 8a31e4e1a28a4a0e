"""Tokens: what the lexer cuts a source into.

A token's `kind` is its own text for keywords and marks (`"let"`, `"("`), so that the grammar reads
as `token.kind == "("`; for the others it is one of the constants below. Comments and newlines are
not tokens: comments go to a list of their own, and a token knows whether a newline stands before
it. Whether that newline ends a statement is the parser's question, since it depends on brackets.
"""

from __future__ import annotations

from typing import NamedTuple

NAME = "<name>"
INT = "<int>"
FLOAT = "<float>"
STRING = "<string>"
# A formatted string is cut into: FORMAT_START, then TEXT and holes, then FORMAT_STOP. A hole is
# HOLE_START, ordinary tokens, perhaps SPEC, HOLE_STOP. The lexer guarantees the balance.
FORMAT_START = "<format start>"
TEXT = "<text>"
HOLE_START = "<hole start>"
SPEC = "<spec>"
HOLE_STOP = "<hole stop>"
FORMAT_STOP = "<format stop>"
# Stands where the lexer has reported an error; the parser stays silent about it.
ERROR = "<error>"
END = "<end>"


class Token(NamedTuple):
    kind: str
    text: str
    start: int
    stop: int
    newline: bool


# fmt: off
KEYWORDS = frozenset((
    "let", "const", "fn", "return", "if", "else", "for", "in", "while", "break", "continue",
    "match", "struct", "enum", "import", "as", "true", "false", "and", "or", "not", "with",
))

# Words that mean something only where such an item or clause can start; ordinary names elsewhere.
SOFT_KEYWORDS = frozenset((
    "model", "layers", "relation", "fact", "rule", "query", "logic", "test", "step", "mut", "init",
    "assert", "type", "from",
))

# Some marks are no part of the language (`&`, `^`, `===`...): they are tokens so that the parser
# can say in context what to write instead.
MARKS = (
    "..", "..=", "...", ".", ",", ";", ":", "::", ":-", ":=", "(", ")", "[", "]", "{", "}",
    "+", "-", "++", "*", "/", "//", "%", "@", "**", "|>", "->", "=>", "?",
    "=", "+=", "-=", "++=", "*=", "/=", "//=", "%=", "@=", "**=",
    "==", "!=", "<", "<=", ">", ">=", "|", "||", "&&", "!",
    "&", "^", "~", "$", "===", "!==", "<>", "<<", ">>",
)
# fmt: on

OPENING = {"(": ")", "[": "]", "{": "}"}
CLOSING = {")": "(", "]": "[", "}": "{"}

# Reading never resumes beyond one of these: what they end has a reader that waits for them.
BARRIERS = frozenset((HOLE_STOP, FORMAT_STOP, END))

_DESCRIPTIONS = {
    END: "the end of the file",
    STRING: "a string",
    FORMAT_START: "a formatted string",
    TEXT: "the string's text",
    HOLE_START: "`{`",
    SPEC: "a format",
    HOLE_STOP: "`}`",
    FORMAT_STOP: "the end of the string",
}


def describe(token: Token) -> str:
    """The token as an error message names it: `` `x` ``, ``the keyword `let` ``, `a string`."""
    if token.kind in KEYWORDS:
        return f"the keyword `{token.text}`"
    description = _DESCRIPTIONS.get(token.kind)
    if description is not None:
        return description
    text = token.text if len(token.text) <= 40 else token.text[:37] + "..."
    return f"`{text}`"
