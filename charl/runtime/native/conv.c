/* Convolution (but for few filters: see direct.c) and its two gradients, each a product of the filters or results with "patches": the
 * matrix whose row (c, k) holds, for every output place, the element of channel c that place k of
 * its window covers. Patches are made for as many output rows as fit into the cache, in memory of
 * the thread that needs them.
 *
 * Images are spread over the threads. The gradient of the filters is a sum over images: it is taken
 * in chunks whose number depends on the sizes alone, and the chunks are added in order.
 */
#include "windows.h"

#include <string.h>

static const int64_t PATCH_BYTES = 1 << 17;   /* a good part of a second-level cache */
static const int64_t STRETCH_WORK = 1 << 18; /* multiplications worth a stretch of their own */
enum { MOST_CHUNKS = 8 };

/* Rows of outputs, the two outer axes taken as one. */
static int64_t output_rows(const Windows *p) { return p->axes[0].outputs * p->axes[1].outputs; }

static int64_t rows_at_once(const Windows *p, int64_t width) {
    int64_t row = p->channels * window_size(p) * p->axes[2].outputs * width;
    int64_t rows = row > 0 ? PATCH_BYTES / row : output_rows(p);
    return rows < 1 ? 1 : rows;
}

/* Whether the patches of an image are the image itself. */
static int plain(const Windows *p) {
    for (int i = 0; i < SPATIAL; i++) {
        const Axis *axis = &p->axes[i];
        if (axis->window != 1 || axis->stride != 1 || axis->before != 0 ||
            axis->outputs != axis->size) {
            return 0;
        }
    }
    return 1;
}

