/* Products of bfloat16 matrices: added up in float32, and rounded once.
 *
 * A block of at most 512 x 512 sums lies in memory of the thread while the product runs through the
 * summed axis, 512 terms at a time. For those the operands are copied: into the order that the CPU's
 * instructions want (`squares.c`), half a megabyte of the right one, which stays in the cache of the
 * core, or widened to float32 where there are no such instructions. So what is copied is read by 512
 * rows or columns, and the memory that is needed does not grow with the matrices.
 *
 *     right: 512 x 512    all of it first, in stripes of 32 columns, two terms side by side
 *     left:   32 x 512    one stripe of rows after the other, each times all of right
 *
 * Zeros fill what the last stripes and the last terms lack.
 */
#include "bfloat16.h"
#include "machines.h"
#include "squares.h"

enum { BLOCK = 512 };

/* A block at work: c[rows, columns] += a[rows, depth] b[depth, columns]. */
typedef struct {
    int64_t rows, columns, depth;
    float *sums;
    int64_t width; /* from one row of sums to the next */
    void *left, *right;
} Block;

static int64_t lesser(int64_t a, int64_t b) { return a < b ? a : b; }
static int64_t padded(int64_t count) { return (count + SQUARE - 1) / SQUARE * SQUARE; }

static const uint16_t *element(Matrix x, int64_t row, int64_t column) {
    return (const uint16_t *)x.at + row * x.row + column * x.column;
}

static Matrix part(Matrix x, int64_t row, int64_t column) {
    return (Matrix){element(x, row, column), x.row, x.column};
}

/* --- For the instructions -------------------------------------------------------------------- */

/* A stripe of rows, each as long as `length`. */
static void pack_left(Matrix a, int64_t rows, int64_t depth, int64_t length, uint16_t *to) {
    if (rows < SQUARE || depth < length) {
        memset(to, 0, (size_t)(SQUARE * length) * sizeof *to);
    }
    if (a.column == 1) {
        for (int64_t i = 0; i < rows; i++) {
            memcpy(to + i * length, element(a, i, 0), (size_t)depth * sizeof *to);
        }
        return;
    }
    for (int64_t l = 0; l < depth; l++) {
        const uint16_t *from = element(a, 0, l);
        for (int64_t i = 0; i < rows; i++) {
            to[i * length + l] = from[i * a.row];
        }
    }
}

/* Numbers of two rows in turn. */
FOR_SEVERAL_MACHINES
static void pair(const uint16_t *first, const uint16_t *second, int64_t step, uint16_t *to) {
    if (step == 1) {
        for (int64_t j = 0; j < SQUARE; j++) {
            to[2 * j] = first[j];
            to[2 * j + 1] = second[j];
        }
    } else {
        for (int64_t j = 0; j < SQUARE; j++) {
            to[2 * j] = first[j * step];
            to[2 * j + 1] = second[j * step];
        }
    }
}

/* Stripes of columns, each of `length` rows. */
static void pack_right(Matrix b, int64_t depth, int64_t columns, int64_t length, uint16_t *to) {
    for (int64_t column = 0; column < columns; column += SQUARE) {
        int64_t width = lesser(SQUARE, columns - column);
        for (int64_t l = 0; l < length; l += 2, to += 2 * SQUARE) {
            if (width == SQUARE && l + 1 < depth) {
                pair(element(b, l, column), element(b, l + 1, column), b.column, to);
                continue;
            }
            memset(to, 0, 2 * SQUARE * sizeof *to);
            for (int64_t row = l; row < lesser(l + 2, depth); row++) {
                for (int64_t j = 0; j < width; j++) {
                    to[2 * j + row - l] = *element(b, row, column + j);
                }
            }
        }
    }
}

static void multiply_squares(const Squares *squares, const Block *x, Matrix a, Matrix b, int adds) {
    int64_t length = padded(x->depth);
    pack_right(b, x->depth, x->columns, length, x->right);
    for (int64_t low = 0; low < x->rows; low += SQUARE) {
        int64_t rows = lesser(SQUARE, x->rows - low);
        pack_left(part(a, low, 0), rows, x->depth, length, x->left);
        for (int64_t column = 0; column < x->columns; column += SQUARE) {
            squares->multiply(x->left, (const uint16_t *)x->right + column * length,
                              x->sums + low * x->width + column, x->width, length, rows, adds);
        }
    }
}

