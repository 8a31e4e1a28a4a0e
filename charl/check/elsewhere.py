"""Names of other languages and libraries, and what is written here: help for the newcomer.

Data only. It is asked when a name, a method, a module or an argument is unknown and nothing that is
known is spelt like it.
"""

from __future__ import annotations

# A word for a value elsewhere -> help.
VALUES = {
    "True": "write `true`",
    "False": "write `false`",
}

# A member of arrays elsewhere, with or without a call -> help.
MEMBERS = {
    "T": "write `transpose(x)`",
    "t": "write `transpose(x)`",
    "ndim": "write `len(shape(x))`",
    "numel": "`len(reshape(x, [-1]))` is the number of elements",
}

# The name of a function or method elsewhere -> help.
FUNCTIONS = {
    "range": "write `0..n`, or `a..b step k`; `range_list` and `arange` make values",
    "zip": "it stands in the head of a loop: `for (a, b) in zip(xs, ys) { }`; or `map(f, xs, ys)`",
    "enumerate": "it stands in the head of a loop: `for (i, x) in enumerate(xs) { }`",
    "append": "`xs.push(x)` puts an element at the end",
    "extend": "`xs ++ ys` joins two lists",
    "length": "`len(x)` is the number of elements, `shape(x)` all sizes",
    "count": "`count_where(xs, |x| x == y)` counts elements",
    "index": "`find_index(xs, |x| x == y)` gives the first place, if there is one",
    "index_of": "`find_index(xs, |x| x == y)` gives the first place, if there is one",
    "indexOf": "`find_index(xs, |x| x == y)` gives the first place, if there is one",
    "reversed": "write `reverse(xs)`",
    "sorted": "`sort(x)` sorts a tensor, `sort_by(xs, |x| x)` a list",
    "reduce": "write `fold(xs, start, |so_far, x| ...)`",
    "println": 'write `print(x)`; `print(x, end: "")` ends no line',
    "printf": 'write `print(f"...")`',
    "puts": "write `print(x)`",
    "echo": "write `print(x)`",
    "input": "`arguments()` are the words after `--`; `read_lines(path)` reads a file",
    "open": "`read_text(path)` and `read_lines(path)` read, `write_text(path, s)` writes",
    "isinstance": "types are known before the run; `match` tells the variants of an enum apart",
    "type": "types are known before the run; `:type x` at the prompt shows one",
    "typeof": "types are known before the run; `:type x` at the prompt shows one",
    "strip": "write `trim(s)`",
    "startswith": "write `starts_with(s, part)`",
    "endswith": "write `ends_with(s, part)`",
    "to_string": "write `str(x)`",
    "toString": "write `str(x)`",
    "exit": "a program ends with its last line; `abort(message)` stops it with an error",
    "quit": "a program ends with its last line; `abort(message)` stops it with an error",
    "panic": "write `abort(message)`",
    "throw": "write `abort(message)`, or return a `Result`",
    # NumPy, PyTorch, JAX
    "cat": "write `concat([a, b], axis: 0)`",
    "concatenate": "write `concat([a, b], axis: 0)`",
    "vstack": "write `concat([a, b], axis: 0)`",
    "hstack": "write `concat([a, b], axis: 1)`",
    "array": "write `tensor([1.0, 2.0])`",
    "asarray": "write `tensor(xs)`",
    "Tensor": "write `tensor([1.0, 2.0])`",
    "randn": "write `random_normal([3, 4])`",
    "rand": "write `random_uniform([3, 4])`",
    "randint": "write `random_int(low, high, [3, 4])`",
    "randperm": "write `permutation(n)`",
    "manual_seed": "write `seed(n)`",
    "view": "write `reshape(x, [rows, -1])`",
    "ravel": "write `reshape(x, [-1])`",
    "permute": "write `transpose(x, [1, 0, 2])`",
    "swapaxes": "write `transpose(x, [1, 0, 2])`",
    "squeeze": "`reshape(x, [...])` drops axes of size 1",
    "unsqueeze": "`reshape(x, [...])` adds axes of size 1",
    "expand_dims": "`reshape(x, [...])` adds axes of size 1",
    "expand": "write `broadcast(x, [rows, columns])`",
    "broadcast_to": "write `broadcast(x, [rows, columns])`",
    "tile": "`broadcast` and `concat` repeat a tensor",
    "mm": "write `a @ b`",
    "bmm": "write `a @ b`",
    "einsum": "write `a @ b`, or `contract` for other sums of products",
    "tensordot": "write `contract(a, b, left_axes: ..., right_axes: ...)`",
    "item": "a tensor without axes is a number already: leave it out",
    "tolist": "write `to_list(x)`",
    "numpy": "leave it out: tensors are the only arrays",
    "detach": "write `stop_gradient(x)`",
    "no_grad": "nothing is recorded outside `grad`: leave it out",
    "requires_grad_": "nothing is marked: `grad(f)` is the gradient for its argument",
    "backward": "write `grad(f)(x)`, or `value_and_grad(f)(net)` for loss and gradient at once",
    "zero_grad": "leave it out: gradients are values, and never add up by themselves",
    "zero_": "write `zeros_like(x)`",
    "clone": "leave it out: values are never shared",
    "copy": "leave it out: values are never shared",
    "deepcopy": "leave it out: values are never shared",
    "cuda": "the device is chosen for a whole program: `charl run --device`",
    "astype": "write `x as float32`",
    "double": "write `x as float64`",
    "long": "write `x as int`",
    "clamp": "write `clip(x, low, high)`",
    "power": "write `a ** b`",
    "absolute": "write `abs(x)`",
    "mod": "write `a % b`",
    "arctan2": "write `atan2(y, x)`",
    "arcsin": "write `asin(x)`",
    "arccos": "write `acos(x)`",
    "arctan": "write `atan(x)`",
    "ln": "write `log(x)`",
    "inv": "write `inverse(a)`",
    "det": "`slogdet(a)` gives the sign and the logarithm of the magnitude",
    "eig": "write `eigh(a)` for a symmetric matrix",
    "argwhere": "write `nonzero(mask)`",
    "topk": "write `top_k(x, k)`",
    "train": "write `with mode = training { ... }`",
    "eval": "evaluation is the rule: `with mode = training { ... }` is the exception",
    "state_dict": "`save(net, path)` and `load(Net, path)` keep a model",
    "Sequential": "list the layers of a model: `model Net { layers { ... } }`",
    "vmap": "functions work on whole tensors; `map(f, xs)` goes over a list",
    "jit": "every program is compiled: leave it out",
}

