"""The conversation of the REPL: entries in, answers out."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from charl.tools.repl import is_complete, piped_entries


@pytest.mark.parametrize(
    "entry",
    ["1 + 1", "let x = 1\n", "fn f(x) {\n x\n}\n", ")", "let x = 1 1", '"abc', ":type f(", "@"],
)
def test_complete_entries(entry: str) -> None:
    assert is_complete(entry)


@pytest.mark.parametrize(
    "entry", ["1 +\n", "let x =\n", "fn f(x) {\n", "[1,\n", "f(\n1,", "/* abc", "match x {\n 1 =>"]
)
def test_incomplete_entries(entry: str) -> None:
    assert not is_complete(entry)


def test_a_stream_is_cut_into_entries() -> None:
    stream = io.StringIO("let x = 1\n\nfn f(a) {\n    a\n}\n:type x\nf(\n")
    assert list(piped_entries(stream)) == [
        "let x = 1\n",
        "\n",
        "fn f(a) {\n    a\n}\n",
        ":type x\n",
        "f(\n",
    ]


def test_ctrl_c_ends_an_entry_and_leaves_the_session_as_it_was() -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "charl", "repl"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={
            **os.environ,
            "PYTHONPATH": str(Path(__file__).parents[2]),
            "PYTHONUNBUFFERED": "1",
        },
    )
    assert process.stdin is not None and process.stdout is not None
    process.stdin.write("let x = 5\nprint(x)\nwhile x > 0 { x = x % 7 + 1 }\n")
    process.stdin.flush()
    assert process.stdout.readline() == "5\n"
    time.sleep(0.5)
    process.send_signal(signal.SIGINT)
    out, told = process.communicate("print(x, 1)\n", timeout=60)
    assert out == "5 1\n"
    assert told.startswith("interrupted") and told.count("\n") == 1