#define CONVOLUTION(TYPE, KIND)                                                                    \
    static void patch_row_##TYPE(const Windows *p, const TYPE *image, int64_t k0, int64_t k1,      \
                                 int64_t k2, int64_t first, int64_t last, TYPE *patch) {           \
        const Axis *x0 = &p->axes[0], *x1 = &p->axes[1], *x2 = &p->axes[2];                        \
        int64_t low, high;                                                                         \
        inside(x2, k2, &low, &high);                                                               \
        for (int64_t row = first; row < last; row++, patch += x2->outputs) {                       \
            int64_t at0 = place(x0, row / x1->outputs, k0), at1 = place(x1, row % x1->outputs, k1); \
            if (at0 < 0 || at0 >= x0->size || at1 < 0 || at1 >= x1->size) {                        \
                memset(patch, 0, (size_t)x2->outputs * sizeof *patch);                             \
                continue;                                                                          \
            }                                                                                      \
            const TYPE *line = image + (at0 * x1->size + at1) * x2->size;                          \
            int64_t shift = place(x2, 0, k2), step = x2->stride;                                   \
            for (int64_t o = 0; o < low; o++) {                                                    \
                patch[o] = 0;                                                                      \
            }                                                                                      \
            if (step == 1) {                                                                       \
                for (int64_t o = low; o < high; o++) {                                             \
                    patch[o] = line[o + shift];                                                    \
                }                                                                                  \
            } else {                                                                               \
                for (int64_t o = low; o < high; o++) {                                             \
                    patch[o] = line[o * step + shift];                                             \
                }                                                                                  \
            }                                                                                      \
            for (int64_t o = high; o < x2->outputs; o++) {                                         \
                patch[o] = 0;                                                                      \
            }                                                                                      \
        }                                                                                          \
    }                                                                                              \
                                                                                                   \
    /* The patches of output rows [first, last) of the channels of a group. */                     \
    static void patches_##TYPE(const Windows *p, const TYPE *image, int64_t first, int64_t last,   \
                               TYPE *patch) {                                                      \
        int64_t places = (last - first) * p->axes[2].outputs;                                      \
        for (int64_t c = 0; c < p->channels; c++, image += image_size(p)) {                        \
            for (int64_t k0 = 0; k0 < p->axes[0].window; k0++) {                                   \
                for (int64_t k1 = 0; k1 < p->axes[1].window; k1++) {                               \
                    for (int64_t k2 = 0; k2 < p->axes[2].window; k2++, patch += places) {          \
                        patch_row_##TYPE(p, image, k0, k1, k2, first, last, patch);                \
                    }                                                                              \
                }                                                                                  \
            }                                                                                      \
        }                                                                                          \
    }                                                                                              \
                                                                                                   \
    /* Adds patches back to where they come from. */                                               \
    static void scatter_##TYPE(const Windows *p, TYPE *image, int64_t first, int64_t last,         \
                               const TYPE *patch) {                                                \
        const Axis *x0 = &p->axes[0], *x1 = &p->axes[1], *x2 = &p->axes[2];                        \
        for (int64_t c = 0; c < p->channels; c++, image += image_size(p)) {                        \
            for (int64_t k0 = 0; k0 < x0->window; k0++) {                                          \
                for (int64_t k1 = 0; k1 < x1->window; k1++) {                                      \
                    for (int64_t k2 = 0; k2 < x2->window; k2++) {                                  \
                        int64_t low, high, shift = place(x2, 0, k2), step = x2->stride;            \
                        inside(x2, k2, &low, &high);                                               \
                        for (int64_t row = first; row < last; row++, patch += x2->outputs) {       \
                            int64_t at0 = place(x0, row / x1->outputs, k0);                        \
                            int64_t at1 = place(x1, row % x1->outputs, k1);                        \
                            if (at0 < 0 || at0 >= x0->size || at1 < 0 || at1 >= x1->size) {        \
                                continue;                                                          \
                            }                                                                      \
                            TYPE *line = image + (at0 * x1->size + at1) * x2->size;                \
                            if (step == 1) {                                                       \
                                for (int64_t o = low; o < high; o++) {                             \
                                    line[o + shift] += patch[o];                                   \
                                }                                                                  \
                            } else {                                                               \
                                for (int64_t o = low; o < high; o++) {                             \
                                    line[o * step + shift] += patch[o];                            \
                                }                                                                  \
                            }                                                                      \
                        }                                                                          \
                    }                                                                              \
                }                                                                                  \
            }                                                                                      \
        }                                                                                          \
    }                                                                                              \
                                                                                                   \
    /* Items are the groups of all images. */                                                      \
    static int32_t conv_##TYPE(int64_t *context, int64_t low, int64_t high) {                      \
        const Windows *p = (const Windows *)context;                                               \
        int64_t depth = p->channels * window_size(p), outputs = output_size(p);                    \
        int64_t at_once = rows_at_once(p, sizeof(TYPE)), width = p->axes[2].outputs;               \
        int as_it_is = plain(p);                                                                   \
        TYPE *patch = as_it_is ? NULL : charl_scratch(depth * at_once * width * sizeof(TYPE));     \
        if (patch == NULL && !as_it_is) {                                                          \
            return 1;                                                                              \
        }                                                                                          \
        for (int64_t item = low; item < high; item++) {                                            \
            const TYPE *image = (const TYPE *)p->x + item * p->channels * image_size(p);           \
            TYPE *y = (TYPE *)p->y + item * p->filters * outputs;                                  \
            Matrix w = {(const TYPE *)p->w + item % p->groups * p->filters * depth, depth, 1};     \
            if (as_it_is) {                                                                        \
                charl_multiply(KIND, w, (Matrix){image, outputs, 1}, y, outputs, p->filters,       \
                               outputs, depth, 0);                                                 \
                continue;                                                                          \
            }                                                                                      \
            for (int64_t first = 0; first < output_rows(p); first += at_once) {                    \
                int64_t left = output_rows(p) - first, rows = left < at_once ? left : at_once;     \
                patches_##TYPE(p, image, first, first + rows, patch);                              \
                charl_multiply(KIND, w, (Matrix){patch, rows * width, 1}, y + first * width,       \
                               outputs, p->filters, rows * width, depth, 0);                       \
            }                                                                                      \
        }                                                                                          \
        return 0;                                                                                  \
    }                                                                                              \
                                                                                                   \
    static int32_t input_gradient_##TYPE(int64_t *context, int64_t low, int64_t high) {            \
        const Windows *p = (const Windows *)context;                                               \
        int64_t depth = p->channels * window_size(p), outputs = output_size(p);                    \
        int64_t at_once = rows_at_once(p, sizeof(TYPE)), width = p->axes[2].outputs;               \
        TYPE *patch = charl_scratch(depth * at_once * width * sizeof(TYPE));                       \
        if (patch == NULL) {                                                                       \
            return 1;                                                                              \
        }                                                                                          \
        for (int64_t item = low; item < high; item++) {                                            \
            TYPE *image = (TYPE *)p->x + item * p->channels * image_size(p);                       \
            const TYPE *y = (const TYPE *)p->y + item * p->filters * outputs;                      \
            Matrix w = {(const TYPE *)p->w + item % p->groups * p->filters * depth, 1, depth};     \
            memset(image, 0, (size_t)(p->channels * image_size(p)) * sizeof *image);               \
            for (int64_t first = 0; first < output_rows(p); first += at_once) {                    \
                int64_t left = output_rows(p) - first, rows = left < at_once ? left : at_once;     \
                charl_multiply(KIND, w, (Matrix){y + first * width, outputs, 1}, patch,            \
                               rows * width, depth, rows * width, p->filters, 0);                  \
                scatter_##TYPE(p, image, first, first + rows, patch);                              \
            }                                                                                      \
        }                                                                                          \
        return 0;                                                                                  \
    }                                                                                              \
                                                                                                   \
    /* Items are chunks of the images. */                                                          \
    static int32_t filter_gradient_##TYPE(int64_t *context, int64_t low, int64_t high) {           \
        const Windows *p = (const Windows *)context;                                               \
        int64_t depth = p->channels * window_size(p), outputs = output_size(p);                    \
        int64_t at_once = rows_at_once(p, sizeof(TYPE)), width = p->axes[2].outputs;               \
        int64_t all = p->groups * p->filters * depth, chunks = charl_conv_chunks(context);         \
        TYPE *patch = charl_scratch(depth * at_once * width * sizeof(TYPE));                       \
        if (patch == NULL) {                                                                       \
            return 1;                                                                              \
        }                                                                                          \
        for (int64_t chunk = low; chunk < high; chunk++) {                                         \
            TYPE *sum = (TYPE *)p->chunks + chunk * all;                                           \
            memset(sum, 0, (size_t)all * sizeof *sum);                                             \
            int64_t begin = p->images * chunk / chunks, end = p->images * (chunk + 1) / chunks;    \
            for (int64_t item = begin * p->groups; item < end * p->groups; item++) {               \
                const TYPE *image = (const TYPE *)p->x + item * p->channels * image_size(p);       \
                const TYPE *y = (const TYPE *)p->y + item * p->filters * outputs;                  \
                TYPE *w = sum + item % p->groups * p->filters * depth;                             \
                for (int64_t first = 0; first < output_rows(p); first += at_once) {                \
                    int64_t left = output_rows(p) - first, rows = left < at_once ? left : at_once; \
                    patches_##TYPE(p, image, first, first + rows, patch);                          \
                    charl_multiply(KIND, (Matrix){y + first * width, outputs, 1},                  \
                                   (Matrix){patch, 1, rows * width}, w, depth, p->filters, depth,  \
                                   rows * width, 1);                                               \
                }                                                                                  \
            }                                                                                      \
        }                                                                                          \
        return 0;                                                                                  \
    }                                                                                              \
                                                                                                   \
    static void add_chunks_##TYPE(const Windows *p, int64_t chunks) {                              \
        int64_t all = p->groups * p->filters * p->channels * window_size(p);                       \
        TYPE *w = (TYPE *)p->w;                                                                    \
        memcpy(w, p->chunks, (size_t)all * sizeof *w);                                             \
        for (int64_t chunk = 1; chunk < chunks; chunk++) {                                         \
            const TYPE *sum = (const TYPE *)p->chunks + chunk * all;                               \
            for (int64_t i = 0; i < all; i++) {                                                    \
                w[i] += sum[i];                                                                    \
            }                                                                                      \
        }                                                                                          \
    }

