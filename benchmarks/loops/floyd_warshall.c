#include <stdint.h>
#include <stdlib.h>

void run(int64_t n, double *result) {
    double *d = malloc(8 * n * n);
    for (int64_t i = 0; i < n; i++) {
        for (int64_t j = 0; j < n; j++) {
            d[i * n + j] = i == j ? 0.0 : (double)((i * 7919 + j * 104729) % 1000 + 1);
        }
    }
    for (int64_t k = 0; k < n; k++) {
        for (int64_t i = 0; i < n; i++) {
            for (int64_t j = 0; j < n; j++) {
                double way = d[i * n + k] + d[k * n + j];
                if (way < d[i * n + j]) d[i * n + j] = way;
            }
        }
    }
    double total = 0.0;
    for (int64_t i = 0; i < n * n; i++) total += d[i];
    free(d);
    result[0] = total;
}
