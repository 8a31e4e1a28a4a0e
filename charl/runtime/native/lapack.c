/* Linear algebra on stacks of matrices, by LAPACK from the library that BLAS is from.
 *
 * The routines are those that the interpreter calls through NumPy (gesv, getrf, potrf, geqrf and
 * orgqr, gesdd, syevd), asked in the same way; triangular systems are solved by BLAS's trsm. LAPACK
 * has the columns of a matrix one behind the other: what it works on is a transposed copy, except
 * where a matrix is symmetric or read as its transpose.
 *
 * What cannot be done here (no LAPACK, no memory, a singular matrix, an iteration without end) is
 * only told. The host then does it, and says why it cannot be done.
 */
#include "product.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef void Gesv(const int *n, const int *columns, void *a, const int *lda, int *pivots, void *b,
                  const int *ldb, int *info);
typedef void Getrf(const int *m, const int *n, void *a, const int *lda, int *pivots, int *info);
typedef void Potrf(const char *part, const int *n, void *a, const int *lda, int *info, size_t);
typedef void Geqrf(const int *m, const int *n, void *a, const int *lda, void *tau, void *work,
                   const int *lwork, int *info);
typedef void Orgqr(const int *m, const int *n, const int *k, void *a, const int *lda, void *tau,
                   void *work, const int *lwork, int *info);
typedef void Gesdd(const char *job, const int *m, const int *n, void *a, const int *lda, void *s,
                   void *u, const int *ldu, void *vt, const int *ldvt, void *work,
                   const int *lwork, int *iwork, int *info, size_t);
typedef void Syevd(const char *job, const char *part, const int *n, void *a, const int *lda,
                   void *w, void *work, const int *lwork, int *iwork, const int *liwork, int *info,
                   size_t, size_t);
typedef void Trsm(const char *side, const char *part, const char *transposed, const char *diagonal,
                  const int *m, const int *n, const void *factor, const void *a, const int *lda,
                  void *b, const int *ldb, size_t, size_t, size_t, size_t);

/* In the order of `runtime/blas.py`, for float32 and for float64. */
static struct {
    Gesv *gesv;
    Getrf *getrf;
    Potrf *potrf;
    Geqrf *geqrf;
    Orgqr *orgqr;
    Gesdd *gesdd;
    Syevd *syevd;
    Trsm *trsm;
} routines[2];

void charl_use_lapack(void *const *addresses) { memcpy(routines, addresses, sizeof routines); }

/* What is done with matrices a[m, n] (and b[m, k]); numbered as in `backend/llvm/linear_algebra.py`.
 * From
 * TRIANGULAR on, one bit says that the triangle is the upper one, the next that it is transposed. */
typedef enum { SOLVE, INVERSE, CHOLESKY, SLOGDET, QR, SVD, EIGH, TRIANGULAR } Task;

typedef struct {
    int64_t task, width;
    int m, n, k; /* k is min(m, n) for factorisations */
    int64_t room; /* bytes that one matrix needs */
    int lwork, liwork;
    const char *a, *b;
    char *results[3];
} Work;

/* --- Copies ---------------------------------------------------------------------------------- */

enum { TILE = 16, ALIGNED = 64 };

/* to[columns, rows] = the transpose of from[rows, columns]. */
#define TRANSPOSE(NAME, TYPE)                                                                      \
    static void NAME(TYPE *to, const TYPE *from, int64_t rows, int64_t columns) {                  \
        for (int64_t i0 = 0; i0 < rows; i0 += TILE) {                                              \
            int64_t i1 = i0 + TILE < rows ? i0 + TILE : rows;                                      \
            for (int64_t j0 = 0; j0 < columns; j0 += TILE) {                                       \
                int64_t j1 = j0 + TILE < columns ? j0 + TILE : columns;                            \
                for (int64_t i = i0; i < i1; i++) {                                                \
                    for (int64_t j = j0; j < j1; j++) {                                            \
                        to[j * rows + i] = from[i * columns + j];                                  \
                    }                                                                              \
                }                                                                                  \
            }                                                                                      \
        }                                                                                          \
    }
TRANSPOSE(transpose_float, float)
TRANSPOSE(transpose_double, double)

static void transpose(const Work *w, void *to, const void *from, int64_t rows, int64_t columns) {
    if (w->width == 4) {
        transpose_float(to, from, rows, columns);
    } else {
        transpose_double(to, from, rows, columns);
    }
}

/* to = (a + a^T) / 2. */
#define SYMMETRIC(NAME, TYPE)                                                                      \
    static void NAME(TYPE *to, const TYPE *a, int64_t n) {                                         \
        transpose_##TYPE(to, a, n, n);                                                             \
        for (int64_t i = 0; i < n * n; i++) {                                                      \
            to[i] = (a[i] + to[i]) / 2;                                                            \
        }                                                                                          \
    }
