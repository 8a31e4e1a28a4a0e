"""The values that literals stand for: numbers, and strings with their escapes."""

from __future__ import annotations

import re
from collections.abc import Callable

from charl.diagnostics.diagnostic import Diagnostic, error
from charl.source import Source, Span

ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "0": "\0", "\\": "\\", '"': '"', "'": "'"}
ESCAPE = re.compile(r"\\(?:u\{([0-9a-fA-F_]*)\}|(.))", re.DOTALL)
# The integers below 2**1024, float64's range, have at most 309 digits.
MAX_DIGITS = 309

Report = Callable[[Diagnostic], None]


def integer_value(text: str, span: Span, report: Report) -> int:
    """The value of `42`, `1_000`, `0xff`, `0o17` or `0b1010`."""
    if len(text) > MAX_DIGITS and len(text.replace("_", "").lstrip("0")) > MAX_DIGITS:
        report(_too_large(span))
        return 0
    base = {"0x": 16, "0o": 8, "0b": 2}.get(text[:2].lower(), 10)
    digits = text.replace("_", "")
    if base != 10:
        digits = digits[2:] or "0"
    return int(digits, base)


def float_value(text: str, span: Span, report: Report) -> float:
    """The value of `3.14` or `1e-5`, correctly rounded to float64."""
    value = float(text.replace("_", ""))
    if value == float("inf"):
        report(_too_large(span))
        return 0.0
    return value


def _too_large(span: Span) -> Diagnostic:
    return error("E0104", "this number is too large", span, "beyond the range of float64")


def string_value(source: Source, start: int, stop: int, report: Report) -> str:
    """The text between two quotes of the source, its escapes replaced."""
    text = source.text[start:stop]
    if "\\" not in text:
        return text

    def replace(match: re.Match[str]) -> str:
        point, letter = match[1], match[2]
        if point is not None:
            digits = point.replace("_", "")
            value = int(digits, 16) if 0 < len(digits) <= 6 else -1
            if 0 <= value < 0xD800 or 0xE000 <= value <= 0x10FFFF:
                return chr(value)
        elif letter in ESCAPES:
            return ESCAPES[letter]
        span = Span(source, start + match.start(), start + match.end())
        report(_bad_escape(span, match))
        return ""

    return ESCAPE.sub(replace, text)


def _bad_escape(span: Span, match: re.Match[str]) -> Diagnostic:
    if match[1] is not None:
        return error(
            "E0105",
            f"`{match[0]}` is not a character",
            span,
            "no such code point",
            helps=("code points run from `\\u{0}` to `\\u{10FFFF}`",),
        )
    helps = "for a backslash write `\\\\`"
    if match[2] in "xuU":
        helps = "write a character by its code point as `\\u{1F600}`"
    return error(
        "E0105",
        f"`{match[0]}` is not an escape",
        span,
        "unknown escape",
        helps=('the escapes are `\\n`, `\\t`, `\\r`, `\\0`, `\\\\`, `\\"` and `\\u{...}`', helps),
    )
