"""The cache of compiled programs: what it keeps, and when it must not be believed."""

from __future__ import annotations

import errno
import io
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from charl import cache, driver
from charl.core.ir import Program
from charl.core.printer import print_program
from charl.diagnostics.diagnostic import CharlError
from charl.diagnostics.render import render
from charl.source import Source

ROOT = Path(__file__).resolve().parent.parent
KEPT, MADE = ["cache"], ["parse", "check", "lower", "passes"]

PROGRAM = """
struct Point { x: float, y: float }
let points = [Point(x: 1, y: 2), Point(x: 3, y: 4)]
for point in points { print(point, softmax(tensor([point.x, point.y]))) }
print(grad(|x| x ** 3)(2.0))
"""


pytestmark = pytest.mark.usefixtures("own_cache")


def compiled(
    text: str, name: str = "a.ch", arguments: Sequence[str] = ()
) -> tuple[list[str], Program]:
    """The stages that were gone through, and the program."""
    stages: list[str] = []
    program, _ = cache.compiled(
        Source(name, text), arguments=arguments, clock=lambda stage, _: stages.append(stage)
    )
    return [stage for stage in stages if stage != "keep"], program


def stages(text: str, name: str = "a.ch", arguments: Sequence[str] = ()) -> list[str]:
    return compiled(text, name, arguments)[0]


def output(program: Program) -> str:
    printed = io.StringIO()
    driver.run(program, printed)
    return printed.getvalue()


def kept_files() -> list[Path]:
    return sorted(Path(os.environ["XDG_CACHE_HOME"]).glob("charl/programs/*"))


