/* The gamma function's logarithm and its derivatives, as `charl/ops/special.py` computes them: there
 * are the sources. */
#include <math.h>
#include <stdint.h>

double charl_lgamma(double x);
float charl_lgammaf(float x);
double charl_digamma(double x);
float charl_digammaf(float x);
double charl_polygamma(double x, int64_t order);
float charl_polygammaf(float x, int64_t order);

/* From here on the asymptotic series reach float64. */
static const double FAR = 10;

enum { TERMS = 10 };
static const double BERNOULLI[TERMS] = {
    1.0 / 6,  -1.0 / 30,     1.0 / 42, -1.0 / 30,      5.0 / 66,
    -691.0 / 2730, 7.0 / 6, -3617.0 / 510, 43867.0 / 798, -174611.0 / 330,
};

double charl_lgamma(double x) { return lgamma(x); }

double charl_digamma(double x) {
    int negative = x <= 0;
    double lifted = negative ? 1 - x : x, total = 0;
    while (lifted < FAR) {
        total -= 1 / lifted;
        lifted += 1;
    }
    double inverse = 1 / lifted, square = inverse * inverse, series = 0;
    for (int k = TERMS; k >= 1; k--) {
        series = series * square - BERNOULLI[k - 1] / (2 * k);
    }
    total = total + log(lifted) - 0.5 * inverse + square * series;
    if (!negative) {
        return total;
    }
    double beside = x - rint(x);
    return beside == 0 ? NAN : total - M_PI / tan(M_PI * beside);
}

double charl_polygamma(double x, int64_t order) {
    double n = (double)order, far = FAR + n, lifted = x > -100 ? x : NAN, total = 0, series = 0;
    int odd = order % 2 == 1;
    if (x <= 0 && x == floor(x)) {
        return odd ? INFINITY : NAN;
    }
    if (x == INFINITY) {
        return 0;
    }
    while (lifted < far) {
        total += pow(lifted, -(n + 1));
        lifted += 1;
    }
    for (int k = TERMS; k >= 1; k--) {
        double weight = BERNOULLI[k - 1] * tgamma(2 * k + n) / tgamma(2 * k + 1);
        series += weight * pow(lifted, -(2 * k + n));
    }
    double start = tgamma(n) * pow(lifted, -n);
    double half = tgamma(n + 1) * pow(lifted, -(n + 1)) / 2;
    double size = tgamma(n + 1) * total + start + half + series;
    return odd ? size : -size;
}

float charl_lgammaf(float x) { return (float)charl_lgamma(x); }
float charl_digammaf(float x) { return (float)charl_digamma(x); }
float charl_polygammaf(float x, int64_t order) { return (float)charl_polygamma(x, order); }