SYMMETRIC(symmetric_float, float)
SYMMETRIC(symmetric_double, double)

static void symmetric_part(const Work *w, void *to, const void *a) {
    if (w->width == 4) {
        symmetric_float(to, a, w->n);
    } else {
        symmetric_double(to, a, w->n);
    }
}

/* Elements of memory that ends nowhere, each piece aligned. */
static int64_t bytes_of(const Work *w, int64_t elements) {
    return (elements * w->width + ALIGNED - 1) / ALIGNED * ALIGNED;
}

static void *cut(const Work *w, char **room, int64_t elements) {
    char *piece = *room;
    *room += bytes_of(w, elements);
    return piece;
}

/* The matrix of a result: which result, of which matrix of the stack, with how many elements. */
static char *result(const Work *w, int which, int64_t at, int64_t elements) {
    return w->results[which] + at * elements * w->width;
}

static const char *operand(const Work *w, const char *tensor, int64_t at, int64_t elements) {
    return tensor + at * elements * w->width;
}

/* --- What is done ---------------------------------------------------------------------------- */

#define ROUTINE(w, name) (*routines[(w)->width == 8].name)

static int solve(const Work *w, int64_t at, char *room) {
    int64_t n = w->n, k = w->k;
    void *a = cut(w, &room, n * n), *b = cut(w, &room, n * k);
    int *pivots = cut(w, &room, n), info = 0;
    transpose(w, a, operand(w, w->a, at, n * n), n, n);
    if (w->task == SOLVE) {
        transpose(w, b, operand(w, w->b, at, n * k), n, k);
    } else {
        memset(b, 0, (size_t)(n * n * w->width));
        for (int64_t i = 0; i < n; i++) {
            if (w->width == 4) {
                ((float *)b)[i * n + i] = 1;
            } else {
                ((double *)b)[i * n + i] = 1;
            }
        }
    }
    ROUTINE(w, gesv)(&w->n, &w->k, a, &w->n, pivots, b, &w->n, &info);
    if (info == 0) {
        transpose(w, result(w, 0, at, n * k), b, k, n);
    }
    return info;
}

/* A lower triangle by rows is the upper one by columns. */
static int cholesky(const Work *w, int64_t at, char *room) {
    (void)room;
    int64_t n = w->n;
    char *l = result(w, 0, at, n * n);
    int info = 0;
    symmetric_part(w, l, operand(w, w->a, at, n * n));
    ROUTINE(w, potrf)("U", &w->n, l, &w->n, &info, 1);
    for (int64_t i = 0; i < n; i++) {
        memset(l + (i * n + i + 1) * w->width, 0, (size_t)((n - i - 1) * w->width));
    }
    return info;
}

#define SUM_OF_LOGARITHMS(NAME, TYPE, LOG)                                                         \
    static void NAME(const TYPE *a, int64_t n, TYPE *sign, TYPE *size) {                           \
        *size = 0;                                                                                 \
        for (int64_t i = 0; i < n; i++) {                                                          \
            TYPE x = a[i * n + i];                                                                 \
            if (x < 0) {                                                                           \
                *sign = -*sign;                                                                    \
                x = -x;                                                                            \
            }                                                                                      \
            *size += LOG(x);                                                                       \
        }                                                                                          \
    }
SUM_OF_LOGARITHMS(logarithms_float, float, logf)
SUM_OF_LOGARITHMS(logarithms_double, double, log)

static int slogdet(const Work *w, int64_t at, char *room) {
    int64_t n = w->n;
    void *a = cut(w, &room, n * n);
    int *pivots = cut(w, &room, n), info = 0, turned = 0;
    transpose(w, a, operand(w, w->a, at, n * n), n, n);
    ROUTINE(w, getrf)(&w->n, &w->n, a, &w->n, pivots, &info);
    for (int64_t i = 0; i < n; i++) {
        turned ^= pivots[i] != i + 1;
    }
    void *sign = result(w, 0, at, 1), *size = result(w, 1, at, 1);
    if (w->width == 4) {
        *(float *)sign = info > 0 ? 0 : turned ? -1 : 1;
        *(float *)size = -INFINITY;
    } else {
        *(double *)sign = info > 0 ? 0 : turned ? -1 : 1;
        *(double *)size = -INFINITY;
    }
    if (info == 0 && w->width == 4) {
        logarithms_float(a, n, sign, size);
    } else if (info == 0) {
        logarithms_double(a, n, sign, size);
    }
    return info < 0 ? info : 0;
}

