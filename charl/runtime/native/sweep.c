/* Sweeps: chains of kernels and products that a thread does one after another on a stretch of rows.
 *
 * Every chain is cut into stretches of its rows; the threads take the stretches of all chains as one
 * piece of parallel work. Where a stretch begins depends on the sizes alone.
 */
#include "product.h"

/* The words stand in the same order in `backend/llvm/sweeps.py`. A part's body is called with a
 * stretch of its own turns, so many for each row. */
typedef struct {
    Body *body;
    int64_t *words;
    int64_t turns;
} Part;

/* `least` are the rows that are worth a stretch; `first`, the chain's first stretch, and `grain`, the
 * rows of each, are found here. */
typedef struct {
    int64_t rows, least, parts, first, grain;
    Part part[];
} Chain;

/* More stretches than threads keep the threads busy to the end; too many cost more than that. */
enum { MOST_STRETCHES = 32 };

static Chain *after(Chain *chain) {
    return (Chain *)(chain->part + chain->parts);
}

/* A power of two, so that two, four or eight threads have as many each. */
static int64_t stretches_of(const Chain *chain) {
    int64_t count = chain->rows >= 2 * chain->least ? 2 : 1;
    while (count < MOST_STRETCHES && chain->rows >= 4 * count * chain->least) {
        count *= 2;
    }
    return count;
}

static int32_t stretch(int64_t *words, int64_t low, int64_t high) {
    for (; low < high; low++) {
        Chain *chain = (Chain *)(words + 1);
        for (int64_t i = 1; i < words[0] && after(chain)->first <= low; i++) {
            chain = after(chain);
        }
        int64_t from = (low - chain->first) * chain->grain, to = from + chain->grain;
        to = to > chain->rows ? chain->rows : to;
        for (int64_t i = 0; i < chain->parts; i++) {
            const Part *part = &chain->part[i];
            int32_t status = part->body(part->words, from * part->turns, to * part->turns);
            if (status != 0) {
                return status;
            }
        }
    }
    return 0;
}

int32_t charl_sweep(int64_t *words) {
    charl_want_blas();
    Chain *chain = (Chain *)(words + 1);
    int64_t total = 0;
    for (int64_t i = 0; i < words[0]; i++, chain = after(chain)) {
        int64_t stretches = stretches_of(chain);
        chain->grain = (chain->rows + stretches - 1) / stretches;
        chain->first = total;
        /* Without rows, one stretch of none: an index that all rows share is looked at even so. */
        total += chain->grain > 0 ? (chain->rows + chain->grain - 1) / chain->grain : 1;
    }
    return charl_parallel(stretch, words, total, 1);
}
