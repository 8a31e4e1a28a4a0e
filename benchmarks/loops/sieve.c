#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static int64_t primes(int64_t n) {
    bool *prime = malloc(n);
    memset(prime, true, n);
    prime[0] = prime[1] = false;
    for (int64_t i = 2; i * i < n; i++) {
        if (prime[i]) {
            for (int64_t j = i * i; j < n; j += i) prime[j] = false;
        }
    }
    int64_t count = 0;
    for (int64_t i = 0; i < n; i++) {
        if (prime[i]) count++;
    }
    free(prime);
    return count;
}

void run(int64_t n, double *result) {
    int64_t total = 0;
    for (int64_t round = 0; round < 10; round++) total += primes(n);
    result[0] = (double)total;
}
