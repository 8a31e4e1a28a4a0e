/// Initial values of weights: random tensors whose spread keeps the variance of signals, forward or
/// backward, about the same from layer to layer.
///
/// `shape` is that of a weight: [inputs, outputs], or [outputs, inputs, sizes...] of a convolution,
/// whose fans are multiplied by the number of points of its window.

/// Uniform within ±sqrt(6 / (fan_in + fan_out)).
///
/// Source: Glorot and Bengio, "Understanding the difficulty of training deep feedforward neural
/// networks", 2010.
fn xavier_uniform(shape) { _uniform(shape, 3 / _mean_fan(shape)) }

/// Normal with variance 2 / (fan_in + fan_out); source as of `xavier_uniform`.
fn xavier_normal(shape) { _normal(shape, 1 / _mean_fan(shape)) }

/// Uniform within ±sqrt(6 / fan_in), for relu.
///
/// Source: He, Zhang, Ren and Sun, "Delving deep into rectifiers", 2015.
fn he_uniform(shape) { _uniform(shape, 6 / _fan_in(shape)) }

/// Normal with variance 2 / fan_in, for relu; source as of `he_uniform`.
fn he_normal(shape) { _normal(shape, 2 / _fan_in(shape)) }

/// Uniform within ±sqrt(3 / fan_in).
///
/// Source: LeCun, Bottou, Orr and Müller, "Efficient BackProp", 1998.
fn lecun_uniform(shape) { _uniform(shape, 3 / _fan_in(shape)) }

/// Normal with variance 1 / fan_in; source as of `lecun_uniform`.
fn lecun_normal(shape) { _normal(shape, 1 / _fan_in(shape)) }

/// A random matrix [rows, columns] with orthonormal rows or columns, whichever are fewer, evenly
/// distributed over all of them.
///
/// Source: Saxe, McClelland and Ganguli, "Exact solutions to the nonlinear dynamics of learning in
/// deep linear neural networks", 2013.
fn orthogonal(rows: int, columns: int) -> float32[rows, columns] {
    let n = maximum(rows, columns)
    let (q, r) = qr(random_normal([n, n]))
    // The signs of a QR factorisation are a convention; without them the draw is even.
    let signed = q * where(diagonal(r) < 0, -1, 1)
    signed[0..rows, 0..columns]
}

fn _uniform(shape, limit_squared: float) {
    let limit = sqrt(limit_squared) as float32
    (random_uniform(shape) * 2 - 1) * limit
}

fn _normal(shape, variance: float) { random_normal(shape) * (sqrt(variance) as float32) }

fn _fan_in(shape) -> float {
    let fan = if len(shape) == 2 { shape[0] } else { shape[1] * _window(shape) }
    maximum(fan, 1) as float
}

fn _mean_fan(shape) -> float {
    (maximum((shape[0] + shape[1]) * _window(shape), 1) as float) / 2
}

fn _window(shape) -> int {
    let points = 1
    for axis in 2..len(shape) { points *= shape[axis] }
    points
}
