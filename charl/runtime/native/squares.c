/* What CPUs have for products of bfloat16, and squares of 32 x 32 sums made by that.
 *
 * AVX512-BF16 multiplies pairs: one instruction adds, to each of 16 sums, the products of two pairs.
 * Eight rows of a square stay in registers while the sum runs.
 *
 * AMX multiplies tiles, of 16 x 32 numbers and 16 x 16 pairs in rows: an instruction makes 16 x 16
 * sums of 32 products. The sums of a square are four of the eight tiles. Linux gives a process the
 * tiles when it asks, once; a thread says their shapes before it uses them and releases them
 * afterwards, for the system keeps what is in them whenever another thread gets its turn.
 *
 * Both read and give denormals as zero, and round every sum to the nearest float32. The operations
 * are those of Intel's manual, "Instruction Set Extensions", VDPBF16PS and TDPBF16PS.
 *
 * The tests build this with CHARL_INTRINSICS, a header that does in plain C what the instructions do
 * (`tests/native/bfloat16/`).
 */
#include "squares.h"

#include <stdatomic.h>
#include <string.h>

#if defined(CHARL_INTRINSICS)
#include CHARL_INTRINSICS
#define WITH(instructions)
#define HAS_AVX512_BF16
#define HAS_AMX_BF16
#elif defined(__x86_64__) && ((defined(__clang__) && __clang_major__ >= 12) ||                     \
                              (!defined(__clang__) && defined(__GNUC__) && __GNUC__ >= 11))
#include <cpuid.h>
#include <immintrin.h>
#define WITH(instructions) __attribute__((target(instructions)))
#define HAS_AVX512_BF16
#if defined(__linux__)
#include <sys/syscall.h>
#include <unistd.h>
#define HAS_AMX_BF16
#endif
#endif

/* --- AVX512-BF16 ----------------------------------------------------------------------------- */

#ifdef HAS_AVX512_BF16

static void nothing(void) {}

enum { GROUP = 8, HALF = SQUARE / 2 };

/* Eight rows. The sums are an array that the compiler keeps in registers, as every index in it is a
 * number once the loops over rows are unrolled. */
WITH("avx512f,avx512bf16")
static void group_by_pairs(const uint16_t *a, const uint16_t *b, float *sums, int64_t width,
                           int64_t depth, int adds) {
    __m512 x[GROUP], y[GROUP];
#pragma GCC unroll 8
    for (int i = 0; i < GROUP; i++) {
        x[i] = adds ? _mm512_load_ps(sums + i * width) : _mm512_setzero_ps();
        y[i] = adds ? _mm512_load_ps(sums + i * width + HALF) : _mm512_setzero_ps();
    }
    for (int64_t l = 0; l < depth; l += 2, b += 2 * SQUARE) {
        __m512bh left = (__m512bh)_mm512_load_si512(b);
        __m512bh right = (__m512bh)_mm512_load_si512(b + SQUARE);
#pragma GCC unroll 8
        for (int i = 0; i < GROUP; i++) {
            int32_t both;
            memcpy(&both, a + i * depth + l, sizeof both);
            __m512bh pair = (__m512bh)_mm512_set1_epi32(both);
            x[i] = _mm512_dpbf16_ps(x[i], pair, left);
            y[i] = _mm512_dpbf16_ps(y[i], pair, right);
        }
    }
#pragma GCC unroll 8
    for (int i = 0; i < GROUP; i++) {
        _mm512_store_ps(sums + i * width, x[i]);
        _mm512_store_ps(sums + i * width + HALF, y[i]);
    }
}

static void by_pairs(const uint16_t *a, const uint16_t *b, float *sums, int64_t width,
                     int64_t depth, int64_t rows, int adds) {
    for (int64_t i = 0; i < rows; i += GROUP) {
        group_by_pairs(a + i * depth, b, sums + i * width, width, depth, adds);
    }
}

static const Squares pairs = {nothing, by_pairs, nothing};

#endif

/* --- AMX ------------------------------------------------------------------------------------- */

#ifdef HAS_AMX_BF16

/* What LDTILECFG reads: for each tile its rows, and the bytes of a row. */
typedef struct {
    uint8_t palette, first_row, reserved[14];
    uint16_t bytes[16];
    uint8_t rows[16];
} Shapes;

static const Shapes shapes = {
    .palette = 1,
    .bytes = {64, 64, 64, 64, 64, 64, 64, 64},
    .rows = {16, 16, 16, 16, 16, 16, 16, 16},
};

WITH("amx-tile")
static void begin_tiles(void) { _tile_loadconfig(&shapes); }

WITH("amx-tile")
static void end_tiles(void) { _tile_release(); }

