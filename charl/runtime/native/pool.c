/* Pooling: maxima and sums over sliding windows, and their gradients.
 *
 * An image (one channel of it) is an item; threads share them. For every place of the window a whole
 * row of outputs is done at once, so that the elements that meet stand in rows too. The order in
 * which elements meet is that of the interpreter: outputs and places of the window in row-major
 * order. Padding is never looked at.
 */
#include "windows.h"

#include <math.h>
#include <string.h>

static const int64_t STRETCH_ELEMENTS = 1 << 15; /* looks into images worth a stretch of their own */

typedef struct {
    int64_t i[SPATIAL];   /* the place in the window */
    int64_t low, high;    /* the outputs of a row for which it is inside the image */
    int64_t row;          /* where the row of outputs begins */
    int64_t line;         /* where the place of output 0 would be in the image */
} Step;

/* Calls DO(step) for every place of the window and every row of outputs for which it is in the
 * image along the two outer axes. */
#define EVERY_ROW(P, STEP, DO)                                                                     \
    do {                                                                                           \
        const Axis *x0 = &(P)->axes[0], *x1 = &(P)->axes[1], *x2 = &(P)->axes[2];                  \
        Step STEP;                                                                                 \
        for (STEP.i[0] = 0; STEP.i[0] < x0->window; STEP.i[0]++) {                                 \
            int64_t low0, high0;                                                                   \
            inside(x0, STEP.i[0], &low0, &high0);                                                  \
            for (STEP.i[1] = 0; STEP.i[1] < x1->window; STEP.i[1]++) {                             \
                int64_t low1, high1;                                                               \
                inside(x1, STEP.i[1], &low1, &high1);                                              \
                for (STEP.i[2] = 0; STEP.i[2] < x2->window; STEP.i[2]++) {                         \
                    inside(x2, STEP.i[2], &STEP.low, &STEP.high);                                  \
                    for (int64_t o0 = low0; o0 < high0; o0++) {                                    \
                        for (int64_t o1 = low1; o1 < high1; o1++) {                                \
                            STEP.row = (o0 * x1->outputs + o1) * x2->outputs;                      \
                            STEP.line = (place(x0, o0, STEP.i[0]) * x1->size +                     \
                                         place(x1, o1, STEP.i[1])) * x2->size +                    \
                                        place(x2, 0, STEP.i[2]);                                   \
                            DO                                                                     \
                        }                                                                          \
                    }                                                                              \
                }                                                                                  \
            }                                                                                      \
        }                                                                                          \
    } while (0)

/* A row of outputs with a constant step where it is small, which compilers make vectors of. */
#define EVERY_OUTPUT(STEP, STRIDE, BODY)                                                           \
    if ((STRIDE) == 1) {                                                                           \
        for (int64_t o = (STEP).low; o < (STEP).high; o++) {                                       \
            int64_t at = o;                                                                        \
            BODY                                                                                   \
        }                                                                                          \
    } else if ((STRIDE) == 2) {                                                                    \
        for (int64_t o = (STEP).low; o < (STEP).high; o++) {                                       \
            int64_t at = 2 * o;                                                                    \
            BODY                                                                                   \
        }                                                                                          \
    } else {                                                                                       \
        for (int64_t o = (STEP).low; o < (STEP).high; o++) {                                       \
            int64_t at = o * (STRIDE);                                                             \
            BODY                                                                                   \
        }                                                                                          \
    }

