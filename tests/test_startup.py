"""What a command loads, since loading is most of the time of a short one.

Times depend on the machine; `benchmarks/startup.py` prints them. Which modules a command imports
does not.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

# What Python itself has loaded before, and for an editable installation, does not count.
LIST_MODULES = """
import json, sys
before = set(sys.modules)
from charl.__main__ import main
status = main()
print(json.dumps(sorted(set(sys.modules) - before)), file=sys.stderr)
sys.exit(status)
"""


def charl(arguments: list[str], code: str, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {"PYTHONPATH": str(ROOT), "CHARL_CACHE": "0", **variables}
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
        env={**os.environ, **environment},
    )


def modules_of(*arguments: str, **variables: str) -> set[str]:
    """The modules that the command has loaded when it is done."""
    done = charl(list(arguments), LIST_MODULES, **variables)
    return set(json.loads(done.stderr.splitlines()[-1]))


def packages(modules: set[str]) -> set[str]:
    """The first two names of each module of Charl: `charl.ops`."""
    return {".".join(m.split(".")[:2]) for m in modules if m.startswith("charl.")}


def test_the_version_is_told_without_the_compiler() -> None:
    modules = modules_of("--version")
    assert packages(modules) == {
        "charl.__main__",
        "charl.bytecode",
        "charl.diagnostics",
        "charl.folders",
        "charl.records",
        "charl.source",
        "charl.tools",
    }
    assert "charl.diagnostics.render" not in modules  # nothing to report


def test_formatting_needs_only_the_syntax() -> None:
    modules = modules_of("fmt", "--check", "examples/hello.ch")
    assert "charl.syntax" in packages(modules)
    assert not packages(modules) & {"charl.types", "charl.core", "charl.ops", "charl.check"}


@pytest.mark.parametrize("command", [["--version"], ["fmt", "--check", "examples/hello.ch"]])
def test_short_commands_load_nothing_heavy(command: list[str]) -> None:
    """Each of these takes 10 ms or more to load."""
    assert not modules_of(*command) & {"numpy", "inspect", "dataclasses", "asyncio", "rich"}


def test_checking_does_not_load_what_runs() -> None:
    modules = modules_of("check", "examples/hello.ch")
    assert "charl.interp" not in packages(modules)
    assert not modules & {"dataclasses", "scipy", "ml_dtypes", "llvmlite", "PIL", "numpy.random"}
    assert not modules & {"json", "pathlib", "tempfile"}


def test_checking_lowers_only_what_takes_gradients(tmp_path: Path) -> None:
    (tmp_path / "plain.ch").write_text("print(tanh(2.0))\n")
    (tmp_path / "slope.ch").write_text("print(grad(tanh)(2.0))\n")
    compiler = {"charl.lower", "charl.transform"}
    assert not packages(modules_of("check", str(tmp_path / "plain.ch"))) & compiler
    assert compiler <= packages(modules_of("check", str(tmp_path / "slope.ch")))


def test_running_loads_what_differentiates_only_for_gradients(tmp_path: Path) -> None:
    (tmp_path / "slope.ch").write_text("print(grad(tanh)(2.0))\n")
    plain = modules_of("run", "examples/hello.ch")
    assert not plain & {"charl.transform.autodiff", "charl.core.verifier", "pathlib"}
    assert "charl.transform.autodiff" in modules_of("run", str(tmp_path / "slope.ch"))
    assert "charl.core.verifier" in modules_of("run", "examples/hello.ch", CHARL_VERIFY="1")


def test_running_loads_no_second_numpy_family() -> None:
    """A program that draws no random numbers and reads no archives does not wait for either."""
    modules = modules_of("run", "examples/hello.ch")
    assert not modules & {"numpy.random", "zipfile", "ml_dtypes", "PIL", "rich", "dataclasses"}


def test_running_again_loads_no_compiler(tmp_path: Path) -> None:
    """Only what the kept program needs: Core, the primitives, the interpreter."""
    cache = {"CHARL_CACHE": "1", "XDG_CACHE_HOME": str(tmp_path)}
    compiler = {"charl.syntax", "charl.check", "charl.lower", "charl.transform"}
    assert compiler <= packages(modules_of("run", "examples/hello.ch", **cache))
    again = modules_of("run", "examples/hello.ch", **cache)
    assert {"charl.core", "charl.ops", "charl.interp"} <= packages(again)
    assert not packages(again) & compiler
    assert not again & {"pathlib", "shutil", "hashlib"}


def test_a_kept_program_loads_neither_numpy_nor_typing(tmp_path: Path) -> None:
    """Only the runtime's library and the loader of machine code."""
    pytest.importorskip("llvmlite")
    (tmp_path / "a.ch").write_text('let n = 3\nprint(f"{n} of {n}")\n')
    cache = {"CHARL_CACHE": "1", "XDG_CACHE_HOME": str(tmp_path)}
    command = "run", "--backend", "native", str(tmp_path / "a.ch")
    assert "numpy" in modules_of(*command, **cache)
    again = modules_of(*command, **cache)
    assert packages(again) & {"charl.runtime", "charl.cache"}
    assert not packages(again) & {"charl.core", "charl.ops", "charl.types", "charl.interp"}
    assert not again & {"numpy", "llvmlite", "typing", "re", "enum", "pickle", "threading"}
    assert not again & {"weakref", "bisect", "hashlib"}


class TestBytecode:
    """Python told to write no bytecode beside sources: that of Charl goes to the cache folder."""

    @staticmethod
    def kept(cache: Path) -> set[str]:
        return {path.name.split(".")[0] for path in cache.rglob("*.pyc")}

    def version(self, cache: Path, **variables: str) -> set[str]:
        variables = {"XDG_CACHE_HOME": str(cache), **variables}
        code = "import sys; from charl.__main__ import main; sys.exit(main())"
        assert charl(["--version"], code, **variables).stdout.startswith("charl ")
        return self.kept(cache)

    def test_it_is_kept_there(self, tmp_path: Path) -> None:
        found = self.version(tmp_path, PYTHONDONTWRITEBYTECODE="1", CHARL_CACHE="1")
        assert {"cli", "diagnostic", "records"} <= found
        assert "argparse" not in found and "re" not in found  # only ours

    def test_a_start_afterwards_reads_it(self, tmp_path: Path) -> None:
        self.version(tmp_path, PYTHONDONTWRITEBYTECODE="1", CHARL_CACHE="1")
        (kept,) = tmp_path.rglob("records.*.pyc")
        before = kept.stat()
        self.version(tmp_path, PYTHONDONTWRITEBYTECODE="1", CHARL_CACHE="1")
        assert kept.stat().st_mtime_ns == before.st_mtime_ns
        kept.write_bytes(b"damaged")
        self.version(tmp_path, PYTHONDONTWRITEBYTECODE="1", CHARL_CACHE="1")
        assert kept.stat().st_size == before.st_size

    def test_it_is_not_where_the_cache_is_off(self, tmp_path: Path) -> None:
        assert not self.version(tmp_path, PYTHONDONTWRITEBYTECODE="1", CHARL_CACHE="0")

    def test_it_is_not_where_python_keeps_its_own(self, tmp_path: Path) -> None:
        assert not self.version(tmp_path, PYTHONDONTWRITEBYTECODE="", CHARL_CACHE="1")

    def test_a_folder_that_cannot_be_written_is_no_problem(self, tmp_path: Path) -> None:
        (tmp_path / "charl").write_text("a file where the folder should be")
        assert not self.version(tmp_path, PYTHONDONTWRITEBYTECODE="1", CHARL_CACHE="1")
