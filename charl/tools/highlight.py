"""Colours for Charl source: a Pygments lexer, for the REPL and for documentation builders.

It knows words and shapes of tokens only. The keyword lists mirror LANGUAGE section 1: reserved
words, and those that mean something only where their clause can start.
"""

from __future__ import annotations

from pygments.lexer import RegexLexer, bygroups, words
from pygments.token import Comment, Keyword, Name, Number, Operator, Punctuation, String, Text


def listed(text: str) -> list[str]:
    return text.split()


KEYWORDS = listed(
    "let const fn return if else for in while break continue match struct enum import as "
    "true false and or not with"
)
SOFT_KEYWORDS = listed("model layers relation fact rule query logic test step mut type from assert")
TYPES = listed(
    "int int8 int16 int32 int64 float float16 bfloat16 float32 float64 bool string tensor "
    "categorical probability"
)


class CharlLexer(RegexLexer):  # type: ignore[misc]  # Pygments has no types
    name = "Charl"
    aliases = ["charl"]
    filenames = ["*.ch", "*.charl"]

    tokens = {
        "root": [
            (r"\s+", Text),
            (r"///[^\n]*", String.Doc),
            (r"//[^\n]*", Comment.Single),
            (r"/\*", Comment.Multiline, "comment"),
            (r'f"', String.Affix, "format"),
            (r'"', String, "string"),
            (r"0x[0-9a-fA-F_]+|0b[01_]+", Number.Hex),
            (r"\d[\d_]*(\.\d[\d_]*)?[eE][+-]?\d+|\d[\d_]*\.\d[\d_]*", Number.Float),
            (r"\d[\d_]*", Number.Integer),
            (r"(fn)([ \t]+)(\w+)", bygroups(Keyword, Text, Name.Function)),
            (r"(struct|enum|model|type)([ \t]+)(\w+)", bygroups(Keyword, Text, Name.Class)),
            (words(TYPES, prefix=r"\b", suffix=r"\b"), Keyword.Type),
            (words(KEYWORDS, prefix=r"\b", suffix=r"\b"), Keyword),
            # A soft keyword is one only where a word or a block follows it.
            (words(SOFT_KEYWORDS, prefix=r"\b", suffix=r"(?=[ \t]+[\w\"]|[ \t]*\{)"), Keyword),
            (r"\w+(?=\s*\()", Name.Function),
            (r"\w+", Name),
            (r":-|\|>|\.\.=?|::|->|=>|\*\*|//|\+\+|[-+*/%@=<>!|&?]+", Operator),
            (r"[()\[\]{},.:;]", Punctuation),
            (r".", Text),
        ],
        "comment": [
            (r"/\*", Comment.Multiline, "#push"),
            (r"\*/", Comment.Multiline, "#pop"),
            (r"[^*/]+|[*/]", Comment.Multiline),
        ],
        "string": [
            (r'"', String, "#pop"),
            (r"\\.", String.Escape),
            (r'[^"\\\n]+|\\', String),
        ],
        "format": [
            (r'"', String, "#pop"),
            (r"\\.|\{\{|\}\}", String.Escape),
            (r"\{[^{}\"]*\}", String.Interpol),
            (r'[^"\\{}\n]+|[\\{}]', String),
        ],
    }
