"""The REPL's session: every entry is checked and run against what the entries before have left."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from charl.diagnostics.diagnostic import CharlError
from charl.tools.repl import answer_all
from charl.tools.session import Session


class Conversation:
    def __init__(self) -> None:
        self.output = io.StringIO()
        self.session = Session(self.output)

    def __call__(self, *entries: str) -> str:
        """The answer to the last of the entries."""
        answers = [self.session.evaluate(entry) for entry in entries]
        return answers[-1]

    def code(self, entry: str) -> str:
        with pytest.raises(CharlError) as caught:
            self.session.evaluate(entry)
        return caught.value.diagnostics[0].code


@pytest.fixture
def say() -> Conversation:
    return Conversation()


def test_random_numbers_go_on_from_entry_to_entry_and_start_anew_with_reset(
    say: Conversation,
) -> None:
    draw = "random_int(0, 1000000, [])"
    first, second = say(draw), say(draw)
    assert first != second
    say.session.reset()
    with pytest.raises(CharlError):
        say(f"[1][{draw} + 1]")  # an entry that fails has not drawn
    assert say(draw) == first


@pytest.mark.parametrize(
    ("entry", "answer"),
    [
        ("1 + 1", "2"),
        ("1 / 3", "0.3333333333333333"),
        ("1 < 2", "true"),
        ('"a\\nb"', '"a\\nb"'),
        ("[1, 2]", "[1, 2]"),
        ('(1, "a")', '(1, "a")'),
        ("0.1 as float32", "float32 0.1"),
        ("tensor([[1.0, 2.0]])", "float32[1, 2] [[1.0, 2.0]]"),
        ("zeros([0])", "float32[0] []"),
        ("iota(100)", "int[100] [0, 1, 2, ..., 97, 98, 99]"),
        ("Some(3)", "Some(3)"),
        ("let x = 1", ""),
        ("fn f(x) { x }", ""),
        ("", ""),
        ("// a comment", ""),
    ],
)
def test_answers(say: Conversation, entry: str, answer: str) -> None:
    assert say(entry) == answer


def test_large_tensors_are_shown_by_their_ends(say: Conversation) -> None:
    shown = say("zeros([3, 784])")
    row = "[0.0, 0.0, 0.0, ..., 0.0, 0.0, 0.0]"
    assert shown == f"float32[3, 784]\n[{row},\n {row},\n {row}]"
    shown = say("zeros([100, 784])")
    assert shown.splitlines()[3:6] == [f" {row},", " ...,", f" {row},"]


def test_wide_tensors_are_shown_row_by_row(say: Conversation) -> None:
    assert say("reshape(arange(40), [2, 2, 10])").splitlines() == [
        "int[2, 2, 10]",
        "[[[0, 1, 2, 3, 4, 5, 6, 7, 8, 9],",
        "  [10, 11, 12, 13, 14, 15, 16, 17, 18, 19]],",
        " [[20, 21, 22, 23, 24, 25, 26, 27, 28, 29],",
        "  [30, 31, 32, 33, 34, 35, 36, 37, 38, 39]]]",
    ]


def test_values_and_definitions_stay(say: Conversation) -> None:
    assert say("let x = 3", "x = x + 1", "x") == "4"
    assert say("fn f(a) { a * x }", "f(2)") == "8"
    assert say("let g = |a| f(a) + x", "g(1)") == "8"
    assert say("struct P { a: int }", "let p = P(a: x)", "p") == "P(a: 4)"
    assert say("while x < 100 { x += 1 }", "x") == "100"
    assert say("let (a, b) = (1, [2])", "b") == "[2]"


def test_earlier_entries_are_not_run_again(say: Conversation) -> None:
    say('print("once")', "let x = 1", "x")
    assert say.output.getvalue() == "once\n"


def test_a_new_definition_takes_the_place_of_the_old_one_for_those_who_call_it(
    say: Conversation,
) -> None:
    say("fn f(a) { a + 1 }", "fn twice(a) { f(f(a)) }")
    assert say("twice(1)") == "3"
    assert say("fn f(a) { a * 10 }", "twice(1)") == "100"
    assert say('let x = "now a string"', "x") == '"now a string"'


def test_sizes_are_those_of_the_values(say: Conversation) -> None:
    say("let n = 3", "n = n + 1", "let t = zeros([n, 2])")
    assert say.session.type_of("t") == "float32[4, 2]"
    assert say.code("t + ones([3, 2])") == "E0310"
    say("let m = tensor([1.0, -1.0, 2.0])", "let some = m[m > 0]")
    assert say.session.type_of("some") == "float32[2]"


def test_an_entry_that_fails_leaves_nothing_behind(say: Conversation) -> None:
    say("let x = 1", "let xs = [1, 2]")
    assert say.code("let y = 2\nlet z = missing") == "E0201"
    assert say.code("y") == "E0201"
    assert say.code("let x = xs[7]") == "E0502"
    assert say("x") == "1"
    assert say.code("fn g() { 1 }\nxs[9]") == "E0502"
    assert say.code("g()") == "E0201"
    assert say.code("let = 3").startswith("E01")
    assert say("x + len(xs)") == "3"


def test_constants_stay_constant(say: Conversation) -> None:
    say("const c = 3")
    assert say.code("c = 4") == "E0243"
    assert say("c") == "3"


def test_gradients_and_models(say: Conversation) -> None:
    assert say("let square = |w| w * w", "grad(square)(3.0)") == "6.0"
    say("model Net { layers { dense(3, 2) } }", "let net = Net(seed: 1)")
    assert say("shape(net(ones([5, 3])))") == "[5, 2]"


def test_random_draws_go_on(say: Conversation) -> None:
    say("seed(1)", "let a = random_normal([3])", "let b = random_normal([3])")
    assert say("all(a == b)") == "false"
    assert say("seed(1)", "all(random_normal([3]) == a)") == "true"


def test_modules(say: Conversation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "shapes.ch").write_text("let side = 3\nfn area() -> int { side * side }\n")
    monkeypatch.chdir(tmp_path)
    assert say("import shapes", "shapes.area()") == "9"
    assert say("shapes.side + 1") == "4"


def test_types_without_running(say: Conversation) -> None:
    say("let x = 1")
    assert say.session.type_of("x + 1") == "int"
    assert say.session.type_of("print(x)") == "()"
    assert say.output.getvalue() == ""
    with pytest.raises(CharlError) as caught:
        say.session.type_of("let y = 1")
    assert caught.value.diagnostics[0].code == "E0740"


def test_core(say: Conversation) -> None:
    say("let x = tensor([1.0, 2.0])", "let other = 3")
    core = say.session.core_of("x * 2.0")
    assert "fn @main(%x: f32[2])" in core and "mul" in core and "other" not in core


def test_documentation(say: Conversation) -> None:
    say("/// Twice as much.\nfn double(x: int) -> int { 2 * x }", "let w = [1]", "import optim")
    assert say.session.doc_of("double") == "fn double(x: int) -> int\n\nTwice as much."
    assert say.session.doc_of("w") == "w: [int]"
    assert say.session.doc_of("exp").startswith("fn exp(x: tensor)\n\n")
    assert say.session.doc_of("print").startswith("print\n\n")
    assert say.session.doc_of("scan").startswith("scan\n\nscan(f, x, reverse: false): ")
    assert "Optimisers" in say.session.doc_of("optim")
    assert say.session.doc_of("optim.adam").startswith("fn adam")
    assert say.session.doc_of("Option").startswith("enum Option")
    with pytest.raises(CharlError) as caught:
        say.session.doc_of("sofmax")
    assert caught.value.diagnostics[0].primary is not None
    assert caught.value.diagnostics[0].primary.text == "did you mean `softmax`?"


def test_names_for_completion(say: Conversation) -> None:
    say("let weights = 1")
    assert {"weights", "softmax", "print", "scan", "exp"} <= set(say.session.names())


def test_a_conversation(say: Conversation, capsys: pytest.CaptureFixture[str]) -> None:
    entries = ["1 + 1\n", "\n", ":type 1\n", "oops\n", ":tpe 1\n", ":reset", ":quit", "never"]
    assert answer_all(say.session, entries) == 1
    told = capsys.readouterr()
    assert told.out == "2\nint\nforgot everything\n"
    assert "error[E0201]" in told.err and "did you mean `:type`?" in told.err
    assert "<entry 3>:1:1" in told.err


def test_reset_forgets(say: Conversation) -> None:
    say("let x = 1")
    say.session.reset()
    assert say.code("x") == "E0201"


def test_warnings_are_told(say: Conversation, capsys: pytest.CaptureFixture[str]) -> None:
    say("fn f(x: float) -> float { 3.0 }", "grad(f)(1.0)")
    assert capsys.readouterr().err.startswith("warning[W")
