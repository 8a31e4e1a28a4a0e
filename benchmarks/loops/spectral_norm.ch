// The largest singular value of the infinite matrix 1, 1/2, 1/4; 1/3, 1/5, ..., cut to n by n.

fn element(i: int, j: int) -> float { 1.0 / ((i + j) * (i + j + 1) // 2 + i + 1) as float }

fn times(v: float[N]) -> float[N] {
    let result: float[N] = zeros([N])
    for i in 0..N {
        let total = 0.0
        for j in 0..N { total += element(i, j) * v[j] }
        result[i] = total
    }
    result
}

fn times_transposed(v: float[N]) -> float[N] {
    let result: float[N] = zeros([N])
    for i in 0..N {
        let total = 0.0
        for j in 0..N { total += element(j, i) * v[j] }
        result[i] = total
    }
    result
}

fn run(n: int) -> float {
    let u: float[n] = ones([n])
    let v: float[n] = zeros([n])
    for i in 0..10 {
        v = times_transposed(times(u))
        u = times_transposed(times(v))
    }
    let uv = 0.0
    let vv = 0.0
    for i in 0..n {
        uv += u[i] * v[i]
        vv += v[i] * v[i]
    }
    sqrt(uv / vv)
}
