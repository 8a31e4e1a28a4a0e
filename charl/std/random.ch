/// Random choices and distributions. The basic draws (random_uniform, random_normal, random_int,
/// permutation, bernoulli, categorical) and `seed` are visible everywhere.

/// The elements of a list, or rows of a tensor, in random order.
fn shuffle(xs) {
    let order = permutation(len(xs))
    let result = xs
    for i in 0..len(xs) { result[i] = xs[order[i]] }
    result
}

/// One element of a list, or row of a tensor, each with the same probability.
fn choice(xs) { xs[random_int(0, len(xs), [])] }

/// Numbers evenly distributed from `low` up to `high`, float32 of a shape.
fn uniform(shape, low: float = 0.0, high: float = 1.0) {
    let (start, width) = (low as float32, (high - low) as float32)
    start + width * random_uniform(shape)
}

/// Numbers from a normal distribution, float32 of a shape.
fn normal(shape, mean: float = 0.0, std: float = 1.0) {
    (mean as float32) + (std as float32) * random_normal(shape)
}

/// Numbers from a standard normal distribution without its tails beyond `limit`, float32 of a shape.
fn truncated_normal(shape, limit: float = 2.0) {
    let z = random_normal(shape)
    while any(abs(z) > (limit as float32)) {
        z = where(abs(z) > (limit as float32), random_normal(shape), z)
    }
    z
}

/// Waiting times of events that come `rate` per unit of time, float32 of a shape.
fn exponential(shape, rate: float = 1.0) { -log1p(-random_uniform(shape)) / (rate as float32) }
