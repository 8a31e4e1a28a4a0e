/// Layers. A layer is a model (its weights are its fields), or a function where there is nothing to
/// learn. The lower-case functions build layers, for `layers { }` clauses and fields.
///
/// Activations are in the prelude; initial values of weights are in the module `initial`.

from initial import he_normal, xavier_uniform

/// An affine map of the last axis and an activation: `activation(x @ weight + bias)`,
/// [.., I] to [.., O]. Weights start by He's rule, the bias at 0.
model Dense[I, O] {
    weight: float32[I, O] = he_normal([I, O])
    bias: float32[O] = zeros([O])
    activation: fn = identity

    fn forward(x: float32[.., I]) { activation(x @ weight + bias) }
}

/// A `Dense` layer without bias or activation: `x @ weight`, [.., I] to [.., O]. Weights start by
/// Xavier's rule.
model Linear[I, O] {
    weight: float32[I, O] = xavier_uniform([I, O])

    fn forward(x: float32[.., I]) -> float32[.., O] { x @ weight }
}

/// A dense layer from `inputs` to `outputs` features.
fn dense(const inputs: int, const outputs: int, activation: fn = identity) {
    Dense[inputs, outputs](activation: activation)
}

/// A dense layer without bias or activation.
fn linear(const inputs: int, const outputs: int) { Linear[inputs, outputs]() }

/// Everything but the first axis made one: [B, ...] to [B, product of the rest].
fn flatten(x) { reshape(x, [size(x, 0), -1]) }

/// While training, sets each element to 0 with probability `rate` and scales the others by
/// `1 / (1 - rate)`; the identity in evaluation. Any shape.
///
/// Source: Srivastava et al., "Dropout: a simple way to prevent neural networks from overfitting",
/// 2014.
fn dropout(rate: float = 0.5) { |x| _drop(x, rate) }

fn _drop(x, rate: float) {
    if mode == training {
        let keep = 1 - rate
        where(random_uniform(shape(x)) < (keep as float32), x / (keep as x.dtype), 0)
    } else {
        x
    }
}

/// `first` and then `second`, as one model: `chain(dense(4, 8), relu) |> chain(dense(8, 2))`.
model Chain[A, B] {
    first: A
    second: B

    fn forward(x) { second(first(x)) }
}

/// Two layers, or a chain and a layer, one after the other.
fn chain(first, second) { Chain(first: first, second: second) }

/// Two functions, one after the other. (What they capture is not trained; see `chain`.)
fn compose(f, g) { |x| g(f(x)) }

/// Normalisation over the batch, feature by feature, then a learnt scale and shift; [.., C].
///
/// Training uses the batch's mean and variance and moves the running ones a tenth of the way to
/// them; evaluation uses the running ones.
///
/// Source: Ioffe and Szegedy, "Batch normalization", 2015.
model BatchNorm[C] {
    scale: float32[C] = ones([C])
    shift: float32[C] = zeros([C])
    running_mean: float32[C] = zeros([C])
    running_variance: float32[C] = ones([C])

    mut fn forward(x: float32[B, C]) -> float32[B, C] {
        if mode == training {
            let center = mean(x, axis: 0)
            let spread = variance(x, axis: 0)
            // The running variance estimates that of the population, not of the batch.
            let unbiased = spread * ((B as float32) / (maximum(B - 1, 1) as float32))
            self.running_mean = 0.9 * running_mean + 0.1 * stop_gradient(center)
            self.running_variance = 0.9 * running_variance + 0.1 * stop_gradient(unbiased)
            (x - center) * rsqrt(spread + 1e-5) * scale + shift
        } else {
            (x - running_mean) * rsqrt(running_variance + 1e-5) * scale + shift
        }
    }
}

/// `BatchNorm` of images [B, C, H, W], over batch and places.
model BatchNorm2d[C] {
    norm: BatchNorm[C]

    mut fn forward(x: float32[B, C, H, W]) -> float32[B, C, H, W] {
        let points = reshape(transpose(x, [0, 2, 3, 1]), [B * H * W, C])
        transpose(reshape(self.norm(points), [B, H, W, C]), [0, 3, 1, 2])
    }
}

/// Batch normalisation of `features` features, [B, features].
fn batch_norm(const features: int) { BatchNorm[features]() }

/// Batch normalisation of images with `channels` channels, [B, channels, H, W].
fn batch_norm2d(const channels: int) { BatchNorm2d[channels]() }

/// Normalisation of the last axis to mean 0 and variance 1, then a learnt scale and shift.
///
/// Source: Ba, Kiros and Hinton, "Layer normalization", 2016.
model LayerNorm[D] {
    scale: float32[D] = ones([D])
    shift: float32[D] = zeros([D])

    fn forward(x: float32[.., D]) -> float32[.., D] {
        let centred = x - mean(x, axis: -1, keep_dims: true)
        let spread = mean(centred * centred, axis: -1, keep_dims: true)
        centred * rsqrt(spread + 1e-5) * scale + shift
    }
}

