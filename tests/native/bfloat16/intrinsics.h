/* What AVX512-BF16 and AMX do, in plain C: `squares.c` is built with this to be tested on any machine.
 *
 * As Intel's manual ("Instruction Set Extensions", VDPBF16PS, TDPBF16PS, LDTILECFG) tells: a product
 * and a sum are rounded together, to the nearest; denormals are zero where they are read and where
 * they would be written. What the processor would refuse stops the process.
 */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define MODEL static inline __attribute__((unused, always_inline))
#define DEMAND(condition) ((condition) ? (void)0 : abort())

MODEL float model_flush(float x) { return fpclassify(x) == FP_SUBNORMAL ? copysignf(0, x) : x; }

MODEL float model_wide(uint16_t x) {
    uint32_t bits = (uint32_t)x << 16;
    float value;
    memcpy(&value, &bits, sizeof value);
    return model_flush(value);
}

MODEL float model_add_product(float sum, uint16_t x, uint16_t y) {
    return model_flush(fmaf(model_wide(x), model_wide(y), model_flush(sum)));
}

/* --- AVX512 ---------------------------------------------------------------------------------- */

typedef float __m512 __attribute__((vector_size(64)));
typedef int32_t __m512i __attribute__((vector_size(64)));
typedef uint16_t __m512bh __attribute__((vector_size(64)));

MODEL __m512 _mm512_setzero_ps(void) { return (__m512){0}; }

MODEL __m512i _mm512_set1_epi32(int32_t x) { return (__m512i){0} + x; }

MODEL __m512 _mm512_load_ps(const void *from) {
    DEMAND((uintptr_t)from % 64 == 0);
    return *(const __m512 *)from;
}

MODEL __m512i _mm512_load_si512(const void *from) {
    DEMAND((uintptr_t)from % 64 == 0);
    __m512i found;
    memcpy(&found, from, sizeof found);
    return found;
}

MODEL void _mm512_store_ps(void *to, __m512 x) {
    DEMAND((uintptr_t)to % 64 == 0);
    *(__m512 *)to = x;
}

MODEL __m512 _mm512_dpbf16_ps(__m512 sums, __m512bh a, __m512bh b) {
    for (int i = 0; i < 16; i++) {
        float sum = model_add_product(sums[i], a[2 * i + 1], b[2 * i + 1]);
        sums[i] = model_add_product(sum, a[2 * i], b[2 * i]);
    }
    return sums;
}

/* --- AMX ------------------------------------------------------------------------------------- */

/* A thread's tiles; without rows there are none. */
static _Thread_local struct {
    int rows, bytes;
    uint8_t data[16][64];
} model_tiles[8];

MODEL void _tile_loadconfig(const void *config) {
    uint8_t given[64];
    memcpy(given, config, sizeof given);
    DEMAND(given[0] == 1);
    for (int i = 1; i < 16; i++) {
        DEMAND(given[i] == 0);
    }
    for (int i = 0; i < 16; i++) {
        int rows = given[48 + i], bytes = given[16 + 2 * i] | given[17 + 2 * i] << 8;
        DEMAND(rows <= 16 && bytes <= 64 && bytes % 4 == 0 && (i < 8 || rows + bytes == 0));
        if (i < 8) {
            memset(&model_tiles[i], 0, sizeof model_tiles[i]);
            model_tiles[i].rows = rows;
            model_tiles[i].bytes = bytes;
        }
    }
}

MODEL void _tile_release(void) { memset(model_tiles, 0, sizeof model_tiles); }

MODEL void _tile_zero(int t) {
    DEMAND(model_tiles[t].rows > 0);
    memset(model_tiles[t].data, 0, sizeof model_tiles[t].data);
}

MODEL void _tile_loadd(int t, const void *from, int64_t stride) {
    _tile_zero(t);
    for (int i = 0; i < model_tiles[t].rows; i++) {
        memcpy(model_tiles[t].data[i], (const char *)from + i * stride,
               (size_t)model_tiles[t].bytes);
    }
}

MODEL void _tile_stored(int t, void *to, int64_t stride) {
    DEMAND(model_tiles[t].rows > 0);
    for (int i = 0; i < model_tiles[t].rows; i++) {
        memcpy((char *)to + i * stride, model_tiles[t].data[i], (size_t)model_tiles[t].bytes);
    }
}

/* The sums of the first and of the second numbers of the pairs are made apart. */
MODEL void _tile_dpbf16ps(int c, int a, int b) {
    DEMAND(model_tiles[a].rows == model_tiles[c].rows && model_tiles[b].rows > 0);
    DEMAND(model_tiles[a].bytes == 4 * model_tiles[b].rows);
    DEMAND(model_tiles[b].bytes == model_tiles[c].bytes);
    for (int i = 0; i < model_tiles[c].rows; i++) {
        for (int j = 0; j < model_tiles[c].bytes / 4; j++) {
            float parts[2] = {0, 0}, sum;
            for (int l = 0; l < model_tiles[b].rows; l++) {
                for (int s = 0; s < 2; s++) {
                    uint16_t x, y;
                    memcpy(&x, &model_tiles[a].data[i][4 * l + 2 * s], sizeof x);
                    memcpy(&y, &model_tiles[b].data[l][4 * j + 2 * s], sizeof y);
                    parts[s] = model_add_product(parts[s], x, y);
                }
            }
            memcpy(&sum, &model_tiles[c].data[i][4 * j], sizeof sum);
            sum = model_flush(model_flush(sum) + model_flush(parts[0] + parts[1]));
            memcpy(&model_tiles[c].data[i][4 * j], &sum, sizeof sum);
        }
    }
}
