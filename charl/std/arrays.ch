/// Everyday functions of tensors that are made of the primitives.

/// The mean of all elements, or along `axis` (an integer or several).
fn mean(x, const axis = None, const keep_dims: bool = false) {
    let total = sum(x, axis: axis, keep_dims: keep_dims)
    total / (_count(x, total) as x.dtype)
}

/// The variance of all elements, or along `axis`: the mean squared distance from the mean.
/// `correction: 1` divides by one less than the count, the unbiased estimate of a sample.
fn variance(x, const axis = None, const keep_dims: bool = false, const correction: int = 0) {
    let squares = (x - mean(x, axis: axis, keep_dims: true)) ** 2
    let total = sum(squares, axis: axis, keep_dims: keep_dims)
    total / ((_count(x, total) - correction) as x.dtype)
}

/// The standard deviation: the square root of `variance`, with the same arguments.
fn std(x, const axis = None, const keep_dims: bool = false, const correction: int = 0) {
    sqrt(variance(x, axis: axis, keep_dims: keep_dims, correction: correction))
}

// How many elements of `x` went into each element of its reduction `total`.
fn _count(x, total) { size(x) // maximum(size(total), 1) }

/// The Euclidean norm of all elements, or along `axis`. Its gradient at 0 is not a number.
fn norm(x, const axis = None, const keep_dims: bool = false) {
    sqrt(sum(x * x, axis: axis, keep_dims: keep_dims))
}

/// The sum of the products of two vectors' elements.
fn dot[T](a: T[N], b: T[N]) -> T { sum(a * b) }

/// All products of an element of `a` and one of `b`: `[N]` and `[M]` give `[N, M]`.
fn outer[T](a: T[N], b: T[M]) -> T[N, M] { reshape(a, [N, 1]) @ reshape(b, [1, M]) }

/// The elements `x[i, i]` of a square matrix, `[N, N]` to `[N]`.
fn diagonal[T](x: T[N, N]) -> T[N] { sum(where(one_hot(arange(N), N, dtype: bool), x, 0), axis: 1) }

/// The matrices in the last two axes transposed: [.., M, N] to [.., N, M], up to rank 5.
fn matrix_transpose(x) {
    if len(shape(x)) == 2 {
        transpose(x, [1, 0])
    } else if len(shape(x)) == 3 {
        transpose(x, [0, 2, 1])
    } else if len(shape(x)) == 4 {
        transpose(x, [0, 1, 3, 2])
    } else {
        transpose(x, [0, 1, 2, 4, 3])
    }
}

/// The sum of the diagonal of a square matrix.
fn trace[T](x: T[N, N]) -> T { sum(diagonal(x)) }

/// A matrix's lower triangle: zero where the column is more than `offset` right of the row.
fn tril(x, offset: int = 0) {
    let rows = iota(shape(x), axis: -2)
    let columns = iota(shape(x), axis: -1)
    where(columns <= rows + offset, x, 0)
}

/// A matrix's upper triangle: zero where the column is less than `offset` right of the row.
fn triu(x, offset: int = 0) {
    let rows = iota(shape(x), axis: -2)
    let columns = iota(shape(x), axis: -1)
    where(columns >= rows + offset, x, 0)
}

/// The identity matrix, float32[n, n].
fn eye(n: int) -> float32[n, n] { one_hot(arange(n), n, dtype: float32) }

/// The integers 0, 1, ... n - 1, int[n].
fn arange(n: int) -> int[n] { iota([n], axis: 0) }

/// `n` equally spaced numbers from `low` to `high`, both included, float32[n].
fn linspace(low: float32, high: float32, n: int) -> float32[n] {
    let fraction = (arange(n) as float32) / (maximum(n - 1, 1) as float32)
    low * (1 - fraction) + high * fraction
}

/// `x` with what lies outside `low` to `high` moved to the nearer of the two, any shape. The bounds
/// are converted to the dtype of `x`.
fn clip(x, low, high) { minimum(maximum(x, low as x.dtype), high as x.dtype) }

/// The elements moved `shift` places on along `axis`; those that leave at one end come in at the
/// other.
fn roll(x, shift: int, const axis: int = 0) {
    let n = shape(x)[axis]
    gather(x, (arange(n) - shift) % maximum(n, 1), axis: axis)
}

/// The elements in ascending order along `axis`; not-a-numbers last; equal elements keep their
/// order.
fn sort(x, const axis: int = -1, const descending: bool = false) {
    let (values, _) = sort_with_indices(x, axis: axis, descending: descending)
    values
}

/// The indices that would sort `x` along `axis`, int64 of the same shape.
fn argsort(x, const axis: int = -1, const descending: bool = false) {
    let (_, indices) = sort_with_indices(x, axis: axis, descending: descending)
    indices
}

/// The different elements of a vector, in ascending order: `[N]` to `[?]`.
fn unique(x) {
    let values = sort(x)
    let n = len(x)
    let first = arange(n) == 0
    let changed = values != values[maximum(arange(n) - 1, 0)]
    values[first or changed]
}
