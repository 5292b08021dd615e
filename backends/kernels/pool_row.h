/* ReLU and max pooling of one row of windows that lie side by side, and their gradient. */

#pragma once

#include "lanes.h"

/* Pool one row of windows of ph * pw. x: ph rows of `across` numbers, pixels of n; y, and which of a window
   is the largest, 255 where its ReLU is 0, unless it is null: a row of `out` pixels. */
INLINE void pool_row(const float *x, long across, long n, long ph, long pw, long out, float *y, uint8_t *winner)
{
    for (long q = 0; q < out; q++, x += pw * n, y += n, winner += winner ? n : 0)
        for (long l = 0, left; (left = n - l) > 0; l += LANES) {
            Lanes best = some_of(x + l, left);
            Whole who = {0};
            for (long k = 1; k < ph * pw; k++)
                take_larger(&best, &who, some_of(x + l + k / pw * across + k % pw * n, left), k);
            write_some(y + l, left, chosen(best < 0, broadcast(0), best));
            Bytes bytes = bytes_of(who | (best <= 0));
            if (winner)
                memcpy(winner + l, &bytes, least(left, LANES));
        }
}

/* The gradient before ReLU and pooling, from a row of windows: dy where an element won. dz: the corner of
   the first window, in rows of w pixels. */
INLINE void unpool_row(const float *dy, const uint8_t *winner, float *dz, long w, long n, long ph, long pw)
{
    for (long q = 0; q < w / pw; q++, dy += n, winner += n, dz += pw * n)
        for (long k = 0; k < ph * pw; k++)
            for (long l = 0; l < n; l++)
                dz[(k / pw * w + k % pw) * n + l] = winner[l] == k ? dy[l] : 0;
}
