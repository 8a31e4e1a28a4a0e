/* The thread pool: one for the process, for work that is cut into stretches.
 *
 * A call of `charl_parallel` publishes a job; the caller and the workers claim its stretches one
 * after another from a counter until there are none. Where one stretch ends and the next begins
 * depends on the job alone, so what each stretch computes is the same for any number of threads.
 *
 * Workers enter a job through a door: a count of those inside, and a bit that says it is closed. The
 * caller opens the door when the job is written down, and closes it when every stretch is claimed;
 * then it waits only for those inside. A worker that wakes up too late finds the door closed, and
 * holds up nobody. Workers look out for the next job for some microseconds before they sleep, since
 * a program that has had parallel work mostly has more at once.
 *
 * There is one job at a time: a call from inside a job, or while another thread has one, runs all
 * its stretches itself.
 */
#include "charl.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#if defined(__x86_64__) || defined(__i386__)
#define RELAX() __builtin_ia32_pause()
#elif defined(__aarch64__)
#define RELAX() __asm__ __volatile__("yield")
#else
#define RELAX() ((void)0)
#endif

enum {
    MOST_THREADS = 256,
    SPINS = 1000, /* looks before sleeping: 10 to 50 microseconds */
    CLOSED = 1 << 30,
    WORKER_STACK = 1 << 22,
};

/* The job; written by the caller while the door is closed and nobody is inside. */
static struct {
    Body *body;
    int64_t *context;
    int64_t count, grain, stretches;
} job;
static _Atomic int64_t next_stretch;
static _Atomic int64_t failure; /* the lowest stretch that failed, and its status */
static const int64_t NO_FAILURE = INT64_MAX;

static _Atomic int door = CLOSED;
static _Atomic uint32_t generation; /* counts jobs */
static _Atomic int sleeping;        /* workers that wait for a job */
static _Atomic int caller_sleeps;
static atomic_flag busy = ATOMIC_FLAG_INIT;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t job_came = PTHREAD_COND_INITIALIZER;
static pthread_cond_t all_left = PTHREAD_COND_INITIALIZER;

static _Atomic int threads; /* with the caller; 0 before it was asked for */
static int workers;         /* started; only who is `busy` looks */
static _Thread_local int inside_job;

static int count_threads(void) {
    const char *wanted = getenv("CHARL_THREADS");
    long count = wanted != NULL ? strtol(wanted, NULL, 10) : 0;
    if (count < 1) {
#ifdef __linux__
        cpu_set_t mine;
        count = sched_getaffinity(0, sizeof mine, &mine) == 0 ? CPU_COUNT(&mine) : 0;
        if (count < 1)
#endif
            count = sysconf(_SC_NPROCESSORS_ONLN);
    }
    return count < 1 ? 1 : count > MOST_THREADS ? MOST_THREADS : (int)count;
}

int64_t charl_threads(void) {
    int count = atomic_load_explicit(&threads, memory_order_relaxed);
    if (count == 0) {
        count = count_threads();
        atomic_store_explicit(&threads, count, memory_order_relaxed);
    }
    return count;
}

/* Claims and runs stretches until none is left, or one has failed: those below it are all claimed
 * already, so the lowest that fails is the same in every run. */
static void run_stretches(void) {
    while (atomic_load_explicit(&failure, memory_order_relaxed) == NO_FAILURE) {
        int64_t stretch = atomic_fetch_add_explicit(&next_stretch, 1, memory_order_relaxed);
        if (stretch >= job.stretches) {
            return;
        }
        int64_t low = stretch * job.grain;
        int64_t high = job.count - low < job.grain ? job.count : low + job.grain;
        int32_t status = job.body(job.context, low, high);
        if (status != 0) {
            int64_t mine = (int64_t)((uint64_t)stretch << 32 | (uint32_t)status);
            int64_t lowest = atomic_load(&failure);
            while (mine < lowest && !atomic_compare_exchange_weak(&failure, &lowest, mine)) {
            }
        }
    }
}

static int enter(void) {
    int state = atomic_load_explicit(&door, memory_order_relaxed);
    while (!(state & CLOSED)) {
        if (atomic_compare_exchange_weak_explicit(&door, &state, state + 1, memory_order_acquire,
                                                  memory_order_relaxed)) {
            return 1;
        }
    }
    return 0;
}

static void leave(void) {
    if (atomic_fetch_sub(&door, 1) == CLOSED + 1 && atomic_load(&caller_sleeps)) {
        pthread_mutex_lock(&lock);
        pthread_cond_signal(&all_left);
        pthread_mutex_unlock(&lock);
    }
}

