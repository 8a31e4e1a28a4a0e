"""Diagnostics for tools."""

from __future__ import annotations

import json

from charl.diagnostics.as_json import to_json
from charl.diagnostics.diagnostic import Diagnostic, Frame, Label, error
from charl.source import Source, Span


def test_one_object_per_line() -> None:
    source = Source("a.ch", "let x = 1\nlet y = é + x\n")
    first = error(
        "E0301",
        "message",
        Span(source, 18, 19),
        "here",
        secondary=(Label(Span(source, 4, 5), "x"),),
        helps=("h",),
        notes=("n",),
    ).with_frames((Frame("f", Span(source, 0, 3)), Frame("g", None)))
    lines = to_json([first, Diagnostic("W0101", "w")]).splitlines()
    assert json.loads(lines[0]) == {
        "code": "E0301",
        "severity": "error",
        "message": "message",
        "file": "a.ch",
        "line": 2,
        "column": 9,
        "end": {"line": 2, "column": 10},
        "labels": [
            {
                "primary": True,
                "text": "here",
                "file": "a.ch",
                "line": 2,
                "column": 9,
                "end": {"line": 2, "column": 10},
            },
            {
                "primary": False,
                "text": "x",
                "file": "a.ch",
                "line": 1,
                "column": 5,
                "end": {"line": 1, "column": 6},
            },
        ],
        "helps": ["h"],
        "notes": ["n"],
        "frames": [
            {
                "what": "f",
                "file": "a.ch",
                "line": 1,
                "column": 1,
                "end": {"line": 1, "column": 4},
            },
            {"what": "g", "file": None, "line": None, "column": None, "end": None},
        ],
    }
    assert json.loads(lines[1])["severity"] == "warning"
    assert json.loads(lines[1])["labels"] == []


def test_nothing_is_nothing() -> None:
    assert to_json([]) == ""
