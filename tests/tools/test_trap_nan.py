"""`charl run --trap-nan`: both backends stop at the same place, with the same words."""

from __future__ import annotations

from pathlib import Path

import pytest

from charl.backends import NAMES
from charl.tools.cli import main

# A number that is not known before the program runs.
ONE = "let one = (1 + len(arguments())) as float32\n"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def told(text: str, capsys: pytest.CaptureFixture[str], *options: str) -> tuple[int, str, str]:
    """The status, what is printed, and the errors, which no backend tells in other words."""
    imported = "from math import inf\n" if "inf" in text else ""
    Path("a.ch").write_text(imported + ONE + text)
    found = []
    for backend in NAMES:
        status = main(["run", "--trap-nan", "--backend", backend, *options, "a.ch"])
        captured = capsys.readouterr()
        found.append((status, captured.out, captured.err))
    assert found[0] == found[1]
    return found[0]


def place(error: str) -> tuple[str, str]:
    """The first line, and what is underlined."""
    lines = error.splitlines()
    at = next(n for n, line in enumerate(lines) if set(line.strip(" |")) == {"^"})
    left = lines[at].index("^")
    return lines[0], lines[at - 1][left : left + lines[at].count("^")]


BORN = {
    "in a chain that would be one kernel": (
        "let x = tensor([1.0, -4.0, 9.0]) * one\n"
        "print(sum(exp(sqrt(x) + 1.0) * 2.0))\n",
        "NaN", "sqrt", "sqrt(x)", ", at [1]",
    ),
    "by a division of scalars": (
        "let x = one - 1.0\nprint(1.0 + x / x)\n", "NaN", "div", "x / x", "",
    ),
    "an infinity before the NaN it leads to": (
        "let x = tensor([0.5, 0.0]) * one\nprint(sum(x * log(x)))\n",
        "infinity", "log", "log(x)", ", at [1]",
    ),
    "from infinities": (
        "let x = full([2, 2], inf) * one\nprint(x - x)\n",
        "NaN", "sub", "x - x", ", at [0, 0]",
    ),
    "by overflow in a product": (
        "let a = full([3, 4], 1e30) * one\nprint(a @ transpose(a))\n",
        "infinity", "matmul", "a @ transpose(a)", ", at [0, 0]",
    ),
    "by a cast": (
        "let a = full([3], 1e5) * one\nprint(a as float16)\n",
        "infinity", "cast", "a as float16", ", at [0]",
    ),
    "in a loop, in its third round": (
        "let x: float32 = 1e15 * one\n"
        "for i in 0..5 {\n    x = x * x\n    print(i, x > 0.0)\n}\n",
        "infinity", "mul", "x * x", "",
    ),
    "in bfloat16": (
        "let x = (zeros([7]) * one) as bfloat16\nprint((one as bfloat16) / x)\n",
        "infinity", "div", "(one as bfloat16) / x", ", at [0]",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", BORN)
def test_where_it_is_born(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    text, what, operation, source, where = BORN[name]
    status, _, error = told(text, capsys)
    head, underlined = place(error)
    message = f"the first {what} is born here: `{operation}` gives it{where}"
    assert status == 1 and head == f"error[E0513]: {message}"
    assert underlined == source


@pytest.mark.parametrize("level", "0123")
def test_every_level(level: str, capsys: pytest.CaptureFixture[str]) -> None:
    text, *_ = BORN["in a chain that would be one kernel"]
    assert "`sqrt` gives it, at [1]" in told(text, capsys, f"-O{level}")[2]


def test_the_result_and_the_operands_are_shown(capsys: pytest.CaptureFixture[str]) -> None:
    text = """let a = tensor([[1.0, 2.0, 0.0], [4.0, 0.0, 0.0]]) * one
let b = tensor([1.0, 0.5, 0.0]) * one
print(a / b)
"""
    _, _, error = told(text, capsys)
    notes = [line.strip(" =") for line in error.splitlines() if "note:" in line]
    assert notes == [
        "note: the result: float32[2, 3], from 0 to 4, 2 NaN, the first at [0, 2]",
        "note: `a`: float32[2, 3], from 0 to 4; there it is 0",
        "note: `b`: float32[3], from 0 to 1",
    ]


def test_the_calls_under_way_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    text = """fn log_of(x: float32) -> float32 { log(x) }
fn deep(n: int, one: float32) -> float32 {
    if n == 0 { return log_of(-one) }
    deep(n - 1, one) + 1.0
}
print(deep(2, one))
"""
    _, _, error = told(text, capsys)
    assert place(error)[1] == "log(x)"
    calls = [
        line.split(" at ")[0].strip() for line in error.splitlines() if line.startswith("  in")
    ]
    assert calls == ["in `log_of`", "in `deep`"]  # and more of these


def test_a_derivative_says_that_it_is_one(capsys: pytest.CaptureFixture[str]) -> None:
    text = "fn f(x: float) -> float { 2.0 * sqrt(x) }\nlet xs = [4.0, 0.0]\n"
    text += "for x in xs { print(grad(f)(x)) }\n"
    status, printed, error = told(text, capsys)
    assert (status, printed) == (1, "0.5\n")
    assert place(error)[1] == "sqrt(x)"
    assert "this is the derivative of the expression, not its value" in error


HARMLESS = {
    "a mask of infinities": """
let scores = tensor([[1.0, 2.0], [3.0, 4.0]]) * one
let masked = where(tensor([[true, false], [true, true]]), scores, -inf)
print(softmax(masked) > 0.5)
print(max(masked), -masked, masked + 1.0)
""",
    "nothing": "print(sum(tensor([1.0, 2.0]) / 3.0))\n",
    "what nobody needs": "let x = log(0.0 * one)\nprint(1)\n",
    "a list of infinities": "let xs = [inf, 1.0]\nfor x in xs { print(x + 1.0) }\n",
    "a scan": "print(scan(|a: float32, b: float32| { a * b + 1.0 }, tensor([1.0, 2.0, 3.0])))\n",
}


@pytest.mark.parametrize("name", HARMLESS)
def test_what_is_not_born_stops_nothing(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    text = HARMLESS[name]
    status, printed, error = told(text, capsys)
    assert status == 0, error
    assert main(["run", "a.ch"]) == 0
    assert capsys.readouterr().out == printed


def test_without_the_option_nothing_stops(capsys: pytest.CaptureFixture[str]) -> None:
    text, *_ = BORN["by a division of scalars"]
    assert told(text, capsys)[0] == 1
    for backend in NAMES:
        assert main(["run", "--backend", backend, "a.ch"]) == 0
        assert capsys.readouterr() == ("nan\n", "")
