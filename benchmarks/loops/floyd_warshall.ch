// The shortest ways between all pairs of n places, made up from a few bits of their numbers.

fn roads(n: int) -> float[n, n] {
    let d: float[n, n] = zeros([n, n])
    for i in 0..n {
        for j in 0..n {
            d[i, j] = if i == j { 0.0 } else { ((i * 7919 + j * 104729) % 1000 + 1) as float }
        }
    }
    d
}

fn run(n: int) -> float {
    let d = roads(n)
    for k in 0..n {
        for i in 0..n {
            for j in 0..n {
                let way = d[i, k] + d[k, j]
                if way < d[i, j] { d[i, j] = way }
            }
        }
    }
    sum(d)
}
