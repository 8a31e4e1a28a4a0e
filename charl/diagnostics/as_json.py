"""Diagnostics for tools: one JSON object per line.

Lines and columns count from 1, columns in code points; `end` is just past the last character.
`file`, `line`, `column` and `end` are null when the diagnostic has no place in a source.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from charl.diagnostics.diagnostic import Diagnostic, Label
from charl.diagnostics.snippet import visible_span
from charl.source import Span


def to_json(diagnostics: Sequence[Diagnostic]) -> str:
    """One line per diagnostic, each ended by a newline."""
    return "".join(json.dumps(_object(diagnostic)) + "\n" for diagnostic in diagnostics)


def _object(diagnostic: Diagnostic) -> dict[str, Any]:
    labels = [] if diagnostic.primary is None else [_label(diagnostic.primary, True)]
    labels += [_label(label, False) for label in diagnostic.secondary]
    return {
        "code": diagnostic.code,
        "severity": "error" if diagnostic.is_error else "warning",
        "message": diagnostic.message,
        **_place(diagnostic.primary.span if diagnostic.primary else None),
        "labels": labels,
        "helps": list(diagnostic.helps),
        "notes": list(diagnostic.notes),
        "frames": [{"what": frame.what, **_place(frame.span)} for frame in diagnostic.frames],
    }


def _label(label: Label, primary: bool) -> dict[str, Any]:
    return {"primary": primary, "text": label.text, **_place(label.span)}


def _place(span: Span | None) -> dict[str, Any]:
    if span is None:
        return {"file": None, "line": None, "column": None, "end": None}
    span = visible_span(span)
    line, column = span.source.location(span.start)
    end_line, end_column = span.source.location(span.stop)
    end = {"line": end_line, "column": end_column}
    return {"file": span.source.name, "line": line, "column": column, "end": end}
