/* Random draws: the numbers that `charl/ops/random.py` defines, bit for bit.
 *
 * Its head says what a stream is and how each distribution is made from one word per element, so
 * that any stretch of a draw can be made alone: long draws are spread over the threads. Normal
 * numbers use + - * / and sqrt in the order written there, and nothing here may be contracted to
 * fused multiply-add, which rounds once where two roundings are defined; the build says -std=c11,
 * which forbids it to GCC, and the pragma below does so for others.
 *
 * Normal numbers are made in batches. What every element needs, or what only those far from the
 * centre do, stands in loops without branches, which the compiler makes vector code of; the seventh
 * of the elements that lie in the tails is gathered, computed together, and put back.
 */
#include "machines.h"
#include "sorting.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#if defined(__clang__)
#pragma STDC FP_CONTRACT OFF
#endif

/* BATCH elements are made at once in memory on the stack; GRAIN are worth a thread. */
enum { BATCH = 512, GRAIN = 1 << 14, ROUNDS = 10, BLOCK = 4 };

/* The state of the program: its seed and how many draws there have been. The host sets it before a
 * run, and takes it back after. */
uint64_t charl_random[2];

/* --- Streams --------------------------------------------------------------------------------- */

typedef struct {
    uint64_t keys[ROUNDS][2];
} Stream;

/* A draw: `fill` makes elements first, first + 1, ... of the target from their words. */
typedef struct Draw {
    Stream stream;
    void (*fill)(const struct Draw *draw, const uint64_t *words, int64_t first, int64_t count);
    char *target;
    const char *operand; /* probabilities, logits */
    int64_t width;       /* bytes of a float */
    int64_t number;      /* digits, the lowest integer, or categories */
    uint64_t range;
} Draw;

static Draw next_draw(void) {
    Draw draw = {0};
    uint64_t k0 = charl_random[0], k1 = charl_random[1]++;
    for (int i = 0; i < ROUNDS; i++) {
        draw.stream.keys[i][0] = k0;
        draw.stream.keys[i][1] = k1;
        k0 += 0x9E3779B97F4A7C15ULL;
        k1 += 0xBB67AE8584CAA73BULL;
    }
    return draw;
}

/* The four words of a block: the cipher of the counter (number, 0, 0, 0). */
static inline void block(const Stream *stream, uint64_t number, uint64_t *words) {
    uint64_t c0 = number, c1 = 0, c2 = 0, c3 = 0;
    for (int i = 0; i < ROUNDS; i++) {
        unsigned __int128 left = (unsigned __int128)0xD2E7470EE14C6C93ULL * c0;
        unsigned __int128 right = (unsigned __int128)0xCA5A826395121157ULL * c2;
        c0 = (uint64_t)(right >> 64) ^ c1 ^ stream->keys[i][0];
        c1 = (uint64_t)right;
        c2 = (uint64_t)(left >> 64) ^ c3 ^ stream->keys[i][1];
        c3 = (uint64_t)left;
    }
    words[0] = c0;
    words[1] = c1;
    words[2] = c2;
    words[3] = c3;
}

/* The words of elements first, first + 1, ... */
static void words_of(const Stream *stream, int64_t first, int64_t count, uint64_t *words) {
    while (count > 0) {
        int64_t skipped = first % BLOCK;
        int64_t taken = BLOCK - skipped < count ? BLOCK - skipped : count;
        uint64_t number = (uint64_t)(first / BLOCK) + 1;
        if (taken == BLOCK) {
            block(stream, number, words);
        } else {
            uint64_t whole[BLOCK];
            block(stream, number, whole);
            memcpy(words, whole + skipped, (size_t)taken * sizeof *words);
        }
        words += taken;
        first += taken;
        count -= taken;
    }
}

static int32_t fill_stretch(int64_t *context, int64_t low, int64_t high) {
    const Draw *draw = (const Draw *)context;
    uint64_t words[BATCH];
    for (int64_t first = low; first < high; first += BATCH) {
        int64_t count = high - first < BATCH ? high - first : BATCH;
        words_of(&draw->stream, first, count, words);
        draw->fill(draw, words, first, count);
    }
    return 0;
}