CONVOLUTION(float, FLOAT32)
CONVOLUTION(double, FLOAT64)

/* Multiplications for one group of one image. */
static int64_t work(const Windows *p) {
    return p->filters * p->channels * window_size(p) * output_size(p) + output_size(p);
}

static int64_t grain(const Windows *p) {
    int64_t each = work(p);
    return each > 0 ? 1 + STRETCH_WORK / each : p->images * p->groups;
}

int32_t charl_conv(int64_t *windows) {
    const Windows *p = (const Windows *)windows;
    Body *body;
    if (charl_conv_direct_fits(p)) {
        body = p->kind == FLOAT32 ? charl_conv_direct_float : charl_conv_direct_double;
    } else {
        charl_want_blas();
        body = p->kind == FLOAT32 ? conv_float : conv_double;
    }
    return charl_parallel(body, windows, p->images * p->groups, grain(p));
}

int32_t charl_conv_input_gradient(int64_t *windows) {
    const Windows *p = (const Windows *)windows;
    charl_want_blas();
    Body *body = p->kind == FLOAT32 ? input_gradient_float : input_gradient_double;
    return charl_parallel(body, windows, p->images * p->groups, grain(p));
}

int64_t charl_conv_chunks(int64_t *windows) {
    const Windows *p = (const Windows *)windows;
    int64_t chunks = p->images * p->groups / grain(p);
    chunks = chunks < p->images ? chunks : p->images;
    return chunks < 1 ? 1 : chunks > MOST_CHUNKS ? MOST_CHUNKS : chunks;
}

int32_t charl_conv_filter_gradient(int64_t *windows) {
    const Windows *p = (const Windows *)windows;
    charl_want_blas();
    Body *body = p->kind == FLOAT32 ? filter_gradient_float : filter_gradient_double;
    int64_t chunks = charl_conv_chunks(windows);
    int32_t status = charl_parallel(body, windows, chunks, 1);
    if (status == 0) {
        (p->kind == FLOAT32 ? add_chunks_float : add_chunks_double)(p, chunks);
    }
    return status;
}
