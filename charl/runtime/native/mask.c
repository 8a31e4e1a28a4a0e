/* What a mask chooses: elements, places, and the way back. A mask is bytes that are 0 or 1. */
#include "charl.h"

#include <string.h>

int64_t charl_mask_count(const uint8_t *mask, int64_t count) {
    int64_t found = 0;
    for (int64_t i = 0; i < count; i++) {
        found += mask[i];
    }
    return found;
}

/* An element is written at the next free place whether it is chosen or not; unless it is, the place
 * stays free. So nothing is to be guessed, and the end is where all that are chosen have been. */
#define SELECT(TYPE)                                                                               \
    for (int64_t i = 0, free = 0; free < chosen; i++) {                                            \
        ((TYPE *)(void *)target)[free] = ((const TYPE *)(const void *)x)[i];                       \
        free += mask[i];                                                                           \
    }

/* The `chosen` items of `width` bytes where the mask holds, in order. */
void charl_mask_select(char *target, const char *x, const uint8_t *mask, int64_t chosen,
                       int64_t width) {
    switch (width) {
    case 1:
        SELECT(uint8_t);
        return;
    case 2:
        SELECT(uint16_t);
        return;
    case 4:
        SELECT(uint32_t);
        return;
    case 8:
        SELECT(uint64_t);
        return;
    }
    for (int64_t i = 0, free = 0; free < chosen; i++) {
        if (mask[i]) {
            memcpy(target + free++ * width, x + i * width, (size_t)width);
        }
    }
}

/* The items in order where the mask holds, zero elsewhere. */
void charl_mask_scatter(char *target, const char *values, const uint8_t *mask, int64_t count,
                        int64_t width) {
    memset(target, 0, (size_t)(count * width));
    for (int64_t i = 0; i < count; i++) {
        if (mask[i]) {
            memcpy(target + i * width, values, (size_t)width);
            values += width;
        }
    }
}

/* The indices of the places where a mask of these sizes holds, one row for each. */
void charl_mask_places(int64_t *target, const uint8_t *mask, int64_t chosen, int64_t rank,
                       const int64_t *sizes) {
    int64_t *end = target + chosen * rank;
    for (int64_t i = 0; target < end; i++) {
        if (mask[i]) {
            int64_t rest = i;
            for (int64_t axis = rank - 1; axis >= 0; axis--) {
                target[axis] = rest % sizes[axis];
                rest /= sizes[axis];
            }
            target += rank;
        }
    }
}