static int qr(const Work *w, int64_t at, char *room) {
    int64_t m = w->m, n = w->n, k = w->k;
    char *a = cut(w, &room, m * n), *r = result(w, 1, at, k * n);
    void *tau = cut(w, &room, k), *work = cut(w, &room, w->lwork);
    int info = 0;
    transpose(w, a, operand(w, w->a, at, m * n), m, n);
    ROUTINE(w, geqrf)(&w->m, &w->n, a, &w->m, tau, work, &w->lwork, &info);
    if (info != 0) {
        return info;
    }
    memset(r, 0, (size_t)(k * n * w->width));
    for (int64_t j = 0; j < n; j++) {
        for (int64_t i = 0; i <= j && i < k; i++) {
            memcpy(r + (i * n + j) * w->width, a + (j * m + i) * w->width, (size_t)w->width);
        }
    }
    ROUTINE(w, orgqr)(&w->m, &w->k, &w->k, a, &w->m, tau, work, &w->lwork, &info);
    transpose(w, result(w, 0, at, m * k), a, k, m);
    return info;
}

/* Whether the sign of a column of eigenvectors is to be turned: `signs` in `charl/ops/factor.py`. */
#define TURNS(NAME, TYPE, ABS)                                                                     \
    static int NAME(const TYPE *column, int64_t n) {                                               \
        TYPE greatest = 0;                                                                         \
        for (int64_t i = 0; i < n; i++) {                                                          \
            greatest = ABS(column[i]) > greatest ? ABS(column[i]) : greatest;                      \
        }                                                                                          \
        for (int64_t i = 0; i < n; i++) {                                                          \
            if (ABS(column[i]) >= (TYPE)0.3 * greatest) {                                          \
                return column[i] < 0;                                                              \
            }                                                                                      \
        }                                                                                          \
        return 0;                                                                                  \
    }
TURNS(turns_float, float, fabsf)
TURNS(turns_double, double, fabs)

static void negate(const Work *w, void *x, int64_t count, int64_t step) {
    for (int64_t i = 0; i < count; i++) {
        if (w->width == 4) {
            ((float *)x)[i * step] = -((float *)x)[i * step];
        } else {
            ((double *)x)[i * step] = -((double *)x)[i * step];
        }
    }
}

/* Chooses the signs of the columns v[m, k], and of the rows of vt[k, n] with them. */
static void choose_signs(const Work *w, char *v, int64_t m, char *vt, int64_t n, int64_t k) {
    for (int64_t j = 0; j < k; j++) {
        char *column = v + j * m * w->width;
        if (w->width == 4 ? turns_float((const float *)column, m)
                          : turns_double((const double *)column, m)) {
            negate(w, column, m, 1);
            negate(w, vt + j * w->width, n, k);
        }
    }
}

static int svd(const Work *w, int64_t at, char *room) {
    int64_t m = w->m, n = w->n, k = w->k;
    void *a = cut(w, &room, m * n), *u = cut(w, &room, m * k), *vt = cut(w, &room, k * n);
    void *work = cut(w, &room, w->lwork);
    int *iwork = cut(w, &room, w->liwork), info = 0;
    transpose(w, a, operand(w, w->a, at, m * n), m, n);
    ROUTINE(w, gesdd)("S", &w->m, &w->n, a, &w->m, result(w, 1, at, k), u, &w->m, vt, &w->k, work,
                      &w->lwork, iwork, &info, 1);
    choose_signs(w, u, m, vt, n, k);
    transpose(w, result(w, 0, at, m * k), u, k, m);
    transpose(w, result(w, 2, at, k * n), vt, n, k);
    return info;
}

static int eigh(const Work *w, int64_t at, char *room) {
    int64_t n = w->n;
    void *a = cut(w, &room, n * n), *work = cut(w, &room, w->lwork);
    int *iwork = cut(w, &room, w->liwork), info = 0;
    symmetric_part(w, a, operand(w, w->a, at, n * n));
    ROUTINE(w, syevd)("V", "L", &w->n, a, &w->n, result(w, 0, at, n), work, &w->lwork, iwork,
                      &w->liwork, &info, 1, 1);
    choose_signs(w, a, n, NULL, 0, n);
    transpose(w, result(w, 1, at, n * n), a, n, n);
    return info;
}

