"""Expressions: their trees, and the places their spans point to."""

from __future__ import annotations

import pytest
from programs import expression, module, shown, source

from charl.syntax import ast
from charl.syntax.equal import equal
from charl.syntax.parser import is_incomplete, parse_expression

# Each line: an expression, and the same with every operand in parentheses.
PRECEDENCE = [
    ("a |> b or c", "a |> (b or c)"),
    ("a or b and c", "a or (b and c)"),
    ("a and not b", "a and (not b)"),
    ("not a == b", "not (a == b)"),
    ("a == b .. c", "a == (b .. c)"),
    ("a .. b + c", "a .. (b + c)"),
    ("a + b * c", "a + (b * c)"),
    ("a - b - c", "(a - b) - c"),
    ("a * b // c", "(a * b) // c"),
    ("a * -b", "a * (-b)"),
    ("-a ** b", "-(a ** b)"),
    ("a ** b ** c", "a ** (b ** c)"),
    ("a ** -b ** c", "a ** (-(b ** c))"),
    ("a ** b as int", "a ** (b as int)"),
    ("-a as int", "-(a as int)"),
    ("a as int < b", "(a as int) < b"),
    ("-a.b", "-(a.b)"),
    ("a ++ b + c", "(a ++ b) + c"),
    ("a @ b * c", "(a @ b) * c"),
    ("a && b || !c", "(a and b) or (not c)"),
    ("x in a and y not in b", "(x in a) and (not (y in b))"),
    ("|x| x + 1 |> f", "|x| ((x + 1) |> f)"),
    ("0 .. n + 1 step 2 * k", "0 .. (n + 1) step (2 * k)"),
]


@pytest.mark.parametrize(("plain", "grouped"), PRECEDENCE)
def test_precedence(plain: str, grouped: str) -> None:
    assert equal(expression(plain), expression(grouped)), shown(expression(plain))


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        ("0xff", "IntLiteral(255)"),
        ("1_000", "IntLiteral(1000)"),
        ("1e-5", "FloatLiteral(1e-05)"),
        (r'"a\tb\u{e9}"', "StringLiteral(a\tbé)"),
        ("()", "TupleLiteral()"),
        ("(a,)", "TupleLiteral([Name(a)])"),
        ("(a)", "Name(a)"),
        ("a < b <= c", "Comparison([Name(a) Name(b) Name(c)] [< <=])"),
        ("f(x, n: 2)", "Call(Name(f) [Argument(Name(x)) Argument(Identifier(n) IntLiteral(2))])"),
        ("t.0.1", "Field(Field(Name(t) Identifier(0)) Identifier(1))"),
        ("t[..]", "Index(Name(t) [Range()])"),
        ("t[1.., ..=2]", "Index(Name(t) [Range(IntLiteral(1)) Range(IntLiteral(2) True)])"),
        ("|| 1", "Lambda(IntLiteral(1))"),
        ("|x: int, _| x", "Lambda([Parameter(NamePattern(x) NamedType([Identifier(int)]))"
         " Parameter(WildcardPattern())] Name(x))"),
        ('f"a{x:.2}{{"', "FormatString([a FormatPiece(Name(x) .2) {])"),
        ("{ a; b }", "Block([ExprStatement(Name(a))] Name(b))"),
        ("query p(x)", "Query(Atom(Identifier(p) [Name(x)]))"),
        ("query + 1", "Binary(+ Name(query) IntLiteral(1))"),
        ("f(axis:-1)", "Call(Name(f) [Argument(Identifier(axis) Unary(- IntLiteral(1)))])"),
    ],
)  # fmt: skip
def test_tree(text: str, tree: str) -> None:
    assert shown(expression(text)) == tree


def test_spans_are_exact() -> None:
    whole = expression("(a + b) * f(c)")
    assert isinstance(whole, ast.Binary)
    assert whole.span.text == "(a + b) * f(c)"
    assert whole.left.span.text == "a + b"
    assert whole.operator_span.text == "*"
    assert whole.right.span.text == "f(c)"


def test_the_hole_of_a_formatted_string_has_spans_in_the_source() -> None:
    string = expression('f"sum {a + b:.2}"')
    assert isinstance(string, ast.FormatString)
    piece = string.parts[1]
    assert isinstance(piece, ast.FormatPiece)
    assert piece.span.text == "{a + b:.2}"
    assert piece.value.span.text == "a + b"


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("a\n+b", 0),  # the second line starts with an operator: an error
        ("a +\nb", 1),
        ("a\n.b()", 1),
        ("a\n|> b", 1),
        ("a\n-b", 2),
        ("a\n(b)", 2),
        ("a\n[b]", 2),
        ("(a\n- b)", 1),
        ("f(a,\nb)", 1),
        ("f(|x| {\na\n-b\n})", 1),
        ("let x =\n1", 1),
        ("a; b", 2),
        ("if a { b }\nelse { c }", 1),
    ],
)
def test_newlines(text: str, count: int) -> None:
    if count:
        assert len(module(text).statements) == count


def test_newlines_matter_again_in_braces_inside_parentheses() -> None:
    (statement,) = module("f({\na\n-b\n})").statements
    assert isinstance(statement, ast.ExprStatement)
    assert shown(statement.value) == (
        "Call(Name(f) [Argument(Block([ExprStatement(Name(a))] Unary(- Name(b))))])"
    )


@pytest.mark.parametrize(
    "text",
    ["f(", "[1,", "fn f() {", "if a {", "x +", "let x =", "a |>", "fn f()", "/* a", "match x {",
     "fn f() {\nfn g() { 1 }"],
)  # fmt: skip
def test_incomplete(text: str) -> None:
    assert is_incomplete(source(text))


@pytest.mark.parametrize("text", ["", "1", "f(x)", "let x = 1", ")", "x y", '"abc', "1 +)"])
def test_complete(text: str) -> None:
    assert not is_incomplete(source(text))


def test_an_expression_stands_alone() -> None:
    _, diagnostics = parse_expression(source("a b"))
    assert [d.code for d in diagnostics] == ["E0114"]
