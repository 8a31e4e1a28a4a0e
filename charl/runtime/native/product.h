/* Products of matrices, as compiled code describes them to the runtime. */
#ifndef CHARL_PRODUCT_H
#define CHARL_PRODUCT_H

#include "charl.h"

enum { MOST_OUTER = 6 };

typedef enum { FLOAT32, FLOAT64, INT8, INT16, INT32, INT64, BFLOAT16, KINDS } Kind;

/* One more axis around the matrices; strides in elements, zero where an operand has no such axis. */
typedef struct {
    int64_t size, a, b, c;
} Outer;

/* c[o, i, j] = sum over l of a[o, i, l] * b[o, l, j]: for every position o of the outer axes, an
 * m x k matrix times a k x n matrix. Strides in elements; the columns of c lie one beside the other.
 * The words of this stand in the same order in `backend/llvm/products.py`. */
typedef struct {
    char *a, *b, *c;
    int64_t kind;
    int64_t m, n, k;
    int64_t a_row, a_column, b_row, b_column, c_row;
    int64_t outer;
    Outer axes[MOST_OUTER];
} Product;

/* Everything, on several threads where it is worth it. */
int32_t charl_product(int64_t *product);
/* A stretch of rows (row r is row r % m of outer position r / m), or of columns of every matrix. */
int32_t charl_product_rows(int64_t *product, int64_t low, int64_t high);
int32_t charl_product_columns(int64_t *product, int64_t low, int64_t high);
/* How many rows there are, and how many make a stretch; to be asked before the rows are done. */
int64_t charl_product_count(int64_t *product);
int64_t charl_product_grain(int64_t *product);

/* Chains of kernels and products by rows, see sweep.c. */
int32_t charl_sweep(int64_t *words);

/* One product of two matrices: c = a b, or c += a b. */
typedef struct {
    const void *at;
    int64_t row, column;
} Matrix;
void charl_multiply(Kind kind, Matrix a, Matrix b, void *c, int64_t c_row, int64_t m, int64_t n,
                    int64_t k, int adds);

/* The same for FLOAT32 and FLOAT64 without BLAS, see tiles.c: whether this machine can, and whether
 * that is faster than BLAS. */
int charl_has_tiles(void);
int charl_tiles_pay(Kind kind, Matrix a, Matrix b, int64_t m, int64_t n, int64_t k);
void charl_tiles(Kind kind, Matrix a, Matrix b, void *c, int64_t c_row, int64_t m, int64_t n,
                 int64_t k, int adds);

/* Copies a tensor whose axes have these sizes and then these strides (in elements of so many bytes)
 * so that they lie dense in this order. */
void charl_gather_strided(char *target, const char *source, int64_t width, int64_t rank,
                          const int64_t *words);

/* Memory of this thread, 64 bytes aligned, good until the next call; NULL when there is none. */
void *charl_scratch(int64_t bytes);

/* BLAS: what the host loads it with, called on the first `charl_want_blas`, and gives in answer. */
void charl_blas_loader(void (*loader)(void));
void charl_want_blas(void);
void charl_use_blas(void *sgemm, void *dgemm, void *sgemv, void *dgemv);
/* LAPACK, from the same library and at the same time: the table of `lapack.c`. */
void charl_use_lapack(void *const *addresses);

#endif
