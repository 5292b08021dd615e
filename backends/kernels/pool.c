/* Average pooling whose windows, ph * pw pixels of n numbers each, lie side by side. */

#include "threads.h"

typedef struct {
    const float *from;
    float *to;
    long h, w, n, ph, pw, pieces, channels;
    float share;
} Arguments;

static void forward(void *arguments, long piece)
{
    const Arguments *p = arguments;
    long n = p->n, rows = p->h / p->ph, out = p->w / p->pw, all = p->channels * rows;
    for (long r = all * piece / p->pieces; r < all * (piece + 1) / p->pieces; r++)
        for (long q = 0; q < out; q++) {
            const float *corner = p->from + ((r / rows * p->h + r % rows * p->ph) * p->w + q * p->pw) * n;
            float *restrict y = p->to + (r * out + q) * n;
            for (long l = 0; l < n; l++)
                y[l] = corner[l];
            for (long k = 1; k < p->ph * p->pw; k++)
                for (long l = 0; l < n; l++)
                    y[l] += corner[(k / p->pw * p->w + k % p->pw) * n + l];
            for (long l = 0; l < n; l++)
                y[l] *= p->share;
        }
}

/* y (channels, h / ph, w / pw, n) = share * the sum of each window of x (channels, h, w, n) */
void average_pool(const float *x, float *y, long channels, long h, long w, long n, long ph, long pw,
                  float share, long pieces, long threads)
{
    Arguments p = {x, y, h, w, n, ph, pw, pieces, channels, share};
    run(forward, &p, pieces, threads);
}

static void backward(void *arguments, long piece)
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
}

/* dx = share * dy, to each element of a window; what no window holds stays. */
void average_pool_gradient(const float *dy, float *dx, long channels, long h, long w, long n, long ph,
                           long pw, float share, long pieces, long threads)
{
    Arguments p = {dy, dx, h, w, n, ph, pw, pieces, channels, share};
    run(backward, &p, pieces, threads);
}