class TestBelieved:
    def test_an_unchanged_program(self) -> None:
        first, made = compiled(PROGRAM)
        again, kept = compiled(PROGRAM)
        assert (first, again) == (MADE, KEPT)
        assert output(kept) == output(made)
        assert print_program(kept) == print_program(made)

    @pytest.mark.parametrize("path", sorted((ROOT / "examples").glob("*.ch")), ids=lambda p: p.stem)
    def test_the_examples_are_kept_as_they_are(
        self, path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(ROOT)
        text = path.read_text(encoding="utf-8")
        name = str(path.relative_to(ROOT))
        first, made = compiled(text, name)
        again, kept = compiled(text, name)
        assert (first, again) == (MADE, KEPT)
        assert print_program(kept) == print_program(made)

    def test_an_error_of_the_run_is_told_the_same_way(self) -> None:
        text = "fn at(xs: [int], i: int) -> int { xs[i] }\nprint(at([1, 2, 3], 3))\n"
        told = []
        for expected in (MADE, KEPT):
            found, program = compiled(text)
            assert found == expected
            with pytest.raises(CharlError) as failure:
                output(program)
            told.append(render(failure.value.diagnostics, colour=False))
        assert told[0] == told[1]
        assert "a.ch:1:" in told[0] and "xs[i]" in told[0]

    def test_warnings_are_told_again(self) -> None:
        text = "print(grad(|x| round(x))(2.5))\n"
        first = cache.compiled(Source("a.ch", text))[1]
        again = cache.compiled(Source("a.ch", text))[1]
        assert first
        assert render(again, colour=False) == render(first, colour=False)

    def test_arguments_and_folders_are_told_apart(self, monkeypatch: pytest.MonkeyPatch) -> None:
        assert stages(PROGRAM) == MADE
        assert stages(PROGRAM, arguments=["5"]) == MADE
        assert stages(PROGRAM, name="b.ch") == MADE
        monkeypatch.chdir("..")
        assert stages(PROGRAM) == MADE
        monkeypatch.chdir("here")
        assert stages(PROGRAM) == stages(PROGRAM, arguments=["5"]) == KEPT


class TestNotBelieved:
    def test_the_text_has_changed(self) -> None:
        stages(PROGRAM)
        found, program = compiled(PROGRAM + "print(7)\n")
        assert found == MADE
        assert output(program).endswith("7\n")
        assert len(kept_files()) == 1  # it took the place of the older

    def test_a_module_has_changed(self, own_cache: Path) -> None:
        text = "import shapes\nprint(shapes.area(3))\n"
        (own_cache / "shapes.ch").write_text("fn area(x: int) -> int { x * x }\n")
        assert [stages(text), stages(text)] == [MADE, KEPT]
        (own_cache / "shapes.ch").write_text("fn area(x: int) -> int { x * x * 3 }\n")
        found, program = compiled(text)
        assert found == MADE
        assert output(program) == "27\n"

    def test_a_module_of_a_module_has_changed(self, own_cache: Path) -> None:
        text = "import first\nprint(first.one())\n"
        (own_cache / "first.ch").write_text("import second\nfn one() -> int { second.two() }\n")
        (own_cache / "second.ch").write_text("fn two() -> int { 2 }\n")
        assert [stages(text), stages(text)] == [MADE, KEPT]
        (own_cache / "second.ch").write_text("fn two() -> int { 222 }\n")
        assert output(compiled(text)[1]) == "222\n"

    def test_a_module_now_hides_one_of_the_library(self, own_cache: Path) -> None:
        text = "import metrics\nprint(metrics.accuracy(tensor([[1.0, 0.0]]), tensor([0])))\n"
        assert [stages(text), stages(text)] == [MADE, KEPT]
        (own_cache / "metrics.ch").write_text("fn accuracy(a, b) { 42 }\n")
        assert output(compiled(text)[1]) == "42\n"

    def test_a_file_whose_shape_is_part_of_a_type_has_changed(self, own_cache: Path) -> None:
        text = 'let x: float64[?, 2] = load_npy("x.npy", dtype: float64)\nprint(x.shape)\n'
        np.save(own_cache / "x.npy", np.zeros((3, 2)))
        assert [stages(text), stages(text)] == [MADE, KEPT]
        np.save(own_cache / "x.npy", np.zeros((5, 2)))
        found, program = compiled(text)
        assert found == MADE
        assert "5" in output(program)

    def test_such_a_file_was_not_there(self, own_cache: Path) -> None:
        text = 'print(load_npy("x.npy", rank: 2, dtype: float64).shape)\n'
        assert [stages(text), stages(text)] == [MADE, KEPT]
        np.save(own_cache / "x.npy", np.zeros((5, 2)))
        assert stages(text) == MADE

    def test_charl_has_changed(self, monkeypatch: pytest.MonkeyPatch) -> None:
        stages(PROGRAM)
        monkeypatch.setattr(cache, "__version__", "another")
        assert stages(PROGRAM) == MADE
        assert stages(PROGRAM) == KEPT

    def test_a_file_of_charl_has_changed(self, tmp_path: Path) -> None:
        package = tmp_path / "package"
        (package / "std").mkdir(parents=True)
        (package / "std" / "nn.ch").write_text("// one")
        before = list(cache.own_files(str(package)))
        (package / "std" / "nn.ch").write_text("// other")
        assert before != list(cache.own_files(str(package)))
        assert [os.path.basename(path) for path, _, _ in before] == ["nn.ch"]

    def test_a_table_has_another_column(self, own_cache: Path) -> None:
        text = 'print(load_csv("x.csv").shape)\n'
        (own_cache / "x.csv").write_text("a,b\n1,2\n3,4\n")
        assert [stages(text), stages(text)] == [MADE, KEPT]
        (own_cache / "x.csv").write_text("a,b,c\n1,2,3\n4,5,6\n")
        found, program = compiled(text)
        assert found == MADE
        assert output(program) == "[2, 3]\n"

    @pytest.mark.parametrize("keep", [0, 3, 100, -1])
    def test_it_is_damaged(self, keep: int) -> None:
        stages(PROGRAM)
        (kept,) = kept_files()
        kept.write_bytes(kept.read_bytes()[:keep])
        assert [stages(PROGRAM), stages(PROGRAM)] == [MADE, KEPT]

    def test_a_bit_of_it_has_flipped(self) -> None:
        stages(PROGRAM)
        (kept,) = kept_files()
        content = bytearray(kept.read_bytes())
        content[len(content) // 2] ^= 4
        kept.write_bytes(content)
        assert stages(PROGRAM) == MADE

    def test_programs_with_errors_are_not_kept(self) -> None:
        with pytest.raises(CharlError):
            stages("print(unknown)\n")
        assert not kept_files()


class TestTheFolder:
    def test_it_is_not_used_where_the_cache_is_off(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("CHARL_CACHE", "0")
        assert [stages(PROGRAM), stages(PROGRAM)] == [MADE, MADE]
        assert not kept_files()

    def test_every_pass_runs_where_it_is_to_be_verified(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        stages(PROGRAM)
        monkeypatch.setenv("CHARL_VERIFY", "1")
        assert stages(PROGRAM) == MADE

    def test_it_cannot_be_made(self, tmp_path: Path) -> None:
        (tmp_path / "cache").write_text("a file where the folder should be")
        assert [stages(PROGRAM), stages(PROGRAM)] == [MADE, MADE]

    def test_a_program_cannot_be_put_into_it(self) -> None:
        taken = Path(cache.place(Source("a.ch", ""), ()))
        taken.mkdir(parents=True)
        assert [stages(PROGRAM), stages(PROGRAM)] == [MADE, MADE]
        assert stages(PROGRAM, "b.ch") == MADE
        assert stages(PROGRAM, "b.ch") == KEPT
        assert [path.name for path in taken.parent.iterdir() if path.name.startswith(".")] == []

    def test_the_disk_is_full(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def full(source: str, target: str) -> None:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        with monkeypatch.context() as patched:
            patched.setattr(os, "replace", full)
            assert [stages(PROGRAM), stages(PROGRAM)] == [MADE, MADE]
        assert not list(Path(os.environ["XDG_CACHE_HOME"]).glob("charl/programs/.*"))
        assert [stages(PROGRAM), stages(PROGRAM)] == [MADE, KEPT]

    def test_it_cannot_be_written(self) -> None:
        assert stages(PROGRAM, "b.ch") == MADE
        programs = Path(cache.place(Source("a.ch", ""), ())).parent
        programs.chmod(0o500)
        if os.access(programs, os.W_OK):
            pytest.skip("everything is writable to root")
        try:
            assert [stages(PROGRAM), stages(PROGRAM)] == [MADE, MADE]
            assert stages(PROGRAM, "b.ch") == KEPT
        finally:
            programs.chmod(0o700)

    def test_the_programs_used_last_are_kept(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(cache, "MOST", 3)
        names = ["a.ch", "b.ch", "c.ch"]
        for age, name in enumerate(names):
            assert stages("print(1)", name) == MADE
            os.utime(cache.place(Source(name, ""), ()), (age, age))
        assert stages("print(1)", "a.ch") == KEPT  # used again: `b.ch` is now the oldest
        stages("print(1)", "d.ch")
        assert len(kept_files()) == 3
        assert [stages("print(1)", n) for n in ("a.ch", "c.ch", "d.ch")] == [KEPT] * 3
        assert stages("print(1)", "b.ch") == MADE

    def test_processes_may_share_it(self, own_cache: Path) -> None:
        (own_cache / "a.ch").write_text(PROGRAM)
        command = [sys.executable, "-m", "charl", "run", "a.ch"]
        variables = {**os.environ, "PYTHONPATH": str(ROOT)}
        started = [
            subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=variables)
            for _ in range(4)
        ]
        printed = [process.communicate(timeout=60)[0] for process in started]
        assert len(set(printed)) == 1 and printed[0].endswith("12.0\n")
        assert len(kept_files()) == 1  # no leftovers of writing