/* Returns when there is another job than the last one seen. */
static uint32_t await_job(uint32_t seen) {
    for (int i = 0; i < SPINS; i++) {
        uint32_t now = atomic_load_explicit(&generation, memory_order_acquire);
        if (now != seen) {
            return now;
        }
        RELAX();
    }
    pthread_mutex_lock(&lock);
    atomic_fetch_add(&sleeping, 1);
    uint32_t now;
    while ((now = atomic_load(&generation)) == seen) {
        pthread_cond_wait(&job_came, &lock);
    }
    atomic_fetch_sub(&sleeping, 1);
    pthread_mutex_unlock(&lock);
    return now;
}

static void *worker(void *nothing) {
    inside_job = 1;
    uint32_t seen = 0;
    for (;;) {
        seen = await_job(seen);
        if (enter()) {
            run_stretches();
            leave();
        }
    }
    return nothing;
}

/* A forked child has the caller's thread only: it begins with an empty pool. */
static void after_fork(void) {
    workers = 0;
    inside_job = 0;
    atomic_store(&door, CLOSED);
    atomic_store(&generation, 0);
    atomic_store(&sleeping, 0);
    atomic_store(&caller_sleeps, 0);
    atomic_flag_clear(&busy);
    pthread_mutex_init(&lock, NULL);
    pthread_cond_init(&job_came, NULL);
    pthread_cond_init(&all_left, NULL);
}

/* Starts workers until there are so many, or the system has no more. They are never joined: they
 * hold nothing that outlives the process. Signals are left to the threads of the host. */
static void start_workers(int wanted) {
    static int watches_forks; /* inherited by children, as what it stands for */
    if (!watches_forks) {
        watches_forks = pthread_atfork(NULL, NULL, after_fork) == 0;
    }
    pthread_attr_t attributes;
    if (pthread_attr_init(&attributes) != 0) {
        return;
    }
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    pthread_attr_setstacksize(&attributes, WORKER_STACK);
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    while (workers < wanted) {
        pthread_t thread;
        if (pthread_create(&thread, &attributes, worker, NULL) != 0) {
            break;
        }
        workers++;
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attributes);
}

static void publish(void) {
    atomic_store_explicit(&next_stretch, 0, memory_order_relaxed);
    atomic_store_explicit(&failure, NO_FAILURE, memory_order_relaxed);
    atomic_store_explicit(&door, 0, memory_order_release);
    atomic_fetch_add(&generation, 1);
    if (atomic_load(&sleeping) > 0) {
        /* The lock, so that a worker about to sleep has either seen the job or does sleep. */
        pthread_mutex_lock(&lock);
        pthread_mutex_unlock(&lock);
        if (job.stretches == 2) {
            pthread_cond_signal(&job_came);
        } else {
            pthread_cond_broadcast(&job_came);
        }
    }
}

/* Closes the door and waits until nobody is inside. */
static void finish(void) {
    atomic_fetch_or(&door, CLOSED);
    for (int i = 0; i < SPINS; i++) {
        if (atomic_load_explicit(&door, memory_order_acquire) == CLOSED) {
            return;
        }
        RELAX();
    }
    pthread_mutex_lock(&lock);
    atomic_store(&caller_sleeps, 1);
    while (atomic_load(&door) != CLOSED) {
        pthread_cond_wait(&all_left, &lock);
    }
    atomic_store(&caller_sleeps, 0);
    pthread_mutex_unlock(&lock);
}

static int32_t serial(Body *body, int64_t *context, int64_t count, int64_t grain) {
    for (int64_t low = 0; low < count;) {
        int64_t high = count - low < grain ? count : low + grain;
        int32_t status = body(context, low, high);
        if (status != 0) {
            return status;
        }
        low = high;
    }
    return 0;
}

int32_t charl_parallel(Body *body, int64_t *context, int64_t count, int64_t grain) {
    if (grain < 1) {
        grain = 1;
    }
    int64_t stretches = count / grain + (count % grain != 0);
    if (stretches < 2 || stretches > INT32_MAX || inside_job || charl_threads() == 1 ||
        atomic_flag_test_and_set(&busy)) {
        return serial(body, context, count, grain);
    }
    job.body = body;
    job.context = context;
    job.count = count;
    job.grain = grain;
    job.stretches = stretches;
    int wanted = (int)charl_threads() - 1;
    if (workers < wanted) {
        start_workers(wanted);
    }
    inside_job = 1;
    publish();
    run_stretches();
    finish();
    inside_job = 0;
    int64_t failed = atomic_load_explicit(&failure, memory_order_relaxed);
    atomic_flag_clear(&busy);
    return failed == NO_FAILURE ? 0 : (int32_t)(uint32_t)failed;
}
