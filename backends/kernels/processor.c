/* What these kernels were compiled for, and whether this processor has it. */

/* 1 where every instruction that the kernels may use is the processor's, else 0. */
long runs_here(void)
{
#if defined(__x86_64__) && defined(__AVX512F__)
    return __builtin_cpu_supports("avx512f") != 0;
#elif defined(__x86_64__) && defined(__AVX2__)
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
#else
    return 1;
#endif
}
