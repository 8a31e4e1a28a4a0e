/// Functions of lists. `map(f, xs)`, `enumerate`, `zip`, `len`, `push` and `x in xs` belong to the
/// language itself.

/// The elements for which `keep` is true, in order.
fn filter(xs, keep: fn) {
    let result = []
    for x in xs {
        if keep(x) { result.push(x) }
    }
    result
}

/// `f(...f(f(start, xs[0]), xs[1])..., xs[n - 1])`.
fn fold(xs, start, f: fn) {
    let state = start
    for x in xs { state = f(state, x) }
    state
}

/// The lists `f(x)` for every element, one after the other in one list.
fn flat_map(xs, f: fn) {
    let result = []
    for x in xs {
        for y in f(x) { result.push(y) }
    }
    result
}

/// Whether `holds` is true for every element.
fn all_of(xs, holds: fn) -> bool {
    for x in xs {
        if not holds(x) { return false }
    }
    true
}

/// Whether `holds` is true for at least one element.
fn any_of(xs, holds: fn) -> bool {
    for x in xs {
        if holds(x) { return true }
    }
    false
}

/// How many elements `holds` is true for.
fn count_where(xs, holds: fn) -> int {
    let count = 0
    for x in xs {
        if holds(x) { count += 1 }
    }
    count
}

/// The index of the first element for which `holds` is true, if there is one.
fn find_index(xs, holds: fn) -> Option[int] {
    for (i, x) in enumerate(xs) {
        if holds(x) { return Some(i) }
    }
    None
}

/// The elements from last to first: of a list, or along the first axis of a tensor.
fn reverse(xs) { xs[.. step -1] }

/// The elements in pieces of `n`; the last piece may be shorter.
fn chunks(xs, n: int) {
    let result = []
    for start in 0..len(xs) step n { result.push(xs[start..minimum(start + n, len(xs))]) }
    result
}

/// The integers from `start` up to `stop`, without `stop`, as a list.
fn range_list(start: int, stop: int, step: int = 1) -> [int] {
    let result: [int] = []
    for i in start..stop step step { result.push(i) }
    result
}

/// The rows of a tensor, or the characters of a string, as a list.
fn to_list_of(xs) {
    let result = []
    for x in xs { result.push(x) }
    result
}

/// The elements in ascending order of `key(x)`, a number or a string; equal keys keep their order.
fn sort_by(xs, key: fn) { sort_with(xs, |a, b| key(a) < key(b)) }

/// The elements in the order that `before(a, b)` ("a stands before b") describes; elements of which
/// neither stands before the other keep their order. Merge sort, bottom up.
fn sort_with(xs, before: fn) {
    let result = to_list_of(xs)
    let width = 1
    while width < len(xs) {
        let merged = []
        for low in 0..len(xs) step 2 * width {
            let middle = minimum(low + width, len(xs))
            let high = minimum(low + 2 * width, len(xs))
            let (i, j) = (low, middle)
            while i < middle or j < high {
                if j == high or (i < middle and not before(result[j], result[i])) {
                    merged.push(result[i])
                    i += 1
                } else {
                    merged.push(result[j])
                    j += 1
                }
            }
        }
        result = merged
        width *= 2
    }
    result
}