#define POOLING(TYPE)                                                                              \
    static int32_t max_##TYPE(int64_t *context, int64_t first, int64_t end) {                      \
        const Windows *p = (const Windows *)context;                                               \
        int64_t outputs = output_size(p), stride = p->axes[2].stride;                              \
        for (int64_t n = first; n < end; n++) {                                                    \
            const TYPE *image = (const TYPE *)p->x + n * image_size(p);                            \
            TYPE *result = (TYPE *)p->y + n * outputs;                                             \
            for (int64_t o = 0; o < outputs; o++) {                                                \
                result[o] = (TYPE)-INFINITY;                                                       \
            }                                                                                      \
            EVERY_ROW(p, step, {                                                                   \
                TYPE *restrict best = result + step.row;                                           \
                const TYPE *line = image + step.line;                                              \
                EVERY_OUTPUT(step, stride, {                                                       \
                    TYPE v = line[at];                                                             \
                    best[o] = v > best[o] || v != v ? v : best[o]; /* NaN stays */                 \
                })                                                                                 \
            });                                                                                    \
        }                                                                                          \
        return 0;                                                                                  \
    }                                                                                              \
                                                                                                   \
    static int32_t sum_##TYPE(int64_t *context, int64_t first, int64_t end) {                      \
        const Windows *p = (const Windows *)context;                                               \
        int64_t outputs = output_size(p), stride = p->axes[2].stride;                              \
        for (int64_t n = first; n < end; n++) {                                                    \
            const TYPE *image = (const TYPE *)p->x + n * image_size(p);                            \
            TYPE *result = (TYPE *)p->y + n * outputs;                                             \
            memset(result, 0, (size_t)outputs * sizeof *result);                                   \
            EVERY_ROW(p, step, {                                                                   \
                TYPE *restrict total = result + step.row;                                          \
                const TYPE *line = image + step.line;                                              \
                EVERY_OUTPUT(step, stride, { total[o] += line[at]; })                              \
            });                                                                                    \
        }                                                                                          \
        return 0;                                                                                  \
    }                                                                                              \
                                                                                                   \
    static int32_t sum_gradient_##TYPE(int64_t *context, int64_t first, int64_t end) {             \
        const Windows *p = (const Windows *)context;                                               \
        int64_t outputs = output_size(p), stride = p->axes[2].stride;                              \
        for (int64_t n = first; n < end; n++) {                                                    \
            TYPE *image = (TYPE *)p->x + n * image_size(p);                                        \
            const TYPE *signal = (const TYPE *)p->y + n * outputs;                                 \
            memset(image, 0, (size_t)image_size(p) * sizeof *image);                               \
            EVERY_ROW(p, step, {                                                                   \
                TYPE *restrict line = image + step.line;                                           \
                const TYPE *row = signal + step.row;                                               \
                EVERY_OUTPUT(step, stride, { line[at] += row[o]; })                                \
            });                                                                                    \
        }                                                                                          \
        return 0;                                                                                  \
    }                                                                                              \
                                                                                                   \
    /* Where the first maximum of every window stands, row-major in the image; NaN beats all. -1   \
     * where there is nothing but padding. */                                                      \
    static void places_##TYPE(const Windows *p, const TYPE *image, TYPE *best, int64_t *where) {   \
        int64_t outputs = output_size(p), stride = p->axes[2].stride;                              \
        for (int64_t o = 0; o < outputs; o++) {                                                    \
            best[o] = (TYPE)-INFINITY;                                                             \
            where[o] = -1;                                                                         \
        }                                                                                          \
        EVERY_ROW(p, step, {                                                                       \
            TYPE *restrict most = best + step.row;                                                 \
            int64_t *restrict found = where + step.row;                                            \
            const TYPE *line = image + step.line;                                                  \
            EVERY_OUTPUT(step, stride, {                                                           \
                TYPE v = line[at];                                                                 \
                TYPE old = most[o];                                                                \
                int better = (v > old) | ((v != v) & (old == old)) | (found[o] < 0);               \
                most[o] = better ? v : old;                                                        \
                found[o] = better ? step.line + at : found[o];                                     \
            })                                                                                     \
        });                                                                                        \
    }                                                                                              \
                                                                                                   \
    static int32_t argmax_##TYPE(int64_t *context, int64_t first, int64_t end) {                   \
        const Windows *p = (const Windows *)context;                                               \
        int64_t outputs = output_size(p);                                                          \
        TYPE *best = charl_scratch(outputs * (int64_t)sizeof(TYPE));                               \
        if (best == NULL) {                                                                        \
            return 1;                                                                              \
        }                                                                                          \
        for (int64_t n = first; n < end; n++) {                                                    \
            int64_t *where = (int64_t *)p->y + n * outputs;                                        \
            places_##TYPE(p, (const TYPE *)p->x + n * image_size(p), best, where);                 \
            for (int64_t o = 0; o < outputs; o++) {                                                \
                where[o] = where[o] < 0 ? 0 : where[o];                                            \
            }                                                                                      \
        }                                                                                          \
        return 0;                                                                                  \
    }                                                                                              \
                                                                                                   \
    static int32_t max_gradient_##TYPE(int64_t *context, int64_t first, int64_t end) {             \
        const Windows *p = (const Windows *)context;                                               \
        int64_t outputs = output_size(p);                                                          \
        int64_t *where = charl_scratch(outputs * (int64_t)(sizeof(TYPE) + sizeof *where));         \
        if (where == NULL) {                                                                       \
            return 1;                                                                              \
        }                                                                                          \
        for (int64_t n = first; n < end; n++) {                                                    \
            TYPE *result = (TYPE *)p->x + n * image_size(p);                                       \
            const TYPE *signal = (const TYPE *)p->y + n * outputs;                                 \
            memset(result, 0, (size_t)image_size(p) * sizeof *result);                             \
            places_##TYPE(p, (const TYPE *)p->w + n * image_size(p), (TYPE *)(where + outputs),    \
                          where);                                                                  \
            for (int64_t o = 0; o < outputs; o++) {                                                \
                if (where[o] >= 0) {                                                               \
                    result[where[o]] += signal[o];                                                 \
                }                                                                                  \
            }                                                                                      \
        }                                                                                          \
        return 0;                                                                                  \
    }

POOLING(float)
POOLING(double)

static int32_t spread(int64_t *windows, Body *of_floats, Body *of_doubles) {
    const Windows *p = (const Windows *)windows;
    int64_t looks = window_size(p) * output_size(p) + image_size(p) + 1;
    Body *body = p->kind == FLOAT32 ? of_floats : of_doubles;
    return charl_parallel(body, windows, p->images, 1 + STRETCH_ELEMENTS / looks);
}

int32_t charl_window_max(int64_t *windows) { return spread(windows, max_float, max_double); }

int32_t charl_window_argmax(int64_t *windows) {
    return spread(windows, argmax_float, argmax_double);
}

int32_t charl_window_sum(int64_t *windows) { return spread(windows, sum_float, sum_double); }

int32_t charl_window_max_gradient(int64_t *windows) {
    return spread(windows, max_gradient_float, max_gradient_double);
}

int32_t charl_window_sum_gradient(int64_t *windows) {
    return spread(windows, sum_gradient_float, sum_gradient_double);
}
