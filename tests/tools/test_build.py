"""`charl build`, and the options of the commands that compile."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from charl import backends
from charl.tools import compiling
from charl.tools.cli import main
from charl.transform.pipeline import AFTER_GRADIENTS

ROOT = Path(__file__).parents[2]
PROGRAM = "fn double(x: int) -> int { 2 * x }\nprint(double(len(arguments())))\n"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.ch").write_text(PROGRAM)
    return tmp_path


def shown(capsys: pytest.CaptureFixture[str], *words: str, status: int = 0) -> str:
    assert main(list(words)) == status
    out, told = capsys.readouterr()
    return told if status else out


def test_core_is_what_it_shows_by_itself(capsys: pytest.CaptureFixture[str]) -> None:
    core = shown(capsys, "build", "a.ch")
    assert core.startswith("entry @main\n\nfn @main") and core.endswith("}\n")
    assert "call" not in core  # the function was inlined
    assert core == shown(capsys, "build", "--emit", "core", "a.ch")


def test_passes_are_selected(capsys: pytest.CaptureFixture[str]) -> None:
    assert "call" in shown(capsys, "build", "--passes", "dce,simplify", "a.ch")
    assert "call" not in shown(capsys, "build", "--passes=inline", "a.ch")
    assert "call" in shown(capsys, "build", "--passes", "none", "a.ch")
    told = shown(capsys, "build", "--passes", "dce,inlin", "a.ch", status=2)
    assert told.startswith("error[E0706]: there is no pass `inlin`") and "`inline`?" in told


def test_help_names_every_pass() -> None:
    assert set(compiling.PASSES) == {step.__name__ for step in AFTER_GRADIENTS}
    assert all(name in compiling.PASS_LIST.help for name in compiling.PASSES)


@pytest.mark.parametrize("backend", backends.NAMES)
@pytest.mark.parametrize("passes", ["none", "drop_unreached", "hoist,cse", "inline,dce"])
def test_a_program_does_the_same_with_other_passes(
    backend: str, passes: str, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["run", "--backend", backend, "--passes", passes, "a.ch", "--", "x", "y"]
    assert shown(capsys, *words) == "4\n"


def test_kernels_are_core(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "b.ch").write_text("let x = random_normal([8, 8])\nprint(softmax(x))\n")
    kernels = shown(capsys, "build", "--emit", "kernels", "b.ch")
    assert kernels.startswith("entry @kernel0\n") and "exp" in kernels
    (folder / "b.ch").write_text("print(1)\n")
    assert "no kernels" in shown(capsys, "build", "--emit", "kernels", "b.ch")


def test_llvm_and_assembly(capsys: pytest.CaptureFixture[str]) -> None:
    llvm = shown(capsys, "build", "--emit", "llvm", "a.ch")
    assert "define " in llvm and "@entry_f0" in llvm
    plain = shown(capsys, "build", "--emit", "llvm", "-O0", "a.ch")
    assert len(plain) > len(llvm)  # nothing was removed
    assert "entry_f0:" in shown(capsys, "build", "--emit=asm", "-O", "1", "a.ch")


def test_into_a_file(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    core = shown(capsys, "build", "a.ch")
    assert shown(capsys, "build", "a.ch", "-o", "a.core") == ""
    assert (folder / "a.core").read_text() == core
    os.umask(mask := os.umask(0))
    assert (folder / "a.core").stat().st_mode & 0o777 == 0o666 & ~mask
    assert shown(capsys, "build", "a.ch", "--output=no/a.core", status=2).startswith("error[E0711]")
    assert sorted(path.name for path in folder.iterdir()) == ["a.ch", "a.core"]


def test_nothing_is_run_or_written_for_a_program_with_errors(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "b.ch").write_text('write_text("x.txt", "x")\nprint(unknown)\n')
    assert "E0201" in shown(capsys, "build", "b.ch", "-o", "b.core", status=1)
    (folder / "b.ch").write_text('write_text("x.txt", "x")\n')
    assert shown(capsys, "build", "b.ch", "-o", "b.core") == ""
    assert sorted(path.name for path in folder.iterdir()) == ["a.ch", "b.ch", "b.core"]


def test_wrong_words(capsys: pytest.CaptureFixture[str]) -> None:
    told = shown(capsys, "build", "--emit", "ams", "a.ch", status=2)
    assert "`--emit` cannot be `ams`" in told and "`asm`?" in told
    assert "`--level` cannot be `4`" in shown(capsys, "build", "-O4", "a.ch", status=2)
    assert "has no option `-x`" in shown(capsys, "build", "-x", "a.ch", status=2)
    assert "E0705" in shown(capsys, "build", status=2)


def test_without_llvm(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("charl.backends.find_spec", lambda name: None)
    told = shown(capsys, "build", "--emit", "llvm", "a.ch", status=2)
    assert told.startswith("error[E0712]: no native code: the package llvmlite is not installed")
    assert shown(capsys, "bench", "a.ch", status=2).startswith("error[E0712]")
    backends.say_fallback.cache_clear()
    for again in (False, True):
        assert main(["run", "--backend", "native", "a.ch"]) == 0
        out, told = capsys.readouterr()
        assert out == "0\n"
        assert told.startswith("charl: no native code: ") != again
    backends.say_fallback.cache_clear()


def test_without_the_library(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("charl.runtime.library.path", lambda: None)
    assert "was not built" in shown(capsys, "build", "--emit", "asm", "a.ch", status=2)


def test_the_environment_chooses_the_backend(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHARL_BACKEND", "native")
    assert main(["run", "-v", "a.ch"]) == 0
    assert "native code" in capsys.readouterr().err
    assert main(["run", "-v", "--backend", "interpreter", "a.ch"]) == 0
    assert capsys.readouterr().err == "the interpreter runs all of it\n"
    monkeypatch.setenv("CHARL_BACKEND", "nativ")
    told = shown(capsys, "run", "a.ch", status=2)
    assert told.startswith("error[E0706]: `CHARL_BACKEND` cannot be `nativ`")
    assert "did you mean `native`?" in told


def test_usually_programs_are_compiled_and_tests_interpreted(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CHARL_BACKEND")
    assert main(["run", "-v", "a.ch"]) == 0
    assert "native code" in capsys.readouterr().err
    assert "else $CHARL_BACKEND, else native" in shown(capsys, "run", "--help")
    assert "else $CHARL_BACKEND, else interpreter" in shown(capsys, "test", "--help")


def test_what_native_code_leaves_to_the_interpreter(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "b.ch").write_text("let x = ones([3, 3])\nprint(svd(x).1)\nprint(svd(x + 1).1)\n")
    assert main(["run", "-v", "--backend", "native", "b.ch"]) == 0
    told = capsys.readouterr().err.splitlines()
    assert told[0].startswith("native code asks the interpreter in ")
    assert any(line.split() == ["svd", "2"] for line in told[1:])


@pytest.mark.parametrize("backend", backends.NAMES)
def test_tests_run_on_either_backend(
    backend: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "t.ch").write_text(
        'test "good" { assert 1 + len("ab") == 3 }\n'
        'test "bad" { print("here")\n assert len([1]) == 3 }\n'
    )
    assert main(["test", "--backend", backend, "--jobs", "1", "t.ch"]) == 1
    out = capsys.readouterr().out
    assert "1 passed, 1 failed" in out and "here" in out and "assert len([1]) == 3" in out


def test_bench_compares(capsys: pytest.CaptureFixture[str]) -> None:
    lines = shown(capsys, "bench", "-n", "2", "a.ch", "--", "x").splitlines()
    assert [line.split()[0] for line in lines] == ["compile", "interpreter", "native", "native"]
    assert "median of 2" in lines[0] and lines[3].endswith(" times")
    compile_times = [float(line.split()[1].replace(",", "")) for line in lines[1:3]]
    assert 0 < compile_times[0] < compile_times[1]  # the interpreter compiles up to Core only
    told = shown(capsys, "bench", "-n", "0", "a.ch", status=2)
    assert "`--runs` cannot be `0`" in told


def test_bench_tells_what_goes_wrong(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "b.ch").write_text("let xs = [1]\nprint(xs[len(arguments()) + 1])\n")
    told = shown(capsys, "bench", "b.ch", status=1)
    assert told.startswith("error[E0502]") and "b.ch:2:" in told


def test_a_table_at_a_terminal(folder: Path) -> None:
    command = "import pty, sys; sys.exit(pty.spawn(sys.argv[1:]) >> 8)"
    done = subprocess.run(
        [sys.executable, "-c", command, sys.executable, "-m", "charl", "run", "--time", "a.ch"],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT), "TERM": "xterm", "CHARL_CACHE": "0"},
        stdin=subprocess.DEVNULL,
        timeout=120,
    )
    assert "names, types and shapes" in done.stdout and "\x1b[" in done.stdout
