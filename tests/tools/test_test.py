"""`charl test`."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from charl import driver
from charl.check.tree import Block
from charl.source import Source
from charl.tools.cli import main
from charl.tools.test import Batch, split

PASSING = """\
fn double(x: int) -> int { 2 * x }
test "doubles" { assert double(2) == 4 }
test "doubles nothing" { assert double(0) == 0 }
"""

FAILING = """\
let x = 3
test "three" { assert x == 3 }
test "four" {
    print("looking at", x)
    assert x == 4
}
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "passing.ch").write_text(PASSING)
    return tmp_path


def shown(capsys: pytest.CaptureFixture[str]) -> str:
    """What was printed, times left out."""
    return re.sub(r"\d+(\.\d)? m?s\b", "T", capsys.readouterr().out)


def test_passing_tests(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["test", "passing.ch"]) == 0
    assert shown(capsys).splitlines() == [
        "passing.ch",
        "  ok    doubles  (T)",
        "  ok    doubles nothing  (T)",
        "2 passed in T",
    ]


def test_random_numbers_do_not_depend_on_the_tests_before(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    body = "{ print(random_int(0, 1000000, [3]))\n assert false }\n"
    (folder / "draws.ch").write_text(f'test "one" {body}test "two" {body}')
    main(["test", "draws.ch"])
    one, two = [line for line in shown(capsys).splitlines() if line.lstrip().startswith("[")]
    assert one == two
    main(["test", "--filter", "two", "draws.ch"])
    assert two in shown(capsys).splitlines()


def test_each_test_starts_from_the_top_level(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What one test does to top-level variables, functions see and other tests do not."""
    (folder / "state.ch").write_text(
        "let n = 3\nlet xs = [1]\nfn twice() -> int { n * 2 }\n"
        'test "changes" { n = 4; xs.push(5); assert twice() == 8 and xs == [1, 5] }\n'
        'test "fresh" { assert n == 3 and twice() == 6 and xs == [1] }\n'
        'test "its own" { let n = 10; assert n == 10 and twice() == 6 }\n'
    )
    assert main(["test", "state.ch", "--jobs", "1"]) == 0
    assert shown(capsys).endswith("3 passed in T\n")


def test_the_top_level_is_checked_once_for_all_tests() -> None:
    """The time to check a file must not be that of its top level times its tests."""
    checked = driver.check(Source("failing.ch", FAILING), tests=True)
    bodies = [chunk.instance.body for chunk in (checked.main, *(c for _, c in checked.tests))]
    firsts = {body.statements[0] for body in bodies if isinstance(body, Block)}
    assert len(bodies) == 3 and len(firsts) == 1


def test_a_failing_test_shows_values_and_output(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "failing.ch").write_text(FAILING)
    assert main(["test", "--jobs", "1"]) == 1
    text = shown(capsys)
    assert text.startswith("failing.ch\n  ok    three  (T)\n  FAIL  four  (T)\n      error[E05")
    assert "failing.ch:5:" in text and re.search(r"\b3\b.*\b4\b", text)
    assert "      it printed:\n            looking at 3\n" in text
    assert "passing.ch\n  ok    doubles  (T)\n" in text
    assert text.endswith("3 passed, 1 failed in T\n")


def test_in_parallel_the_order_is_the_same(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "failing.ch").write_text(FAILING)
    assert main(["test", "--jobs", "1"]) == 1
    alone = shown(capsys)
    assert main(["test", "-j", "2"]) == 1
    assert shown(capsys) == alone


def test_the_filter(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["test", "--filter", "NOTHING"]) == 0
    assert "  ok    doubles nothing  (T)\n1 passed" in shown(capsys)
    assert main(["test", "--filter", "absent"]) == 0
    assert shown(capsys) == "no tests found\n"


def test_a_file_with_errors_fails_and_others_run(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "a.ch").write_text('test "t" { assert missing == 1 }\n')
    (folder / "b.ch").write_text('test "t" { assert ( }\n')
    assert main(["test", "--jobs", "1"]) == 1
    text = shown(capsys)
    assert "  FAIL  the file does not check  (T)\n      error[E0201]" in text
    assert "b.ch:1:" in text and "2 passed, 1 failed in T" in text


def test_json(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "failing.ch").write_text(FAILING)
    assert main(["test", "--json", "--jobs", "1"]) == 1
    told = capsys.readouterr()
    (failure,) = (json.loads(line) for line in told.out.splitlines())
    assert failure["file"] == "failing.ch" and failure["line"] == 5
    assert told.err.startswith("3 passed, 1 failed")


@pytest.mark.parametrize("jobs", ["0", "many", "-1", "1.5"])
def test_a_wrong_number_of_jobs(
    jobs: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["test", "--jobs", jobs]) == 2
    assert capsys.readouterr().err.startswith("error[E0706]")


def test_batches() -> None:
    many = {"a.ch": {i: str(i) for i in range(40)}}
    assert [len(batch.indices) for batch in split(many, 4)] == [10, 10, 10, 10]
    assert split({"a.ch": {0: "x", 3: "y"}}, 4) == [Batch("a.ch", (0, 3))]
    two = {"a.ch": {0: "x"}, "b.ch": {i: str(i) for i in range(40)}}
    assert [batch.path for batch in split(two, 2)] == ["a.ch", "b.ch"]
    assert sum(len(batch.indices) for batch in split(two, 8)) == 41
    assert split({}, 2) == []
