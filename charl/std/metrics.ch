/// How good predictions are, class by class or as a whole.
///
/// Predictions are classes, integers of shape [N]; `accuracy` also takes scores of shape [N, C], of
/// which the largest is the prediction.

/// The fraction of predictions that are right, float32. `predictions` are classes [N] or scores [N, C];
/// `labels` are classes [N].
fn accuracy(predictions, labels) -> float32 {
    if len(shape(predictions)) == 2 {
        mean((argmax(predictions, axis: -1) == (labels as int64)) as float32)
    } else {
        mean((predictions == labels) as float32)
    }
}

/// How often each class was taken for each: entry [i, j] counts the examples of class `i` that were
/// predicted as `j`. int64[classes, classes].
fn confusion_matrix(predictions, labels, classes: int) -> int[classes, classes] {
    let cells = (labels as int64) * classes + (predictions as int64)
    let counts = zeros([classes * classes], dtype: int64)
    let ones = ones_like(cells)
    reshape(scatter_add(counts, cells, ones, axis: 0), [classes, classes])
}

/// For each class, the fraction of the predictions of it that are right; 0 where there are none.
/// float[classes]; its mean is the macro average.
fn precision(predictions, labels, classes: int) -> float[classes] {
    let table = confusion_matrix(predictions, labels, classes)
    _ratio(diagonal(table), sum(table, axis: 0))
}

/// For each class, the fraction of its examples that were predicted as it; 0 where there are none.
/// float[classes]; its mean is the macro average.
fn recall(predictions, labels, classes: int) -> float[classes] {
    let table = confusion_matrix(predictions, labels, classes)
    _ratio(diagonal(table), sum(table, axis: 1))
}

/// For each class, the harmonic mean of precision and recall; 0 where neither is defined.
/// float[classes]; its mean is the macro average.
///
/// Source: van Rijsbergen, "Information retrieval", 1979.
fn f1(predictions, labels, classes: int) -> float[classes] {
    let table = confusion_matrix(predictions, labels, classes)
    _ratio(2 * diagonal(table), sum(table, axis: 0) + sum(table, axis: 1))
}

fn _ratio(part: int[C], whole: int[C]) -> float[C] {
    (part as float) / (maximum(whole, 1) as float)
}
