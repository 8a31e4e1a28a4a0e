/* Arithmetic on scalars that is more than an instruction or two. */
#include <math.h>
#include <stdint.h>
#include <string.h>

#include "bfloat16.h"
#include "charl.h"

int64_t charl_power(int64_t base, int64_t exponent, int64_t bits, int64_t *fits);
double charl_mod(double a, double b);
float charl_modf(float a, float b);
double charl_floor_div(double a, double b);
float charl_floor_divf(float a, float b);
uint16_t charl_half(double x);
int64_t charl_turns(int64_t low, int64_t high, int64_t step);
int64_t charl_floor_div_size(int64_t a, int64_t b);
int64_t charl_mod_size(int64_t a, int64_t b);
float __truncsfbf2(float x);
float __truncdfhf2(double x);

/* base ** exponent, wrapped to 64 bits; `fits` tells whether it is a number of this many bits. */
int64_t charl_power(int64_t base, int64_t exponent, int64_t bits, int64_t *fits) {
    uint64_t result = 1, square = (uint64_t)base;
    int64_t exact = 1, exact_square = base;
    int overflows = 0, square_overflows = 0;
    while (exponent > 0) {
        if (exponent & 1) {
            result *= square;
            overflows |= square_overflows || __builtin_mul_overflow(exact, exact_square, &exact);
        }
        exponent >>= 1;
        square *= square;
        square_overflows |= __builtin_mul_overflow(exact_square, exact_square, &exact_square);
    }
    int64_t high = (int64_t)((1ULL << (bits - 1)) - 1);
    *fits = !overflows && exact <= high && exact >= -high - 1;
    return (int64_t)result;
}

/* The remainder with the sign of the divisor. */
double charl_mod(double a, double b) {
    double r = fmod(a, b);
    if (r != 0.0) {
        return (r < 0.0) != (b < 0.0) ? r + b : r;
    }
    return b == 0.0 || r != r ? r : copysign(0.0, b);
}

float charl_modf(float a, float b) {
    float r = fmodf(a, b);
    if (r != 0.0f) {
        return (r < 0.0f) != (b < 0.0f) ? r + b : r;
    }
    return b == 0.0f || r != r ? r : copysignf(0.0f, b);
}

/* The quotient rounded down: first made exact by taking the remainder away. */
double charl_floor_div(double a, double b) {
    if (b == 0.0) {
        return a / b;
    }
    double r = fmod(a, b), quotient = (a - r) / b;
    if (r != 0.0 && (r < 0.0) != (b < 0.0)) {
        quotient -= 1.0;
    }
    if (quotient == 0.0) {
        return copysign(0.0, a / b);
    }
    double down = floor(quotient);
    return quotient - down > 0.5 ? down + 1.0 : down;
}

float charl_floor_divf(float a, float b) {
    if (b == 0.0f) {
        return a / b;
    }
    float r = fmodf(a, b), quotient = (a - r) / b;
    if (r != 0.0f && (r < 0.0f) != (b < 0.0f)) {
        quotient -= 1.0f;
    }
    if (quotient == 0.0f) {
        return copysignf(0.0f, a / b);
    }
    float down = floorf(quotient);
    return quotient - down > 0.5f ? down + 1.0f : down;
}

/* How often a loop over so much turns; where that is more than a number can tell, no end is near. */
static int64_t turns_over(uint64_t way, uint64_t step) {
    uint64_t before_last = (way - 1) / step;
    return before_last < INT64_MAX ? (int64_t)before_last + 1 : INT64_MAX;
}

/* How often a loop from low to high turns. */
int64_t charl_turns(int64_t low, int64_t high, int64_t step) {
    if (step > 0) {
        return high > low ? turns_over((uint64_t)high - (uint64_t)low, (uint64_t)step) : 0;
    }
    return low > high ? turns_over((uint64_t)low - (uint64_t)high, 0 - (uint64_t)step) : 0;
}

int64_t charl_floor_div_size(int64_t a, int64_t b) {
    int64_t q = a / b;
    return a % b != 0 && (a % b < 0) != (b < 0) ? q - 1 : q;
}

int64_t charl_mod_size(int64_t a, int64_t b) {
    int64_t r = a % b;
    return r != 0 && (r < 0) != (b < 0) ? r + b : r;
}

/* The bits of the float16 nearest to x, ties to even. */
uint16_t charl_half(double x) {
    uint64_t bits;
    memcpy(&bits, &x, sizeof bits);
    uint16_t sign = (uint16_t)(bits >> 48 & 0x8000);
    bits &= ~(1ULL << 63);
    if (bits > 0x7FF0000000000000ULL) {
        return sign | 0x7E00; /* NaN */
    }
    int64_t exponent = (int64_t)(bits >> 52) - 1023;
    if (exponent > 15) {
        return sign | 0x7C00;
    }
    if (exponent < -25) {
        return sign;
    }
    uint64_t digits = (bits & 0xFFFFFFFFFFFFFULL) | 1ULL << 52;
    int64_t drop = exponent >= -14 ? 42 : 42 + (-14 - exponent);
    uint64_t half = 1ULL << (drop - 1), rest = digits & ((1ULL << drop) - 1);
    uint64_t kept = digits >> drop;
    kept += rest > half || (rest == half && (kept & 1));
    /* The leading digit of `kept` adds one to the exponent; a carry goes there too. */
    uint64_t base = exponent >= -14 ? (uint64_t)(exponent + 14) << 10 : 0;
    return sign | (uint16_t)(base + kept);
}

/* What LLVM calls, by this name, where a float64 is rounded to float32 and then to float16: it makes
 * one rounding of the two. A float16 is returned in the lower half of the register of a float. */
float __truncdfhf2(double x) {
    uint32_t bits = charl_half(x);
    float found;
    memcpy(&found, &bits, sizeof found);
    return found;
}

/* What LLVM calls, by this name, where a bfloat16 that a loop carries changes registers: the float32,
 * which is one, as a bfloat16. That is returned in the lower half of the register of a float. */
float __truncsfbf2(float x) {
    uint32_t bits = to_bfloat16(x);
    memcpy(&x, &bits, sizeof x);
    return x;
}
