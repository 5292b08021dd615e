/* The products between the transforms of Winograd's algorithm, one of the 36 at a time:

       m (8, width vectors) = u (8, k) v (k, width vectors), or added to m

   The transforms magnify rounding errors about five times, so sums are short: of STEPS products, and
   then of those sums. */

#pragma once

#include "lanes.h"

enum {
    M_ROWS = 8, /* rows of m */
    STEPS = 4,  /* products of a sum */
#ifdef __AVX512F__
    ROWS = 8    /* of a tile in registers, of two vectors */
#else
    ROWS = 4
#endif
};

#define EACH UNROLL for (long r = 0; r < ROWS; r++) UNROLL for (long w = 0; w < width; w++)

/* One product more of each sum, or the first. */
INLINE void step(const long width, const long is_first, const float *u, const long ur, const float *v,
                 Lanes sum[ROWS][2])
{
    Lanes in[2];
    UNROLL for (long w = 0; w < width; w++) in[w] = *(const Lanes *)(v + w * LANES);
    EACH sum[r][w] = is_first ? u[r * ur] * in[w] : sum[r][w] + u[r * ur] * in[w];
}

INLINE void tile(const long width, const float *u, const long ur, const long uk, const float *v, long vk,
                 long count, float *m, long mr, long add)
{
    Lanes all[ROWS][2], sum[ROWS][2];
    EACH all[r][w] = broadcast(0);
    long k = 0;
    for (; k + STEPS <= count; k += STEPS, u += STEPS * uk, v += STEPS * vk) {
        step(width, 1, u, ur, v, sum);
        UNROLL for (long s = 1; s < STEPS; s++) step(width, 0, u + s * uk, ur, v + s * vk, sum);
        EACH all[r][w] += sum[r][w];
    }
    for (; k < count; k++, u += uk, v += vk) {
        step(width, 1, u, ur, v, sum);
        EACH all[r][w] += sum[r][w];
    }
    EACH {
        Lanes *to = (Lanes *)(m + r * mr + w * LANES);
        *to = all[r][w] + (add ? *to : broadcast(0));
    }
}

/* Of `vectors` vectors. Element (r, k) of u lies at r * ur + k * uk; rows of v lie vk apart, those of m
   mr. */
INLINE void product(const float *u, const long ur, const long uk, const float *v, long vk, long count,
                    float *m, long mr, long vectors, long add)
{
    long g = 0;
    for (; g + 2 <= vectors; g += 2, v += 2 * LANES, m += 2 * LANES)
        for (long r = 0; r < M_ROWS; r += ROWS)
            tile(2, u + r * ur, ur, uk, v, vk, count, m + r * mr, mr, add);
    for (long r = 0; g < vectors && r < M_ROWS; r += ROWS)
        tile(1, u + r * ur, ur, uk, v, vk, count, m + r * mr, mr, add);
}
#undef EACH
