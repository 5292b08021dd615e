/* The products between the transforms of Winograd's algorithm, one of the 36 at a time:

       m (8, width vectors) = u (8, k) v (k, width vectors), or added to m

   The transforms magnify rounding errors about five times, so sums are short: of STEPS products, and
   then of those sums. */

#ifndef XPCNN_WINOGRAD_PRODUCT_H
#define XPCNN_WINOGRAD_PRODUCT_H

#include "lanes.h"

enum {
    EIGHT = 8, /* rows of m */
    STEPS = 4, /* products of a sum */
#ifdef __AVX512F__
    ROWS = 8   /* of a tile in registers, of two vectors */
#else
    ROWS = 4
#endif
};

#define EACH(width)                                                                                \
    UNROLL for (long r = 0; r < ROWS; r++) UNROLL for (long w = 0; w < width; w++)

#define STEP(width, operation)                                                                     \
    {                                                                                              \
        Lanes in[width];                                                                           \
        UNROLL for (long w = 0; w < width; w++) in[w] = *(const Lanes *)(from + w * LANES);        \
        EACH(width) sum[r][w] operation factor[r * ur] * in[w];                                    \
        factor += uk;                                                                              \
        from += vk;                                                                                \
    }

/* Element (r, k) of u lies at r * ur + k * uk; rows of v lie vk apart, those of m mr. */
#define PRODUCT(width)                                                                             \
    INLINE void product_##width(const float *u, const long ur, const long uk, const float *v,      \
                                long vk, long count, float *m, long mr, long add)                  \
    {                                                                                              \
        for (long row = 0; row < EIGHT; row += ROWS, u += ROWS * ur, m += ROWS * mr) {             \
            const float *factor = u, *from = v;                                                    \
            Lanes all[ROWS][width], sum[ROWS][width];                                              \
            EACH(width) all[r][w] = broadcast(0);                                                  \
            long k = 0;                                                                            \
            for (; k + STEPS <= count; k += STEPS) {                                               \
                STEP(width, =)                                                                     \
                for (long step = 1; step < STEPS; step++)                                          \
                    STEP(width, +=)                                                                \
                EACH(width) all[r][w] += sum[r][w];                                                \
            }                                                                                      \
            for (; k < count; k++) {                                                               \
                STEP(width, =)                                                                     \
                EACH(width) all[r][w] += sum[r][w];                                                \
            }                                                                                      \
            EACH(width) {                                                                          \
                Lanes *to = (Lanes *)(m + r * mr + w * LANES);                                     \
                *to = all[r][w] + (add ? *to : broadcast(0));                                      \
            }                                                                                      \
        }                                                                                          \
    }
PRODUCT(1)
PRODUCT(2)
#undef PRODUCT
#undef STEP
#undef EACH

#endif
