/* Sliding windows over images [N, C, d, h, w]: what convolution and pooling share. */
#ifndef CHARL_WINDOWS_H
#define CHARL_WINDOWS_H

#include "product.h"

enum { SPATIAL = 3 };

/* One spatial axis. Window `o` covers the places o * stride + i * dilation - before of the image, for
 * i = 0 .. window - 1; those outside the image are padding. */
typedef struct {
    int64_t size, window, outputs, stride, before, dilation;
} Axis;

/* The words of this stand in the same order in `backend/llvm/convolution.py`. Axes there are none of
 * have size, window and outputs one. For pooling `groups` is one, `channels` and `filters` are not
 * looked at, and `images` counts the channels too. */
typedef struct {
    char *x;      /* images [images, groups, channels, size...] */
    char *w;      /* filters [groups, filters, channels, window...]; for pooling a second operand */
    char *y;      /* results [images, groups, filters, outputs...] */
    char *chunks; /* for the gradient of the filters: its partial sums, one after another */
    int64_t kind; /* FLOAT32 or FLOAT64 */
    int64_t images, groups, channels, filters;
    Axis axes[SPATIAL];
} Windows;

/* The outputs [*low, *high) whose place in the image along an axis, for this i of the window, is in
 * the image and no padding. */
static inline void inside(const Axis *axis, int64_t i, int64_t *low, int64_t *high) {
    int64_t first = i * axis->dilation - axis->before; /* of output 0 */
    int64_t last = axis->size - 1 - first;
    *low = first >= 0 ? 0 : (-first + axis->stride - 1) / axis->stride;
    *high = last < 0 ? 0 : last / axis->stride + 1;
    *low = *low < axis->outputs ? *low : axis->outputs;
    *high = *high < axis->outputs ? *high : axis->outputs;
    *high = *high > *low ? *high : *low;
}

static inline int64_t place(const Axis *axis, int64_t output, int64_t i) {
    return output * axis->stride + i * axis->dilation - axis->before;
}

static inline int64_t image_size(const Windows *p) {
    return p->axes[0].size * p->axes[1].size * p->axes[2].size;
}

static inline int64_t window_size(const Windows *p) {
    return p->axes[0].window * p->axes[1].window * p->axes[2].window;
}

static inline int64_t output_size(const Windows *p) {
    return p->axes[0].outputs * p->axes[1].outputs * p->axes[2].outputs;
}

/* y from x and w; x from w and y; w from x and y. Zero, or not when there is no memory. */
int32_t charl_conv(int64_t *windows);
int32_t charl_conv_input_gradient(int64_t *windows);
int32_t charl_conv_filter_gradient(int64_t *windows);
/* How many partial sums the last needs room for. */
int64_t charl_conv_chunks(int64_t *windows);

/* For few filters, without patches: whether it is done so, and the groups [low, high) of images. */
int charl_conv_direct_fits(const Windows *p);
int32_t charl_conv_direct_float(int64_t *windows, int64_t low, int64_t high);
int32_t charl_conv_direct_double(int64_t *windows, int64_t low, int64_t high);

/* y from x. */
int32_t charl_window_max(int64_t *windows);
int32_t charl_window_argmax(int64_t *windows); /* y is int64 */
int32_t charl_window_sum(int64_t *windows);
/* x from y, and for the maxima from what was x, here w. */
int32_t charl_window_max_gradient(int64_t *windows);
int32_t charl_window_sum_gradient(int64_t *windows);

#endif
