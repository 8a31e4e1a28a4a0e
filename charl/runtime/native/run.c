/* Running a program, stopping it, and telling where it stopped. */
#include "charl.h"

#include <stdlib.h>
#include <string.h>

enum { MOST_WORDS = 1 << 16, MOST_CALLS = 1 << 20 };

char *charl_stack_limit;
volatile int32_t charl_interrupted;

/* The record of the failure; the host reads it. */
int64_t charl_fault_site = -1;
int64_t charl_fault_kind; /* a Failure */
int64_t charl_fault_dtype;
int64_t charl_fault_count;
int64_t charl_fault_words[MOST_WORDS];
int64_t charl_trace_count;
int64_t *charl_trace_sites;
static int64_t trace_room;

/* Enough for the deepest of what is called without a look at the limit. */
static const int64_t MARGIN = 1 << 18;

/* A limit that every stack is beyond. */
static char *const NO_STACK = (char *)UINTPTR_MAX;

int32_t charl_run(int32_t (*entry)(int64_t *), int64_t *slots, int64_t stack_bytes) {
    char here;
    char *outer_limit = charl_stack_limit;
    charl_stack_limit = charl_interrupted ? NO_STACK : &here - stack_bytes + MARGIN;
    charl_fault_site = -1;
    charl_fault_count = charl_trace_count = 0;
    int32_t status = entry(slots);
    charl_stack_limit = outer_limit;
    return status;
}

/* Loops look at the flag; recursive functions look at the stack, and find that there is none. */
void charl_interrupt(void) {
    charl_interrupted = 1;
    charl_stack_limit = NO_STACK;
}

void charl_fault(int64_t site, const int64_t *words, int64_t count) {
    charl_fault_site = site;
    charl_fault_kind = STATEMENT_FAILED;
    charl_fault_count = count < MOST_WORDS ? count : MOST_WORDS;
    if (charl_fault_count > 0) {
        memcpy(charl_fault_words, words, (size_t)charl_fault_count * sizeof *words);
    }
}

void charl_trace(int64_t site) {
    if (charl_trace_count == trace_room) {
        if (trace_room >= MOST_CALLS) {
            return;
        }
        int64_t room = trace_room ? 2 * trace_room : 256;
        int64_t *grown = realloc(charl_trace_sites, (size_t)room * sizeof *grown);
        if (grown == NULL) {
            return;
        }
        charl_trace_sites = grown;
        trace_room = room;
    }
    charl_trace_sites[charl_trace_count++] = site;
}

void charl_too_deep(int64_t site) {
    charl_fault(site, NULL, 0);
    charl_fault_kind = TOO_DEEP;
}

void charl_no_memory(int64_t site, int64_t dtype, const int64_t *sizes, int64_t rank) {
    charl_fault(site, sizes, rank);
    charl_fault_kind = NO_MEMORY;
    charl_fault_dtype = dtype;
}
