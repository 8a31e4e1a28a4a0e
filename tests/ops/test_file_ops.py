"""Files: what is read, and what each kind of broken file is told to be, with the exact place."""

from __future__ import annotations

import gzip
import io
import os
import stat
import struct
import sys
import zipfile
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest

import charl.ops
from charl.core.builder import Builder, MalformedCore
from charl.core.ir import Block, Value
from charl.core.op import REGISTRY, Fault
from charl.ops import files
from charl.ops.file_shapes import shape_of_file
from charl.types import dtypes
from charl.types.types import INT, STRING, List, Tensor

assert charl.ops


def run(op: str, *operands: Any, **attributes: Any) -> Any:
    evaluate = REGISTRY[op].evaluate
    assert evaluate is not None
    return evaluate(*operands, **attributes)


def fault(op: str, *operands: Any, **attributes: Any) -> Fault:
    with pytest.raises(Fault) as caught:
        run(op, *operands, **attributes)
    return caught.value


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


class TestText:
    def test_text_and_lines(self, folder: Path) -> None:
        run("write_text", "a.txt", "héllo\nworld\n")
        assert (folder / "a.txt").read_bytes() == "héllo\nworld\n".encode()
        assert run("read_text", "a.txt") == "héllo\nworld\n"
        assert run("read_lines", "a.txt") == ["héllo", "world"]

    def test_line_ends_and_byte_order_mark(self, folder: Path) -> None:
        (folder / "a.txt").write_bytes(b"\xef\xbb\xbfone\r\ntwo\rthree")
        assert run("read_text", "a.txt") == "one\ntwo\nthree"
        assert run("read_lines", "a.txt") == ["one", "two", "three"]

    def test_empty(self, folder: Path) -> None:
        run("write_text", "a.txt", "")
        assert run("read_text", "a.txt") == ""
        assert run("read_lines", "a.txt") == []

    def test_exists(self, folder: Path) -> None:
        assert not run("file_exists", "a.txt") and not run("file_exists", "a\0b")
        run("write_text", "a.txt", "")
        assert run("file_exists", "a.txt") and run("file_exists", str(folder))

    def test_home(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("HOME", str(folder))
        run("write_text", "~/a.txt", "x")
        assert (folder / "a.txt").read_text() == "x"


class TestMissing:
    def test_it_says_where_it_looked_and_what_is_near(self, folder: Path) -> None:
        (folder / "iris.csv").touch()
        found = fault("load_csv", "irsi.csv")
        assert found.code == "E0601"
        assert found.message == "there is no file `irsi.csv`"
        assert found.helps == ("did you mean `iris.csv`?",)
        assert found.notes == (f"the current folder is `{folder}`",)

    def test_another_ending(self, folder: Path) -> None:
        (folder / "train.idx.gz").touch()
        assert fault("read_text", "train.csv").helps == ("did you mean `train.idx.gz`?",)

    def test_a_missing_folder(self, folder: Path) -> None:
        found = fault("read_text", "data/a.txt")
        assert found.message == "there is no file `data/a.txt`: the folder `data` does not exist"
        found = fault("write_text", "out/a.txt", "x")
        assert found.code == "E0602"
        assert found.message == "cannot write `out/a.txt`: the folder `out` does not exist"
        assert found.helps == ("create it first: `mkdir -p out`",)

    @pytest.mark.parametrize("path", ["", "a\0b"])
    def test_what_is_not_a_path(self, path: str) -> None:
        assert fault("read_text", path).code in ("E0601", "E0602")

    def test_folders(self, folder: Path) -> None:
        for op, operands in (("read_text", ()), ("write_text", ("x",)), ("load_csv", ())):
            found = fault(op, str(folder), *operands)
            assert found.code == "E0602" and found.message.endswith("it is a folder")

    def test_a_file_as_a_folder(self, folder: Path) -> None:
        (folder / "a").touch()
        assert fault("read_text", "a/b").code in ("E0601", "E0602")

    def test_no_permission(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        (folder / "a.txt").touch()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(files.os, "access", lambda path, mode: mode != os.W_OK)
            found = fault("write_text", "a.txt", "x")
        assert found.message == "cannot write `a.txt`: you have no permission to"
        found = files.fault_of(PermissionError(13, "Permission denied"), "a.txt", "read")
        assert (found.code, found.message) == (
            "E0602",
            "cannot read `a.txt`: you have no permission to",
        )
        found = files.fault_of(OSError(28, "No space left on device"), "a.txt", "write")
        assert found.message == "cannot write `a.txt`: no space left on device"

    def test_bundled(self) -> None:
        assert Path(run("bundled_path", "digits.npz")).is_file()
        assert fault("bundled_path", "digit.npz").helps == ("did you mean `digits.npz`?",)
        assert fault("bundled_path", "../data.ch").code == "E0601"


class TestEncoding:
    @pytest.mark.parametrize(
        ("content", "help"),
        [
            ("a\nbé".encode("latin-1"), "it may be Latin-1"),
            ("a\nb".encode("utf-16"), "it looks like UTF-16"),
            (gzip.compress(b"hello" * 50, mtime=0), "it looks like a gzip file"),
            (b"\x89PNG\r\n\x1a\n\xff", "it looks like a PNG image; read it with `load_image`"),
            (b"a\0\xff", "it looks like a binary file"),
        ],
    )
    def test_the_kind_is_guessed(self, folder: Path, content: bytes, help: str) -> None:
        (folder / "a.txt").write_bytes(content)
        found = fault("read_text", "a.txt")
        assert found.code == "E0608"
        assert found.helps[0].startswith(help)

    def test_the_line_is_told(self, folder: Path) -> None:
        (folder / "a.txt").write_bytes(b"a\nb\n\xe9c\n")
        assert fault("read_text", "a.txt").message == (
            "`a.txt` is not UTF-8 text: the byte 0xE9 on line 3 cannot stand there"
        )


class TestAtomicWriting:
    def test_a_failure_leaves_the_old_file_and_no_other(self, folder: Path) -> None:
        run("write_text", "a.txt", "old")

        def fail(file: Any) -> None:
            file.write(b"half")
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            files.write_atomically("a.txt", fail)
        assert run("read_text", "a.txt") == "old"
        assert os.listdir(folder) == ["a.txt"]

    def test_permissions_and_links_are_kept(self, folder: Path) -> None:
        run("write_text", "a.txt", "old")
        os.chmod("a.txt", 0o640)
        os.symlink("a.txt", "link")
        run("write_text", "link", "new")
        assert os.path.islink("link") and run("read_text", "a.txt") == "new"
        assert stat.S_IMODE(os.stat("a.txt").st_mode) == 0o640

    def test_a_device(self) -> None:
        run("write_text", "/dev/null", "gone")
        assert stat.S_ISCHR(os.stat("/dev/null").st_mode)


class TestCsv:
    def load(self, content: str | bytes, **attributes: Any) -> Any:
        Path("a.csv").write_bytes(content if isinstance(content, bytes) else content.encode())
        return run("load_csv", "a.csv", **attributes)

    def fault(self, content: str | bytes, **attributes: Any) -> Fault:
        with pytest.raises(Fault) as caught:
            self.load(content, **attributes)
        return caught.value

    @pytest.mark.parametrize(
        "content",
        [
            "1,2\n3,4\n",
            "1,2\n3,4",
            "1,2\r\n3,4\r\n",
            "\ufeff1,2\n3,4\n",
            "\n1,2\n\n  \n3,4\n\n",
            " 1 , 2 \n3,4\n",
            "a,b\n1,2\n3,4\n",
            '"a, quoted","b"\n1,2\n3,4\n',
            '1,2\n"3",4\n',
            "1.0,2e0\n+3,4\n",
        ],
    )
    def test_forms_of_the_same_numbers(self, content: str) -> None:
        table = self.load(content)
        assert table.dtype == np.float32
        assert table.tolist() == [[1, 2], [3, 4]]

    def test_delimiters(self) -> None:
        for delimiter in (";", "\t", "|"):
            text = "1,2\n3,4\n".replace(",", delimiter)
            assert self.load(text, delimiter=delimiter).tolist() == [[1, 2], [3, 4]]
        assert self.load(" 1  2\n3 \t 4\n", delimiter=" ").tolist() == [[1, 2], [3, 4]]

    def test_gzip(self) -> None:
        assert self.load(gzip.compress(b"1,2\n")).tolist() == [[1, 2]]
        assert self.fault(gzip.compress(b"1,2\n" * 99)[:-9]).code == "E0603"

    def test_one_row_one_column_and_no_rows(self) -> None:
        assert self.load("7").shape == (1, 1)
        assert self.load("7\n8\n").shape == (2, 1)
        assert self.load("x,y\n", header="yes").shape == (0, 2)

    def test_special_numbers(self) -> None:
        assert np.isnan(self.load("nan,inf\n")[0, 0])
        assert self.load("-inf\n")[0, 0] == -np.inf

    def test_header(self) -> None:
        assert self.load("2019,2020\n1,2\n", header="yes").tolist() == [[1, 2]]
        assert self.load("2019,2020\n1,2\n").shape == (2, 2)
        assert self.fault("x,y\n1,2\n", header="no").code == "E0605"

    def test_columns(self) -> None:
        text = "x,name,y\n1,a,2\n3,b,4\n"
        assert self.load(text, columns=(0, 2)).tolist() == [[1, 2], [3, 4]]
        assert self.load(text, columns=(-1,)).tolist() == [[2], [4]]
        assert self.load(text.replace("a", '"a"'), columns=(2, 0)).tolist() == [[2, 1], [4, 3]]
        found = self.fault(text, columns=(3,))
        assert (found.code, found.message) == (
            "E0604",
            "`a.csv` has no column 3: its rows have 3 cells",
        )

    def test_dtypes(self) -> None:
        assert self.load("9007199254740993\n", dtype=dtypes.INT64).tolist() == [[9007199254740993]]
        assert self.load("1,2.0\n", dtype=dtypes.INT8).dtype == np.int8
        assert self.load("true,0\nFalse,1\n", dtype=dtypes.BOOL).tolist() == [[1, 0], [0, 1]]
        assert self.load("1\n", dtype=dtypes.BFLOAT16).dtype == ml_dtypes.bfloat16
        assert self.load("0.1\n", dtype=dtypes.FLOAT64)[0, 0] == 0.1

    def test_a_ragged_row(self) -> None:
        found = self.fault("x,y\n\n1,2\n3,4,5\n")
        assert found.code == "E0604"
        assert found.message == "row 4 of `a.csv` has 3 cells, but row 1 has 2"
        assert found.helps == ('a comma inside a cell needs quotes around it: `"a, b"`',)
        assert self.fault("1,2\n3\n").message == "row 2 of `a.csv` has 1 cell, but row 1 has 2"

    def test_raggedness_is_found_outside_the_columns_read(self) -> None:
        assert self.fault("1,2\n3,4,5\n", columns=(0,)).code == "E0604"

    def test_quotes_that_do_not_close(self) -> None:
        found = self.fault('1,2\n3,"4\n5,6\n')
        assert (found.code, found.message) == (
            "E0604",
            "row 2 of `a.csv` opens a quote that never closes",
        )

    def test_quoted_cells_may_span_lines(self) -> None:
        found = self.fault('"a\nb",y\n1,2\n3,x\n')
        assert found.message == 'row 4, column 2 (y) of `a.csv` holds "x", not a number'

    def test_a_cell_that_is_no_number(self) -> None:
        found = self.fault("x,label\n1,2\n3,setosa\n")
        assert found.code == "E0605"
        assert found.message == 'row 3, column 2 (label) of `a.csv` holds "setosa", not a number'
        assert found.helps == (
            "read only columns that hold numbers, counted from 0: `columns: [0]`",
            '`read_csv_column("a.csv", 1)` reads this one as strings',
        )

    @pytest.mark.parametrize("cell", ["1_000", "0x10", "١", "12 3", "--1", "1,5"])
    def test_what_is_no_number(self, cell: str) -> None:
        assert self.fault(f"1;2\n3;{cell}\n", delimiter=";").code == "E0605"

    def test_an_empty_cell(self) -> None:
        assert self.fault("1,2\n3,\n").message == "row 2, column 2 of `a.csv` is empty"

    def test_the_first_row_may_be_a_header_after_all(self) -> None:
        found = self.fault("id,2020\n1,2\n")
        assert found.helps == ('if the first row names the columns, add `header: "yes"`',)

    def test_another_delimiter_is_suggested(self) -> None:
        assert self.fault("1;2\n3;4\n").helps == (
            'the cells seem to be separated by `;`: add `delimiter: ";"`',
        )

    def test_decimal_commas(self) -> None:
        found = self.fault("1,5;2\n", delimiter=";")
        assert found.helps == ("numbers are written with a point: `1.5`",)

    def test_integers(self) -> None:
        found = self.fault("1\n2.5\n", dtype=dtypes.INT64)
        assert found.message == 'row 2, column 1 of `a.csv` holds "2.5", not an integer'
        assert found.helps == ("read floats instead: `dtype: float32`",)
        found = self.fault("1\n300\n", dtype=dtypes.INT8)
        assert found.message == 'row 2, column 1 of `a.csv` holds "300", too large for int8'
        assert self.fault(f"{2**63}\n", dtype=dtypes.INT64).code == "E0605"
        assert self.fault("nan\n", dtype=dtypes.INT64).code == "E0605"
        assert self.fault("maybe\n", dtype=dtypes.BOOL).code == "E0605"

    @pytest.mark.parametrize("content", ["", "\n\n", " \r\n", "\ufeff"])
    def test_empty_files(self, content: str) -> None:
        found = self.fault(content)
        assert (found.code, found.message) == ("E0610", "`a.csv` is empty")

    def test_not_text(self) -> None:
        assert self.fault(b"1,2\n3,\xff\n").code == "E0608"

    def test_a_line_of_ten_megabytes(self) -> None:
        assert self.load("1," * 1_000_000 + "1").shape == (1, 1_000_001)
        assert self.fault('1\n"' + "x" * 10_000_000 + '"\n').message.endswith('...", not a number')

    def test_both_readers_agree(self) -> None:
        rng = np.random.default_rng(0)
        numbers = rng.normal(size=(50, 3)) * 10.0 ** rng.integers(-30, 30, (50, 3))
        text = "\n".join(",".join(map(repr, row)) for row in numbers.tolist())
        fast = self.load(text, dtype=dtypes.FLOAT64)
        slow = self.load(
            text.replace(",", '","').replace("\n", '"\n"').join('""'), dtype=dtypes.FLOAT64
        )
        assert (fast == numbers).all() and (slow == numbers).all()

    def test_text(self) -> None:
        Path("a.csv").write_text('name,age\n"Ana, B.",3\nBea,4\n')
        assert run("read_csv", "a.csv") == [["name", "age"], ["Ana, B.", "3"], ["Bea", "4"]]
        assert run("read_csv_column", "a.csv", 0) == ["Ana, B.", "Bea"]
        assert run("read_csv_column", "a.csv", -1) == ["3", "4"]
        assert run("read_csv_column", "a.csv", 0, header="no")[0] == "name"
        assert fault("read_csv_column", "a.csv", 2).code == "E0604"
        iris = run("bundled_path", "iris.csv")
        assert run("read_csv_column", iris, 4)[::50] == ["setosa", "versicolor", "virginica"]
        assert run("load_csv", iris, columns=(0, 1, 2, 3)).shape == (150, 4)

    def test_types(self) -> None:
        b = Builder(Block())
        table = b("load_csv", Value(STRING), columns=(0, 2), dtype=dtypes.INT32).type
        assert isinstance(table, Tensor) and table.dtype == dtypes.INT32 and table.shape[1] == 2
        assert b("read_csv", Value(STRING)).type == List(List(STRING))
        with pytest.raises(MalformedCore, match="`header` is"):
            b("load_csv", Value(STRING), header="maybe")
        with pytest.raises(MalformedCore, match="`delimiter` is one character"):
            b("load_csv", Value(STRING), delimiter="::")


def npy(array: Any) -> bytes:
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def idx(array: np.ndarray[Any, Any], code: int) -> bytes:
    shape = struct.pack(f">{array.ndim}I", *array.shape)
    return (
        bytes([0, 0, code, array.ndim])
        + shape
        + array.astype(array.dtype.newbyteorder(">")).tobytes()
    )


X = np.arange(6, dtype=np.float32).reshape(2, 3)


class TestNpy:
    @pytest.mark.parametrize(
        "array",
        [
            X,
            X.T,
            X.astype(">f8"),
            X.astype(np.float16),
            np.zeros((0, 3), np.float32),
            X.astype(np.uint8),
            X.astype(np.int64),
            X.astype(bool),
        ],
    )
    def test_what_numpy_writes(self, folder: Path, array: np.ndarray[Any, Any]) -> None:
        (folder / "x.npy").write_bytes(npy(array))
        loaded = run("load_npy", "x.npy", dtype=dtypes.FLOAT32, rank=2)
        assert loaded.dtype == np.float32 and loaded.flags.c_contiguous and loaded.flags.writeable
        assert loaded.tolist() == array.tolist()
        assert shape_of_file("load_npy", "x.npy", {}) == array.shape

    @pytest.mark.parametrize("dtype", dtypes.ALL, ids=str)
    def test_what_charl_writes(self, folder: Path, dtype: dtypes.DType) -> None:
        x = X.astype(dtype.numpy)
        run("save_npy", "x.npy", x)
        loaded = run("load_npy", "x.npy", dtype=dtype, rank=2)
        assert loaded.dtype == x.dtype and (loaded == x).all()
        assert np.load(folder / "x.npy").shape == (2, 3)

    def test_scalars(self) -> None:
        run("save_npy", "x.npy", 3.5)
        assert type(run("load_npy", "x.npy", dtype=dtypes.FLOAT64, rank=0)) is float
        run("save_npy", "x.npy", 7)
        assert type(run("load_npy", "x.npy", dtype=dtypes.INT8, rank=0)) is int

    @pytest.mark.parametrize(
        ("content", "message"),
        [
            (b"hello", "`x.npy` is not a .npy file"),
            (npy(X)[:5], "`x.npy` is not a .npy file"),
            (npy(X)[:9], "`x.npy` is truncated: its header is not complete"),
            (npy(X)[:40], "`x.npy` is truncated: its header is not complete"),
            (
                npy(X)[:-4],
                "`x.npy` is truncated: its shape [2, 3] needs 24 bytes of data, but there are 20",
            ),
            (
                npy(X) + b"1234",
                "`x.npy` holds too much: its shape [2, 3] needs 24 bytes of data, but there are 28",
            ),
            (npy(X).replace(b"(2, 3)", b"(2,-3)"), "`x.npy` has a damaged header"),
            (npy(X).replace(b"'shape'", b"'sh pe'"), "`x.npy` has a damaged header"),
            (npy(X).replace(b"'<f4'", b"'<q9'"), "`x.npy` has a damaged header"),
        ],
    )
    def test_broken(self, folder: Path, content: bytes, message: str) -> None:
        (folder / "x.npy").write_bytes(content)
        found = fault("load_npy", "x.npy", rank=2)
        assert (found.code, found.message) == ("E0603", message)
        assert shape_of_file("load_npy", "x.npy", {}) in (None, (2, 3))

    @pytest.mark.parametrize("cut", range(len(npy(X))))
    def test_every_truncation_is_a_fault(self, folder: Path, cut: int) -> None:
        (folder / "x.npy").write_bytes(npy(X)[:cut])
        assert fault("load_npy", "x.npy", rank=2).code == ("E0603" if cut else "E0610")

    def test_another_kind_of_file(self, folder: Path) -> None:
        run("save_tensors", "x.npz", X, names=("x",))
        found = fault("load_npy", "x.npz", rank=2)
        assert "load_npz" in found.helps[0]

    @pytest.mark.parametrize(
        ("array", "dtype", "message"),
        [
            (X, dtypes.INT64, "`x.npy` holds float32, but int64 is asked for"),
            (np.array([[300]]), dtypes.INT8, "`x.npy` holds 300, which does not fit into int8"),
            (np.array([[2]]), dtypes.BOOL, "`x.npy` holds 2, which does not fit into bool"),
            (np.array([[2**63]], np.uint64), dtypes.INT64, "does not fit into int64"),
            (np.array([["a"]]), dtypes.FLOAT32, "`x.npy` holds strings, not numbers"),
            (X.astype(complex), dtypes.FLOAT32, "`x.npy` holds complex numbers, not numbers"),
            (np.array([[None]]), dtypes.FLOAT32, "`x.npy` holds Python objects, not numbers"),
        ],
    )
    def test_wrong_dtypes(
        self, folder: Path, array: Any, dtype: dtypes.DType, message: str
    ) -> None:
        (folder / "x.npy").write_bytes(npy(array))
        found = fault("load_npy", "x.npy", dtype=dtype, rank=2)
        assert found.code == "E0606" and message in found.message

    def test_wrong_rank(self) -> None:
        run("save_npy", "x.npy", X)
        found = fault("load_npy", "x.npy", rank=1)
        assert found.code == "E0606"
        assert found.message == ("`x.npy` has the shape [2, 3] of rank 2, but rank 1 is asked for")
        assert found.helps == ("read it with `rank: 2`",)

    def test_types(self) -> None:
        b = Builder(Block())
        loaded = b("load_npy", Value(STRING), dtype=dtypes.INT64, rank=3).type
        assert isinstance(loaded, Tensor) and len(loaded.shape) == 3
        with pytest.raises(MalformedCore, match="say it, as in `rank: 2`"):
            b("load_npy", Value(STRING))


class TestNpz:
    def test_what_numpy_writes(self, folder: Path) -> None:
        for save in (np.savez, np.savez_compressed):
            save(folder / "x.npz", a=X, b=np.arange(3))
            assert run("load_npz", "x.npz", "a", rank=2).tolist() == X.tolist()
            assert run("load_npz", "x.npz", "b", dtype=dtypes.INT64, rank=1).tolist() == [0, 1, 2]
            assert shape_of_file("load_npz", "x.npz", {"key": "b"}) == (3,)

    def test_a_missing_array(self, folder: Path) -> None:
        np.savez(folder / "x.npz", images=X, labels=X)
        found = fault("load_npz", "x.npz", "label", rank=2)
        assert found.code == "E0607"
        assert found.message == "`x.npz` holds no tensor `label`"
        assert found.helps == ("did you mean `labels`?",)
        assert found.notes == ("it holds `images`, `labels`",)
        assert shape_of_file("load_npz", "x.npz", {"key": "label"}) is None

    def test_every_tenth_truncation_is_a_fault(self, folder: Path) -> None:
        np.savez_compressed(folder / "x.npz", x=X)
        content = (folder / "x.npz").read_bytes()
        for cut in range(0, len(content), 10):
            (folder / "x.npz").write_bytes(content[:cut])
            assert fault("load_npz", "x.npz", "x", rank=2).code == ("E0603" if cut else "E0610")

    def test_damage_inside(self, folder: Path) -> None:
        np.savez_compressed(folder / "x.npz", x=np.arange(1000.0))
        content = bytearray((folder / "x.npz").read_bytes())
        content[len(content) // 2] ^= 0xFF
        (folder / "x.npz").write_bytes(content)
        assert fault("load_npz", "x.npz", "x", rank=1).code == "E0603"

    def test_the_bundled_data(self) -> None:
        digits, iris = run("bundled_path", "digits.npz"), run("bundled_path", "iris.npz")
        images = run("load_npz", digits, "images", dtype=dtypes.INT8, rank=3)
        labels = run("load_npz", digits, "labels", dtype=dtypes.INT64, rank=1)
        assert images.shape == (1797, 8, 8) and (images.min(), images.max()) == (0, 16)
        assert np.bincount(labels).tolist() == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]
        features = run("load_npz", iris, "features", rank=2)
        # The means Fisher's table is published with: 5.84, 3.06, 3.76, 1.20.
        assert features.mean(0) == pytest.approx([5.8433, 3.0573, 3.7580, 1.1993], abs=1e-4)
        species = run("load_npz", iris, "labels", dtype=dtypes.INT64, rank=1)
        assert np.bincount(species).tolist() == [50, 50, 50]


class TestIdx:
    @pytest.mark.parametrize(
        ("dtype", "code"),
        [("u1", 8), ("i1", 9), ("i2", 0x0B), ("i4", 0x0C), ("f4", 0x0D), ("f8", 0x0E)],
    )
    def test_every_type_plain_and_gzip(self, folder: Path, dtype: str, code: int) -> None:
        content = idx(X.astype(dtype), code)
        for name, written in (("x.idx", content), ("x.idx.gz", gzip.compress(content))):
            (folder / name).write_bytes(written)
            assert run("load_idx", name, rank=2).tolist() == X.tolist()
            assert shape_of_file("load_idx", name, {}) == (2, 3)

    def test_labels(self, folder: Path) -> None:
        (folder / "y.idx").write_bytes(idx(np.array([5, 0, 4], np.uint8), 8))
        assert run("load_idx", "y.idx", dtype=dtypes.INT64, rank=1).tolist() == [5, 0, 4]

    @pytest.mark.parametrize(
        ("content", "message"),
        [
            (idx(X, 0x0D)[:3], "`x.idx` is not an IDX file"),
            (b"1,2,3\n4,5,6\n", "`x.idx` is not an IDX file"),
            (b"\0\0\x07\x01\0\0\0\0", "`x.idx` is not an IDX file"),
            (idx(X, 0x0D)[:9], "`x.idx` is truncated: its header is not complete"),
            (
                idx(X, 0x0D)[:-1],
                "`x.idx` is truncated: its shape [2, 3] needs 24 bytes of data, but there are 23",
            ),
            (
                idx(X, 0x0D) + b"\0",
                "`x.idx` holds too much: its shape [2, 3] needs 24 bytes of data, but there are 25",
            ),
            (
                gzip.compress(idx(X, 0x0D), mtime=0)[:-12],
                "the gzip compression of `x.idx` is truncated",
            ),
        ],
    )
    def test_broken(self, folder: Path, content: bytes, message: str) -> None:
        (folder / "x.idx").write_bytes(content)
        found = fault("load_idx", "x.idx", rank=2)
        assert (found.code, found.message) == ("E0603", message)

    def test_empty(self, folder: Path) -> None:
        (folder / "x.idx").touch()
        assert fault("load_idx", "x.idx", rank=2).code == "E0610"


class TestImages:
    def save(self, image: Any, name: str = "a.png") -> bytes:
        image.save(name)
        return Path(name).read_bytes()

    def test_channels_first_from_0_to_1(self) -> None:
        Image = pytest.importorskip("PIL.Image")
        image = Image.new("RGB", (3, 2), (255, 0, 51))
        self.save(image)
        pixels = run("load_image", "a.png")
        assert pixels.shape == (3, 2, 3) and pixels.dtype == np.float32
        assert pixels[:, 0, 0].tolist() == pytest.approx([1.0, 0.0, 0.2])
        assert run("load_image", "a.png", channels=1).shape == (1, 2, 3)
        assert (run("load_image", "a.png", channels=4)[3] == 1).all()

    def test_sixteen_bits_of_grey(self) -> None:
        Image = pytest.importorskip("PIL.Image")
        self.save(Image.fromarray(np.array([[0, 32768, 65535]], np.uint16)))
        pixels = run("load_image", "a.png", channels=1)
        assert pixels[0, 0].tolist() == pytest.approx([0, 32768 / 65535, 1])

    def test_broken(self, folder: Path) -> None:
        Image = pytest.importorskip("PIL.Image")
        noise = np.random.default_rng(0).integers(0, 255, (40, 40, 3), np.uint8)
        content = self.save(Image.fromarray(noise))
        (folder / "b.png").write_bytes(content[: len(content) // 2])
        assert fault("load_image", "b.png").message == "`b.png` is a damaged or truncated image"
        (folder / "c.png").write_bytes(b"not an image")
        assert fault("load_image", "c.png").code == "E0603"
        (folder / "d.png").touch()
        assert fault("load_image", "d.png").code == "E0610"
        assert fault("load_image", "e.png").code == "E0601"

    def test_without_pillow(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(sys.modules, "PIL", None)
        found = fault("load_image", "a.png")
        assert found.code == "E0609"
        assert found.helps == ("install it: `pip install charl[images]`",)

    def test_types(self) -> None:
        b = Builder(Block())
        assert b("load_image", Value(STRING), channels=1).type.shape[0] == 1
        with pytest.raises(MalformedCore, match="`channels` is 1"):
            b("load_image", Value(STRING), channels=2)


@pytest.mark.parametrize("path", ["net.npz", "net.safetensors"])
class TestSavedModels:
    @pytest.mark.parametrize("dtype", dtypes.ALL, ids=str)
    def test_round_trip(self, path: str, dtype: dtypes.DType) -> None:
        x = X.astype(dtype.numpy)
        run("save_tensors", path, x, x[0], x[:0], names=("layers.0.w", "b", "file"))
        for name, saved in (("layers.0.w", x), ("b", x[0]), ("file", x[:0])):
            loaded = run("load_tensor", path, *saved.shape, name=name, dtype=dtype)
            assert loaded.dtype == saved.dtype and loaded.tolist() == saved.tolist()
            assert loaded.flags.writeable
            assert shape_of_file("load_tensor", path, {"name": name}) == saved.shape

    def test_scalars_and_open_sizes(self, path: str) -> None:
        run("save_tensors", path, 2.5, X, names=("rate", "w"))
        assert run("load_tensor", path, name="rate", dtype=dtypes.FLOAT64) == 2.5
        assert run("load_tensor", path, name="w", rank=2).shape == (2, 3)

    def test_the_same_bytes_every_time(self, path: str) -> None:
        run("save_tensors", path, X, names=("w",))
        first = Path(path).read_bytes()
        run("save_tensors", path, X, names=("w",))
        assert Path(path).read_bytes() == first

    def test_missing_tensor(self, path: str) -> None:
        run("save_tensors", path, X, X, names=("weight", "bias"))
        found = fault("load_tensor", path, 2, 3, name="weigth")
        assert found.code == "E0607" and found.helps == ("did you mean `weight`?",)
        assert found.notes == ("it holds `weight`, `bias`",)

    @pytest.mark.parametrize("sizes", [(3, 2), (6,), ()])
    def test_wrong_shape(self, path: str, sizes: tuple[int, ...]) -> None:
        run("save_tensors", path, X, names=("w",))
        found = fault("load_tensor", path, *sizes, name="w")
        assert found.code == "E0607"
        shown = ", ".join(map(str, sizes))
        assert found.message == (
            f"`w` in `{path}` has the shape [2, 3], but the model's is [{shown}]"
        )

    def test_wrong_rank_and_dtype(self, path: str) -> None:
        run("save_tensors", path, X, names=("w",))
        assert fault("load_tensor", path, name="w", rank=1).message.endswith("one of rank 1")
        assert fault("load_tensor", path, 2, 3, name="w", dtype=dtypes.INT8).code == "E0606"

    def test_truncations_are_faults(self, path: str) -> None:
        run("save_tensors", path, X, X[0], names=("w", "b"))
        content = Path(path).read_bytes()
        for cut in range(0, len(content), 7):
            Path(path).write_bytes(content[:cut])
            if path.endswith("npz") or cut < len(content) - 12:
                assert fault("load_tensor", path, 3, name="b").code == ("E0603" if cut else "E0610")

    def test_missing_file(self, path: str) -> None:
        assert fault("load_tensor", path, name="w").code == "E0601"
        assert shape_of_file("load_tensor", path, {"name": "w"}) is None

    def test_types(self, path: str) -> None:
        b = Builder(Block())
        n = Value(INT, dim=3)
        assert b("load_tensor", Value(STRING), n, name="w").type == Tensor(dtypes.FLOAT32, (3,))
        assert b("load_tensor", Value(STRING), name="w").type == Tensor(dtypes.FLOAT32)
        with pytest.raises(MalformedCore, match="two tensors have the name"):
            b("save_tensors", Value(STRING), Value(INT), Value(INT), names=("a", "a"))


def test_safetensors_of_the_reference_library() -> None:
    """Bytes as the format's own description spells them out."""
    header = b'{"__metadata__":{"a":"b"},"x":{"dtype":"I16","shape":[2],"data_offsets":[0,4]}}'
    content = struct.pack("<Q", len(header)) + header + struct.pack("<2h", 1, -2)
    Path("x.safetensors").write_bytes(content)
    assert run("load_tensor", "x.safetensors", 2, name="x", dtype=dtypes.INT64).tolist() == [1, -2]
    Path("x.safetensors").write_bytes(content.replace(b"[0,4]", b"[0,9]"))
    assert fault("load_tensor", "x.safetensors", 2, name="x").code == "E0603"
    Path("x.safetensors").write_bytes(content.replace(b"I16", b"F8Z"))
    assert fault("load_tensor", "x.safetensors", 2, name="x").code == "E0606"


class TestShapes:
    """What the checker learns of a file equals what the run reads from it."""

    @pytest.mark.parametrize(
        ("content", "attributes"),
        [
            ("1,2\n3,4\n", {}),
            ("x,y\n1,2\n\n3,4", {}),
            ("x,y\n1,2\n", {"header": "no", "dtype": dtypes.FLOAT32}),
            ("2019,2020\n1,2\n", {"header": "yes"}),
            ("a;b;c\n1;2;3\n", {"delimiter": ";", "columns": (0, -1)}),
            ('"a\nb",y\n1,2\n', {}),
        ],
    )
    def test_csv(self, content: str, attributes: dict[str, Any]) -> None:
        Path("a.csv").write_text(content)
        shape = shape_of_file("load_csv", "a.csv", attributes)
        if attributes.get("header") == "no":
            assert shape == (2, 2)
        else:
            assert shape == run("load_csv", "a.csv", **attributes).shape

    def test_what_cannot_be_known(self, folder: Path) -> None:
        assert shape_of_file("load_csv", "missing.csv", {}) is None
        assert shape_of_file("load_csv", str(folder), {}) is None
        assert shape_of_file("read_text", "a.csv", {}) is None
        Path("a.csv").write_text("")
        assert shape_of_file("load_csv", "a.csv", {}) is None

    @pytest.mark.parametrize("op", ["load_csv", "load_npy", "load_npz", "load_idx", "load_tensor"])
    def test_garbage_never_raises(self, op: str) -> None:
        for content in (
            b"",
            b"\xff\0",
            b"PK\x03\x04",
            b"\x1f\x8b",
            b"\x93NUMPY\x01\0\xff\xff",
            b"\xff" * 99,
        ):
            Path("x").write_bytes(content)
            found = shape_of_file(op, "x", {"key": "a", "name": "a"})
            assert found is None or (op, found) == ("load_csv", (1, 1))


def test_a_zip_of_something_else() -> None:
    with zipfile.ZipFile("x.npz", "w") as archive:
        archive.writestr("notes.txt", "hello")
    assert fault("load_npz", "x.npz", "a", rank=1).notes == ("it holds `notes.txt`",)
    assert fault("load_npz", "x.npz", "notes.txt", rank=1).code == "E0603"
