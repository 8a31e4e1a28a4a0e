"""Strings: sequences of Unicode characters (code points), counted from 0.

Indices and slices follow lists: negative indices count from the end, what lies outside is E0502.
Numbers are read in decimal, as Charl writes them; a text that is not wholly a number, or whose
number does not fit, is E0530.
`show` and `format`, the way back from values to text, stand in `show.py` and `formats.py`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

from charl.core.op import Fault, Kind, Op, Parameter, Sample, declare
from charl.ops.expect import integer, signature, text
from charl.ops.faults import bad_value
from charl.ops.list_values import slice_range
from charl.types.types import BOOL, FLOAT, INT, STRING, List, Type

S = text("s")
NO_GRADIENT = "text does not vary smoothly"
_INTEGER = re.compile(r"[+-]?[0-9]+(_[0-9]+)*")
_FLOAT = re.compile(
    r"[+-]?([0-9]+(_[0-9]+)*\.?([0-9]+(_[0-9]+)*)?|\.[0-9]+)([eE][+-]?[0-9]+)?|[+-]?(inf|nan)"
)


def _index(s: str, i: int) -> str:
    try:
        return s[i]
    except IndexError:
        pass
    size = len(s)
    if size == 0:
        raise Fault("E0502", f"index {i} is out of bounds: the text is empty")
    raise Fault(
        "E0502",
        f"index {i} is out of bounds: the text has {size} character{'s' if size > 1 else ''}",
        helps=(f"valid indices are 0 to {size - 1}, and -{size} to -1 from the end",),
    )


def _slice(s: str, start: int, stop: int, step: int) -> str:
    places = slice_range(len(s), start, stop, step, "text")
    if step == 1:
        return s[start : max(start, stop)]
    return "".join([s[place] for place in places])


def _split(s: str, separator: str) -> list[str]:
    return s.split(separator) if separator else s.split()


def _join(parts: list[str], separator: str) -> str:
    return separator.join(parts)


def _repeat(s: str, times: int) -> str:
    if times < 0:
        raise bad_value(f"a text cannot be repeated {times} times")
    try:
        return s * times
    except OverflowError:
        raise MemoryError from None


def _quoted(s: str) -> str:
    """The text as an error shows it, cut when long."""
    s = s if len(s) <= 40 else s[:37] + "..."
    return '"' + s.replace("\n", "\\n").replace("\t", "\\t") + '"'


def _parse_int(s: str) -> int:
    trimmed = s.strip()
    if _INTEGER.fullmatch(trimmed) is None:
        float_like = _FLOAT.fullmatch(trimmed) is not None
        helps = ("`parse_float` reads numbers with a point or an exponent",) if float_like else ()
        raise Fault("E0530", f"{_quoted(s)} is not an integer", helps=helps)
    digits = trimmed.replace("_", "").lstrip("+-").lstrip("0")
    # Reading very long digits is slow, and refused by Python; nothing longer than this fits.
    if len(digits) <= 19:
        value = int(digits or "0") * (-1 if trimmed.startswith("-") else 1)
        if -(1 << 63) <= value < 1 << 63:
            return value
    raise Fault("E0530", f"{_quoted(s)} does not fit into an int: it holds 64 bits")


def _parse_float(s: str) -> float:
    trimmed = s.strip()
    if _FLOAT.fullmatch(trimmed) is None:
        raise Fault("E0530", f"{_quoted(s)} is not a number")
    return float(trimmed)


def _character_code(s: str) -> int:
    if len(s) != 1:
        message = f"the code of one character was asked for, but {_quoted(s)} has {len(s)}"
        raise Fault("E0531", message, helps=("take one character: `s[0]`",) if s else ())
    return ord(s)


def _from_code(code: int) -> str:
    if not 0 <= code <= 0x10FFFF or 0xD800 <= code <= 0xDFFF:
        raise Fault(
            "E0531",
            f"{code} is not the code of a character",
            notes=("codes run from 0 to 1114111; 55296 to 57343 stand for no character",),
        )
    return chr(code)


def _text_op(
    name: str,
    doc: str,
    parameters: Sequence[Parameter],
    result: Type,
    evaluate: Callable[..., Any],
    samples: Sequence[tuple[Any, ...]],
    surface: str | None = None,
) -> Op:
    """Declare an op of strings; each of `samples` is one tuple of operands."""
    return declare(
        Op(
            name,
            doc,
            tuple(parameters),
            signature(parameters, result),
            evaluate,
            no_gradient=NO_GRADIENT,
            samples=lambda: [Sample(operands, {}) for operands in samples],
            surface=surface,
        )
    )


PAIRS = [("abc", "b"), ("", ""), ("héllo", ""), ("a", "abc"), ("日本", "本")]
WORDS = [("Charl",), ("",), ("  Straße 日本\n",)]

_text_op(
    "string_concat", "One text after the other.", (S, text("t")), STRING, lambda s, t: s + t, PAIRS
)
_text_op("string_length", "The number of characters.", (S,), INT, len, WORDS)
_text_op(
    "string_index",
    "The character at index `i`, as a text. Out of bounds: E0502.",
    (S, integer("i")),
    STRING,
    _index,
    [("abc", 0), ("abc", -1), ("日本", 1)],
)
_text_op(
    "string_slice",
    "The characters at `start..stop step`. Out of bounds: E0502.",
    (S, integer("start"), integer("stop"), integer("step")),
    STRING,
    _slice,
    [("abcdef", 1, 4, 1), ("abcdef", 5, -1, -2), ("", 0, 0, 1)],
)
_text_op("string_eq", "Equality.", (S, text("t")), BOOL, lambda s, t: s == t, [*PAIRS, ("a", "a")])
_text_op("string_lt", "Order by character codes.", (S, text("t")), BOOL, lambda s, t: s < t, PAIRS)
_text_op(
    "string_contains",
    "Whether `part` occurs in `s`; the empty text always does.",
    (S, text("part")),
    BOOL,
    lambda s, part: part in s,
    PAIRS,
    surface="contains",
)
_text_op(
    "string_find",
    "The index where `part` first occurs in `s`, or -1.",
    (S, text("part")),
    INT,
    lambda s, part: s.find(part),
    PAIRS,
    surface="find",
)
_text_op(
    "string_replace",
    "`s` with every occurrence of `old` replaced by `new`, left to right.",
    (S, text("old"), text("new")),
    STRING,
    lambda s, old, new: s.replace(old, new),
    [("a-b-c", "-", "+"), ("aaa", "aa", "b"), ("", "x", "y")],
    surface="replace",
)
_text_op(
    "string_split",
    "The parts of `s` between separators; an empty separator splits at runs of white space.",
    (S, Parameter("separator", Kind.VALUE, default="", type=STRING)),
    List(STRING),
    _split,
    [("a,b,,c", ","), ("  a  b ", ""), ("", ","), ("", "")],
    surface="split",
)
_text_op(
    "string_join",
    "The texts of a list, with `separator` between neighbours.",
    (
        Parameter("parts", Kind.VALUE, type=List(STRING)),
        Parameter("separator", Kind.VALUE, default="", type=STRING),
    ),
    STRING,
    _join,
    [(["a", "b"], ", "), (["a"], "")],
    surface="join",
)
_text_op(
    "string_trim",
    "`s` without white space at its ends.",
    (S,),
    STRING,
    str.strip,
    WORDS,
    surface="trim",
)
_text_op("string_upper", "`s` in upper case.", (S,), STRING, str.upper, WORDS, surface="upper")
_text_op("string_lower", "`s` in lower case.", (S,), STRING, str.lower, WORDS, surface="lower")
_text_op(
    "string_starts_with",
    "Whether `s` begins with `part`.",
    (S, text("part")),
    BOOL,
    lambda s, part: s.startswith(part),
    PAIRS,
    surface="starts_with",
)
_text_op(
    "string_ends_with",
    "Whether `s` ends with `part`.",
    (S, text("part")),
    BOOL,
    lambda s, part: s.endswith(part),
    PAIRS,
    surface="ends_with",
)
_text_op(
    "string_repeat",
    "`s` written `times` times.",
    (S, integer("times")),
    STRING,
    _repeat,
    [("ab", 3), ("ab", 0), ("", 5)],
    surface="repeat",
)
_text_op(
    "string_characters",
    "The characters of `s`, each as a text.",
    (S,),
    List(STRING),
    list,
    WORDS,
    surface="characters",
)
_text_op(
    "parse_int",
    "The integer a text holds, white space around it ignored. Anything else: E0530.",
    (S,),
    INT,
    _parse_int,
    [("42",), (" -7\n",), ("1_000",), ("-9223372036854775808",)],
    surface="parse_int",
)
_text_op(
    "parse_float",
    "The number a text holds (`inf` and `nan` too), white space around it ignored; else E0530.",
    (S,),
    FLOAT,
    _parse_float,
    [("42",), (" -7.5e-3\n",), ("1_000.25",), ("-inf",), ("nan",)],
    surface="parse_float",
)
_text_op(
    "character_code",
    "The Unicode code of a text of one character. Any other text: E0531.",
    (S,),
    INT,
    _character_code,
    [("a",), ("日",), ("\0",)],
    surface="ord",
)
_text_op(
    "from_code",
    "The character with a Unicode code, as a text. No such character: E0531.",
    (integer("code"),),
    STRING,
    _from_code,
    [(97,), (0x65E5,), (0x1F600,)],
    surface="chr",
)
