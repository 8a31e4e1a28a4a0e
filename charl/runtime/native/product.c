/* Matrix products, spread over the thread pool.
 *
 * float32 and float64 go to tiles.c where that is faster or BLAS cannot take them, else to BLAS (its
 * routines are handed over by the host when the first product asks for them, and work on one thread).
 * Whole numbers go to plain loops, as does what is left over on machines that have no tiles; bfloat16
 * goes to bfloat16.c. The rows of all matrices, or the columns when there are few rows, are cut into
 * stretches whose borders depend on the sizes alone: the same product gives the same bits on any number
 * of threads.
 */
#include "product.h"
#include "squares.h"

#include <string.h>

enum { ROW_MAJOR = 101, PLAIN = 111, TRANSPOSED = 112 };

/* Multiplications that are worth a stretch of their own: 10 microseconds of BLAS. */
static const int64_t STRETCH_WORK = 1 << 19;
/* BLAS first rearranges both operands, at some 14 multiplications for each element, and for every
 * stretch of rows the whole of b again. So stretches are of 64 rows at least, 128 when there are
 * many, and a product that is wider than high is cut into columns. */
enum { MOST_STRETCHES = 8, AT_ONCE = 64, MANY = 256, MANY_AT_ONCE = 128 };

static void (*sgemm)(int, int, int, int, int, int, float, const float *, int, const float *, int,
                     float, float *, int);
static void (*dgemm)(int, int, int, int, int, int, double, const double *, int, const double *, int,
                     double, double *, int);
static void (*sgemv)(int, int, int, int, float, const float *, int, const float *, int, float,
                     float *, int);
static void (*dgemv)(int, int, int, int, double, const double *, int, const double *, int, double,
                     double *, int);

void charl_use_blas(void *s_matrix, void *d_matrix, void *s_vector, void *d_vector) {
    /* A pointer to data holds a function's on every system with dlsym; C only lacks the cast. */
    memcpy(&sgemm, &s_matrix, sizeof sgemm);
    memcpy(&dgemm, &d_matrix, sizeof dgemm);
    memcpy(&sgemv, &s_vector, sizeof sgemv);
    memcpy(&dgemv, &d_vector, sizeof dgemv);
}

static void (*load_blas)(void);

void charl_blas_loader(void (*loader)(void)) { load_blas = loader; }

void charl_want_blas(void) {
    if (load_blas != NULL) {
        void (*loader)(void) = load_blas;
        load_blas = NULL;
        loader();
    }
}

/* --- Plain loops ----------------------------------------------------------------------------- */

#define LOOPS(NAME, TYPE, SUM)                                                                     \
    static void NAME(Matrix a, Matrix b, void *result, int64_t c_row, int64_t m, int64_t n,        \
                     int64_t k, int adds) {                                                        \
        for (int64_t i = 0; i < m; i++) {                                                          \
            TYPE *restrict c = (TYPE *)result + i * c_row;                                         \
            if (!adds) {                                                                           \
                memset(c, 0, (size_t)n * sizeof *c);                                               \
            }                                                                                      \
            for (int64_t l = 0; l < k; l++) {                                                      \
                SUM left = (SUM)((const TYPE *)a.at)[i * a.row + l * a.column];                    \
                const TYPE *right = (const TYPE *)b.at + l * b.row;                                \
                if (b.column == 1) {                                                               \
                    for (int64_t j = 0; j < n; j++) {                                              \
                        c[j] = (TYPE)((SUM)c[j] + left * (SUM)right[j]);                           \
                    }                                                                              \
                } else {                                                                           \
                    for (int64_t j = 0; j < n; j++) {                                              \
                        c[j] = (TYPE)((SUM)c[j] + left * (SUM)right[j * b.column]);                \
                    }                                                                              \
                }                                                                                  \
            }                                                                                      \
        }                                                                                          \
    }

/* Whole numbers wrap, so their sums are made without a sign; narrow ones would else be widened to
 * int, whose products may overflow. */
LOOPS(loops_float32, float, float)
LOOPS(loops_float64, double, double)
LOOPS(loops_int8, int8_t, uint32_t)
LOOPS(loops_int16, int16_t, uint32_t)
LOOPS(loops_int32, int32_t, uint32_t)
LOOPS(loops_int64, int64_t, uint64_t)

typedef void Loops(Matrix, Matrix, void *, int64_t, int64_t, int64_t, int64_t, int);
static Loops *const loops[KINDS] = {loops_float32, loops_float64, loops_int8,
                                    loops_int16,   loops_int32,   loops_int64,
                                    NULL};
static const int64_t widths[KINDS] = {4, 8, 1, 2, 4, 8, 2};

