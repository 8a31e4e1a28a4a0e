/* The library is built for every machine of its kind; functions marked so also for those with AVX2,
 * and the better one is chosen when the library is loaded. */
#ifndef CHARL_MACHINES_H
#define CHARL_MACHINES_H

#if defined(__x86_64__) && defined(__linux__) && defined(__GNUC__) && !defined(__clang__)
#define FOR_SEVERAL_MACHINES __attribute__((target_clones("arch=x86-64-v3", "default")))
#else
#define FOR_SEVERAL_MACHINES
#endif

#endif