# The name of a module elsewhere -> help.
_TENSORS = "tensors and their functions need no import: `zeros([2, 3])`, `sum(x)`, `a @ b`"
MODULES = {
    "numpy": _TENSORS,
    "np": _TENSORS,
    "torch": _TENSORS,
    "jax": _TENSORS,
    "jnp": _TENSORS,
    "F": "activations need no import, `relu(x)`; losses are in the module `loss`",
    "sys": "`arguments()` gives the words after `--`",
    "os": "`file_exists(path)`, `read_text(path)` and their kin need no import",
    "time": "`clock()` gives seconds and needs no import",
    "pandas": "`load_csv(path)` gives a tensor, `read_csv(path)` the cells as strings",
    "pd": "`load_csv(path)` gives a tensor, `read_csv(path)` the cells as strings",
}

# The name of an argument elsewhere -> its names here.
ARGUMENTS = {
    "dim": ("axis",),
    "dims": ("axis", "axes"),
    "keepdims": ("keep_dims",),
    "keepdim": ("keep_dims",),
    "lr": ("rate",),
    "learning_rate": ("rate",),
    "size": ("sizes", "shape"),
    "p": ("rate",),
    "reverse": ("descending",),
    "unbiased": ("correction",),
    "ddof": ("correction",),
    "batch_size": ("size",),
    "delimiter": ("separator",),
    "sep": ("separator", "delimiter"),
    "betas": ("beta1",),
    "eps": ("epsilon",),
}


def help_for_name(name: str, called: bool) -> tuple[str, ...]:
    """What stands here for a name that is known elsewhere; nothing for any other."""
    found = VALUES.get(name) or MODULES.get(name) or (FUNCTIONS.get(name) if called else None)
    return () if found is None else (found,)


def help_for_member(name: str) -> tuple[str, ...]:
    """The same for what is written behind a point."""
    found = MEMBERS.get(name) or FUNCTIONS.get(name)
    return () if found is None else (found,)
