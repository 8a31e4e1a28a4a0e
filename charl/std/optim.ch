/// Optimisers. Each is a struct that holds its state beside the hyper-parameters, for parameters of
/// any one type M: a tensor, a list of tensors, a struct or a model.
///
///     let optimiser = adam(net, rate: 1e-3)
///     let (loss, gradient) = value_and_grad(objective)(net, x, y)
///     optimiser.step(net, gradient)                  // updates both `optimiser` and `net`
///
/// `rate` and the others are fields, and may be assigned between steps; a schedule is a function from the
/// number of a step to a rate: `optimiser.rate = schedule(t)`. Hyper-parameters are float64, and are rounded to
/// the dtype of each leaf they meet.

/// Plain gradient descent: `p - rate * g`. Holds no state.
struct GradientDescent {
    rate: float

    fn step(mut model, gradient) {
        model = map_leaves(|p, g| p - (rate as p.dtype) * g, model, gradient)
    }
}

/// Gradient descent with momentum; see `sgd`.
struct Momentum[M] {
    rate: float
    momentum: float
    nesterov: bool
    velocity: M

    mut fn step(mut model: M, gradient: M) {
        self.velocity = map_leaves(|v, g| (momentum as v.dtype) * v + g, velocity, gradient)
        let direction = if nesterov {
            map_leaves(|v, g| (momentum as v.dtype) * v + g, self.velocity, gradient)
        } else {
            self.velocity
        }
        model = map_leaves(|p, d| p - (rate as p.dtype) * d, model, direction)
    }
}

/// Stochastic gradient descent: `v = momentum * v + g`, then `p - rate * v`, or with `nesterov`
/// `p - rate * (momentum * v + g)`.
///
/// Source: Sutskever, Martens, Dahl and Hinton, "On the importance of initialization and momentum
/// in deep learning", 2013, in the form with the rate outside the velocity.
fn sgd(model, rate: float = 0.01, const momentum: float = 0.0, const nesterov: bool = false) {
    if momentum == 0.0 {
        GradientDescent(rate: rate)
    } else {
        Momentum(rate: rate, momentum: momentum, nesterov: nesterov, velocity: _zeros(model))
    }
}

/// Adam, and AdamW where `decay` is not 0; see `adam` and `adamw`.
struct Adam[M] {
    rate: float
    beta1: float
    beta2: float
    epsilon: float
    decay: float
    steps: float
    mean: M
    square: M

    mut fn step(mut model: M, gradient: M) {
        self.steps = steps + 1
        let (b1, b2) = (beta1, beta2)
        self.mean = map_leaves(
            |m, g| (b1 as m.dtype) * m + ((1 - b1) as m.dtype) * g,
            mean,
            gradient,
        )
        self.square = map_leaves(
            |s, g| (b2 as s.dtype) * s + ((1 - b2) as s.dtype) * (g * g),
            square,
            gradient,
        )
        // Both averages start at 0; what they lack of a weighted mean is made up for here.
        let size = rate / (1 - b1 ** self.steps)
        let scale = rsqrt(1 - b2 ** self.steps)
        let (kept, epsilon) = (1 - rate * decay, epsilon)
        model = map_leaves(
            |p, m, s| {
                let change = (size as p.dtype) * m /
                    (sqrt(s) * (scale as p.dtype) + (epsilon as p.dtype))
                // Only matrices and kernels decay, not biases, scales or running statistics.
                if len(shape(p)) >= 2 { (kept as p.dtype) * p - change } else { p - change }
            },
            model,
            self.mean,
            self.square,
        )
    }
}

/// Steps of about `rate` in every coordinate, from running means of the gradient and of its square.
///
/// Source: Kingma and Ba, "Adam: a method for stochastic optimization", 2015, algorithm 1.
fn adam(
    model,
    rate: float = 0.001,
    beta1: float = 0.9,
    beta2: float = 0.999,
    epsilon: float = 1e-8,
) {
    adamw(model, rate: rate, beta1: beta1, beta2: beta2, epsilon: epsilon, decay: 0.0)
}