/* a x = b by rows is x^T a^T = b^T by columns, and the triangle is the other one. */
static int triangular(const Work *w, int64_t at, char *room) {
    (void)room;
    int64_t n = w->n, k = w->k, form = w->task - TRIANGULAR;
    const char *a = operand(w, w->a, at, n * n);
    char *x = result(w, 0, at, n * k);
    for (int64_t i = 0; i < n; i++) {
        const char *place = a + (i * n + i) * w->width;
        if (w->width == 4 ? *(const float *)place == 0 : *(const double *)place == 0) {
            return 1;
        }
    }
    const float one = 1;
    const double one_double = 1;
    memcpy(x, operand(w, w->b, at, n * k), (size_t)(n * k * w->width));
    ROUTINE(w, trsm)("R", form & 1 ? "L" : "U", form & 2 ? "T" : "N", "N", &w->k, &w->n,
                     w->width == 4 ? (const void *)&one : &one_double, a, &w->n, x, &w->k, 1, 1, 1,
                     1);
    return 0;
}

typedef int Doing(const Work *, int64_t at, char *room);
static Doing *const doing[] = {
    [SOLVE] = solve, [INVERSE] = solve, [CHOLESKY] = cholesky, [SLOGDET] = slogdet, [QR] = qr,
    [SVD] = svd,     [EIGH] = eigh,     [TRIANGULAR] = triangular,
};

/* --- Stacks ---------------------------------------------------------------------------------- */

static int from_work(const Work *w, const double *answer) {
    return (int)(w->width == 4 ? *(const float *)(const void *)answer : *answer);
}

/* How much LAPACK wants to work in, as it says when asked, and the bytes of it all. */
static void plan(Work *w) {
    const int asks = -1;
    double answer = 0, second = 0;
    int integers = 0, info = 0;
    int64_t m = w->m, n = w->n, k = w->k;
    switch (w->task) {
    case SOLVE:
    case INVERSE:
        w->room = bytes_of(w, n * n) + bytes_of(w, n * k) + bytes_of(w, n);
        return;
    case SLOGDET:
        w->room = bytes_of(w, n * n) + bytes_of(w, n);
        return;
    case QR:
        ROUTINE(w, geqrf)(&w->m, &w->n, NULL, &w->m, NULL, &answer, &asks, &info);
        ROUTINE(w, orgqr)(&w->m, &w->k, &w->k, NULL, &w->m, NULL, &second, &asks, &info);
        w->lwork = from_work(w, &answer);
        if (w->lwork < from_work(w, &second)) {
            w->lwork = from_work(w, &second);
        }
        w->room = bytes_of(w, m * n) + bytes_of(w, k) + bytes_of(w, w->lwork);
        return;
    case SVD:
        ROUTINE(w, gesdd)("S", &w->m, &w->n, NULL, &w->m, NULL, NULL, &w->m, NULL, &w->k, &answer,
                          &asks, &integers, &info, 1);
        w->lwork = from_work(w, &answer);
        w->liwork = 8 * w->k;
        w->room = bytes_of(w, m * n) + bytes_of(w, m * k) + bytes_of(w, k * n);
        break;
    case EIGH:
        ROUTINE(w, syevd)("V", "L", &w->n, NULL, &w->n, NULL, &answer, &asks, &integers, &asks,
                          &info, 1, 1);
        w->lwork = from_work(w, &answer);
        w->liwork = integers;
        w->room = bytes_of(w, n * n);
        break;
    }
    w->room += bytes_of(w, w->lwork) + bytes_of(w, w->liwork);
}

static int32_t stretch(int64_t *context, int64_t low, int64_t high) {
    const Work *w = (const Work *)context;
    char *room = aligned_alloc(ALIGNED, (size_t)w->room + ALIGNED);
    int info = room == NULL;
    for (int64_t at = low; at < high && info == 0; at++) {
        info = doing[w->task < TRIANGULAR ? w->task : TRIANGULAR](w, at, room);
    }
    free(room);
    return info != 0;
}

/* Whether it is done, for `count` matrices a[m, n], with b[m, k], into up to three results. */
int32_t charl_linear_algebra(int64_t task, int64_t width, int64_t count, int64_t m, int64_t n,
                             int64_t k, const char *a, const char *b, char *first, char *second,
                             char *third) {
    charl_want_blas();
    Work w = {task, width, (int)m, (int)n, (int)k, 0, 0, 0, a, b, {first, second, third}};
    if (routines[0].gesv == NULL || m * n > INT32_MAX || n * k > INT32_MAX) {
        return 0;
    }
    if (count == 0 || m == 0 || n == 0 || k == 0) {
        /* Nothing is to be written; but of nothing there is a determinant, and a triangle may have a
         * zero on its diagonal. */
        return count == 0 || (task != SLOGDET && task < TRIANGULAR);
    }
    plan(&w);
    int64_t cost = m * n * (n > k ? n : k);
    return charl_parallel(stretch, (int64_t *)&w, count, 1 + (1 << 16) / cost) == 0;
}
