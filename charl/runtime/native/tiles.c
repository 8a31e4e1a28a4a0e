/* Matrix products whose operands are read where they lie.
 *
 * BLAS rearranges both operands before it multiplies, and clears the result. That pays for large
 * matrices; for a stretch of some dozen rows it is a fifth of the time. Here a tile of six rows and
 * two vectors of the result stays in registers while the sum runs over a slab of it. A step loads
 * two vectors of a row of b and multiplies them with one number of each of six rows of a, which may
 * have any strides. That is twelve multiplications for eight loads: more than the units for
 * multiplication can do in the time the loads take.
 *
 * The columns of b are done panel by panel, two vectors wide, each with all rows of a. The first
 * tile leaves a dense copy of the panel as it passes, where enough tiles follow: stores are free
 * there, and the copy stays in the first cache. Panels of a b that lies otherwise, and the last one
 * when it is narrower, are copied first, and zeros make them up to a whole one.
 *
 * An element of the result is the sum over each slab in order, and of the slabs in order, whatever
 * rows and columns are done beside it: however a product is cut, its bits are the same.
 *
 * For the shape of the tile see Goto and van de Geijn, Anatomy of High-Performance Matrix
 * Multiplication (2008), and Van Zee and van de Geijn, BLIS (2015).
 */
#include "product.h"

#include <string.h>

#if defined(__x86_64__) && defined(__GNUC__)

#define FOR_VECTORS __attribute__((target("avx2,fma")))
#if !defined(__clang__)
#pragma GCC optimize("fp-contract=fast") /* multiply and add in one step */
#endif

enum {
    VECTOR = 32,           /* bytes */
    ROWS = 6,              /* of a tile */
    SLAB_BYTES = 1600,     /* of a row of a: six rows and a panel share the first cache */
    BLOCK_BYTES = 1 << 18, /* of a for which a panel is kept: half of the second cache */
    ENOUGH = 8,            /* tiles of a panel that are worth a dense copy of it */
    LEAST_DEPTH = 8,       /* multiplications for an element: with fewer, a tile is mostly stored */
    FAR = 4096,            /* bytes; addresses that differ by a multiple share a place of a cache */
    AHEAD_A = 4,           /* steps of which the operands are asked for before they are needed: */
    AHEAD_B = 8,           /* the machine itself does not foresee steps from page to page */
};

typedef float Vector_float __attribute__((vector_size(VECTOR), aligned(4), may_alias));
typedef double Vector_double __attribute__((vector_size(VECTOR), aligned(8), may_alias));
typedef float Four_float __attribute__((vector_size(16), aligned(4), may_alias));
typedef double Four_double __attribute__((vector_size(32), aligned(8), may_alias));

#define LANES(TYPE) (VECTOR / (int64_t)sizeof(TYPE))
#define WIDTH(TYPE) (2 * LANES(TYPE)) /* columns of a panel */
#define DEPTH(TYPE) (SLAB_BYTES / (int64_t)sizeof(TYPE))

/* --- Tiles ----------------------------------------------------------------------------------- */

/* Written out for each number of rows, as sums in an array would not be kept in registers. */
#define ROWS_1(DO, TYPE) DO(0, TYPE)
#define ROWS_2(DO, TYPE) ROWS_1(DO, TYPE) DO(1, TYPE)
#define ROWS_3(DO, TYPE) ROWS_2(DO, TYPE) DO(2, TYPE)
#define ROWS_4(DO, TYPE) ROWS_3(DO, TYPE) DO(3, TYPE)
#define ROWS_5(DO, TYPE) ROWS_4(DO, TYPE) DO(4, TYPE)
#define ROWS_6(DO, TYPE) ROWS_5(DO, TYPE) DO(5, TYPE)

#define ALL_float(x) ((Vector_float){x, x, x, x, x, x, x, x})
#define ALL_double(x) ((Vector_double){x, x, x, x})

#define BEGIN(I, TYPE) Vector_##TYPE left##I = {0}, right##I = {0};
#define STEP(I, TYPE)                                                                              \
    {                                                                                              \
        Vector_##TYPE x = ALL_##TYPE(a[I * a_row]);                                                \
        left##I += x * y0;                                                                         \
        right##I += x * y1;                                                                        \
    }
