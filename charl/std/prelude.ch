/// The names every program sees without importing anything.
///
/// Tensor primitives (exp, sum, reshape, concat...) and the language's own functions (print, len,
/// grad, map...) are visible too; they are not written in Charl. Everything here is.

from activations import relu, leaky_relu, elu, gelu, sigmoid, log_sigmoid, silu, softplus
from activations import softmax, log_softmax, logsumexp
from calculus import hessian, inner, jacobian, jvp, vjp
from lists import (
    all_of, any_of, chunks, count_where, filter, find_index, flat_map, fold, range_list,
)
from lists import reverse, sort_by, sort_with, to_list_of
from nn import attention, avg_pool2d, batch_norm, batch_norm2d, chain, compose, conv1d, conv2d
from nn import dense, dropout, embedding, flatten, layer_norm, linear, max_pool2d
from nn import multi_head_attention
from nn import BatchNorm, BatchNorm2d, Chain, Conv1d, Conv2d, Dense, Embedding, LayerNorm, Linear
from nn import MultiHeadAttention
from arrays import arange, argsort, clip, diagonal, dot, eye, linspace, matrix_transpose, mean, norm
from arrays import outer, roll, sort, std, trace, tril, triu, unique, variance

/// A value that may be missing.
enum Option[T] {
    Some(T)
    None

    /// Whether there is a value.
    fn is_some() -> bool { match self { Some(_) => true, None => false } }

    /// Whether there is none.
    fn is_none() -> bool { match self { Some(_) => false, None => true } }

    /// The value; the program stops when there is none.
    fn unwrap() -> T { match self { Some(value) => value, None => abort("unwrap of None") } }

    /// The value, or `default` when there is none.
    fn unwrap_or(default: T) -> T { match self { Some(value) => value, None => default } }

    /// `f` of the value, or none when there is none.
    fn map(f) { match self { Some(value) => Some(f(value)), None => None } }
}

/// The outcome of something that may fail: a value, or what went wrong.
enum Result[T, E] {
    Ok(T)
    Err(E)

    /// Whether it went well.
    fn is_ok() -> bool { match self { Ok(_) => true, Err(_) => false } }

    /// The value; the program stops when there is none.
    fn unwrap() -> T { match self { Ok(value) => value, Err(_) => abort("unwrap of an Err") } }

    /// The value, or `default` when something went wrong.
    fn unwrap_or(default: T) -> T { match self { Ok(value) => value, Err(_) => default } }

    /// `f` of the value, or what went wrong.
    fn map(f) { match self { Ok(value) => Ok(f(value)), Err(problem) => Err(problem) } }
}

/// The argument itself: the activation of a layer that has none.
fn identity(x) { x }

fn _lists_equal(a, b) {
    if len(a) != len(b) { return false }
    for i in 0..len(a) {
        if not equal(a[i], b[i]) { return false }
    }
    true
}

fn _is_close(a, b, tolerance: float) {
    // What is no float must be the same.
    let close = equal(map_leaves(|x| zeros_like(x), a), map_leaves(|x| zeros_like(x), b))
    for gap in parameters(map_leaves(|x, y| _gap(x, y), a, b)) {
        if not all(gap as float <= tolerance) { close = false }
    }
    close
}

/// The difference of two tensors, relative where they are large; 0 where they are the same, also
/// both infinite or both not a number.
fn _gap(x, y) {
    where((x == y) or (is_nan(x) and is_nan(y)), zeros_like(x), abs(x - y) / (1.0 + abs(y)))
}

fn _in_list(xs, x) {
    for y in xs {
        if equal(x, y) { return true }
    }
    false
}

fn _in_range(range, x: int) -> bool {
    for y in range {
        if x == y { return true }
    }
    false
}
