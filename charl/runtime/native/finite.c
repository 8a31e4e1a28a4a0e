/* Whether a tensor has a NaN or an infinity: floats whose exponent is all ones. */
#include "charl.h"

int32_t charl_all_finite(const void *elements, int64_t count, int64_t bits, int64_t exponent);

#define LOOK(type)                                                                                 \
    do {                                                                                           \
        const type *words = elements, mask = (type)exponent;                                       \
        int bad = 0;                                                                               \
        for (int64_t i = 0; i < count; i++) {                                                      \
            bad |= (words[i] & mask) == mask;                                                      \
        }                                                                                          \
        return !bad;                                                                               \
    } while (0)

/* `exponent` is the mask of the exponent in a float of this many bits. */
int32_t charl_all_finite(const void *elements, int64_t count, int64_t bits, int64_t exponent) {
    switch (bits) {
    case 16:
        LOOK(uint16_t);
    case 32:
        LOOK(uint32_t);
    default:
        LOOK(uint64_t);
    }
}
