/* Vectors of numbers, as wide as the processor's, in the notation of GCC and Clang. */

#pragma once

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#ifdef __AVX__
#include <immintrin.h>
#endif

#ifdef __AVX512F__
#define LANES 16
#define BITS 4
/* of shuffles */
#define EVEN 0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30
#define ODD 1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31
#define LOW 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23
#define HIGH 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31
/* which of the lanes are the first `count`, fewer than LANES */
#define FIRST(count) ((__mmask16)((1u << (count)) - 1))
#else
#define LANES 8
#define BITS 3
#define EVEN 0, 2, 4, 6, 8, 10, 12, 14
#define ODD 1, 3, 5, 7, 9, 11, 13, 15
#define LOW 0, 8, 1, 9, 2, 10, 3, 11
#define HIGH 4, 12, 5, 13, 6, 14, 7, 15
#define FIRST(count) ((__m256i)((Whole){0, 1, 2, 3, 4, 5, 6, 7} < (int)(count)))
#endif

#define HALF (LANES / 2)

typedef float Lanes __attribute__((vector_size(4 * LANES), aligned(4), may_alias));
typedef float Half __attribute__((vector_size(4 * HALF), aligned(4), may_alias));
typedef float Four __attribute__((vector_size(16)));
typedef int32_t Whole __attribute__((vector_size(4 * LANES), aligned(4), may_alias));
typedef uint8_t Bytes __attribute__((vector_size(LANES), aligned(1), may_alias));
typedef uint16_t Shorts __attribute__((vector_size(2 * LANES)));

#define INLINE static inline __attribute__((always_inline))
#define UNROLL _Pragma("GCC unroll 8")

INLINE long least(long a, long b) { return a < b ? a : b; }

/* x, or the next multiple of step */
INLINE long up(long x, long step) { return (x + step - 1) / step * step; }

/* Memory that begins with a cache line: a vector in two of them takes longer. Null where there is none. */
INLINE void *allocate(long bytes) { return aligned_alloc(64, up(bytes, 64)); }

/* GCC converts the numbers one by one when they become four times as large in one step. */
INLINE Whole whole_of(Bytes x)
{
#if LANES == 16
    return (Whole)_mm512_cvtepu8_epi32((__m128i)x);
#else
    return __builtin_convertvector(__builtin_convertvector(x, Shorts), Whole);
#endif
}

INLINE Bytes bytes_of(Whole x)
{
#if LANES == 16
    return (Bytes)_mm512_cvtepi32_epi8((__m512i)x);
#else
    return __builtin_convertvector(__builtin_convertvector(x, Shorts), Bytes);
#endif
}

INLINE Lanes broadcast(float x) { return x - (Lanes){0}; }

/* a where the mask, a comparison, holds, else b */
INLINE Lanes chosen(Whole mask, Lanes a, Lanes b) { return (Lanes)((mask & (Whole)a) | (~mask & (Whole)b)); }

/* The larger of both; NaN where x is NaN */
INLINE Lanes at_least(Lanes low, Lanes x)
{
#if LANES == 16
    return (Lanes)_mm512_max_ps((__m512)low, (__m512)x);
#elif defined __AVX__
    return (Lanes)_mm256_max_ps((__m256)low, (__m256)x);
#else
    return chosen(x < low, low, x);
#endif
}

/* The smaller of both; NaN where x is NaN */
INLINE Lanes at_most(Lanes high, Lanes x) { return -at_least(-high, -x); }

/* The ReLU, at most `cap`, which is NaN for no limit; NaN stays. With a cap of 0, x itself. */
INLINE Lanes rectified(Lanes x, float cap)
{
    return cap == 0 ? x : at_least(broadcast(0), chosen(x > cap, broadcast(cap), x));
}

/* Take x for the largest so far, and its number k for `who`: of equals the first, of NaNs the last. */
INLINE void take_larger(Lanes *best, Whole *who, Lanes x, long k)
{
    Whole wins = (x > *best) | (x != x);
    *who = (wins & (int32_t)k) | (~wins & *who);
    *best = chosen(wins, x, *best);
}

INLINE float total(Lanes sum)
{
    Four all = {0};
    UNROLL for (int i = 0; i < LANES; i += 4) all += (Four){sum[i], sum[i + 1], sum[i + 2], sum[i + 3]};
    return (all[0] + all[1]) + (all[2] + all[3]);
}

/* A vector of the first `count` numbers, and zeros after them. */
INLINE Lanes some_of(const float *a, long count)
{
    if (count >= LANES)
        return *(const Lanes *)a;
#if LANES == 16
    return (Lanes)_mm512_maskz_loadu_ps(FIRST(count), a);
#elif defined __AVX__
    return (Lanes)_mm256_maskload_ps(a, FIRST(count));
#else
    Lanes all = {0};
    memcpy(&all, a, count * sizeof *a);
    return all;
#endif
}

/* A vector for so many products: GCC would read it anew for each, and reading takes as long as they do. */
INLINE Lanes read_for(const int products, const float *x, const long left)
{
#ifdef __AVX__
    if (products > 1 && left >= LANES)
        return *(const volatile Lanes *)x;
#endif
    return some_of(x, left);
}

INLINE Bytes some_bytes(const uint8_t *a, long count)
{
    if (count >= LANES)
        return *(const Bytes *)a;
#if defined __AVX512BW__ && defined __AVX512VL__
    return (Bytes)_mm_maskz_loadu_epi8(FIRST(count), a);
#else
    Bytes all = {0};
    memcpy(&all, a, count);
    return all;
#endif
}

