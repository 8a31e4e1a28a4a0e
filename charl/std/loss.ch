/// Loss functions: each gives one number, the mean over all examples.
///
/// What a network puts out before a softmax or sigmoid is called its logits; the losses that take
/// logits are exact where the composition of the two functions would overflow or underflow.
/// (`0 - x` is `-x`, but a perfect score is then 0.0 and not -0.0.)

/// The mean squared error; `prediction` and `target` of one shape.
fn mse(prediction, target) { mean((prediction - target) ** 2) }

/// The mean absolute error; `prediction` and `target` of one shape.
fn mae(prediction, target) { mean(abs(prediction - target)) }

/// Squared error (halved) up to a distance of `delta`, absolute error beyond; the mean.
///
/// Source: Huber, "Robust estimation of a location parameter", 1964.
fn huber(prediction, target, delta: float = 1.0) {
    let distance = abs(prediction - target)
    let limit = delta as prediction.dtype
    mean(where(distance <= limit, 0.5 * distance ** 2, limit * (distance - 0.5 * limit)))
}

/// The mean cross-entropy of `softmax(logits)` along the last axis. `logits` is [.., C]; `labels` are
/// either classes 0 to C - 1, integers [..], or probabilities [.., C].
fn cross_entropy(logits, labels) {
    if len(shape(labels)) == len(shape(logits)) {
        0 - mean(sum(labels * log_softmax(logits), axis: -1))
    } else {
        nll(log_softmax(logits), labels)
    }
}

/// The negative log-likelihood: minus the mean of `log_probabilities[.., label]`, for
/// log-probabilities [.., C] and integer labels [..].
fn nll(log_probabilities, labels) {
    0 - mean(take_along(log_probabilities, stack([labels], axis: -1), axis: -1))
}

/// The mean cross-entropy of `sigmoid(logits)` and `targets`, probabilities of the same shape.
fn binary_cross_entropy_with_logits(logits, targets) { mean(softplus(logits) - targets * logits) }

/// The mean over all but the last axis of the divergence `sum(p * log(p / q))` from `q` to `p`, given
/// `log(q)` and `p`, both [.., C]. Where `p` is 0 the term is 0.
///
/// Source: Kullback and Leibler, "On information and sufficiency", 1951.
fn kl_divergence(log_q, p) {
    let log_p = log(where(p > 0, p, 1))
    mean(sum(p * (log_p - log_q), axis: -1))
}
