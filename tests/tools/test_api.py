"""Charl from Python."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import charl
from charl.backends import NAMES

PROGRAM = """
/// Every element times `by`.
fn scale(x: float32[N, 3], by: float32 = 2.0) -> float32[N, 3] { x * by }

let weights = tensor([1.0, 2.0, 3.0])
let count = 7
let name = "model"
fn weigh(x: float32[N, 3]) -> float32[N] { x @ weights }
fn add(a, b) { a + b }
fn pick(xs: int[N], i: int) -> int { xs[i] }
fn half(x: int) -> (float, string) { (x / 2, f"{x}") }
fn sentence(words: [string]) -> string { join(words, " ") }
fn count_all(lists: [[int]]) -> int { len(lists) }
fn swap(pair: (int, string)) -> (string, int) { (pair.1, pair.0) }
fn negate(b: bool) -> bool { not b }
fn small(x: int8) -> int8 { x }
fn adder(n: int) { |x: int| x + n }
fn apply(f, x: int) -> int { f(x) }

struct Point { x: float32, y: float32 }
fn length(p: Point) -> float32 { sqrt(p.x * p.x + p.y * p.y) }
fn mirrored(p: Point) -> Point { Point(x: -p.x, y: p.y) }

struct Counter {
    start: int
    fn plus(by: int) -> int { start + by }
}

enum Shape { Circle(float), Square(side: float), Nothing }
fn area(s: Shape) -> float { match s { Circle(r) => 3 * r * r, Square(a) => a * a, _ => 0.0 } }

enum Tree { Leaf, Fork(Tree, int, Tree) }
fn sprout(n: int) -> Tree { if n == 0 { Leaf } else { Fork(sprout(n - 1), n, Leaf) } }
fn height(t: Tree) -> int {
    match t { Leaf => 0, Fork(l, _, r) => 1 + maximum(height(l), height(r)) }
}

model Net { layers { dense(3, 2) } }
fn forward(net: Net, x: float32[N, 3]) -> float32[N, 2] { net(x) }

struct Tally {
    n: int
    mut fn bump(by: int = 1) -> int {
        n += by
        n
    }
}
fn raise_by(mut tally: Tally, by: int) { tally.n += by }
fn put(mut xs: [int], x: int) { xs.push(x) }
fn corner(mut w: float32[N, M]) { w[0, 0] = 7.0 }
fn bump(mut counter: int) { counter += 1 }
model Normed { layers { batch_norm(3) } }
fn train(mut net: Normed, x: float32[N, 3]) -> float32 {
    with mode = training { sum(net(x)) }
}

