/* Sorting, the greatest k, and search in what is sorted; orders as `charl/ops/sort.py` has them.
 *
 * Whatever the dtype, an element is first made a word whose order as an unsigned number is the order
 * wanted: NaN is the greatest word, both zeros are the same one, and a descending order is the
 * complement. The words are sorted by their digits, the lowest first (radix sort: Knuth, The Art of
 * Computer Programming 3, 5.2.5), which is stable; digits in which all words agree, as half of them
 * do where elements are narrow or the numbers small, are passed over. Few words are sorted by
 * insertion, and few wanted of many are kept sorted while all are looked through.
 */
#include "sorting.h"
#include "values.h"

#include <stdlib.h>
#include <string.h>

enum { DIGITS = 8, VALUES = 256, FEW = 32, FEW_WANTED = 16, GRAIN = 1 << 12 };

/* --- Words ----------------------------------------------------------------------------------- */

static const uint64_t SIGN = 1ULL << 63, NOT_A_NUMBER = UINT64_MAX;

/* The word of a float by its bits, which stand at the upper end; `infinity` likewise. */
static inline uint64_t float_key(uint64_t bits, uint64_t infinity) {
    uint64_t magnitude = bits & ~SIGN;
    if (magnitude > infinity) {
        return NOT_A_NUMBER;
    }
    return magnitude == 0 ? SIGN : bits & SIGN ? ~bits : bits | SIGN;
}

static inline uint64_t key_at(const char *x, int64_t dtype, int64_t place) {
    switch (dtype) {
    case INT8:
        return (uint64_t)((const int8_t *)x)[place] ^ SIGN;
    case INT16:
        return (uint64_t)((const int16_t *)x)[place] ^ SIGN;
    case INT32:
        return (uint64_t)((const int32_t *)x)[place] ^ SIGN;
    case INT64:
        return ((const uint64_t *)x)[place] ^ SIGN;
    case FLOAT16:
        return float_key((uint64_t)((const uint16_t *)x)[place] << 48, 0x7C00ULL << 48);
    case BFLOAT16:
        return float_key((uint64_t)((const uint16_t *)x)[place] << 48, 0x7F80ULL << 48);
    case FLOAT32:
        return float_key((uint64_t)((const uint32_t *)x)[place] << 32, 0x7F800000ULL << 32);
    default:
        return float_key(((const uint64_t *)x)[place], 0x7FF0ULL << 48);
    }
}

/* The word that sorts the other way; NaN stays last. */
static inline uint64_t turned(uint64_t key, int64_t dtype) {
    return dtype >= FLOAT16 && key == NOT_A_NUMBER ? key : ~key;
}

/* --- Sorting words --------------------------------------------------------------------------- */

/* Puts an item where it belongs among `count` sorted ones; there is room for one more. */
static inline void insert(Keyed *items, int64_t count, Keyed item) {
    while (count > 0 && items[count - 1].key > item.key) {
        items[count] = items[count - 1];
        count--;
    }
    items[count] = item;
}

Keyed *charl_sort_keyed(Keyed *items, Keyed *spare, int64_t count) {
    if (count <= FEW) {
        for (int64_t i = 1; i < count; i++) {
            insert(items, i, items[i]);
        }
        return items;
    }
    int64_t counts[DIGITS][VALUES] = {{0}};
    for (int64_t i = 0; i < count; i++) {
        for (int digit = 0; digit < DIGITS; digit++) {
            counts[digit][items[i].key >> 8 * digit & 255]++;
        }
    }
    for (int digit = 0; digit < DIGITS; digit++) {
        if (counts[digit][items[0].key >> 8 * digit & 255] == count) {
            continue;
        }
        int64_t begins[VALUES], begin = 0;
        for (int value = 0; value < VALUES; value++) {
            begins[value] = begin;
            begin += counts[digit][value];
        }
        for (int64_t i = 0; i < count; i++) {
            spare[begins[items[i].key >> 8 * digit & 255]++] = items[i];
        }
        Keyed *sorted = spare;
        spare = items;
        items = sorted;
    }
    return items;
}

