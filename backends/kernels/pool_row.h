/* ReLU and max pooling of one row of windows that lie side by side, and their gradient. */

#ifndef XPCNN_POOL_ROW_H
#define XPCNN_POOL_ROW_H

#include "lanes.h"

#include <string.h>

/* Write for LANES numbers the ReLU of the largest of a window of ph * pw, and which it is. x: its
   corner, in rows of `across` numbers, pixels of n. */
INLINE void pool_lanes(const float *x, long across, long n, long ph, long pw, float *y,
                       uint8_t *winner)
{
    Lanes best = *(const Lanes *)x;
    Whole who = {0};
    for (long k = 1; k < ph * pw; k++)
        take_larger(&best, &who, *(const Lanes *)(x + k / pw * across + k % pw * n), k);
    *(Lanes *)y = chosen(best < 0, broadcast(0), best);
    if (winner)
        *(Bytes *)winner = bytes_of(who);
}

/* Pool one row of windows. x: ph rows of `across` numbers; y, winner: a row of `out` pixels. */
static void pool_row(const float *x, long across, long n, long ph, long pw, long out, float *y,
                     uint8_t *winner)
{
    if (n >= LANES) {
        for (long q = 0; q < out; q++, x += pw * n, y += n, winner += winner ? n : 0)
            for (long l = 0; l < n; l += LANES) {
                long at = l + LANES <= n ? l : n - LANES; /* the last again with some before them */
                pool_lanes(x + at, across, n, ph, pw, y + at, winner ? winner + at : 0);
            }
        return;
    }
    for (long l = 0; l < out * n; l += LANES) { /* windows side by side fill the lanes */
        long some = out * n - l < LANES ? out * n - l : LANES, corner[LANES];
        float taps[256][LANES], top[LANES];
        uint8_t which[LANES];
        for (long t = 0; t < LANES; t++)
            corner[t] = t < some ? (l + t) / n * pw * n + (l + t) % n : 0;
        for (long k = 0; k < ph * pw; k++)
            for (long t = 0; t < LANES; t++)
                taps[k][t] = x[k / pw * across + k % pw * n + corner[t]];
        pool_lanes(taps[0], pw * LANES, LANES, ph, pw, top, which);
        memcpy(y + l, top, some * sizeof(float));
        if (winner)
            memcpy(winner + l, which, some);
    }
}

/* The gradient before ReLU and pooling, from a row of windows: dy where an element won its window and is
   above 0, or NaN. dz: the corner of the first window, in rows of w pixels. */
INLINE void unpool_row(const float *dy, const float *y, const uint8_t *winner, float *dz, long w, long n,
                       long ph, long pw)
{
    for (long q = 0; q < w / pw; q++, dy += n, y += n, winner += n, dz += pw * n)
        for (long k = 0; k < ph * pw; k++) {
            float *to = dz + (k / pw * w + k % pw) * n;
            for (long l = 0; l < n; l++)
                to[l] = ((winner[l] == k) & (y[l] != 0)) ? dy[l] : 0;
        }
}

#endif
