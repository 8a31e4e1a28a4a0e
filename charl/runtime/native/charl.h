/* What the compiled program, the host and the parts of the runtime know of each other.
 *
 * Compiled code calls these functions by name; the host (Python) calls some of them through ctypes.
 * There is one program running at a time. Nothing here depends on more than the C library.
 */
#ifndef CHARL_H
#define CHARL_H

#include <stdint.h>
#include <stddef.h>

/* In front of whatever lies in memory: how many hold it, and how many bytes it may use. */
typedef struct {
    int64_t references;
    int64_t bytes;
} Header;

/* A pointer to the first byte behind a header, 64 bytes aligned; NULL when there is no memory. */
void *charl_allocate(int64_t bytes);
/* The same for a tensor that is made at this site of the program, or OF_CALLER. */
enum { NO_TENSOR = -1, OF_CALLER = -2 };
void *charl_tensor(int64_t bytes, int32_t site);
void charl_free(void *pointer);
/* Forgets everything that was allocated since the last reset. */
void charl_reset(void);
/* Bytes in use now, and the most there have been since the last reset; the same of tensors alone;
 * and what was had for all of them from the system. */
int64_t charl_memory_now(void);
int64_t charl_memory_peak(void);
int64_t charl_tensors_now(void);
int64_t charl_tensors_peak(void);
int64_t charl_memory_reserved(void);

/* The largest tensors in use, the largest first: for each its site and its bytes. Returns how many,
 * at most `most`. */
int64_t charl_largest_tensors(int64_t *found, int64_t most);

/* An object of the host: a number that stands for a Python object. */
void *charl_host_object(int64_t number);
/* The numbers of host objects freed since the last call; returns how many, at most `most`. */
int64_t charl_host_dropped(int64_t *numbers, int64_t most);

/* Runs `entry(slots)` on the calling thread, which has this much stack left for it. */
int32_t charl_run(int32_t (*entry)(int64_t *), int64_t *slots, int64_t stack_bytes);

/* Asks the running program to stop at its next look. Safe from any thread and signal handler. */
void charl_interrupt(void);

/* Where the program failed, with the operands of the statement, and the calls under way. */
void charl_fault(int64_t site, const int64_t *words, int64_t count);
void charl_trace(int64_t site);
void charl_too_deep(int64_t site);
void charl_no_memory(int64_t site, int64_t dtype, const int64_t *sizes, int64_t rank);

/* Work on the items [low, high); a status that is not zero says that it failed. */
typedef int32_t Body(int64_t *context, int64_t low, int64_t high);
/* Calls body for stretches of `grain` items (the last may be shorter) that together are 0..count, on
 * several threads. Where the stretches begin depends on count and grain alone. Returns the status of
 * the lowest stretch that failed; some of those above it were then not begun. Bodies must not
 * allocate with charl_allocate, nor call the host. */
int32_t charl_parallel(Body *body, int64_t *context, int64_t count, int64_t grain);
/* How many threads work, the caller's included: CHARL_THREADS, or as many as there are CPUs. */
int64_t charl_threads(void);

/* Loads an object file, which may name `imports`, and what is in `library` (from dlopen) and in the
 * process; the addresses of `exports` are filled in. Returns the size of its memory, to be handed
 * to charl_unload, or -1 for an object that this loader does not know how to load. */
typedef struct {
    const char *name;
    void *address;
} Symbol;
int64_t charl_load(const unsigned char *object, int64_t size, void *library, const Symbol *imports,
                   int64_t import_count, Symbol *exports, int64_t export_count, void **memory);
void charl_unload(void *memory, int64_t bytes);

typedef enum { STATEMENT_FAILED, TOO_DEEP, NO_MEMORY } Failure;

extern char *charl_stack_limit;
extern int64_t charl_fault_kind, charl_fault_dtype;

#endif