/* --- BLAS ------------------------------------------------------------------------------------ */

/* How BLAS sees a rows x columns matrix: rows in a row, or the transpose of that. */
typedef struct {
    int fits, transposed, leading;
} Layout;

static Layout layout(Matrix x, int64_t rows, int64_t columns) {
    int64_t row = rows > 1 ? x.row : columns, column = columns > 1 ? x.column : 1;
    if (column == 1 && row >= columns && row <= INT32_MAX) {
        return (Layout){1, 0, (int)row};
    }
    row = rows > 1 ? x.row : 1;
    column = columns > 1 ? x.column : rows;
    if (row == 1 && column >= rows && column <= INT32_MAX) {
        return (Layout){1, 1, (int)column};
    }
    return (Layout){0, 0, 0};
}

#define VECTOR(NAME, TYPE, ROUTINE)                                                                \
    /* y = or += x times a vector; the result is cleared first, since what BLAS does to NaN left   \
     * there when it is to count nothing differs between its versions. */                          \
    static void NAME(Layout s, const TYPE *x, int64_t rows, int64_t columns, const TYPE *v,        \
                     int64_t v_step, TYPE *y, int64_t y_step, int adds) {                          \
        if (!adds) {                                                                               \
            for (int64_t i = 0; i < rows; i++) {                                                   \
                y[i * y_step] = 0;                                                                 \
            }                                                                                      \
        }                                                                                          \
        ROUTINE(ROW_MAJOR, s.transposed ? TRANSPOSED : PLAIN, (int)(s.transposed ? columns : rows), \
                (int)(s.transposed ? rows : columns), 1, x, s.leading, v,                          \
                v_step ? (int)v_step : 1, 1, y, y_step ? (int)y_step : 1);                         \
    }

VECTOR(vector_float32, float, sgemv)
VECTOR(vector_float64, double, dgemv)

#define BLAS(NAME, TYPE, ROUTINE, TIMES_VECTOR)                                                    \
    static void NAME(Layout sa, Layout sb, Matrix a, Matrix b, TYPE *c, int64_t c_row, int64_t m,  \
                     int64_t n, int64_t k, int adds) {                                             \
        if (n == 1) {                                                                              \
            TIMES_VECTOR(sa, a.at, m, k, b.at, k > 1 ? b.row : 1, c, m > 1 ? c_row : 1, adds);     \
        } else if (m == 1) {                                                                       \
            /* The transpose of b, seen in the same memory. */                                     \
            sb.transposed = !sb.transposed;                                                        \
            TIMES_VECTOR(sb, b.at, n, k, a.at, k > 1 ? a.column : 1, c, 1, adds);                  \
        } else {                                                                                   \
            ROUTINE(ROW_MAJOR, sa.transposed ? TRANSPOSED : PLAIN,                                 \
                    sb.transposed ? TRANSPOSED : PLAIN, (int)m, (int)n, (int)k, 1, a.at,           \
                    sa.leading, b.at, sb.leading, adds ? 1 : 0, c, (int)c_row);                    \
        }                                                                                          \
    }

BLAS(blas_float32, float, sgemm, vector_float32)
BLAS(blas_float64, double, dgemm, vector_float64)

void charl_multiply(Kind kind, Matrix a, Matrix b, void *c, int64_t c_row, int64_t m, int64_t n,
                    int64_t k, int adds) {
    if (m == 0 || n == 0) {
        return;
    }
    if (kind > FLOAT64 || k == 0) {
        loops[kind](a, b, c, c_row, m, n, k, adds);
        return;
    }
    Layout sa = layout(a, m, k), sb = layout(b, k, n);
    int blas = sgemm != NULL && sa.fits && sb.fits && m <= INT32_MAX && n <= INT32_MAX &&
               k <= INT32_MAX && c_row <= INT32_MAX;
    if (charl_has_tiles() && m > 1 && n > 1 && (!blas || charl_tiles_pay(kind, a, b, m, n, k))) {
        charl_tiles(kind, a, b, c, c_row, m, n, k, adds);
    } else if (!blas) {
        loops[kind](a, b, c, c_row, m, n, k, adds);
    } else if (kind == FLOAT32) {
        blas_float32(sa, sb, a, b, c, c_row, m, n, k, adds);
    } else {
        blas_float64(sa, sb, a, b, c, c_row, m, n, k, adds);
    }
}

/* --- Many products, on several threads ------------------------------------------------------- */

static int64_t outer_count(const Product *p) {
    int64_t count = 1;
    for (int64_t i = 0; i < p->outer; i++) {
        count *= p->axes[i].size;
    }
    return count;
}

