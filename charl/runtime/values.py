"""Values on their way between Python and native code: the slots.

A slot is one word for a scalar; a pointer and the sizes for a tensor; a pointer for anything else
(see `backend/llvm/layout.py`). In Python a value is what the interpreter takes it for: Python ints,
bools and floats (float64), NumPy scalars of the other float dtypes, arrays; strings, lists, boxes.
The fields of a box and the items of a list that are no scalars lie as in a slot; how strings, lists
and boxes look in memory says `native/values.h`.
"""

from __future__ import annotations

import ctypes
from collections.abc import Mapping
from typing import Any

import numpy as np

from charl.backend.llvm.descriptions import (
    COTANGENT,
    BoxFields,
    boxes_of,
    item_bytes,
    kind_of,
    numbers_of,
)
from charl.core.ir import Program
from charl.draws import State
from charl.records import field, record
from charl.runtime.library import library
from charl.types.dtypes import DType
from charl.types.types import Box, Handle, List, String, Tensor, Type

RANDOM = Handle("random")
OF_CALLER = -2  # as in `native/charl.h`
NO_BOX = -1  # the tag of the box that nobody looks at


class Description(ctypes.Structure):
    """As in `native/values.h`."""

    _fields_ = (
        ("numbers", ctypes.c_int64 * 4),
        ("element", ctypes.c_void_p),
        ("variants", ctypes.c_void_p),
        ("places", ctypes.c_void_p),
    )


class Objects:
    """What Python and native code know of each other's objects: the Python objects that native code
    holds by a number, and the descriptions of what Python makes for native code. `site` is the
    place of the program for which tensors are made now."""

    def __init__(self, program: Program) -> None:
        self.site = OF_CALLER
        self._program = program
        self._boxes: Mapping[str, BoxFields] | None = None
        self._descriptions: dict[str, Description] = {}
        self._kept: list[Any] = []
        self._held: dict[int, Any] = {}
        self._next = 0
        self._dropped = (ctypes.c_int64 * 4096)()

    def hold(self, value: Any) -> int:
        """The pointer that native code knows the object by. Raises MemoryError."""
        self.collect()
        number = self._next
        self._next += 1
        self._held[number] = value
        return _known(library().charl_host_object(number))

    def held(self, number: int) -> Any:
        return self._held.get(number)

    def clear(self) -> None:
        self._held.clear()

    def collect(self) -> None:
        """Lets go of what native code no longer holds."""
        count = len(self._dropped)
        while count == len(self._dropped):
            count = library().charl_host_dropped(self._dropped, len(self._dropped))
            for number in self._dropped[:count]:
                self._held.pop(number, None)

    # --- Descriptions ---------------------------------------------------------------------------

    def box(self, name: str) -> BoxFields:
        """The fields of the boxes of a name."""
        if self._boxes is None:
            self._boxes = boxes_of(self._program)
        return self._boxes.get(name, BoxFields())

    def describe(self, type: Type) -> int:
        """The address of a description. It outlives the program's memory."""
        key = kind_of(type)
        if key not in self._descriptions:
            made = self._descriptions[key] = Description()
            made.numbers[:] = numbers_of(type)
            if isinstance(type, List):
                made.element = self.describe(type.element)
            elif isinstance(type, Box):
                self._describe_fields(made, self.box(type.name))
        return ctypes.addressof(self._descriptions[key])

    def _describe_fields(self, made: Description, fields: BoxFields) -> None:
        words: list[int] = []
        for tag in range(max(fields.variants, default=-1) + 1):
            types = fields.variants.get(tag, ())
            words += [len(types), self._words([self.describe(type) for type in types])]
        made.variants, made.places = self._words(words), self._words(fields.places)

    def _words(self, words: list[int]) -> int:
        array = (ctypes.c_int64 * max(len(words), 1))(*words)
        self._kept.append(array)
        return ctypes.addressof(array)


# --- Reading -------------------------------------------------------------------------------------


def read(type: Type, place: int, objects: Objects, *, copy: bool) -> Any:
    """The value in the slot at an address. Without `copy` an array is a view of native memory and
    holds only as long as native code does not go on."""
    match type:
        case Tensor():
            return _read_tensor(type, place, copy)
        case String():
            pointer = _word(place)
            return _bytes(pointer + 16, _word(pointer)).raw.decode("utf-8", "surrogatepass")
        case List() | Box():
            return _read_object(type, _word(place), objects)
    pointer = _word(place)
    if type == RANDOM:
        return State(_word(pointer) & (1 << 64) - 1, _word(pointer + 8) & (1 << 64) - 1)
    return objects.held(_word(pointer))


def _read_tensor(type: Tensor, place: int, copy: bool) -> Any:
    assert isinstance(type.dtype, DType)
    dtype = type.dtype.numpy
    if not type.shape:
        scalar = np.frombuffer(_bytes(place, dtype.itemsize), dtype)[0]
        return scalar if type.dtype.is_float and type.dtype.bits < 64 else scalar.item()
    shape = tuple(_word(place + 8 * (axis + 1)) for axis in range(len(type.shape)))
    count = int(np.prod(shape, dtype=np.int64))
    pointer = _word(place)
    if count == 0 or _word(pointer - 8) < count * dtype.itemsize:
        return np.zeros(shape, dtype)  # empty, or what nobody looks at
    array = np.frombuffer(_bytes(pointer, count * dtype.itemsize), dtype).reshape(shape)
    return array.copy() if copy else array


@record(frozen=False)
class Reading:
    """A list or a box being read: what there is still to read, the last first, and what is read."""

    type: Type
    pointer: int
    found: list[Any]
    pending: list[tuple[Type, int]] = field(default_factory=list)