/* A vector of two halves that lie apart. */
INLINE Lanes halves(const float *low, const float *high)
{
#if LANES == 16
    __m512d half = _mm512_castpd256_pd512(_mm256_loadu_pd((const double *)low));
    return (Lanes)_mm512_insertf64x4(half, _mm256_loadu_pd((const double *)high), 1);
#elif defined __AVX__
    return (Lanes)_mm256_set_m128(_mm_loadu_ps(high), _mm_loadu_ps(low));
#else
    Lanes all;
    memcpy(&all, low, HALF * sizeof *low);
    memcpy((float *)&all + HALF, high, HALF * sizeof *high);
    return all;
#endif
}

/* Write the first `count` numbers of a vector. */
INLINE void write_some(float *a, long count, Lanes value)
{
    if (count >= LANES)
        *(Lanes *)a = value;
    else
#if LANES == 16
        _mm512_mask_storeu_ps(a, FIRST(count), (__m512)value);
#elif defined __AVX__
        _mm256_maskstore_ps(a, FIRST(count), (__m256)value);
#else
        memcpy(a, &value, count * sizeof *a);
#endif
}

/* The first `count` numbers of x - shift, or their squares, and zeros after them. */
INLINE Lanes less(const int is_square, const float *x, long count, const Lanes shift)
{
    Lanes d = some_of(x, count) - some_of((const float *)&shift, count);
    if (is_square)
        d *= d;
    return d;
}

/* The sum of x - shift, or of its square, for numbers side by side: of blocks, whose sums are added up in
   double. */
INLINE double sum_of(const int is_square, const float *x, long length, float shift)
{
    double all = 0;
    const Lanes of = broadcast(shift);
    for (long l = 0; l < length;) {
        long end = least(length, l + 32 * LANES);
        Lanes sum[4] = {{0}}; /* or each addition would wait for the one before */
        for (; l + 4 * LANES <= end; l += 4 * LANES)
            UNROLL for (long v = 0; v < 4; v++) sum[v] += less(is_square, x + l + v * LANES, LANES, of);
        for (; l < end; l += LANES)
            sum[0] += less(is_square, x + l, end - l, of);
        all += total((sum[0] + sum[1]) + (sum[2] + sum[3]));
    }
    return all;
}

INLINE double sum_of_row(const float *x, long length) { return sum_of(0, x, length, 0); }

#ifdef __clang__
#define SHUFFLE(a, b, ...) __builtin_shufflevector(a, b, __VA_ARGS__)
#else
#define SHUFFLE(a, b, ...) __builtin_shuffle(a, b, (Whole){__VA_ARGS__})
#endif

#define UNROLL_LANES _Pragma("GCC unroll 16")

/* Rows to columns. When rows of both halves are zipped, the highest bit of a number's row becomes the
   lowest of its column, and the highest of its column the lowest of its row: after log2 LANES times row
   and column have changed places. */
INLINE void transpose(Lanes rows[LANES])
{
    UNROLL for (long bit = 0; bit < BITS; bit++) {
        Lanes next[LANES];
        UNROLL for (long i = 0; i < LANES / 2; i++) {
            next[2 * i] = SHUFFLE(rows[i], rows[i + LANES / 2], LOW);
            next[2 * i + 1] = SHUFFLE(rows[i], rows[i + LANES / 2], HIGH);
        }
        UNROLL_LANES for (long i = 0; i < LANES; i++) rows[i] = next[i];
    }
}

/* Some numbers, a power of two, each in as many lanes side by side. */
INLINE Lanes repeated(const float *x, long own)
{
    Lanes all = own == 1 ? broadcast(*x) : some_of(x, own);
    for (; 1 < own && own < LANES; own *= 2)
        all = SHUFFLE(all, all, LOW);
    return all;
}

/* Add to `count` numbers the sums of as many pieces, a power of two of each of some vectors, in order. One
   vector more than those with such pieces is read, whatever it has. */
INLINE void add_sums(Lanes *pieces, long own, float *to, long count)
{
    for (long left = LANES / own, some = count / own; left > 1; left /= 2, some = (some + 1) / 2)
        for (long i = 0; 2 * i < some; i++) {
            Lanes a = pieces[2 * i], b = pieces[2 * i + 1];
            pieces[i] = SHUFFLE(a, b, EVEN) + SHUFFLE(a, b, ODD);
        }
    for (long l = 0; l < count; l += LANES)
        write_some(to + l, count - l, some_of(to + l, count - l) + pieces[l / LANES]);
}

INLINE void rectify(float *x, long count, float cap)
{
    for (long l = 0; cap != 0 && l < count; l += LANES)
        write_some(x + l, count - l, rectified(some_of(x + l, count - l), cap));
}

/* Copy numbers: rows of a few, for which a call of memcpy takes longer. */
INLINE void copy(const float *x, long count, float *to)
{
    for (long l = 0; l < count; l += LANES)
        write_some(to + l, count - l, some_of(x + l, count - l));
}

/* Copy pixels of n numbers that begin `step` numbers apart, to where they begin `apart` numbers apart. */
INLINE void copy_pixels(const float *x, long step, float *to, long apart, long n, long count)
{
    if (step == n && apart == n)
        copy(x, count * n, to);
    else if (n == 1)
        for (long j = 0; j < count; j++)
            to[j * apart] = x[j * step];
    else
        for (long j = 0; j < count; j++)
            copy(x + j * step, n, to + j * apart);
}
