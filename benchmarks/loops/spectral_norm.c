#include <math.h>
#include <stdint.h>
#include <stdlib.h>

static double element(int64_t i, int64_t j) {
    return 1.0 / (double)((i + j) * (i + j + 1) / 2 + i + 1);
}

static void times(int64_t n, const double *v, double *result) {
    for (int64_t i = 0; i < n; i++) {
        double total = 0.0;
        for (int64_t j = 0; j < n; j++) total += element(i, j) * v[j];
        result[i] = total;
    }
}

static void times_transposed(int64_t n, const double *v, double *result) {
    for (int64_t i = 0; i < n; i++) {
        double total = 0.0;
        for (int64_t j = 0; j < n; j++) total += element(j, i) * v[j];
        result[i] = total;
    }
}

void run(int64_t n, double *result) {
    double *u = malloc(8 * n), *v = malloc(8 * n), *between = malloc(8 * n);
    for (int64_t i = 0; i < n; i++) u[i] = 1.0, v[i] = 0.0;
    for (int64_t i = 0; i < 10; i++) {
        times(n, u, between);
        times_transposed(n, between, v);
        times(n, v, between);
        times_transposed(n, between, u);
    }
    double uv = 0.0, vv = 0.0;
    for (int64_t i = 0; i < n; i++) {
        uv += u[i] * v[i];
        vv += v[i] * v[i];
    }
    free(u);
    free(v);
    free(between);
    result[0] = sqrt(uv / vv);
}
