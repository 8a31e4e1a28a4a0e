/* Memory for what a stretch of parallel work makes and forgets: one growing piece per thread.
 *
 * It is kept for the next time and never given back: a worker lives as long as the process, and what
 * it needs is bounded by the largest piece of work that was ever cut.
 */
#include "product.h"

#include <stdlib.h>

static _Thread_local void *piece;
static _Thread_local int64_t room;

void *charl_scratch(int64_t bytes) {
    if (bytes > room || piece == NULL) {
        free(piece);
        int64_t wanted = (bytes / 4096 + 1) * 4096;
        piece = aligned_alloc(64, (size_t)wanted);
        room = piece != NULL ? wanted : 0;
    }
    return piece;
}
