#include <stdbool.h>
#include <stdint.h>

static bool stays(double x, double y) {
    double re = 0.0, im = 0.0;
    int64_t rounds = 0;
    while (rounds < 50 && re * re + im * im <= 4.0) {
        double next = re * re - im * im + x;
        im = 2.0 * re * im + y;
        re = next;
        rounds++;
    }
    return rounds == 50;
}

void run(int64_t n, double *result) {
    int64_t count = 0;
    for (int64_t row = 0; row < n; row++) {
        double y = (double)(2 * row) / (double)n - 1.0;
        for (int64_t column = 0; column < n; column++) {
            double x = (double)(2 * column) / (double)n - 1.5;
            if (stays(x, y)) count++;
        }
    }
    result[0] = (double)count;
}
