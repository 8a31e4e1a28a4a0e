/* bfloat16, the upper half of a float32, from and to that. */
#ifndef CHARL_BFLOAT16_H
#define CHARL_BFLOAT16_H

#include <stdint.h>
#include <string.h>

static inline float from_bfloat16(uint16_t bits) {
    uint32_t wide = (uint32_t)bits << 16;
    float value;
    memcpy(&value, &wide, sizeof value);
    return value;
}

/* Rounded to nearest, ties to even. */
static inline uint16_t to_bfloat16(float value) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    uint32_t rounded = (bits + 0x7FFF + (bits >> 16 & 1)) >> 16;
    return (uint16_t)(value == value ? rounded : (bits >> 16 & 0x8000) | 0x7FC0);
}

#endif
