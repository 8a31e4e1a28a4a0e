/* Sorting by keys: any order of elements is first made the order of unsigned words. */
#ifndef CHARL_SORTING_H
#define CHARL_SORTING_H

#include "charl.h"

typedef struct {
    uint64_t key;
    int64_t place;
} Keyed;

/* Sorts by key; items of equal keys keep their order. `spare` is as long as `items`; the result is
 * in one of them, and is returned. */
Keyed *charl_sort_keyed(Keyed *items, Keyed *spare, int64_t count);

#endif
