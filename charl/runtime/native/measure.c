/* The time, and where a program's time goes: counters that code compiled for `--profile` keeps.
 *
 * A stretch of code that is measured begins and ends here. Its own time is what it took less what
 * the measured stretches inside it took. All of it happens on the program's thread: the others only
 * work inside a stretch. */
#include "charl.h"

#include <time.h>

/* As the host reads them (`runtime/measuring.py`). */
typedef struct {
    int64_t ticks, calls, bytes, work;
} Counter;

typedef struct {
    int64_t started, inside;
} Stretch;

/* Ticks of the stretches that have ended since the stretch around them began. */
static int64_t inside;

/* The program's `clock`: seconds since some moment. */
double charl_clock(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

/* The processor's own clock, a few nanoseconds to read; the host finds out how long a tick is. */
int64_t charl_ticks(void) {
#if defined(__x86_64__)
    return (int64_t)__builtin_ia32_rdtsc();
#else
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
#endif
}

void charl_measure_begin(Stretch *stretch) {
    stretch->inside = inside;
    inside = 0;
    stretch->started = charl_ticks();
}

void charl_measure_end(const Stretch *stretch, Counter *counter, int64_t bytes, int64_t work) {
    int64_t ticks = charl_ticks() - stretch->started;
    counter->ticks += ticks - inside;
    counter->calls++;
    counter->bytes += bytes;
    counter->work += work;
    inside = stretch->inside + ticks;
}
