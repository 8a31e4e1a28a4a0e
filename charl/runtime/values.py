"""Values on their way between Python and native code: the slots.

A slot is one word for a scalar; a pointer and the sizes for a tensor; a pointer for anything else
(see `backend/llvm/layout.py`). In Python a value is what the interpreter takes it for: Python ints,
bools and floats (float64), NumPy scalars of the other float dtypes, arrays; strings, lists, boxes.
"""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np

from charl.runtime.library import library
from charl.types.dtypes import DType
from charl.types.types import List, String, Tensor, Type


class Objects:
    """The Python objects that native code holds by a number."""

    def __init__(self) -> None:
        self._held: dict[int, Any] = {}
        self._next = 0
        self._dropped = (ctypes.c_int64 * 4096)()

    def hold(self, value: Any) -> int:
        """The pointer that native code knows the object by. Raises MemoryError."""
        self.collect()
        number = self._next
        self._next += 1
        self._held[number] = value
        pointer: int | None = library().charl_host_object(number)
        if pointer is None:
            raise MemoryError
        return pointer

    def held(self, number: int) -> Any:
        return self._held[number]

    def clear(self) -> None:
        self._held.clear()

    def collect(self) -> None:
        """Lets go of what native code no longer holds."""
        count = len(self._dropped)
        while count == len(self._dropped):
            count = library().charl_host_dropped(self._dropped, len(self._dropped))
            for number in self._dropped[:count]:
                self._held.pop(number, None)


def words_of(type: Type) -> int:
    return 1 + (len(type.shape) if isinstance(type, Tensor) else 0)


def read(type: Type, place: int, objects: Objects, *, copy: bool) -> Any:
    """The value in the slot at an address. Without `copy` an array is a view of native memory and
    holds only as long as native code does not go on."""
    if not isinstance(type, Tensor):
        number = _word(_word(place))
        return objects.held(number) if number >= 0 else _nothing(type)
    assert isinstance(type.dtype, DType)
    dtype = type.dtype.numpy
    if not type.shape:
        scalar = np.frombuffer(_bytes(place, dtype.itemsize), dtype)[0]
        return scalar if type.dtype.is_float and type.dtype.bits < 64 else scalar.item()
    shape = tuple(_word(place + 8 * (axis + 1)) for axis in range(len(type.shape)))
    count = int(np.prod(shape, dtype=np.int64))
    if count == 0:
        return np.empty(shape, dtype)
    array = np.frombuffer(_bytes(_word(place), count * dtype.itemsize), dtype).reshape(shape)
    return array.copy() if copy else array


def _nothing(type: Type) -> Any:
    """What stands for a value that nobody looks at."""
    return {String: "", List: []}.get(type.__class__)


def write(type: Type, value: Any, place: int, objects: Objects) -> None:
    """Puts a value into the slot at an address; arrays are copied. Raises MemoryError."""
    if not isinstance(type, Tensor):
        _set_word(place, objects.hold(value))
        return
    assert isinstance(type.dtype, DType)
    dtype = type.dtype.numpy
    if not type.shape:
        _set_word(place, 0)
        ctypes.memmove(place, np.asarray(value, dtype).tobytes(), dtype.itemsize)
        return
    array = np.ascontiguousarray(value, dtype)
    pointer = library().charl_allocate(array.nbytes)
    if pointer is None:
        raise MemoryError
    ctypes.memmove(pointer, array.ctypes.data, array.nbytes)
    _set_word(place, pointer)
    for axis, size in enumerate(array.shape):
        _set_word(place + 8 * (axis + 1), size)


def _bytes(address: int, count: int) -> Any:
    return (ctypes.c_char * count).from_address(address)


def _word(address: int) -> int:
    return ctypes.c_int64.from_address(address).value


def _set_word(address: int, value: int) -> None:
    ctypes.c_int64.from_address(address).value = value
