/* Average pooling whose windows, ph * pw pixels of n numbers each, lie side by side. */

#include "export.h"
#include "lanes.h"
#include "threads.h"

#include <string.h>

typedef struct {
    const float *from;
    float *to;
    long h, w, n, ph, pw, pieces, channels;
    float share;
} Arguments;

/* The sum of a window, of `bytes` of each pixel: of its rows, and then of those, since a sum rounds the
   less the shorter it is. x: its corner, in rows of `across` numbers, pixels of n. */
INLINE Lanes window(const float *x, long across, long n, long ph, long pw, long bytes)
{
    Lanes all = {0};
    for (long i = 0; i < ph; i++) {
        Lanes row = {0};
        for (long j = 0; j < pw; j++) {
            Lanes some = {0};
            memcpy(&some, x + i * across + j * n, bytes);
            row += some;
        }
        all += row;
    }
    return all;
}

static long forward(void *arguments, long piece)
{
    const Arguments *p = arguments;
    long n = p->n, ph = p->ph, pw = p->pw, across = p->w * n;
    long rows = p->h / ph, out = p->w / pw, all = p->channels * rows;
    for (long r = all * piece / p->pieces; r < all * (piece + 1) / p->pieces; r++)
        for (long q = 0; q < out; q++) {
            const float *x = p->from + (r / rows * p->h + r % rows * ph) * across + q * pw * n;
            float *y = p->to + (r * out + q) * n;
            long l = 0, rest = n % LANES * (long)sizeof(float);
            for (; l + LANES <= n; l += LANES)
                *(Lanes *)(y + l) = window(x + l, across, n, ph, pw, sizeof(Lanes)) * p->share;
            if (rest) {
                Lanes last = window(x + l, across, n, ph, pw, rest) * p->share;
                memcpy(y + l, &last, rest);
            }
        }
    return 0;
}

/* y (channels, h / ph, w / pw, n) = share * the sum of each window of x (channels, h, w, n) */
EXPORT long xpcnn_average_pool(const float *x, float *y, long channels, long h, long w, long n,
                               long ph, long pw, float share, long pieces, long threads)
{
    Arguments p = {x, y, h, w, n, ph, pw, pieces, channels, share};
    return run_pieces(forward, &p, pieces, threads);
}

static long backward(void *arguments, long piece)
{
    const Arguments *p = arguments;
    long n = p->n, rows = p->h / p->ph, out = p->w / p->pw, all = p->channels * rows;
    for (long r = all * piece / p->pieces; r < all * (piece + 1) / p->pieces; r++)
        for (long q = 0; q < out; q++) {
            const float *dy = p->from + (r * out + q) * n;
            float *restrict corner = p->to + ((r / rows * p->h + r % rows * p->ph) * p->w + q * p->pw) * n;
            for (long k = 0; k < p->ph * p->pw; k++)
                for (long l = 0; l < n; l++)
                    corner[(k / p->pw * p->w + k % p->pw) * n + l] = p->share * dy[l];
        }
    return 0;
}

/* dx = share * dy, to each element of a window; what no window holds stays. */
EXPORT long xpcnn_average_pool_gradient(const float *dy, float *dx, long channels, long h, long w,
                                        long n, long ph, long pw, float share, long pieces,
                                        long threads)
{
    Arguments p = {dy, dx, h, w, n, ph, pw, pieces, channels, share};
    return run_pieces(backward, &p, pieces, threads);
}
