/// Activation functions, element by element, and softmax with its relatives, along one axis.
///
/// Every formula is chosen to stay finite and to have the right gradient for all finite inputs,
/// also where a branch changes sides: both sides are exact there and have one derivative, and a
/// stabilising shift stands under `stop_gradient`, so that it cancels in the value and takes no part
/// in the derivative.

/// `max(x, 0)`, any shape. Its gradient at 0 is 0.
///
/// Source: Nair and Hinton, "Rectified linear units improve restricted Boltzmann machines", 2010.
fn relu(x) { maximum(0, x) }

/// `x` where positive, else `slope * x`, any shape.
///
/// Source: Maas, Hannun and Ng, "Rectifier nonlinearities improve neural network acoustic
/// models", 2013.
fn leaky_relu(x, slope: float = 0.01) { where(x > 0, x, (slope as x.dtype) * x) }

/// `x` where positive, else `scale * (exp(x) - 1)`, any shape.
///
/// Source: Clevert, Unterthiner and Hochreiter, "Fast and accurate deep network learning by
/// exponential linear units", 2015.
fn elu(x, scale: float = 1.0) { where(x > 0, x, (scale as x.dtype) * expm1(minimum(x, 0))) }

/// `1 / (1 + exp(-x))`, any shape.
fn sigmoid(x) {
    let e = exp(where(x >= 0, -x, x))
    where(x >= 0, 1, e) / (1 + e)
}

/// `log(sigmoid(x))`, any shape, without underflow.
fn log_sigmoid(x) { -softplus(-x) }

/// `log(1 + exp(x))`, any shape, without overflow.
fn softplus(x) {
    where(x >= 0, x, 0) + log1p(exp(where(x >= 0, -x, x)))
}

/// The Gaussian error linear unit `x * P(Z <= x)` for a standard normal Z, by erf; any shape.
///
/// Source: Hendrycks and Gimpel, "Gaussian error linear units", 2016.
fn gelu(x) { 0.5 * x * (1 + erf(x * 0.7071067811865476)) }

/// The sigmoid linear unit `x * sigmoid(x)`, also called swish; any shape.
///
/// Source: Elfwing, Uchibe and Doya, "Sigmoid-weighted linear units", 2017.
fn silu(x) { x * sigmoid(x) }

/// Positive weights along `axis` that add up to 1: `exp(x) / sum(exp(x))`.
fn softmax(x, const axis: int = -1) {
    let e = exp(x - _shift(x, axis))
    e / sum(e, axis: axis, keep_dims: true)
}

/// `log(softmax(x))` along `axis`, without underflow.
fn log_softmax(x, const axis: int = -1) {
    let shifted = x - _shift(x, axis)
    shifted - log(sum(exp(shifted), axis: axis, keep_dims: true))
}

/// `log(sum(exp(x)))` along `axis`, without overflow; -inf where all of it is -inf.
fn logsumexp(x, const axis: int = -1, const keep_dims: bool = false) {
    let shift = _shift(x, axis)
    let total = log(sum(exp(x - shift), axis: axis, keep_dims: true)) + shift
    if keep_dims { total } else { sum(total, axis: axis) }
}

// The maximum along the axis, kept as an axis of size 1. A row of -inf is shifted by 0, because
// -inf - -inf is not a number.
fn _shift(x, const axis: int) {
    let largest = stop_gradient(max(x, axis: axis, keep_dims: true))
    where(is_finite(largest), largest, 0)
}
