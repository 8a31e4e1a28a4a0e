"""Whatever a user feeds to `charl`, the answer is a diagnostic with its place, never a traceback.

Most cases call the command line in this process; those that need a process of their own (Ctrl-C,
the limits of memory, the standard input) start one.
"""

from __future__ import annotations

import gzip
import os
import re
import signal
import struct
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from charl.backends import NAMES
from charl.tools.cli import main

ROOT = Path(__file__).parents[1]


class Told(str):
    """What a command wrote to the standard error."""

    __slots__ = ()

    @property
    def codes(self) -> list[str]:
        return re.findall(r"^error\[(E\d+)\]", self, re.MULTILINE)


@pytest.fixture
def charl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    """Runs a command in an empty folder; its errors, having checked that they are diagnostics."""
    monkeypatch.chdir(tmp_path)

    def run(*words: str, status: int = 1, output: str = "") -> Told:
        assert main(list(words)) == status
        out, told = capsys.readouterr()
        assert out == output
        return expect_diagnostics(told)

    return run


@pytest.fixture(params=NAMES)
def backend(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Runs the test once with each backend, in processes that it starts, too."""
    monkeypatch.setenv("CHARL_BACKEND", request.param)
    return request.param


both = pytest.mark.usefixtures("backend")


def expect_diagnostics(told: str) -> Told:
    assert "Traceback" not in told and "E0799" not in told and "E0798" not in told
    assert re.match(r"(error|warning)\[[EW]\d+\]: \S", told), told[:500]
    return Told(told)


def write(text: str | bytes, name: str = "a.ch") -> str:
    Path(name).write_bytes(text.encode() if isinstance(text, str) else text)
    return name


# --- The file ------------------------------------------------------------------------------------


def test_a_missing_file(charl) -> None:
    write("print(1)\n", "programm.ch")
    told = charl("run", "program.ch", status=2)
    assert told.codes == ["E0701"] and "`program.ch`" in told and "programm.ch" in told


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="may read everything")
def test_a_file_without_permission(charl) -> None:
    os.chmod(write("print(1)\n"), 0)
    assert charl("run", "a.ch", status=2).codes == ["E0702"]


def test_a_file_that_cannot_be_read(charl) -> None:
    os.symlink("a.ch", "a.ch")
    told = charl("run", "a.ch", status=2)
    assert told.codes == ["E0702"] and "cannot read `a.ch`" in told


def test_a_folder(charl) -> None:
    os.mkdir("code")
    assert charl("run", "code", status=2).codes == ["E0703"]


def test_a_name_that_no_file_can_have(charl) -> None:
    assert charl("run", "a\0b.ch", status=2).codes == ["E0702"]


@pytest.mark.parametrize("text", [b"", b" \n\t\n", b"\xef\xbb\xbf"])
def test_an_empty_file(charl, text: bytes) -> None:
    assert charl("run", write(text)).codes == ["E0721"]


def test_a_source_that_is_not_utf8(charl) -> None:
    told = charl("run", write(b'let x = 1\nlet y = "caf\xe9"\n'))
    assert told.codes == ["E0720"] and "a.ch:2:13" in told and "0xe9" in told


def test_a_source_in_utf16(charl) -> None:
    assert charl("run", write("print(1)\n".encode("utf-16"))).codes == ["E0720"]


def test_nul_characters(charl) -> None:
    told = charl("run", write("let x = 1\nprint(x\0)\n"))
    assert told.codes == ["E0100"] and "a.ch:2:8" in told


def test_windows_line_ends_and_a_byte_order_mark(charl) -> None:
    path = write(
        b"\xef\xbb\xbflet x = 1\r\nfn f(y) {\r\n    y + x\r\n}\r\nprint(f(2))\r\nprint(z)\r\n"
    )
    told = charl("run", path)
    assert told.codes == ["E0201"] and "a.ch:6:7" in told


def test_old_line_ends_alone(charl) -> None:
    told = charl("run", write(b"let x = 1\rprint(z)\r"))
    assert told.codes


# --- Size and depth ------------------------------------------------------------------------------


def test_a_line_of_ten_megabytes(charl) -> None:
    told = charl("run", write("let x = " + "1 + " * 2_600_000 + "1\n"))
    assert told.codes == ["E0109"] and len(told) < 1000


def test_a_string_of_ten_megabytes(charl) -> None:
    told = charl("run", write('let x = "' + "a" * 10_000_000 + '"\nprint(len(x), y)\n'))
    assert told.codes == ["E0201"] and len(told) < 1000


def test_a_string_of_ten_megabytes_that_does_not_end(charl) -> None:
    told = charl("run", write('let x = "' + "a" * 10_000_000 + "\n"))
    assert told.codes and len(told) < 1000


def test_a_comment_of_ten_megabytes(charl) -> None:
    assert charl("run", write("/*" + " x" * 5_000_000 + "\n")).codes == ["E0102"]


def test_a_name_of_a_megabyte(charl) -> None:
    name = "a" * 1_000_000
    told = charl("run", write(f"let {name} = 1\nprint({name}b)\n"))
    assert told.codes == ["E0201"] and "a.ch:2:7" in told


@pytest.mark.parametrize("count", [300, 10_000])
@pytest.mark.parametrize(
    ("before", "inside", "after"),
    [
        ("print(" + "(" * 0, "1", ")"),
        ("let x = ", "1", ""),
        ("let x: ", "int", " = 1"),
        ("match 1 { ", "x", " => 2 }"),
    ],
    ids=["parentheses", "lists", "types", "patterns"],
)
def test_deep_nesting(charl, before: str, inside: str, after: str, count: int) -> None:
    opening, closing = (
        ("[", "]") if inside in ("1", "int") and "print" not in before else ("(", ")")
    )
    told = charl("run", write(f"{before}{opening * count}{inside}{closing * count}{after}\n"))
    assert told.codes == ["E0109"] and "a.ch:1:" in told


@pytest.mark.parametrize(
    "text",
    [
        "if true {" * 10_000 + "}" * 10_000,
        "fn f() {" * 10_000 + "}" * 10_000,
        "let f = " + "|x| " * 10_000 + "1",
        "print(" + "-" * 10_000 + "1)",
        "print(" + "not " * 10_000 + "true)",
        "print(" + "f(" * 10_000 + "1" + ")" * 10_001,
        "print(x" + ".y" * 10_000 + ")",
        "print(x" + "[0]" * 10_000 + ")",
        "print(" + "1 ** " * 10_000 + "1)",
        "print(" + "1 + " * 10_000 + "1)",
        "print(" + 'f"{' * 10_000 + "1" + '}"' * 10_000 + ")",
        "if a {} " + "else if a {} " * 10_000,
        "(" * 10_000,
        "[" * 10_000,
        "{" * 10_000,
        "/*" * 10_000,
    ],
    ids=lambda text: text[:12].strip(),
)
def test_other_deep_things(charl, text: str) -> None:
    told = charl("run", write(text + "\n"))
    assert 1 <= len(told.codes) <= 100


def test_many_errors_are_not_all_shown(charl) -> None:
    told = charl("run", write("let = \n" * 5_000))
    assert len(told.codes) <= 200


def test_integers_too_large(charl) -> None:
    told = charl("run", write(f"print({'9' * 5000})\nlet x: int8 = 300\n"))
    assert told.codes[0] == "E0104" and "a.ch:1:7" in told
    told = charl("run", write("print(99999999999999999999)\n"))
    assert len(told.codes) == 1 and "a.ch:1:7" in told
    told = charl("run", write("let x: int8 = 300\nprint(x)\n"))
    assert len(told.codes) == 1 and "a.ch:1:15" in told


def test_floats_too_large(charl) -> None:
    assert charl("run", write("print(1e999)\n")).codes == ["E0104"]


# --- Names ---------------------------------------------------------------------------------------


def test_an_unknown_import(charl) -> None:
    told = charl("run", write("print(1)\nimport nothing.at.all\n"))
    assert told.codes == ["E0262"] and "a.ch:2:8" in told


def test_an_unknown_name_of_a_module(charl) -> None:
    told = charl("run", write("from optim import adm\n"))
    assert len(told.codes) == 1 and "a.ch:1:19" in told and "`adam`" in told


def test_a_module_that_does_not_parse(charl) -> None:
    write("fn f( {\n", "other.ch")
    told = charl("run", write("import other\nprint(1)\n"))
    assert told.codes and "other.ch:1:" in told


def test_modules_in_a_circle(charl) -> None:
    write("import c\n", "b.ch")
    write("import b\n", "c.ch")
    told = charl("run", write("import b\n"))
    assert told.codes == ["E0264"] and "b -> c -> b" in told


# --- Data ----------------------------------------------------------------------------------------

IDX = struct.pack(">HBB", 0, 8, 3) + struct.pack(">III", 3, 4, 4)


@both
@pytest.mark.parametrize(
    ("content", "code", "message"),
    [
        (b"1,2,3\n4,5\n7,8,9\n", "E0604", "row 2 of `x.csv` has 2 cells, but row 1 has 3"),
        (b"1,2,3\n4,x,6\n7,8,9\n", "E0605", 'row 2, column 2 of `x.csv` holds "x"'),
        (b"1,2\n3,\n", "E0605", "row 2, column 2 of `x.csv` is empty"),
        (b"", "E0610", "`x.csv` is empty"),
        (b"1,2\n\xff\xfe,3\n", "E0608", "line 2"),
        (b"1,2\n3,\0\n", "E0605", "row 2, column 2"),
        (b'1,"2\n3,4\n', "E06", "x.csv"),
        (None, "E0601", "there is no file `x.csv`"),
    ],
)
@pytest.mark.parametrize("path", ['"x.csv"', '"x" ++ ".csv"'], ids=["literal", "computed"])
def test_csv(charl, content: bytes | None, code: str, message: str, path: str) -> None:
    if content is not None:
        write(content, "x.csv")
    told = charl("run", write(f"print(1)\nlet x = load_csv({path})\nprint(x)\n"), output="1\n")
    assert len(told.codes) == 1 and told.codes[0].startswith(code)
    assert message in told and "a.ch:2:9" in told


def npy(array: np.ndarray) -> bytes:
    np.save("made.npy", array, allow_pickle=True)
    return Path("made.npy").read_bytes()


@both
@pytest.mark.parametrize("kept", [0, 3, 9, 20, 100, 130, 151])
def test_a_truncated_npy_file(charl, kept: int) -> None:
    write(npy(np.arange(6, dtype=np.float32).reshape(2, 3))[:kept], "x.npy")
    told = charl("run", write('let p = "x.npy" ++ ""\nprint(load_npy(p, rank: 2))\n'))
    assert len(told.codes) == 1 and told.codes[0] in ("E0603", "E0610") and "a.ch:2:7" in told


@both
def test_npy_files_of_other_things(charl) -> None:
    program = write('let p = "x.npy" ++ ""\nprint(load_npy(p, rank: 1))\n')
    for array in (np.array([{}]), np.zeros(3, complex), np.array(["a"]), np.zeros((2, 2), "f4")):
        write(npy(array), "x.npy")
        told = charl("run", program)
        assert told.codes == ["E0606"] and "a.ch:2:7" in told


def test_a_npy_file_that_claims_to_be_huge(charl) -> None:
    whole = npy(np.zeros((2, 3), "f4"))
    write(whole.replace(b"(2, 3)", b"(2000000000, 3000000000)".ljust(6)), "x.npy")
    told = charl("run", write('let p = "x.npy" ++ ""\nprint(load_npy(p, rank: 2))\n'))
    assert len(told.codes) == 1 and told.codes[0].startswith("E06")


@both
@pytest.mark.parametrize(
    "content",
    [
        IDX + bytes(40),
        IDX[:7],
        b"",
        b"hello world, this is no idx file",
        gzip.compress(IDX + bytes(48), mtime=0)[:-10],
        b"\x1f\x8bhello",
        struct.pack(">HBBIII", 0, 8, 3, 2**31, 2**31, 4),
    ],
    ids=["data", "header", "empty", "text", "gzip", "no gzip", "huge"],
)
def test_broken_idx_files(charl, content: bytes) -> None:
    write(content, "x.idx")
    told = charl("run", write('let p = "x.idx" ++ ""\nprint(load_idx(p, rank: 3))\n'))
    assert len(told.codes) == 1 and told.codes[0].startswith("E06") and "a.ch:2:7" in told


@both
def test_the_wrong_shape_in_a_file(charl) -> None:
    write(npy(np.zeros((2, 3), "f4")), "x.npy")
    program = "fn f(p: string) -> float32[3, 3] { load_npy(p, rank: 2) }\nprint(f(%s))\n"
    told = charl("run", write(program % '"x.npy"'))
    assert told.codes == ["E0511"] and "2 instead of 3" in told and "a.ch:1:36" in told
    told = charl("check", write('let x: float32[3, 3] = load_npy("x.npy")\n'))
    assert told.codes == ["E0310"] and "float32[2, 3]" in told and "a.ch:1:24" in told


@both
def test_a_saved_model_of_another_shape(charl) -> None:
    model = "model Net[D] { layers { dense(D, 2) } }\n"
    assert main(["run", write(model + 'save(Net[3](seed: 1), "net.npz")\n')]) == 0
    told = charl("run", write(model + 'let net = load(Net[4], "net.npz")\n'))
    assert len(told.codes) == 1 and "a.ch:2:11" in told
    write(Path("net.npz").read_bytes()[:-30], "net.npz")
    told = charl("run", write(model + 'let net = load(Net[3], "net.npz")\nprint(net)\n'))
    assert len(told.codes) == 1 and told.codes[0].startswith("E06") and "a.ch:2:11" in told


@both
def test_writing_where_one_may_not(charl) -> None:
    told = charl("run", write('write_text("no/such/folder/x.txt", "x")\n'))
    assert told.codes == ["E0602"] and "a.ch:1:1" in told


# --- While it runs -------------------------------------------------------------------------------


@both
@pytest.mark.parametrize(
    "text",
    [
        "fn f(n: int) -> int { f(n + 1) + 1 }\nprint(f(0))\n",
        "fn f(x) { f(x) }\nprint(f(0))\n",
        "fn a(n: int) -> int { b(n) + 1 }\nfn b(n: int) -> int { a(n) + 1 }\nprint(a(0))\n",
        "fn f(x: float) -> float { x * f(x + 1) }\nprint(grad(f)(1.0))\n",
        "struct S { n: int }\nfn f(s: S) -> [int] { f(S(n: s.n + 1)) ++ [s.n] }\n"
        "print(f(S(n: 0)))\n",
    ],
)
def test_recursion_without_end(charl, text: str) -> None:
    told = charl("run", write(text))
    assert told.codes == ["E0507"] and "a.ch:" in told and len(told) < 3000


def test_recursion_without_end_in_types(charl) -> None:
    for step in ("(x, x)", "[x]", "|y| x"):
        told = charl("run", write(f"fn f(x) {{ f({step}) }}\nf(1)\n"))
        assert told.codes == ["E0332"] and "a.ch:1:11" in told


@both
@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("let x = zeros([1000000, 1000000, 1000])\nx[0, 0, 0] = 1\nprint(sum(x))\n", "a.ch:1:9"),
        ("let n = 5_000_000\nlet x = random_normal([n, n])\nprint(sum(x))\n", "a.ch:2:9"),
        ("let x = ones([1000000, 2])\nprint(sum(x @ reshape(x, [2, -1])))\n", "a.ch:2:11"),
        ('print(len("ab".repeat(10_000_000_000_000)))\n', "a.ch:1:11"),
    ],
)
def test_too_large_for_memory(charl, text: str, place: str) -> None:
    told = charl("run", write(text))
    assert told.codes == ["E0508"] and place in told


@both
@pytest.mark.skipif(sys.platform != "linux", reason="the limit is of Linux")
@pytest.mark.parametrize("step", ["xs = xs ++ xs", "xs = xs ++ [len(xs)]", "xs.push(len(xs))"])
def test_memory_used_up_little_by_little(tmp_path: Path, step: str) -> None:
    (tmp_path / "a.ch").write_text(f"let xs = [1]\nwhile len(xs) > 0 {{ {step} }}\n")
    limit = "import resource as r; r.setrlimit(r.RLIMIT_DATA, (400 << 20, -1)); "
    start = limit + "from charl.tools.cli import main; raise SystemExit(main(['run', 'a.ch']))"
    done = subprocess.run(
        [sys.executable, "-c", start],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT), "OPENBLAS_NUM_THREADS": "1"},
        timeout=120,
        check=False,
    )
    told = expect_diagnostics(done.stderr)
    assert done.returncode == 1 and told.codes == ["E0508"] and "a.ch:2:" in told


@pytest.mark.skipif(sys.platform != "linux", reason="the limit is of Linux")
def test_a_run_asks_for_no_more_memory_than_there_is(tmp_path: Path) -> None:
    (tmp_path / "a.ch").write_text("print(1)\n")
    start = (
        "import resource as r; from charl.tools.cli import main; main(['run', 'a.ch']); "
        "print(0 < r.getrlimit(r.RLIMIT_DATA)[0] < 1 << 50)"
    )
    done = subprocess.run(
        [sys.executable, "-c", start],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        timeout=120,
        check=True,
    )
    assert done.stdout == "1\nTrue\n"


LOOPS = {
    "integers": "let n = 0\nwhile true { n = (n + 1) % 1000 }\n",
    "counted": "let n = 0\nfor i in 0..1_000_000_000_000 { n = (n + i) % 7 }\nprint(n)\n",
    "tensors": "let x = ones([300, 300])\nwhile true { x = tanh(x @ x) }\n",
    "calls": "fn fib(n: int) -> int { if n < 2 { n } else { fib(n - 1) + fib(n - 2) } }\n"
    "print(fib(60))\n",
    "gradients": "let x = ones([50])\nwhile true { x = x - 0.1 * grad(|y| sum(y ** 2))(x) }\n",
    "printing": 'while true { print("", end: "") }\n',
}


@both
@pytest.mark.skipif(os.name != "posix", reason="signals are POSIX's")
@pytest.mark.parametrize("text", LOOPS.values(), ids=LOOPS)
def test_interrupted(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.ch").write_text('print("started")\n' + text)
    process = subprocess.Popen(
        [sys.executable, "-u", "-m", "charl", "run", "a.ch"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "started\n"
    time.sleep(0.3)
    sent = time.monotonic()
    process.send_signal(signal.SIGINT)
    _, told = process.communicate(timeout=60)
    assert time.monotonic() - sent < 10  # a loaded machine; 0.1 s on an idle one
    assert process.returncode == 130
    assert re.fullmatch(r"interrupted at a\.ch:[23]:\d+\n", told)