/* Tiles 0 and 1 are the upper half of the sums, 2 and 3 the lower, which is left out where no row of
 * it counts; 4 and 5 are the rows of a, 6 and 7 the columns of b. */
WITH("amx-tile,amx-bf16")
static void by_tiles(const uint16_t *a, const uint16_t *b, float *sums, int64_t width,
                     int64_t depth, int64_t rows, int adds) {
    const uint16_t *lower = rows > HALF ? a + HALF * depth : NULL;
    float *below = sums + HALF * width;
    int64_t a_bytes = depth * (int64_t)sizeof *a, b_bytes = 2 * SQUARE * (int64_t)sizeof *b;
    int64_t bytes = width * (int64_t)sizeof *sums;
    if (adds) {
        _tile_loadd(0, sums, bytes);
        _tile_loadd(1, sums + HALF, bytes);
        _tile_loadd(2, below, bytes);
        _tile_loadd(3, below + HALF, bytes);
    } else {
        _tile_zero(0);
        _tile_zero(1);
        _tile_zero(2);
        _tile_zero(3);
    }
    for (int64_t l = 0; l < depth; l += SQUARE, b += SQUARE * SQUARE) {
        _tile_loadd(4, a + l, a_bytes);
        _tile_loadd(6, b, b_bytes);
        _tile_loadd(7, b + SQUARE, b_bytes);
        _tile_dpbf16ps(0, 4, 6);
        _tile_dpbf16ps(1, 4, 7);
        if (lower != NULL) {
            _tile_loadd(5, lower + l, a_bytes);
            _tile_dpbf16ps(2, 5, 6);
            _tile_dpbf16ps(3, 5, 7);
        }
    }
    _tile_stored(0, sums, bytes);
    _tile_stored(1, sums + HALF, bytes);
    _tile_stored(2, below, bytes);
    _tile_stored(3, below + HALF, bytes);
}

static const Squares tiles = {begin_tiles, by_tiles, end_tiles};

#endif

/* --- Which of them --------------------------------------------------------------------------- */

const Squares *charl_bfloat16_squares(Multiplier multiplier) {
    switch (multiplier) {
#ifdef HAS_AVX512_BF16
    case AVX512_BF16:
        return &pairs;
#endif
#ifdef HAS_AMX_BF16
    case AMX_BF16:
        return &tiles;
#endif
    default:
        return NULL;
    }
}

#if defined(CHARL_INTRINSICS)
static Multiplier best(void) { return AMX_BF16; }
#elif defined(HAS_AVX512_BF16)

/* Bits of XCR0, the states that the system keeps for a thread: SSE, AVX, and three of AVX512; the
 * tiles and their shapes. */
enum { STATES_OF_AVX512 = 0xE6, STATES_OF_AMX = 0x60000, TILES = 18 };

static uint64_t states(void) {
    uint32_t low, high;
    __asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return (uint64_t)high << 32 | low;
}

#ifdef HAS_AMX_BF16
static int tiles_are_given(void) {
    enum { ARCH_REQ_XCOMP_PERM = 0x1023 };
    return syscall(SYS_arch_prctl, ARCH_REQ_XCOMP_PERM, TILES) == 0;
}
#else
static int tiles_are_given(void) { return 0; }
#endif

/* The bits are those of Intel's manual, volume 2, CPUID leaves 1 and 7. */
static Multiplier best(void) {
    unsigned a, b, c, d, narrow = 0;
    if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & bit_OSXSAVE) ||
        !__get_cpuid_count(7, 0, &a, &b, &c, &d)) {
        return AS_FLOAT32;
    }
    int wide = b >> 16 & 1, amx = d >> 22 & d >> 24 & 1;
    if (a >= 1) {
        unsigned x, y, z;
        narrow = __get_cpuid_count(7, 1, &a, &x, &y, &z) ? a >> 5 & 1 : 0;
    }
    uint64_t kept = states();
    if (amx && (kept & STATES_OF_AMX) == STATES_OF_AMX && tiles_are_given()) {
        return AMX_BF16;
    }
    return wide && narrow && (kept & STATES_OF_AVX512) == STATES_OF_AVX512 ? AVX512_BF16
                                                                           : AS_FLOAT32;
}
#else
static Multiplier best(void) { return AS_FLOAT32; }
#endif

int32_t charl_bfloat16_multiplier(void) {
    static _Atomic int32_t found = -1;
    int32_t multiplier = atomic_load_explicit(&found, memory_order_relaxed);
    if (multiplier < 0) {
        multiplier = (int32_t)best();
        atomic_store_explicit(&found, multiplier, memory_order_relaxed);
    }
    return multiplier;
}
