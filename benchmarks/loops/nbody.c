#include <math.h>
#include <stdint.h>

#define PI 3.14159265358979323846
#define DAYS 365.24
#define SOLAR (4.0 * PI * PI)

static double energy(double p[5][3], double v[5][3], double mass[5]) {
    double e = 0.0;
    for (int64_t i = 0; i < 5; i++) {
        e += 0.5 * mass[i] * (v[i][0] * v[i][0] + v[i][1] * v[i][1] + v[i][2] * v[i][2]);
        for (int64_t j = i + 1; j < 5; j++) {
            double x = p[i][0] - p[j][0];
            double y = p[i][1] - p[j][1];
            double z = p[i][2] - p[j][2];
            e -= mass[i] * mass[j] / sqrt(x * x + y * y + z * z);
        }
    }
    return e;
}

void run(int64_t steps, double *result) {
    double dt = 0.01;
    double p[5][3] = {
        {0.0, 0.0, 0.0},
        {4.84143144246472090, -1.16032004402742839, -0.103622044471123109},
        {8.34336671824457987, 4.12479856412430479, -0.403523417114321381},
        {12.8943695621391310, -15.1111514016986312, -0.223307578892655734},
        {15.3796971148509165, -25.9193146099879641, 0.179258772950371181},
    };
    double v[5][3] = {
        {0.0, 0.0, 0.0},
        {0.00166007664274403694, 0.00769901118419740425, -0.0000690460016972063023},
        {-0.00276742510726411899, 0.00499852801234917238, 0.0000230417297573763929},
        {0.00296460137564761618, 0.00237847173959480950, -0.0000296589568540237556},
        {0.00268067772490389322, 0.00162824170038242295, -0.0000951592254519715870},
    };
    double mass[5] = {
        1.0,
        0.000954791938424326609,
        0.000285885980666130812,
        0.0000436624404335156298,
        0.0000515138902046611451,
    };
    for (int64_t i = 0; i < 5; i++) {
        for (int64_t c = 0; c < 3; c++) v[i][c] *= DAYS;
        mass[i] *= SOLAR;
    }
    for (int64_t i = 1; i < 5; i++) {
        for (int64_t c = 0; c < 3; c++) v[0][c] -= v[i][c] * mass[i] / SOLAR;
    }
    for (int64_t step = 0; step < steps; step++) {
        for (int64_t i = 0; i < 5; i++) {
            for (int64_t j = i + 1; j < 5; j++) {
                double x = p[i][0] - p[j][0];
                double y = p[i][1] - p[j][1];
                double z = p[i][2] - p[j][2];
                double square = x * x + y * y + z * z;
                double force = dt / (square * sqrt(square));
                v[i][0] -= x * mass[j] * force;
                v[i][1] -= y * mass[j] * force;
                v[i][2] -= z * mass[j] * force;
                v[j][0] += x * mass[i] * force;
                v[j][1] += y * mass[i] * force;
                v[j][2] += z * mass[i] * force;
            }
        }
        for (int64_t i = 0; i < 5; i++) {
            p[i][0] += dt * v[i][0];
            p[i][1] += dt * v[i][1];
            p[i][2] += dt * v[i][2];
        }
    }
    result[0] = energy(p, v, mass);
}