/* --- As float32 ------------------------------------------------------------------------------ */

FOR_SEVERAL_MACHINES
static void widen_line(const uint16_t *from, int64_t count, float *to) {
    for (int64_t i = 0; i < count; i++) {
        to[i] = from_bfloat16(from[i]);
    }
}

/* A part of a matrix as float32, its rows dense, or its columns where they are. */
static Matrix widened(Matrix x, int64_t rows, int64_t columns, float *to) {
    if (x.column != 1 && x.row == 1) {
        for (int64_t j = 0; j < columns; j++) {
            widen_line(element(x, 0, j), rows, to + j * rows);
        }
        return (Matrix){to, 1, rows};
    }
    for (int64_t i = 0; i < rows; i++) {
        if (x.column == 1) {
            widen_line(element(x, i, 0), columns, to + i * columns);
        } else {
            for (int64_t j = 0; j < columns; j++) {
                to[i * columns + j] = from_bfloat16(*element(x, i, j));
            }
        }
    }
    return (Matrix){to, columns, 1};
}

static void multiply_widened(const Block *x, Matrix a, Matrix b, int adds) {
    Matrix left = widened(a, x->rows, x->depth, x->left);
    Matrix right = widened(b, x->depth, x->columns, x->right);
    charl_multiply(FLOAT32, left, right, x->sums, x->width, x->rows, x->columns, x->depth, adds);
}

/* --- Blocks ---------------------------------------------------------------------------------- */

FOR_SEVERAL_MACHINES
static void round_line(const float *from, int64_t count, uint16_t *to) {
    for (int64_t i = 0; i < count; i++) {
        to[i] = to_bfloat16(from[i]);
    }
}

/* Memory for blocks of at most this size; no sums where there is none. */
static Block room(const Squares *squares, int64_t m, int64_t n, int64_t k) {
    Block x = {.rows = lesser(m, BLOCK), .columns = lesser(n, BLOCK), .depth = lesser(k, BLOCK)};
    int64_t rows = padded(x.rows), depth = padded(x.depth), bytes = squares != NULL ? 2 : 4;
    x.width = padded(x.columns);
    int64_t sums = rows * x.width * 4, right = depth * x.width * bytes;
    int64_t left = (squares != NULL ? SQUARE : rows) * depth * bytes;
    char *memory = charl_scratch(sums + right + left);
    if (memory != NULL) {
        x.sums = (float *)memory;
        x.right = memory + sums;
        x.left = memory + sums + right;
    }
    return x;
}

int32_t charl_multiply_bfloat16(Multiplier multiplier, Matrix a, Matrix b, uint16_t *c,
                                int64_t c_row, int64_t m, int64_t n, int64_t k) {
    const Squares *squares = charl_bfloat16_squares(multiplier);
    Block x = room(squares, m, n, k);
    if (x.sums == NULL) {
        return 1;
    }
    if (squares != NULL) {
        squares->begin();
    }
    for (int64_t column = 0; column < n; column += BLOCK) {
        x.columns = lesser(BLOCK, n - column);
        for (int64_t low = 0; low < m; low += BLOCK) {
            x.rows = lesser(BLOCK, m - low);
            for (int64_t l = 0; l < k; l += BLOCK) {
                x.depth = lesser(BLOCK, k - l);
                if (squares != NULL) {
                    multiply_squares(squares, &x, part(a, low, l), part(b, l, column), l > 0);
                } else {
                    multiply_widened(&x, part(a, low, l), part(b, l, column), l > 0);
                }
            }
            for (int64_t i = 0; i < x.rows; i++) {
                uint16_t *to = c + (low + i) * c_row + column;
                if (k > 0) {
                    round_line(x.sums + i * x.width, x.columns, to);
                } else {
                    memset(to, 0, (size_t)x.columns * sizeof *to);
                }
            }
        }
    }
    if (squares != NULL) {
        squares->end();
    }
    return 0;
}