def _read_object(type: Type, pointer: int, objects: Objects) -> Any:
    """Lists and boxes with all that they hold. They may be nested to any depth, so that this keeps
    its own stack; a box that is held twice is read once."""
    boxes: dict[int, Any] = {}
    stack = [_begin(type, pointer, objects)]
    while True:
        reading = stack[-1]
        if reading.pending:
            inner, place = reading.pending.pop()
            if not isinstance(inner, List | Box):
                reading.found.append(read(inner, place, objects, copy=True))
            elif _word(place) in boxes:
                reading.found.append(boxes[_word(place)])
            else:
                stack.append(_begin(inner, _word(place), objects))
            continue
        stack.pop()
        value = reading.found if isinstance(reading.type, List) else _box(reading)
        if isinstance(reading.type, Box):
            boxes[reading.pointer] = value
        if not stack:
            return value
        stack[-1].found.append(value)


def _begin(type: Type, pointer: int, objects: Objects) -> Reading:
    if isinstance(type, List):
        return _begin_list(type.element, Reading(type, pointer, []))
    assert isinstance(type, Box)
    reading = Reading(type, pointer, [_word(pointer)])
    if _is_cotangent(pointer) or _word(pointer) == NO_BOX:
        return reading
    fields = objects.box(type.name)
    types = fields.variants.get(_word(pointer), ())
    places = [pointer + 8 + 8 * word for word in fields.places]
    reading.pending += reversed(list(zip(types, places)))
    return reading


def _begin_list(element: Type, reading: Reading) -> Reading:
    length, items = _word(reading.pointer), _word(reading.pointer + 16)
    each = item_bytes(element)
    if length and isinstance(element, Tensor) and not element.shape:
        assert isinstance(element.dtype, DType)
        array = np.frombuffer(_bytes(items, length * each), element.dtype.numpy)
        narrow = element.dtype.is_float and element.dtype.bits < 64
        reading.found += list(array.copy()) if narrow else array.tolist()
    else:
        reading.pending += [(element, items + each * n) for n in reversed(range(length))]
    return reading


def _box(reading: Reading) -> tuple[Any, ...] | None:
    """What was read; of a cotangent that it is zero, as nothing here needs to know more."""
    if _is_cotangent(reading.pointer):
        return ()
    return None if reading.found == [NO_BOX] else tuple(reading.found)


def _is_cotangent(pointer: int) -> bool:
    return _word(_word(pointer - 24)) == COTANGENT


# --- Writing -------------------------------------------------------------------------------------


def write(type: Type, value: Any, place: int, objects: Objects) -> None:
    """Puts a value into the slot at an address; arrays are copied. Raises MemoryError."""
    match type:
        case Tensor():
            _write_tensor(type, value, place, objects.site)
        case String():
            text = value.encode("utf-8", "surrogatepass")
            pointer = _known(library().charl_allocate(16 + len(text)))
            _set_word(pointer, len(text))
            _set_word(pointer + 8, len(value))
            ctypes.memmove(pointer + 16, text, len(text))
            _set_word(place, pointer)
        case List(element):
            _set_word(place, _write_list(type, element, value, objects))
        case Box():
            _set_word(place, _write_box(type, value, objects))
        case _ if type == RANDOM:
            pointer = _known(library().charl_allocate(16))
            _set_word(pointer, value.seed)
            _set_word(pointer + 8, value.draws)
            _set_word(place, pointer)
        case _:
            _set_word(place, objects.hold(value))


def _write_tensor(type: Tensor, value: Any, place: int, site: int) -> None:
    assert isinstance(type.dtype, DType)
    dtype = type.dtype.numpy
    if not type.shape:
        _set_word(place, 0)
        ctypes.memmove(place, np.asarray(value, dtype).tobytes(), dtype.itemsize)
        return
    array = np.ascontiguousarray(value, dtype)
    pointer = _known(library().charl_tensor(array.nbytes, site))
    ctypes.memmove(pointer, array.ctypes.data, array.nbytes)
    _set_word(place, pointer)
    for axis, size in enumerate(array.shape):
        _set_word(place + 8 * (axis + 1), size)


def _write_list(type: Type, element: Type, values: list[Any], objects: Objects) -> int:
    pointer = _known(library().charl_object(24, objects.describe(type)))
    items, each = 0, item_bytes(element)
    if values:
        items = _known(library().charl_allocate(each * len(values)))
        if isinstance(element, Tensor) and not element.shape:
            assert isinstance(element.dtype, DType)
            array = np.array(values, element.dtype.numpy)
            ctypes.memmove(items, array.ctypes.data, array.nbytes)
        else:
            for number, value in enumerate(values):
                write(element, value, items + each * number, objects)
    for number, word in enumerate((len(values), len(values), items)):
        _set_word(pointer + 8 * number, word)
    return pointer


def _write_box(type: Box, value: tuple[Any, ...] | None, objects: Objects) -> int:
    tag, *parts = (NO_BOX,) if value is None else value
    fields = objects.box(type.name)
    pointer = _known(library().charl_object(8 + 8 * fields.places[-1], objects.describe(type)))
    _set_word(pointer, tag)
    for kind, part, word in zip(fields.variants.get(tag, ()), parts, fields.places):
        write(kind, part, pointer + 8 + 8 * word, objects)
    return pointer


def _known(pointer: int | None) -> int:
    if pointer is None:
        raise MemoryError
    return pointer


def _bytes(address: int, count: int) -> Any:
    return (ctypes.c_char * count).from_address(address)


def _word(address: int) -> int:
    return ctypes.c_int64.from_address(address).value


def _set_word(address: int, value: int) -> None:
    ctypes.c_int64.from_address(address).value = value