static void fill(Draw *draw, int64_t count) {
    charl_parallel(fill_stretch, (int64_t *)draw, count, GRAIN);
}

/* --- Floats and their bits ------------------------------------------------------------------- */

static inline double from_bits(uint64_t bits) {
    double x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

static inline uint64_t bits_of(double x) {
    uint64_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

/* An element of a tensor of float32 or float64. */
static inline double float_at(const char *tensor, int64_t width, int64_t place) {
    return width == 4 ? (double)((const float *)tensor)[place] : ((const double *)tensor)[place];
}

/* A word as a number strictly between 0 and 1: ((u >> 12) + 1/2) 2^-52, exactly. */
static inline double open_unit(uint64_t word) {
    return from_bits(word >> 12 | 1023ULL << 52) - 1.0 + 0x1p-53;
}

/* The natural logarithm of a positive, normal number. */
static inline double natural_log(double x) {
    uint64_t bits = bits_of(x);
    int64_t exponent = (int64_t)(bits >> 52) - 1023;
    double mantissa = from_bits((bits & 0xFFFFFFFFFFFFFULL) | 1023ULL << 52);
    int large = mantissa >= 1.4142135623730951;
    mantissa = large ? mantissa * 0.5 : mantissa;
    double f = (mantissa - 1.0) / (mantissa + 1.0), g = f * f;
    double series = 1.0 / 21.0;
    for (int k = 9; k >= 0; k--) {
        series = series * g + 1.0 / (2 * k + 1);
    }
    /* The exponent, which is small, without a conversion that few vector units have. */
    double whole = from_bits((uint64_t)(exponent + large + (1LL << 51)) | 1075ULL << 52) - 0x1.8p52;
    return whole * 0.6931471805599453 + (2.0 * f) * series;
}

/* --- Normal numbers: AS 241, PPND16 ---------------------------------------------------------- */

enum { TERMS = 8 };
typedef double Table[2][TERMS]; /* numerator and denominator, the highest power first */

static const Table CENTRE = {
    {2.5090809287301226727e3, 3.3430575583588128105e4, 6.7265770927008700853e4,
     4.5921953931549871457e4, 1.3731693765509461125e4, 1.9715909503065514427e3,
     1.3314166789178437745e2, 3.3871328727963666080e0},
    {5.2264952788528545610e3, 2.8729085735721942674e4, 3.9307895800092710610e4,
     2.1213794301586595867e4, 5.3941960214247511077e3, 6.8718700749205790830e2,
     4.2313330701600911252e1, 1.0},
};
static const Table NEAR = {
    {7.74545014278341407640e-4, 2.27238449892691845833e-2, 2.41780725177450611770e-1,
     1.27045825245236838258e0, 3.64784832476320460504e0, 5.76949722146069140550e0,
     4.63033784615654529590e0, 1.42343711074968357734e0},
    {1.05075007164441684324e-9, 5.47593808499534494600e-4, 1.51986665636164571966e-2,
     1.48103976427480074590e-1, 6.89767334985100004550e-1, 1.67638483018380384940e0,
     2.05319162663775882187e0, 1.0},
};
static const Table TAIL = {
    {2.01033439929228813265e-7, 2.71155556874348757815e-5, 1.24266094738807843860e-3,
     2.65321895265761230930e-2, 2.96560571828504891230e-1, 1.78482653991729133580e0,
     5.46378491116411436990e0, 6.65790464350110377720e0},
    {2.04426310338993978564e-15, 1.42151175831644588870e-7, 1.84631831751005468180e-5,
     7.86869131145613259100e-4, 1.48753612908506148525e-2, 1.36929880922735805310e-1,
     5.99832206555887937690e-1, 1.0},
};

static inline double ratio(double x, const Table table) {
    double numerator = table[0][0], denominator = table[1][0];
    for (int i = 1; i < TERMS; i++) {
        numerator = numerator * x + table[0][i];
        denominator = denominator * x + table[1][i];
    }
    return numerator / denominator;
}

/* The probabilities that the words stand for, and the numbers, right near the centre. */
FOR_SEVERAL_MACHINES
static void normal_centre(const uint64_t *restrict words, double *restrict p, double *restrict z,
                          int64_t count) {
    for (int64_t i = 0; i < count; i++) {
        p[i] = open_unit(words[i]);
        double q = p[i] - 0.5;
        z[i] = q * ratio(0.180625 - q * q, CENTRE);
    }
}

/* The sizes of the numbers whose nearer tail is this; almost none lies beyond `NEAR`. */
FOR_SEVERAL_MACHINES
static void normal_tails(const double *restrict tail, double *restrict size, int64_t count) {
    double r[BATCH];
    for (int64_t i = 0; i < count; i++) {
        r[i] = sqrt(-natural_log(tail[i]));
        size[i] = ratio(r[i] - 1.6, NEAR);
    }
    for (int64_t i = 0; i < count; i++) {
        if (!(r[i] <= 5.0)) {
            size[i] = ratio(r[i] - 5.0, TAIL);
        }
    }
}

/* The numbers that up to BATCH words stand for; for tests too, as hardly any draw has a word from the
 * far tails. */
void charl_normal(const uint64_t *words, double *z, int64_t count) {
    double p[BATCH], tail[BATCH], size[BATCH];
    int32_t places[BATCH];
    int64_t found = 0;
    normal_centre(words, p, z, count);
    for (int64_t i = 0; i < count; i++) {
        double q = p[i] - 0.5;
        places[found] = (int32_t)i;
        tail[found] = q < 0 ? p[i] : 1.0 - p[i];
        found += !(fabs(q) <= 0.425);
    }
    normal_tails(tail, size, found);
    for (int64_t i = 0; i < found; i++) {
        z[places[i]] = p[places[i]] < 0.5 ? -size[i] : size[i];
    }
}

static void fill_normal(const Draw *draw, const uint64_t *words, int64_t first, int64_t count) {
    double z[BATCH];
    if (draw->width == 8) {
        charl_normal(words, (double *)draw->target + first, count);
        return;
    }
    charl_normal(words, z, count);
    float *target = (float *)draw->target + first;
    for (int64_t i = 0; i < count; i++) {
        target[i] = (float)z[i];
    }
}

void charl_random_normal(void *target, int64_t count, int64_t width) {
    Draw draw = next_draw();
    draw.fill = fill_normal;
    draw.target = target;
    draw.width = width;
    fill(&draw, count);
}

/* --- Even numbers ---------------------------------------------------------------------------- */

static void fill_uniform(const Draw *draw, const uint64_t *words, int64_t first, int64_t count) {
    int shift = 64 - (int)draw->number;
    if (draw->width == 8) {
        double *target = (double *)draw->target + first;
        for (int64_t i = 0; i < count; i++) {
            target[i] = (double)(int64_t)(words[i] >> shift) * 0x1p-53;
        }
        return;
    }
    float *target = (float *)draw->target + first, step = ldexpf(1, -(int)draw->number);
    for (int64_t i = 0; i < count; i++) {
        target[i] = (float)(int32_t)(words[i] >> shift) * step;
    }
}

/* Multiples of 2^-digits; float64 has 53 digits. */
void charl_random_uniform(void *target, int64_t count, int64_t width, int64_t digits) {
    Draw draw = next_draw();
    draw.fill = fill_uniform;
    draw.target = target;
    draw.width = width;
    draw.number = digits;
    fill(&draw, count);
}

static void fill_int(const Draw *draw, const uint64_t *words, int64_t first, int64_t count) {
    uint64_t *target = (uint64_t *)draw->target + first;
    for (int64_t i = 0; i < count; i++) {
        unsigned __int128 product = (unsigned __int128)words[i] * draw->range;
        target[i] = (uint64_t)draw->number + (uint64_t)(product >> 64);
    }
}

void charl_random_int(int64_t *target, int64_t count, int64_t low, int64_t high) {
    Draw draw = next_draw();
    draw.fill = fill_int;
    draw.target = (char *)target;
    draw.number = low;
    draw.range = (uint64_t)high - (uint64_t)low;
    fill(&draw, count);
}

/* --- Choices --------------------------------------------------------------------------------- */

static void fill_bernoulli(const Draw *draw, const uint64_t *words, int64_t first, int64_t count) {
    uint8_t *target = (uint8_t *)draw->target + first;
    for (int64_t i = 0; i < count; i++) {
        double drawn = (double)(int64_t)(words[i] >> 11) * 0x1p-53;
        target[i] = drawn < float_at(draw->operand, draw->width, first + i);
    }
}

/* Whether all are probabilities: nothing is drawn unless they are. */
int32_t charl_random_bernoulli(uint8_t *target, const char *chances, int64_t count,
                               int64_t width) {
    for (int64_t i = 0; i < count; i++) {
        double chance = float_at(chances, width, i);
        if (!(chance >= 0 && chance <= 1)) {
            return 0;
        }
    }
    Draw draw = next_draw();
    draw.fill = fill_bernoulli;
    draw.target = (char *)target;
    draw.operand = chances;
    draw.width = width;
    fill(&draw, count);
    return 1;
}

FOR_SEVERAL_MACHINES
static void perturb(double *restrict scores, const uint64_t *restrict words, int64_t count) {
    for (int64_t i = 0; i < count; i++) {
        scores[i] -= natural_log(-natural_log(open_unit(words[i])));
    }
}

static int32_t choose(int64_t *context, int64_t low, int64_t high) {
    const Draw *draw = (const Draw *)context;
    uint64_t words[BATCH];
    double scores[BATCH];
    for (int64_t row = low; row < high; row++) {
        int64_t best = 0;
        double greatest = -INFINITY;
        for (int64_t from = 0; from < draw->number; from += BATCH) {
            int64_t first = row * draw->number + from;
            int64_t count = draw->number - from < BATCH ? draw->number - from : BATCH;
            words_of(&draw->stream, first, count, words);
            for (int64_t i = 0; i < count; i++) {
                scores[i] = float_at(draw->operand, draw->width, first + i);
            }
            perturb(scores, words, count);
            for (int64_t i = 0; i < count; i++) {
                /* The first of equals, and of those that are not numbers, which are greater. */
                if (scores[i] > greatest || (isnan(scores[i]) && !isnan(greatest))) {
                    greatest = scores[i];
                    best = from + i;
                }
            }
        }
        ((int64_t *)draw->target)[row] = best;
    }
    return 0;
}

void charl_random_categorical(int64_t *target, const char *logits, int64_t rows,
                              int64_t categories, int64_t width) {
    Draw draw = next_draw();
    draw.target = (char *)target;
    draw.operand = logits;
    draw.width = width;
    draw.number = categories;
    charl_parallel(choose, (int64_t *)&draw, rows, GRAIN / 4 / (categories > 0 ? categories : 1));
}

/* --- Orders ---------------------------------------------------------------------------------- */

static void fill_keyed(const Draw *draw, const uint64_t *words, int64_t first, int64_t count) {
    Keyed *target = (Keyed *)draw->target + first;
    for (int64_t i = 0; i < count; i++) {
        target[i] = (Keyed){words[i], first + i};
    }
}

/* Whether there was the memory that it takes. */
int32_t charl_random_permutation(int64_t *target, int64_t count) {
    Keyed *items = malloc(2 * (size_t)count * sizeof *items + 1);
    if (items == NULL) {
        return 0;
    }
    Draw draw = next_draw();
    draw.fill = fill_keyed;
    draw.target = (char *)items;
    fill(&draw, count);
    const Keyed *sorted = charl_sort_keyed(items, items + count, count);
    for (int64_t i = 0; i < count; i++) {
        target[i] = sorted[i].place;
    }
    free(items);
    return 1;
}
