/* Products of bfloat16 matrices, and what makes them. */
#ifndef CHARL_SQUARES_H
#define CHARL_SQUARES_H

#include "product.h"

/* What multiplies: the products of float32, once the operands are that, or instructions of the CPU,
 * the better ones last. The benchmark and the tests know these by number. */
typedef enum { AS_FLOAT32, AVX512_BF16, AMX_BF16 } Multiplier;

/* The best that this CPU and system have. */
int32_t charl_bfloat16_multiplier(void);

/* c = a b, all of them bfloat16, added up in float32. A status that is not zero says that there was
 * no memory. */
int32_t charl_multiply_bfloat16(Multiplier multiplier, Matrix a, Matrix b, uint16_t *c,
                                int64_t c_row, int64_t m, int64_t n, int64_t k);

/* A square of 32 x 32 sums, of which `rows` count, = or += a b: what the instructions do at a time.
 *
 *   a     32 rows of `depth` numbers
 *   b     depth / 2 rows of 32 pairs: a number, and the one below it in the matrix
 *   sums  rows `width` apart
 *
 * Everything is 64 bytes aligned and padded with zeros; the depth is a multiple of 32. Squares of one
 * thread stand between `begin` and `end`. */
enum { SQUARE = 32 };
typedef struct {
    void (*begin)(void);
    void (*multiply)(const uint16_t *a, const uint16_t *b, float *sums, int64_t width,
                     int64_t depth, int64_t rows, int adds);
    void (*end)(void);
} Squares;

/* Those of a multiplier; NULL where this library was built without its instructions. */
const Squares *charl_bfloat16_squares(Multiplier multiplier);

#endif
