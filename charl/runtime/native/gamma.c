/* The gamma function's logarithm and its derivatives, as `charl/ops/special.py` computes them: there
 * are the sources. */
#include <math.h>
#include <stddef.h>
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

/* lgamma(2 + t) = (1 - Euler's constant) t + the sum of (-t)^k (zeta(k) - 1) / k over k from 2, for
 * |t| <= 1/2: the factors of k = 40 down to 2. */
static const double TAYLOR[] = {
    2.273736960065972e-14, -4.6640760264283744e-14, 9.573630387838554e-14,
    -1.9664756310966168e-13, 4.04220052528944e-13, -8.315385841420286e-13, 1.711991790559618e-12,
    -3.527742476575915e-12, 7.275974480239079e-12, -1.5021384080754142e-11, 3.104424774732227e-11,
    -6.422964563838101e-11, 1.3304764374244491e-10, -2.7595228851242334e-10,
    5.731367241678862e-10, -1.1921401405860912e-09, 2.4836745438024785e-09,
    -5.183475041970047e-09, 1.0838659214896955e-08, -2.2711094608943164e-08,
    4.769810169363981e-08, -1.00432248239681e-07, 2.1207184805554667e-07, -4.492469198764566e-07,
    9.55141213040742e-07, -2.0392157538013658e-06, 4.374866789907489e-06, -9.439488275268395e-06,
    2.0507212775670688e-05, -4.492623673813314e-05, 9.945751278180854e-05,
    -0.00022315475845357936, 0.0005096695247430423, -0.001192753911703261, 0.002890510330741523,
    -0.0073855510286739865, 0.020580808427784546, -0.06735230105319809, 0.32246703342411326,
};

static double near_two(double t) {
    double series = 0;
    for (size_t i = 0; i < sizeof TAYLOR / sizeof *TAYLOR; i++) {
        series = series * t + TAYLOR[i];
    }
    return t * ((1 - 0.57721566490153286061) + t * series);
}

/* Of x >= 1/2. */
static double lgamma_of_positive(double x) {
    if (x >= 0.5 && x <= 2.5) {
        return x < 1.5 ? near_two(x - 1) - log1p(x - 1) : near_two(x - 2);
    }
    if (isinf(x)) {
        return x;
    }
    double product = 1;
    while (x < FAR) {
        product *= x;
        x += 1;
    }
    double inverse = 1 / x, square = inverse * inverse, series = 0;
    for (int k = TERMS; k >= 1; k--) {
        series = series * square + BERNOULLI[k - 1] / (2 * k * (2 * k - 1));
    }
    double stirling = (x - 0.5) * log(x) - x + 0.5 * log(2 * M_PI) + inverse * series;
    return stirling - log(product);
}

double charl_lgamma(double x) {
    if (!(x < 0.5)) {
        return lgamma_of_positive(x);
    }
    if (isinf(x)) {
        return INFINITY;
    }
    double sine = fabs(sin(M_PI * (x - rint(x))));
    return log(M_PI) - log(sine) - lgamma_of_positive(1 - x);
}

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
