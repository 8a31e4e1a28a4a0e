/* The emulated machine's only program: products of bfloat16 by the instructions of its CPU and by the
 * model of them in plain C, which must have the same bits. */
#include "squares.h"

int32_t model_multiply_bfloat16(Multiplier multiplier, Matrix a, Matrix b, uint16_t *c,
                                int64_t c_row, int64_t m, int64_t n, int64_t k);

/* --- What C and the runtime would have ------------------------------------------------------- */

void *memset(void *to, int value, size_t count) {
    void *start = to;
    __asm__ volatile("rep stosb" : "+D"(to), "+c"(count) : "a"(value) : "memory");
    return start;
}

void *memcpy(void *to, const void *from, size_t count) {
    void *start = to;
    __asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(count) : : "memory");
    return start;
}

/* Nobody has to be asked for the tiles here. */
long syscall(long number, ...) { return number - number; }

static _Alignas(64) char scratch[4 << 20];
void *charl_scratch(int64_t bytes) { return bytes <= (int64_t)sizeof scratch ? scratch : NULL; }

_Noreturn static void stop(void) {
    for (;;) {
        __asm__ volatile("cli; hlt");
    }
}
_Noreturn void abort(void) { stop(); }

/* The way through float32 is not for this machine. */
void charl_multiply(Kind kind, Matrix a, Matrix b, void *c, int64_t c_row, int64_t m, int64_t n,
                    int64_t k, int adds) {
    (void)kind, (void)a, (void)b, (void)c, (void)c_row, (void)m, (void)n, (void)k, (void)adds;
    stop();
}

static void put(const char *text) {
    for (; *text != 0; text++) {
        __asm__ volatile("outb %0, $0xE9" : : "a"(*text));
    }
}

static void put_number(int64_t value) {
    char digits[24], *at = digits + sizeof digits;
    *--at = 0;
    do {
        *--at = (char)('0' + value % 10);
        value /= 10;
    } while (value > 0);
    put(at);
}

/* --- The products ---------------------------------------------------------------------------- */

enum { MOST = 640 * 640, MARGIN = 4 };
static uint16_t left[MOST], right[MOST], found[MOST], expected[MOST];

static uint32_t state = 1;
static uint32_t drawn(void) {
    state ^= state << 13;
    state ^= state >> 17;
    state ^= state << 5;
    return state;
}

/* Numbers near one; with `any`, one of 64 has all its bits by chance: denormals, infinities, NaN. */
static void fill(uint16_t *x, int64_t count, int any) {
    for (int64_t i = 0; i < count; i++) {
        uint32_t bits = drawn();
        uint32_t near = (bits & 0x807F) | (120 + (bits >> 16) % 14) << 7;
        x[i] = (uint16_t)(any && bits >> 26 == 0 ? bits : near);
    }
}

/* NaN is NaN: which of two payloads a sum keeps is the order of its operands. */
static int same(uint16_t x, uint16_t y) {
    return x == y || ((x & 0x7FFF) > 0x7F80 && (y & 0x7FFF) > 0x7F80);
}

static int64_t differing(Multiplier multiplier, int64_t m, int64_t k, int64_t n, int turned,
                         int any) {
    int64_t bad = 0;
    fill(left, m * k, any);
    fill(right, k * n, any);
    Matrix a = turned & 1 ? (Matrix){left, 1, m} : (Matrix){left, k, 1};
    Matrix b = turned & 2 ? (Matrix){right, 1, k} : (Matrix){right, n, 1};
    int64_t row = n + MARGIN;
    fill(found, m * row, 0);
    memcpy(expected, found, (size_t)(m * row) * sizeof *found);
    bad += charl_multiply_bfloat16(multiplier, a, b, found, row, m, n, k);
    bad += model_multiply_bfloat16(multiplier, a, b, expected, row, m, n, k);
    for (int64_t i = 0; i < m * row; i++) {
        bad += i % row < n ? !same(found[i], expected[i]) : found[i] != expected[i];
    }
    return bad;
}

static const int sizes[][3] = {
    {1, 1, 1},   {1, 64, 40},  {7, 2, 15},    {8, 31, 16},  {9, 32, 17},   {16, 33, 31},
    {17, 35, 1}, {31, 64, 33}, {32, 32, 32},  {33, 1, 65},  {64, 96, 64},  {100, 70, 50},
    {3, 530, 4}, {520, 9, 5},  {5, 40, 520},  {3, 0, 2},    {40, 600, 36},
};

void test(void) {
    static const char *const names[] = {"float32", "AVX512-BF16", "AMX-BF16"};
    int32_t best = charl_bfloat16_multiplier();
    put("the CPU's best is ");
    put(names[best]);
    put("\n");
    for (int multiplier = AVX512_BF16; multiplier <= best; multiplier++) {
        int64_t products = 0, numbers = 0, bad = 0;
        for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
            for (int turned = 0; turned < 4; turned++) {
                for (int any = 0; any < 2; any++, products++) {
                    const int *s = sizes[i];
                    bad += differing((Multiplier)multiplier, s[0], s[1], s[2], turned, any);
                    numbers += s[0] * s[2];
                }
            }
        }
        put(names[multiplier]);
        put(": ");
        put_number(products);
        put(" products, ");
        put_number(numbers);
        put(" numbers, ");
        put_number(bad);
        put(" differ\n");
    }
}
