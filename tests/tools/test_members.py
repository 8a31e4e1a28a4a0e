"""What may stand after a point."""

from __future__ import annotations

import pytest

from charl.tools.members import operand_before
from charl.tools.session import Session

DECLARED = """
struct Point {
    x: float
    fn up() -> float { x + 1 }
}
enum Colour {
    Red
    Green
    fn name() -> string { "a colour" }
}
fn norm_of(p: Point) -> float { p.x }
fn halved(x: float32[N]) -> float32[N] { x / 2 }
fn anything(it) { it }
import optim
let p = Point(x: 1)
let pair = (2, p)
let w = ones([3])
let counts = tensor([1, 2])
let net = dense(2, 3)
"""


@pytest.fixture(scope="module")
def session() -> Session:
    session = Session()
    session.evaluate(DECLARED)
    return session


@pytest.mark.parametrize(
    ("text", "operand"),
    [
        ("x", "x"),
        ("let y = a.b", "a.b"),
        ("print(net.layer0", "net.layer0"),
        ("f(g(x)[1])(2).y", "f(g(x)[1])(2).y"),
        ("1 + [1, 2]", "[1, 2]"),
        ("(a, b)", "(a, b)"),
        ('x = "a b"', '"a b"'),
        ("pair.1", "pair.1"),
        ("3", ""),
        ("", ""),
    ],
)
def test_the_operand(text: str, operand: str) -> None:
    assert operand_before(text) == operand


@pytest.mark.parametrize(
    ("before", "names"),
    [
        ("p.", {"x", "up", "norm_of", "anything"}),
        ("print(pair.1.", {"x", "up", "norm_of", "anything"}),
        ("pair.", {"0", "1", "anything"}),
        ("Colour.", {"Red", "Green"}),
        ("Green.", {"name", "anything"}),
        ("net.", {"weight", "bias", "activation", "forward", "anything"}),
        ("unknown.", set()),
        ("x +.", set()),
    ],
)
def test_exactly(session: Session, before: str, names: set[str]) -> None:
    assert set(session.members(before)) == names


@pytest.mark.parametrize(
    ("before", "among", "not_among"),
    [
        (
            "w.",
            {"shape", "sum", "exp", "softmax", "halved"},
            {"push", "upper", "bit_and", "norm_of"},
        ),
        ("counts.", {"sum", "bit_and"}, {"exp", "halved", "split"}),
        ("sum(w * 2).", {"sqrt", "clip"}, {"halved", "push"}),
        ("[1, 2].", {"push", "len", "map", "filter"}, {"exp", "split"}),
        ('"text".', {"split", "upper", "len"}, {"push", "exp"}),
        ("optim.", {"adam", "Adam"}, {"relu"}),
    ],
)
def test_among_others(session: Session, before: str, among: set[str], not_among: set[str]) -> None:
    names = set(session.members(before))
    assert among <= names and not not_among & names


def test_asking_changes_nothing(session: Session) -> None:
    list(session.members("w.sum("))
    list(session.members("print(p)."))
    assert session.evaluate("w") == "float32[3] [1.0, 1.0, 1.0]"
