/// Data sets: the two that come with Charl, splits, batches and scaling. The functions that read files
/// (load_csv, load_npy, load_npz, load_idx, load_image, read_text) are visible everywhere.

/// The test part of the UCI handwritten digits: 1,797 images of 8 by 8, float32[1797, 8, 8], grey from 0
/// to 1, and the digits they show, int[1797].
///
/// Source: Alpaydin and Kaynak, "Optical recognition of handwritten digits", UCI Machine Learning
/// Repository, 1998 (CC BY 4.0).
fn digits() -> (float32[1797, 8, 8], int[1797]) {
    let images = load_npz(bundled_path("digits.npz"), "images", dtype: float32, rank: 3)
    let labels = load_npz(bundled_path("digits.npz"), "labels", dtype: int64, rank: 1)
    (images / 16, labels)
}

/// Fisher's irises: for 150 flowers the length and width of sepals and petals in cm,
/// float32[150, 4], and the species (0 setosa, 1 versicolor, 2 virginica), int[150].
///
/// Source: Fisher, "The use of multiple measurements in taxonomic problems", 1936; UCI Machine
/// Learning Repository (CC BY 4.0).
fn iris() -> (float32[150, 4], int[150]) {
    let features = load_npz(bundled_path("iris.npz"), "features", dtype: float32, rank: 2)
    let labels = load_npz(bundled_path("iris.npz"), "labels", dtype: int64, rank: 1)
    (features, labels)
}

/// Examples and labels, split at random: `((x_train, y_train), (x_test, y_test))`, where the second
/// part has the fraction `test` of the examples, rounded.
fn train_test_split(x, y, test: float = 0.2) {
    let n = len(x)
    let order = permutation(n)
    let held_out = round((n as float) * test) as int
    let (tested, trained) = (order[0..held_out], order[held_out..n])
    ((x[trained], y[trained]), (x[tested], y[tested]))
}

/// The indices 0 to n - 1 in random order, in rows of `size`: int[n // size, size]. The last
/// `n % size` of them are left out; another call leaves out others.
///
///     for rows in shuffled_batches(len(images), 64) { train(images[rows], labels[rows]) }
fn shuffled_batches(n: int, size: int) -> int[n // size, size] {
    reshape(permutation(n)[0..n // size * size], [n // size, size])
}

/// Examples and labels in random order, as a list of pairs of `size` examples and their labels; the
/// last `len(x) % size` are left out.
///
///     for (x, y) in batches(images, labels, 64) { }
fn batches(x, y, size: int) {
    let result = []
    for rows in shuffled_batches(len(x), size) { result.push((x[rows], y[rows])) }
    result
}

/// The function that brings the columns of `x`, [N, D], to mean 0 and standard deviation 1, to be applied to
/// `x` and to other data alike. Columns without variation are only moved.
fn standardiser(x) {
    let center = mean(x, axis: 0)
    let spread = std(x, axis: 0)
    let scale = where(spread > 0, spread, 1)
    |z| (z - center) / scale
}

/// The columns of `x`, [N, D], brought to mean 0 and standard deviation 1.
fn standardise(x) { standardiser(x)(x) }