fn main() { print("main runs only when called") }
"""


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("api") / "model.ch"
    path.write_text(PROGRAM)
    return path


@pytest.fixture(scope="module", params=NAMES)
def m(path: Path, request: pytest.FixtureRequest) -> charl.api.Program:
    return charl.load(path, backend=request.param)


Program = "charl.api.Program"


def ones(*shape: int) -> np.ndarray:
    return np.ones(shape, np.float32)


def test_a_function_of_arrays(m: Program) -> None:
    result = m.scale(ones(2, 3))
    assert result.dtype == np.float32
    np.testing.assert_array_equal(result, np.full((2, 3), 2, np.float32))
    np.testing.assert_array_equal(m.scale(ones(2, 3), 3.5), np.full((2, 3), 3.5, np.float32))
    np.testing.assert_array_equal(m.scale(x=ones(1, 3), by=3), np.full((1, 3), 3, np.float32))
    np.testing.assert_array_equal(m.weigh(ones(4, 3)), np.full(4, 6, np.float32))


def test_arguments_are_left_alone(m: Program) -> None:
    given = ones(2, 3)
    m.scale(given)[0, 0] = 9
    m.add(given, given)
    np.testing.assert_array_equal(given, ones(2, 3))


def test_arrays_of_any_layout(m: Program) -> None:
    base = np.arange(12, dtype=np.float32).reshape(3, 4)
    for x in (base.T, np.asfortranarray(base.T), base.T[::-1], base.T.astype(">f4")):
        np.testing.assert_array_equal(m.scale(x), 2 * x)
    frozen = ones(2, 3)
    frozen.flags.writeable = False
    np.testing.assert_array_equal(m.scale(frozen), 2 * frozen)
    assert m.scale(ones(0, 3)).shape == (0, 3)


def test_lists_behave_as_literals(m: Program) -> None:
    np.testing.assert_array_equal(
        m.scale([[1, 2, 3]]), np.array([[2, 4, 6]], np.float32), strict=True
    )
    assert m.pick([10, 20, 30], 1) == 20


def test_values_of_every_kind(m: Program) -> None:
    assert m.half(9) == (4.5, "9")
    assert m.sentence(["a", "b"]) == "a b"
    assert m.sentence([]) == ""
    assert m.count_all([[1], [2, 3], []]) == 3
    assert m.swap((1, "é")) == ("é", 1)
    assert m.negate(True) is False and m.negate(np.bool_(False)) is True
    assert m.small(-128) == -128
    assert m.add(2, 3) == 5 and m.add(2.5, 0.5) == 3.0 and m.add("a", "b") == "ab"
    assert m.add(np.float32(0.5), np.float32(1)) == 1.5
    assert m.add(np.array(3), 4) == 7


def test_variables_of_the_file(m: Program) -> None:
    np.testing.assert_array_equal(m.weights, np.array([1, 2, 3], np.float32), strict=True)
    assert m.count == 7 and m.name == "model"


def test_structs(m: Program) -> None:
    p = m.Point(x=3, y=4.0)
    assert (p.x, p.y) == (3.0, 4.0)
    assert m.length(p) == 5.0
    assert repr(m.mirrored(p)) == "Point(x: -3.0, y: 4.0)"
    assert "x" in dir(p)
    with pytest.raises(AttributeError, match="no field or method `z`"):
        _ = p.z


def test_what_is_mut_changes_in_place(m: Program) -> None:
    tally = m.Tally(n=1)
    assert tally.bump() == 2 and tally.bump(by=3) == 5 and tally.n == 5
    assert m.raise_by(tally, 10) is None and tally.n == 15
    words = [1]
    m.put(words, 2)
    assert words == [1, 2]
    for columns in range(1, 7):  # first for exact shapes, then for all
        w = ones(2, columns)
        m.corner(w)
        assert w[0, 0] == 7 and w.sum() == 7 + 2 * columns - 1
    nested = [[1, 2], [3, 4]]
    m.corner(nested)
    assert nested == [[7.0, 2.0], [3.0, 4.0]]


def test_running_statistics_belong_to_the_model(m: Program) -> None:
    net = m.Normed(seed=1)
    np.testing.assert_array_equal(net.layer0.running_mean, np.zeros(3))
    m.train(net, 2 * ones(4, 3))
    after = net.layer0.running_mean
    assert np.all(after > 0)
    net(ones(4, 3))  # evaluation leaves them alone
    np.testing.assert_array_equal(net.layer0.running_mean, after)


def test_what_is_mut_must_be_able_to_change(m: Program) -> None:
    with pytest.raises(charl.Error, match="`counter` of `bump` is `mut`, and a Python int cannot"):
        m.bump(3)
    frozen = ones(2, 2)
    frozen.flags.writeable = False
    with pytest.raises(charl.Error, match="this array is read-only"):
        m.corner(frozen)


def test_enums(m: Program) -> None:
    circle = m.Circle(2)
    assert circle.variant == "Circle" and list(circle) == [2.0] and m.area(circle) == 12.0
    assert m.area(m.Square(side=3.0)) == 9.0
    assert m.area(m.Nothing) == 0.0 and m.Nothing.variant == "Nothing"


def test_recursive_values(m: Program) -> None:
    tree = m.sprout(3)
    assert tree.variant == "Fork" and tree[1] == 3 and tree[0][0][0].variant == "Leaf"
    assert m.height(tree) == 3 and m.height(tree[0]) == 2


def test_models_and_functions_come_back_and_go_in(m: Program) -> None:
    net = m.Net(seed=1)
    assert m.forward(net, ones(5, 3)).shape == (5, 2)
    assert m.apply(m.adder(3), 4) == 7


def test_models_and_functions_are_called(m: Program) -> None:
    net = m.Net(seed=1)
    x = ones(5, 3)
    np.testing.assert_array_equal(net(x), m.forward(net, x))
    assert m.adder(3)(4) == 7
    assert m.Counter(start=3).plus(by=2) == 5 and m.Counter(4).plus(2) == 6
    problem = error(lambda: net(ones(5, 4)))
    assert "in `forward` at <python>:1:1" in str(problem)
    assert "Counter.plus(string)" in str(error(lambda: m.Counter(4).plus("a")))
    assert "cannot be called" in str(error(lambda: m.Point(x=1, y=2)(3)))


def test_many_shapes_share_one_version(m: Program) -> None:
    for n in range(1, 12):
        np.testing.assert_array_equal(m.weigh(ones(n, 3)), np.full(n, 6, np.float32))
    assert len(m.weigh._compiled) <= 5
    with pytest.raises(charl.Error) as caught:
        m.weigh(ones(2, 4))
    assert "4" in str(caught.value)


def error(call: object) -> charl.Error:
    with pytest.raises(charl.Error) as caught:
        call()  # type: ignore[operator]
    return caught.value


def test_a_wrong_shape_is_shown_with_the_call(m: Program) -> None:
    problem = error(lambda: m.scale(ones(2, 4)))
    assert problem.diagnostics[0].code == "E0310"
    assert "1 | scale(float32[2, 4])\n  |       ^^^^^^^^^^^^^" in str(problem)
    assert "model.ch:3:10" in str(problem)


def test_a_wrong_dtype_is_not_converted(m: Program) -> None:
    problem = error(lambda: m.scale(np.ones((2, 3))))
    assert str(problem) == (
        "error[E0742]: `x` of `scale` is float32, and the array is float64\n"
        '  = help: convert it: array.astype("float32")'
    )


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ({}, "is a Python dict"),
        (None, "is a Python NoneType"),
        (np.ones((2, 3), np.uint8), "has the NumPy dtype uint8"),
        (np.array([["a"]]), "has the NumPy dtype"),
        ([[1, 2, 3], [4]], "is a list whose rows differ in length"),
        ([["a", "b", "c"]], "is a list of something else than numbers"),
    ],
)
def test_values_without_a_type(m: Program, value: object, told: str) -> None:
    problem = error(lambda: m.scale(value))
    assert problem.diagnostics[0].code == "E0742"
    assert f"`x` of `scale` {told}" in str(problem)


def test_numbers_that_do_not_fit(m: Program) -> None:
    assert "does not fit into int8" in str(error(lambda: m.small(128)))
    assert "does not fit into int64" in str(error(lambda: m.add(1 << 63, 1)))
    assert "is a list of both int and string" in str(error(lambda: m.sentence([1, "a"])))


def test_wrong_arguments(m: Program) -> None:
    assert "`hue`" in str(error(lambda: m.scale(ones(2, 3), hue=3)))
    assert error(lambda: m.scale()).diagnostics[0].code.startswith("E02")
    assert error(lambda: m.half("a")).diagnostics[0].code == "E0301"


def test_an_error_at_run_time_has_its_place(m: Program) -> None:
    problem = error(lambda: m.pick([1, 2], 7))
    assert problem.diagnostics[0].code in ("E0501", "E0502") and "model.ch:10:" in str(problem)
    assert m.pick([1, 2], 1) == 2


def test_names_that_are_not_there(m: Program) -> None:
    assert "did you mean `scale`?" in str(error(lambda: m.scael))
    assert not hasattr(m, "nothing_of_the_kind") and not hasattr(m, "_private")
    assert {"scale", "weights", "Point", "Net"} <= set(dir(m))
    assert m.scale.__doc__ == "Every element times `by`." and m.scale.__name__ == "scale"
    assert m.scale is m.scale


def test_loading_runs_the_top_level_but_not_main(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "a.ch"
    path.write_text('print("top", arguments())\nfn main() { print("main") }\n')
    program = charl.load(str(path), arguments=["x"])
    assert capsys.readouterr().out == 'top ["x"]\n'
    assert program.main() is None
    assert capsys.readouterr().out == "main\n"


def test_each_program_has_random_numbers_of_its_own(tmp_path: Path) -> None:
    path = tmp_path / "a.ch"
    path.write_text("fn draw() -> float32 { random_uniform([]) }\n")
    first, second = charl.load(path), charl.load(path)
    drawn = [first.draw(), first.draw()]
    assert drawn[0] != drawn[1]
    assert [second.draw(), second.draw()] == drawn


def test_files_that_do_not_load(tmp_path: Path) -> None:
    with pytest.raises(charl.Error) as caught:
        charl.load(tmp_path / "missing.ch")
    assert caught.value.diagnostics[0].code == "E0701"
    path = tmp_path / "a.ch"
    path.write_text("print(one)\nprint(two)\n")
    with pytest.raises(charl.Error) as caught:
        charl.load(path)
    assert len(caught.value.diagnostics) == 2 and str(caught.value).endswith("2 errors")


def test_warnings_are_python_warnings(tmp_path: Path) -> None:
    path = tmp_path / "a.ch"
    path.write_text("fn f(x: float) -> float { 3.0 }\nprint(grad(f)(1.0))\n")
    with pytest.warns(charl.api.Warning, match=r"warning\[W"):
        charl.load(path)


def test_programs_are_independent(path: Path) -> None:
    first, second = charl.load(path), charl.load(path)
    with pytest.raises(charl.Error):
        first.length(second.Point(x=1, y=1))


def test_the_package_is_light() -> None:
    import subprocess
    import sys

    probe = "import sys, charl; print('numpy' in sys.modules); charl.load; print(charl.Error)"
    shown = subprocess.run(
        [sys.executable, "-c", probe], capture_output=True, text=True, check=True
    )
    assert shown.stdout == "False\n<class 'charl.api.Error'>\n"
    with pytest.raises(AttributeError):
        _ = charl.nothing


def test_a_backend_that_does_not_exist(path: Path) -> None:
    with pytest.raises(charl.Error) as failure:
        charl.load(path, backend="nativ")
    assert failure.value.diagnostics[0].code == "E0706"
    assert "did you mean `native`?" in str(failure.value)
