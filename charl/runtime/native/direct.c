/* Convolution without patches, for few filters: making the patches would cost more than the product.
 *
 * The image is copied once, with its padding around it. Then every element of a patch matrix is at a
 * fixed offset from the place of the output, so a few vectors of outputs of a few filters stay in
 * registers while the sum runs over a table of offsets: a step loads the elements once and
 * multiplies them with a number of every filter. Windows must follow each other without gaps along
 * rows, and a row have a vector of outputs at least.
 */
#include "machines.h"
#include "windows.h"

#include <string.h>

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC optimize("fp-contract=fast") /* multiply and add in one step where there is one */
#endif

enum { VECTOR = 32, BLOCKS = 2, FEW_FILTERS = 16 };

typedef float Vector_float __attribute__((vector_size(VECTOR), aligned(4), may_alias));
typedef double Vector_double __attribute__((vector_size(VECTOR), aligned(8), may_alias));

int charl_conv_direct_fits(const Windows *p) {
    int64_t lanes = VECTOR / (p->kind == FLOAT32 ? 4 : 8);
    return p->axes[2].stride == 1 && p->axes[2].outputs >= lanes && p->filters <= FEW_FILTERS;
}

/* The elements of a padded image along an axis that windows cover. */
static int64_t covered(const Axis *axis) {
    int64_t all = (axis->outputs - 1) * axis->stride + (axis->window - 1) * axis->dilation + 1;
    return all > 0 ? all : 0;
}

static void fill_offsets(const Windows *p, int64_t *offsets) {
    const Axis *x0 = &p->axes[0], *x1 = &p->axes[1], *x2 = &p->axes[2];
    int64_t n0 = covered(x0), n1 = covered(x1), n2 = covered(x2);
    for (int64_t c = 0; c < p->channels; c++) {
        for (int64_t i = 0; i < x0->window; i++) {
            for (int64_t j = 0; j < x1->window; j++) {
                for (int64_t k = 0; k < x2->window; k++) {
                    *offsets++ = ((c * n0 + i * x0->dilation) * n1 + j * x1->dilation) * n2 +
                                 k * x2->dilation;
                }
            }
        }
    }
}

static void pad(const Windows *p, const char *image, char *padded, int64_t width) {
    const Axis *x0 = &p->axes[0], *x1 = &p->axes[1], *x2 = &p->axes[2];
    int64_t n0 = covered(x0), n1 = covered(x1), n2 = covered(x2);
    int64_t low = x2->before < n2 ? x2->before : n2, high = x2->before + x2->size;
    high = high < n2 ? high : n2;
    high = high > low ? high : low;
    for (int64_t c = 0; c < p->channels; c++) {
        for (int64_t i = 0; i < n0; i++) {
            for (int64_t j = 0; j < n1; j++, padded += n2 * width) {
                int64_t at0 = i - x0->before, at1 = j - x1->before;
                if (at0 < 0 || at0 >= x0->size || at1 < 0 || at1 >= x1->size) {
                    memset(padded, 0, (size_t)(n2 * width));
                    continue;
                }
                const char *line = image + ((c * x0->size + at0) * x1->size + at1) * x2->size * width;
                memset(padded, 0, (size_t)(low * width));
                memcpy(padded + low * width, line, (size_t)((high - low) * width));
                memset(padded + high * width, 0, (size_t)((n2 - high) * width));
            }
        }
    }
}

/* Written out for each number of filters: sums in an array would not be kept in registers; nor would
 * vectors of functions that are inlined, which are for machines without such vectors. */
#define ONE(DO, TYPE) DO(0, TYPE)
#define TWO(DO, TYPE) ONE(DO, TYPE) DO(1, TYPE)
#define FOUR(DO, TYPE) TWO(DO, TYPE) DO(2, TYPE) DO(3, TYPE)
#define SIX(DO, TYPE) FOUR(DO, TYPE) DO(4, TYPE) DO(5, TYPE)

#define BEGIN(F, TYPE) Vector_##TYPE sum##F##_0 = {0}, sum##F##_1 = {0};
#define STEP(F, TYPE)                                                                              \
    sum##F##_0 += x0 * w[F * depth + l];                                                           \
    sum##F##_1 += x1 * w[F * depth + l];