#define STORE(I, TYPE)                                                                             \
    *(Vector_##TYPE *)(c + I * c_row) = left##I;                                                   \
    *(Vector_##TYPE *)(c + I * c_row + LANES(TYPE)) = right##I;
#define ADD(I, TYPE)                                                                               \
    *(Vector_##TYPE *)(c + I * c_row) += left##I;                                                  \
    *(Vector_##TYPE *)(c + I * c_row + LANES(TYPE)) += right##I;
#define KEEP(TYPE)                                                                                 \
    *(Vector_##TYPE *)kept = y0;                                                                   \
    *(Vector_##TYPE *)(kept + LANES(TYPE)) = y1;                                                   \
    kept += WIDTH(TYPE);
#define DROP(TYPE) (void)kept;

/* c = or += a b for N rows of a and a panel of b; `kept` is for the copy of the panel. */
#define TILE(N, TYPE, NAME, KEEP_OR_DROP)                                                          \
    FOR_VECTORS static void NAME##_##N(const TYPE *a, int64_t a_row, int64_t a_column,             \
                                       const TYPE *b, int64_t b_row, TYPE *kept, TYPE *c,          \
                                       int64_t c_row, int64_t k, int adds) {                       \
        ROWS_##N(BEGIN, TYPE)                                                                      \
        for (; k > 0; k--, a += a_column, b += b_row) {                                            \
            Vector_##TYPE y0 = *(const Vector_##TYPE *)b;                                          \
            Vector_##TYPE y1 = *(const Vector_##TYPE *)(b + LANES(TYPE));                          \
            __builtin_prefetch(a + AHEAD_A * a_column);                                            \
            __builtin_prefetch(b + AHEAD_B * b_row);                                               \
            KEEP_OR_DROP(TYPE)                                                                     \
            ROWS_##N(STEP, TYPE)                                                                   \
        }                                                                                          \
        if (adds) {                                                                                \
            ROWS_##N(ADD, TYPE)                                                                    \
        } else {                                                                                   \
            ROWS_##N(STORE, TYPE)                                                                  \
        }                                                                                          \
    }

#define TILES(TYPE, NAME, KEEP_OR_DROP)                                                            \
    TILE(1, TYPE, NAME, KEEP_OR_DROP)                                                              \
    TILE(2, TYPE, NAME, KEEP_OR_DROP)                                                              \
    TILE(3, TYPE, NAME, KEEP_OR_DROP)                                                              \
    TILE(4, TYPE, NAME, KEEP_OR_DROP)                                                              \
    TILE(5, TYPE, NAME, KEEP_OR_DROP)                                                              \
    TILE(6, TYPE, NAME, KEEP_OR_DROP)                                                              \
    static Tile_##TYPE *const NAME[] = {NULL,     NAME##_1, NAME##_2, NAME##_3,                    \
                                        NAME##_4, NAME##_5, NAME##_6};

typedef void Tile_float(const float *, int64_t, int64_t, const float *, int64_t, float *, float *,
                        int64_t, int64_t, int);
typedef void Tile_double(const double *, int64_t, int64_t, const double *, int64_t, double *,
                         double *, int64_t, int64_t, int);

TILES(float, tiles_float, DROP)
TILES(double, tiles_double, DROP)
TILES(float, keeping_float, KEEP)
TILES(double, keeping_double, KEEP)

/* --- Panels ---------------------------------------------------------------------------------- */

#define MIX __builtin_shufflevector

#define PANELS(TYPE)                                                                               \
    /* The dense copy of a panel whose columns are dense: four by four elements are turned round   \
     * in registers. */                                                                            \
    FOR_VECTORS static void turn_##TYPE(Matrix b, int64_t k, int64_t n, TYPE *panel) {             \
        enum { WIDE = 2 * VECTOR / sizeof(TYPE) };                                                 \
        typedef Four_##TYPE Four;                                                                  \
        const TYPE *x = b.at;                                                                      \
        int64_t step = b.column, j = 0;                                                            \
        for (; j + 4 <= n; j += 4, x += 4 * step) {                                                \
            TYPE *p = panel + j;                                                                   \
            int64_t l = 0;                                                                         \
            for (; l + 4 <= k; l += 4, p += 4 * WIDE) {                                            \
                Four x0 = *(const Four *)(x + l), x1 = *(const Four *)(x + step + l);              \
                Four x2 = *(const Four *)(x + 2 * step + l);                                       \
                Four x3 = *(const Four *)(x + 3 * step + l);                                       \
                Four y0 = MIX(x0, x1, 0, 4, 1, 5), y1 = MIX(x2, x3, 0, 4, 1, 5);                   \
                Four y2 = MIX(x0, x1, 2, 6, 3, 7), y3 = MIX(x2, x3, 2, 6, 3, 7);                   \
                *(Four *)p = MIX(y0, y1, 0, 1, 4, 5);                                              \
                *(Four *)(p + WIDE) = MIX(y0, y1, 2, 3, 6, 7);                                     \
                *(Four *)(p + 2 * WIDE) = MIX(y2, y3, 0, 1, 4, 5);                                 \
                *(Four *)(p + 3 * WIDE) = MIX(y2, y3, 2, 3, 6, 7);                                 \
            }                                                                                      \
            for (; l < k; l++, p += WIDE) {                                                        \
                for (int64_t i = 0; i < 4; i++) {                                                  \
                    p[i] = x[i * step + l];                                                        \
                }                                                                                  \
            }                                                                                      \
        }                                                                                          \
        for (; j < n; j++, x += step) {                                                            \
            for (int64_t l = 0; l < k; l++) {                                                      \
                panel[l * WIDE + j] = x[l];                                                        \
            }                                                                                      \
        }                                                                                          \
    }                                                                                              \
                                                                                                   \
    /* The dense copy of any panel. */                                                             \
    FOR_VECTORS static void copy_##TYPE(Matrix b, int64_t k, int64_t n, TYPE *panel) {             \
        const TYPE *x = b.at;                                                                      \
        if (n < WIDTH(TYPE)) {                                                                     \
            memset(panel, 0, (size_t)(k * WIDTH(TYPE)) * sizeof(TYPE));                            \
        }                                                                                          \
        if (b.row == 1) {                                                                          \
            turn_##TYPE(b, k, n, panel);                                                           \
        } else if (b.column == 1 && n >= LANES(TYPE)) {                                            \
            /* Two vectors, which overlap when the panel is narrow. */                             \
            int64_t second = n - LANES(TYPE);                                                      \
            for (int64_t l = 0; l < k; l++, x += b.row, panel += WIDTH(TYPE)) {                    \
                *(Vector_##TYPE *)panel = *(const Vector_##TYPE *)x;                               \
                *(Vector_##TYPE *)(panel + second) = *(const Vector_##TYPE *)(x + second);         \
            }                                                                                      \
        } else {                                                                                   \
            for (int64_t l = 0; l < k; l++, x += b.row, panel += WIDTH(TYPE)) {                    \
                for (int64_t j = 0; j < n; j++) {                                                  \
                    panel[j] = x[j * b.column];                                                    \
                }                                                                                  \
            }                                                                                      \
        }                                                                                          \
    }

PANELS(float)
PANELS(double)

/* --- Products -------------------------------------------------------------------------------- */

#define PRODUCT(TYPE)                                                                              \
    /* The first n columns of a tile into the result. */                                           \
    FOR_VECTORS static void put_##TYPE(const TYPE *tile, TYPE *c, int64_t c_row, int64_t m,        \
                                       int64_t n, int adds) {                                      \
        for (int64_t i = 0; i < m; i++, tile += WIDTH(TYPE), c += c_row) {                         \
            if (n >= LANES(TYPE)) { /* two vectors, which overlap */                               \
                int64_t second = n - LANES(TYPE);                                                  \
                Vector_##TYPE x = *(const Vector_##TYPE *)tile;                                    \
                Vector_##TYPE y = *(const Vector_##TYPE *)(tile + second);                         \
                if (adds) {                                                                        \
                    x += *(Vector_##TYPE *)c;                                                      \
                    y += *(Vector_##TYPE *)(c + second);                                           \
                }                                                                                  \
                *(Vector_##TYPE *)c = x;                                                           \
                *(Vector_##TYPE *)(c + second) = y;                                                \
                continue;                                                                          \
            }                                                                                      \
            for (int64_t j = 0; j < n; j++) {                                                      \
                c[j] = adds ? c[j] + tile[j] : tile[j];                                            \
            }                                                                                      \
        }                                                                                          \
    }                                                                                              \
                                                                                                   \
    /* A panel of n columns times all m rows of a. */                                              \
    static void panel_##TYPE(Matrix a, Matrix b, TYPE *c, int64_t c_row, int64_t m, int64_t n,     \
                             int64_t k, int adds) {                                                \
        _Alignas(64) TYPE panel[DEPTH(TYPE) * WIDTH(TYPE)];                                        \
        TYPE narrow[ROWS * WIDTH(TYPE)];                                                           \
        int64_t count = (m + ROWS - 1) / ROWS, whole = n == WIDTH(TYPE);                           \
        Tile_##TYPE *const *tiles = tiles_##TYPE;                                                  \
        if (!whole || b.column != 1) {                                                             \
            copy_##TYPE(b, k, n, panel);                                                           \
            b = (Matrix){panel, WIDTH(TYPE), 1};                                                   \
        } else if (count >= ENOUGH) {                                                              \
            tiles = keeping_##TYPE;                                                                \
        }                                                                                          \
        int64_t some = m / count, larger = m % count; /* rows as even as can be */                 \
        for (int64_t t = 0, i = 0, rows; t < count; t++, i += rows) {                              \
            rows = some + (t < larger);                                                            \
            const TYPE *x = (const TYPE *)a.at + i * a.row;                                        \
            TYPE *z = whole ? c + i * c_row : narrow;                                              \
            tiles[rows](x, a.row, a.column, b.at, b.row, panel, z, whole ? c_row : WIDTH(TYPE), k, \
                        adds && whole);                                                            \
            if (!whole) {                                                                          \
                put_##TYPE(narrow, c + i * c_row, c_row, rows, n, adds);                           \
            }                                                                                      \
            if (tiles == keeping_##TYPE) {                                                         \
                tiles = tiles_##TYPE;                                                              \
                b = (Matrix){panel, WIDTH(TYPE), 1};                                               \
            }                                                                                      \
        }                                                                                          \
    }                                                                                              \
                                                                                                   \
    static void multiply_##TYPE(Matrix a, Matrix b, TYPE *c, int64_t c_row, int64_t m, int64_t n,  \
                                int64_t k, int adds) {                                             \
        int64_t slabs = (k + DEPTH(TYPE) - 1) / DEPTH(TYPE);                                       \
        int64_t most = BLOCK_BYTES / (int64_t)sizeof(TYPE) / (k / slabs + 1);                      \
        int64_t blocks = (m + most - 1) / most;                                                    \
        for (int64_t s = 0; s < slabs; s++) {                                                      \
            int64_t l = k * s / slabs, depth = k * (s + 1) / slabs - l;                            \
            for (int64_t block = 0; block < blocks; block++) {                                     \
                int64_t i = m * block / blocks, rows = m * (block + 1) / blocks - i;               \
                Matrix x = {(const TYPE *)a.at + i * a.row + l * a.column, a.row, a.column};       \
                for (int64_t j = 0; j < n; j += WIDTH(TYPE)) {                                     \
                    Matrix y = {(const TYPE *)b.at + l * b.row + j * b.column, b.row, b.column};   \
                    panel_##TYPE(x, y, c + i * c_row + j, c_row, rows,                             \
                                 n - j < WIDTH(TYPE) ? n - j : WIDTH(TYPE), depth, adds || s > 0); \
                }                                                                                  \
            }                                                                                      \
        }                                                                                          \
    }

PRODUCT(float)
PRODUCT(double)

/* Wider units are BLAS's alone. */
int charl_has_tiles(void) {
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
           !__builtin_cpu_supports("avx512f");
}

/* Measured against OpenBLAS on one core of a Zen 3 for m, n and k from 2 to 1024. */
int charl_tiles_pay(Kind kind, Matrix a, Matrix b, int64_t m, int64_t n, int64_t k) {
    int64_t size = kind == FLOAT32 ? 4 : 8, turns_b = b.column != 1;
    int64_t tall = m >= ENOUGH * ROWS;
    if (n * size <= VECTOR || k < LEAST_DEPTH || (turns_b && size == 8 && !tall)) {
        return 0;
    }
    /* Elements that are so far apart push each other out of the caches: they have to be rearranged
     * before they are multiplied, which the copy of a panel does for b. */
    int64_t a_row = a.row * size % FAR, a_column = 2 * a.column * size % FAR;
    return a_row != 0 && a_column != 0 && (tall || turns_b || b.row * size % FAR != 0);
}

void charl_tiles(Kind kind, Matrix a, Matrix b, void *c, int64_t c_row, int64_t m, int64_t n,
                 int64_t k, int adds) {
    if (kind == FLOAT32) {
        multiply_float(a, b, c, c_row, m, n, k, adds);
    } else {
        multiply_double(a, b, c, c_row, m, n, k, adds);
    }
}

#else

int charl_has_tiles(void) { return 0; }

int charl_tiles_pay(Kind kind, Matrix a, Matrix b, int64_t m, int64_t n, int64_t k) {
    (void)kind, (void)a, (void)b, (void)m, (void)n, (void)k;
    return 0;
}

void charl_tiles(Kind kind, Matrix a, Matrix b, void *c, int64_t c_row, int64_t m, int64_t n,
                 int64_t k, int adds) {
    (void)kind, (void)a, (void)b, (void)c, (void)c_row, (void)m, (void)n, (void)k, (void)adds;
}

#endif
