/* What these kernels were compiled by and for, and whether this processor can run them. */

#include "export.h"

#define HAS(feature) (__builtin_cpu_supports(feature) != 0)

/* 1 where every instruction that the kernels may use is the processor's, else 0: those of the levels
   x86-64-v3 and x86-64-v4. */
EXPORT long xpcnn_runs_here(void)
{
    int runs = 1;
#if defined(__x86_64__) && defined(__AVX2__)
    runs &= HAS("avx2") && HAS("fma") && HAS("bmi") && HAS("bmi2");
#endif
#if defined(__x86_64__) && defined(__AVX512F__)
    runs &= HAS("avx512f") && HAS("avx512bw") && HAS("avx512cd") && HAS("avx512dq") && HAS("avx512vl");
#endif
    return runs;
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