#define END(F, TYPE)                                                                               \
    *(Vector_##TYPE *)(y0 + F * outputs) = sum##F##_0;                                             \
    *(Vector_##TYPE *)(y1 + F * outputs) = sum##F##_1;

#define TILE(TYPE, FILTERS)                                                                        \
    {                                                                                              \
        FILTERS(BEGIN, TYPE)                                                                       \
        for (int64_t l = 0; l < depth; l++) {                                                      \
            Vector_##TYPE x0 = *(const Vector_##TYPE *)(at[0] + offsets[l]);                       \
            Vector_##TYPE x1 = *(const Vector_##TYPE *)(at[1] + offsets[l]);                       \
            FILTERS(STEP, TYPE)                                                                    \
        }                                                                                          \
        FILTERS(END, TYPE)                                                                         \
        break;                                                                                     \
    }

#define DIRECT(TYPE)                                                                                \
    FOR_SEVERAL_MACHINES                                                                           \
    static void tiles_##TYPE(const TYPE *const *at, const int64_t *offsets, int64_t depth,         \
                             const TYPE *w, TYPE *const *first, int64_t outputs,                   \
                             int64_t filters) {                                                    \
        TYPE *y0 = first[0], *y1 = first[1];                                                       \
        while (filters > 0) {                                                                      \
            int64_t step = filters >= 6 ? 6 : filters >= 4 ? 4 : filters >= 2 ? 2 : 1;             \
            switch (step) {                                                                        \
            case 6: TILE(TYPE, SIX)                                                                \
            case 4: TILE(TYPE, FOUR)                                                               \
            case 2: TILE(TYPE, TWO)                                                                \
            default: TILE(TYPE, ONE)                                                               \
            }                                                                                      \
            filters -= step;                                                                       \
            w += step * depth;                                                                     \
            y0 += step * outputs;                                                                  \
            y1 += step * outputs;                                                                  \
        }                                                                                          \
    }                                                                                              \
                                                                                                   \
    /* Items are the groups of all images. */                                                      \
    int32_t charl_conv_direct_##TYPE(int64_t *context, int64_t low, int64_t high) {                \
        const Windows *p = (const Windows *)context;                                               \
        const int64_t lanes = VECTOR / sizeof(TYPE);                                               \
        const Axis *x0 = &p->axes[0], *x1 = &p->axes[1], *x2 = &p->axes[2];                        \
        int64_t depth = p->channels * window_size(p), outputs = output_size(p);                    \
        int64_t n1 = covered(x1), n2 = covered(x2), all = p->channels * covered(x0) * n1 * n2;     \
        int64_t *offsets = charl_scratch(depth * 8 + all * (int64_t)sizeof(TYPE));                 \
        if (offsets == NULL) {                                                                     \
            return 1;                                                                              \
        }                                                                                          \
        TYPE *padded = (TYPE *)(offsets + depth);                                                  \
        fill_offsets(p, offsets);                                                                  \
        for (int64_t item = low; item < high; item++) {                                            \
            const TYPE *w = (const TYPE *)p->w + item % p->groups * p->filters * depth;            \
            TYPE *y = (TYPE *)p->y + item * p->filters * outputs;                                  \
            pad(p, p->x + item * p->channels * image_size(p) * (int64_t)sizeof(TYPE),              \
                (char *)padded, sizeof(TYPE));                                                     \
            const TYPE *at[BLOCKS];                                                                \
            TYPE *to[BLOCKS];                                                                      \
            int filled = 0;                                                                        \
            for (int64_t row = 0; row < x0->outputs * x1->outputs; row++) {                        \
                int64_t line = (row / x1->outputs * x0->stride * n1 +                              \
                                row % x1->outputs * x1->stride) * n2;                              \
                for (int64_t o = 0; o < x2->outputs; o += lanes) {                                 \
                    /* The last vector of a row goes back over some that are done. */              \
                    int64_t first = o + lanes > x2->outputs ? x2->outputs - lanes : o;             \
                    at[filled] = padded + line + first;                                            \
                    to[filled] = y + row * x2->outputs + first;                                    \
                    if (++filled == BLOCKS) {                                                      \
                        tiles_##TYPE(at, offsets, depth, w, to, outputs, p->filters);              \
                        filled = 0;                                                                \
                    }                                                                              \
                }                                                                                  \
            }                                                                                      \
            if (filled > 0) { /* the last block twice */                                           \
                for (int b = filled; b < BLOCKS; b++) {                                            \
                    at[b] = at[0];                                                                 \
                    to[b] = to[0];                                                                 \
                }                                                                                  \
                tiles_##TYPE(at, offsets, depth, w, to, outputs, p->filters);                      \
            }                                                                                      \
        }                                                                                          \
        return 0;                                                                                  \
    }

DIRECT(float)
DIRECT(double)