/// Layer normalisation of `features` features.
fn layer_norm(const features: int) { LayerNorm[features]() }

/// A learnt vector of D numbers for each of V symbols: integers of any shape to float32[.., D].
model Embedding[V, D] {
    weight: float32[V, D] = random_normal([V, D])

    fn forward(symbols) { gather(weight, symbols, axis: 0) }
}

/// A table of `symbols` learnt vectors of `features` numbers.
fn embedding(const symbols: int, const features: int) { Embedding[symbols, features]() }

/// Cross-correlation along one axis: [B, I, L] to [B, O, (L + 2*P - K) // S + 1], with kernels of K
/// points, stride S and P zeros on both sides.
model Conv1d[I, O, K, S, P] {
    weight: float32[O, I, K] = he_normal([O, I, K])
    bias: float32[O] = zeros([O])
    activation: fn = identity

    fn forward(x: float32[B, I, L]) {
        let y = conv(x, weight, strides: S, padding: P)
        activation(y + reshape(bias, [O, 1]))
    }
}

/// Cross-correlation of images: [B, I, H, W] to [B, O, (H + 2*P - K) // S + 1, same of W], with
/// kernels of K by K points, stride S and P zeros on all sides.
model Conv2d[I, O, K, S, P] {
    weight: float32[O, I, K, K] = he_normal([O, I, K, K])
    bias: float32[O] = zeros([O])
    activation: fn = identity

    fn forward(x: float32[B, I, H, W]) {
        let y = conv(x, weight, strides: S, padding: P)
        activation(y + reshape(bias, [O, 1, 1]))
    }
}

/// A convolution along one axis, from `inputs` to `outputs` channels.
fn conv1d(
    const inputs: int,
    const outputs: int,
    const kernel: int,
    activation: fn = identity,
    const stride: int = 1,
    const padding: int = 0,
) {
    Conv1d[inputs, outputs, kernel, stride, padding](activation: activation)
}

/// A convolution of images, from `inputs` to `outputs` channels.
fn conv2d(
    const inputs: int,
    const outputs: int,
    const kernel: int,
    activation: fn = identity,
    const stride: int = 1,
    const padding: int = 0,
) {
    Conv2d[inputs, outputs, kernel, stride, padding](activation: activation)
}

/// The largest value of each `window` by `window` square of images [B, C, H, W].
fn max_pool2d(const window: int, const stride: int = window) {
    |x| window_max(x, window: [window, window], strides: stride)
}

/// The mean of each `window` by `window` square of images [B, C, H, W].
fn avg_pool2d(const window: int, const stride: int = window) {
    |x| {
        let total = window_sum(x, window: [window, window], strides: stride)
        total / ((window * window) as x.dtype)
    }
}

/// Scaled dot-product attention: for each query, the mean of `values` weighted by
/// `softmax(query . key / sqrt(D))`. `queries` [.., T, D], `keys` [.., S, D], `values` [.., S, E]
/// give [.., T, E]. With `causal`, position t sees positions up to t only.
///
/// Source: Vaswani et al., "Attention is all you need", 2017.
fn attention(queries, keys, values, const causal: bool = false) {
    let features = size(queries, -1)
    let scores = queries @ matrix_transpose(keys) / (sqrt(features as float) as queries.dtype)
    if causal {
        let t = iota(shape(scores), axis: -2)
        let s = iota(shape(scores), axis: -1)
        softmax(where(s <= t, scores, -1e30)) @ values
    } else {
        softmax(scores) @ values
    }
}

/// `attention` in which position t sees positions up to t only.
fn causal_attention(queries, keys, values) { attention(queries, keys, values, causal: true) }

/// Attention of a sequence [B, T, D] to itself, with H heads of D // H features each. `attend` is
/// `attention`, or `causal_attention`, or another function of queries [B, H, T, D // H], keys and
/// values.
///
/// Source: as of `attention`.
model MultiHeadAttention[D, H] {
    to_queries: Linear[D, D]
    to_keys: Linear[D, D]
    to_values: Linear[D, D]
    to_output: Linear[D, D]
    attend: fn = attention

    fn forward(x: float32[B, T, D]) -> float32[B, T, D] {
        let (queries, keys, values) = (
            self._heads(to_queries(x)),
            self._heads(to_keys(x)),
            self._heads(to_values(x)),
        )
        let mixed = attend(queries, keys, values)
        to_output(reshape(transpose(mixed, [0, 2, 1, 3]), [B, T, D]))
    }

    // [B, T, D] to [B, H, T, D // H]
    fn _heads(x: float32[B, T, D]) -> float32[B, H, T, D // H] {
        transpose(reshape(x, [B, T, H, D // H]), [0, 2, 1, 3])
    }
}

/// Attention of a sequence to itself, with `heads` heads; `heads` divides `features`. With
/// `causal: true`, a position sees itself and what is before it.
fn multi_head_attention(const features: int, const heads: int, const causal: bool = false) {
    if causal {
        MultiHeadAttention[features, heads](attend: causal_attention)
    } else {
        MultiHeadAttention[features, heads]()
    }
}