/// Adam with weights that decay by `rate * decay` of themselves per step, apart from the gradient.
/// Tensors of rank 2 and more decay; biases and the like do not.
///
/// Source: Loshchilov and Hutter, "Decoupled weight decay regularization", 2019.
fn adamw(
    model,
    rate: float = 0.001,
    beta1: float = 0.9,
    beta2: float = 0.999,
    epsilon: float = 1e-8,
    decay: float = 0.01,
) {
    Adam(
        rate: rate,
        beta1: beta1,
        beta2: beta2,
        epsilon: epsilon,
        decay: decay,
        steps: 0.0,
        mean: _zeros(model),
        square: _zeros(model),
    )
}

/// RMSProp; see `rmsprop`.
struct RMSProp[M] {
    rate: float
    decay: float
    epsilon: float
    square: M

    mut fn step(mut model: M, gradient: M) {
        let b = decay
        self.square = map_leaves(
            |s, g| (b as s.dtype) * s + ((1 - b) as s.dtype) * (g * g),
            square,
            gradient,
        )
        model = map_leaves(
            |p, g, s| p - (rate as p.dtype) * g / (sqrt(s) + (epsilon as p.dtype)),
            model,
            gradient,
            self.square,
        )
    }
}

/// The gradient divided by the root of the running mean of its square, which forgets by `decay`.
///
/// Source: Tieleman and Hinton, "Lecture 6.5: rmsprop", Coursera, 2012.
fn rmsprop(model, rate: float = 0.01, decay: float = 0.99, epsilon: float = 1e-8) {
    RMSProp(rate: rate, decay: decay, epsilon: epsilon, square: _zeros(model))
}

/// AdaGrad; see `adagrad`.
struct AdaGrad[M] {
    rate: float
    epsilon: float
    square: M

    mut fn step(mut model: M, gradient: M) {
        self.square = map_leaves(|s, g| s + g * g, square, gradient)
        model = map_leaves(
            |p, g, s| p - (rate as p.dtype) * g / (sqrt(s) + (epsilon as p.dtype)),
            model,
            gradient,
            self.square,
        )
    }
}

/// The gradient divided by the root of the sum of its squares so far.
///
/// Source: Duchi, Hazan and Singer, "Adaptive subgradient methods", 2011.
fn adagrad(model, rate: float = 0.01, epsilon: float = 1e-10) {
    AdaGrad(rate: rate, epsilon: epsilon, square: _zeros(model))
}

fn _zeros(model) { map_leaves(|p| zeros_like(p), model) }

// --- Gradients -----------------------------------------------------------------------------------

/// The Euclidean norm of all numbers in a gradient, a float.
fn global_norm(gradient) -> float {
    let total = 0.0
    for g in parameters(gradient) { total += sum(g * g) as float }
    sqrt(total)
}

/// The gradient, made shorter where its norm is more than `limit`.
///
/// Source: Pascanu, Mikolov and Bengio, "On the difficulty of training recurrent neural networks",
/// 2013.
fn clip_by_norm(gradient, limit: float) {
    let factor = limit / maximum(global_norm(gradient), limit)
    map_leaves(|g| g * (factor as g.dtype), gradient)
}

/// The gradient with every number moved into `-limit` to `limit`.
fn clip_by_value(gradient, limit: float) {
    map_leaves(|g| clip(g, -limit, limit), gradient)
}

// --- Schedules -----------------------------------------------------------------------------------

/// The same rate at every step.
fn constant(rate: float) { |t: int| rate }

/// A rate multiplied by `factor` after every `every` steps.
fn step_decay(rate: float, every: int, factor: float = 0.1) {
    |t: int| rate * factor ** ((t // every) as float)
}

/// A rate that decays smoothly, by `factor` in every `every` steps.
fn exponential_decay(rate: float, every: int, factor: float = 0.1) {
    |t: int| rate * factor ** (t / every)
}

/// A rate that falls along half a cosine wave to `final` at step `steps`, and stays there.
///
/// Source: Loshchilov and Hutter, "SGDR: stochastic gradient descent with warm restarts", 2017.
fn cosine_decay(rate: float, steps: int, final: float = 0.0) {
    |t: int| {
        let progress = minimum(t, steps) / steps
        final + (rate - final) * 0.5 * (1 + cos(3.141592653589793 * progress))
    }
}

/// Another schedule whose rate grows from near 0 to its own in the first `steps` steps.
///
/// Source: Goyal et al., "Accurate, large minibatch SGD", 2017.
fn warm_up(steps: int, schedule) {
    |t: int| schedule(t) * (minimum(t + 1, steps) / steps)
}
