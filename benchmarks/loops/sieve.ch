// How many primes there are below n, by Eratosthenes; counted ten times over.

fn primes(n: int) -> int {
    let prime = full([n], true)
    prime[0] = false
    prime[1] = false
    let i = 2
    while i * i < n {
        if prime[i] {
            for j in i * i..n step i { prime[j] = false }
        }
        i += 1
    }
    let count = 0
    for p in prime { if p { count += 1 } }
    count
}

fn run(n: int) -> int {
    let total = 0
    for round in 0..10 { total += primes(n) }
    total
}
