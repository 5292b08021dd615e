/* What these kernels were compiled by and for, and whether this processor can run them. */

#include "export.h"

/* 1 where every instruction that the kernels may use is the processor's, else 0. */
EXPORT long xpcnn_runs_here(void)
{
#if defined(__x86_64__) && defined(__AVX512F__)
    return __builtin_cpu_supports("avx512f") != 0;
#elif defined(__x86_64__) && defined(__AVX2__)
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
#else
    return 1;
#endif
}

/* The instructions that decide how sums are cut into vectors, and where they round. */
EXPORT const char *xpcnn_instruction_set(void)
{
#if defined(__AVX512F__)
    return "AVX-512";
#elif defined(__AVX2__) && defined(__FMA__)
    return "AVX2 and FMA";
#elif defined(__AVX2__)
    return "AVX2";
#elif defined(__x86_64__)
    return "SSE2";
#elif defined(__aarch64__)
    return "NEON";
#else
    return "no vectors";
#endif
}

EXPORT const char *xpcnn_compiled_by(void)
{
#ifdef __clang__
    return __VERSION__; /* begins with the compiler's name */
#else
    return "GCC " __VERSION__;
#endif
}