/* The first `wanted` of the items in order. */
static Keyed *first_keyed(Keyed *items, Keyed *spare, int64_t count, int64_t wanted) {
    if (wanted > FEW_WANTED || wanted == count) {
        return charl_sort_keyed(items, spare, count);
    }
    int64_t kept = 0;
    for (int64_t i = 0; i < count; i++) {
        if (kept < wanted) {
            insert(spare, kept++, items[i]);
        } else if (wanted > 0 && items[i].key < spare[wanted - 1].key) {
            insert(spare, wanted - 1, items[i]);
        }
    }
    return spare;
}

/* --- The ops --------------------------------------------------------------------------------- */

/* Rows of `count` elements, `inner` apart, of which the first `wanted` are given. */
typedef struct {
    const char *x;
    int64_t dtype, count, inner, wanted;
    int32_t descending;
    char *values;
    int64_t *indices;
} Sort;

static void copy_element(char *to, int64_t place, const char *from, int64_t source, int64_t width) {
    switch (width) {
    case 1:
        to[place] = from[source];
        break;
    case 2:
        ((uint16_t *)to)[place] = ((const uint16_t *)from)[source];
        break;
    case 4:
        ((uint32_t *)to)[place] = ((const uint32_t *)from)[source];
        break;
    default:
        ((uint64_t *)to)[place] = ((const uint64_t *)from)[source];
    }
}

static int32_t sort_rows(int64_t *context, int64_t low, int64_t high) {
    const Sort *s = (const Sort *)context;
    int64_t width = charl_dtype_bytes[s->dtype];
    Keyed *items = malloc(2 * (size_t)s->count * sizeof *items + 1);
    if (items == NULL) {
        return 1;
    }
    for (int64_t row = low; row < high; row++) {
        int64_t outer = row / s->inner, from = outer * s->count * s->inner + row % s->inner;
        int64_t to = outer * s->wanted * s->inner + row % s->inner;
        for (int64_t i = 0; i < s->count; i++) {
            uint64_t key = key_at(s->x, s->dtype, from + i * s->inner);
            items[i] = (Keyed){s->descending ? turned(key, s->dtype) : key, i};
        }
        const Keyed *sorted = first_keyed(items, items + s->count, s->count, s->wanted);
        for (int64_t i = 0; i < s->wanted; i++) {
            int64_t place = sorted[i].place;
            copy_element(s->values, to + i * s->inner, s->x, from + place * s->inner, width);
            s->indices[to + i * s->inner] = place;
        }
    }
    free(items);
    return 0;
}

/* Whether there was the memory that it takes. x is [rows / inner, count, inner]. */
int32_t charl_sort(const char *x, int64_t dtype, int64_t rows, int64_t count, int64_t inner,
                   int64_t wanted, int32_t descending, char *values, int64_t *indices) {
    Sort sort = {x, dtype, count, inner, wanted, descending, values, indices};
    return !charl_parallel(sort_rows, (int64_t *)&sort, rows, GRAIN / (count > 0 ? count : 1));
}

typedef struct {
    const char *row, *x;
    int64_t dtype, count;
    int32_t right;
    int64_t *target;
} Search;

static int32_t search(int64_t *context, int64_t low, int64_t high) {
    const Search *s = (const Search *)context;
    for (int64_t i = low; i < high; i++) {
        uint64_t wanted = key_at(s->x, s->dtype, i);
        int64_t from = 0, to = s->count; /* the answer is in from..to */
        while (from < to) {
            int64_t middle = from + (to - from) / 2;
            uint64_t key = key_at(s->row, s->dtype, middle);
            if (key < wanted || (s->right && key == wanted)) {
                from = middle + 1;
            } else {
                to = middle;
            }
        }
        s->target[i] = from;
    }
    return 0;
}

/* For each of `count` elements, how many of a sorted row are less, or with `right` not greater. */
void charl_search(const char *row, int64_t length, const char *x, int64_t count, int64_t dtype,
                  int32_t right, int64_t *target) {
    Search context = {row, x, dtype, length, right, target};
    charl_parallel(search, (int64_t *)&context, count, GRAIN / 4);
}