/* Rows [low, high) and columns [left, right) at one position of the outer axes. */
static int32_t multiply_part(const Product *p, int64_t position, int64_t low, int64_t high,
                          int64_t left, int64_t right) {
    int64_t a = low * p->a_row, b = left * p->b_column, c = low * p->c_row + left;
    for (int64_t i = p->outer - 1; i >= 0; i--) {
        const Outer *axis = &p->axes[i];
        int64_t at = position % axis->size;
        position /= axis->size;
        a += at * axis->a;
        b += at * axis->b;
        c += at * axis->c;
    }
    int64_t width = widths[p->kind];
    Matrix x = {p->a + a * width, p->a_row, p->a_column};
    Matrix y = {p->b + b * width, p->b_row, p->b_column};
    char *to = p->c + c * width;
    if (p->kind == BFLOAT16) {
        return charl_multiply_bfloat16((Multiplier)charl_bfloat16_multiplier(), x, y,
                                       (uint16_t *)to, p->c_row, high - low, right - left, p->k);
    }
    charl_multiply((Kind)p->kind, x, y, to, p->c_row, high - low, right - left, p->k, 0);
    return 0;
}

int32_t charl_product_rows(int64_t *product, int64_t low, int64_t high) {
    const Product *p = (const Product *)product;
    int32_t status = 0;
    while (low < high && status == 0) {
        int64_t position = low / p->m, first = low % p->m;
        int64_t rows = p->m - first < high - low ? p->m - first : high - low;
        status = multiply_part(p, position, first, first + rows, 0, p->n);
        low += rows;
    }
    return status;
}

int32_t charl_product_columns(int64_t *product, int64_t low, int64_t high) {
    const Product *p = (const Product *)product;
    int64_t count = outer_count(p);
    int32_t status = 0;
    for (int64_t position = 0; position < count && status == 0; position++) {
        status = multiply_part(p, position, 0, p->m, low, high);
    }
    return status;
}

int64_t charl_product_count(int64_t *product) {
    const Product *p = (const Product *)product;
    return outer_count(p) * p->m;
}

/* The items of a stretch, when each needs this many multiplications. */
static int64_t grain(int64_t items, int64_t work) {
    int64_t at_once = items > MANY ? MANY_AT_ONCE : AT_ONCE;
    int64_t stretches = work > 0 ? items / (1 + STRETCH_WORK / work) : 1;
    stretches = stretches > MOST_STRETCHES ? MOST_STRETCHES : stretches < 1 ? 1 : stretches;
    int64_t each = (items + stretches - 1) / stretches;
    return (each + at_once - 1) / at_once * at_once;
}

int64_t charl_product_grain(int64_t *product) {
    const Product *p = (const Product *)product;
    charl_want_blas();
    int64_t count = outer_count(p);
    if (count > 1 && p->m < AT_ONCE) {
        /* Whole small matrices. */
        return grain(count * AT_ONCE, p->m * p->n * p->k / AT_ONCE) / AT_ONCE * p->m;
    }
    return grain(count * p->m, p->n * p->k);
}

/* A vector times a matrix waits for memory: what it multiplies counts so often. A matrix of half a
 * megabyte or less is left to one thread, which has it in its cache where it changes it, too. */
enum { VECTOR_WORK = 4 };

int32_t charl_product(int64_t *product) {
    const Product *p = (const Product *)product;
    int64_t rows = charl_product_count(product);
    if (rows == 0 || p->n == 0) {
        return 0;
    }
    charl_want_blas();
    if (rows < p->n && rows == p->m) {
        int64_t work = rows == 1 ? VECTOR_WORK * p->k : rows * p->k;
        return charl_parallel(charl_product_columns, product, p->n, grain(p->n, work));
    }
    return charl_parallel(charl_product_rows, product, rows, charl_product_grain(product));
}

/* --- Copies in another order ----------------------------------------------------------------- */

static void gather(char *target, const char *source, int64_t width, int64_t rank,
                   const int64_t *sizes, const int64_t *strides) {
    if (rank == 0) {
        memcpy(target, source, (size_t)width);
        return;
    }
    int64_t inner = width;
    for (int64_t i = 1; i < rank; i++) {
        inner *= sizes[i];
    }
    for (int64_t i = 0; i < sizes[0]; i++) {
        gather(target + i * inner, source + i * strides[0] * width, width, rank - 1, sizes + 1,
               strides + 1);
    }
}

void charl_gather_strided(char *target, const char *source, int64_t width, int64_t rank,
                          const int64_t *words) {
    gather(target, source, width, rank, words, words + rank);
}
