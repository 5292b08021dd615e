/* Batch normalisation and ReLU; between them, an array may be added, or after them max pooling follow
   whose windows lie side by side. One pass over memory forward, one backward, a channel (h, w, n) at a
   time. What lies between is computed again in the backward pass, from x, which is in the cache by
   then; where something was added, the output tells which numbers were above 0. */

#include "export.h"
#include "norm.h"
#include "pool_row.h"
#include "threads.h"

#include <stdlib.h>

typedef struct {
    const float *x, *dy, *kept, *gamma, *beta, *added;
    float *y, *mean, *var, *dz, *sum_dy, *sum_dy_xhat;
    uint8_t *winner;
    long h, w, n, ph, pw;
    float eps, cap;
} Arguments;

typedef struct {
    float mean, slope, shift;
} Line;

static Line line_of(const Arguments *p, long c)
{
    float slope = (p->gamma ? p->gamma[c] : 1) / sqrtf(p->var[c] + p->eps);
    return (Line){p->mean[c], slope, p->beta ? p->beta[c] : 0};
}

/* The normalised number, before ReLU: forward and backward alike, so that both see the same sign. */
INLINE float normalised(float x, Line line)
{
    return (x - line.mean) * line.slope + line.shift;
}

static long forward(void *arguments, long c)
{
    const Arguments *p = arguments;
    long across = p->w * p->n, m = p->h * across, rows = p->h / p->ph, columns = p->w / p->pw;
    const float *x = p->x + c * m;
    moments(x, m, p->mean + c, p->var + c);
    Line line = line_of(p, c);
    if (p->ph * p->pw == 1) {
        float *restrict y = p->y + c * m;
        const float *added = p->added ? p->added + c * m : 0;
        for (long i = 0; i < m; i++) {
            float z = normalised(x[i], line) + (added ? added[i] : 0);
            y[i] = limited(z, p->cap);
        }
        return 0;
    }
    long bytes = p->ph * across * (long)sizeof(float);
    float *strip = malloc(bytes);
    if (!strip)
        return bytes;
    for (long r = 0; r < rows; r++, x += p->ph * across) {
        long at = (c * rows + r) * columns * p->n;
        for (long i = 0; i < p->ph * across; i++)
            strip[i] = normalised(x[i], line);
        pool_row(strip, across, p->n, p->ph, p->pw, columns, p->y + at, p->winner ? p->winner + at : 0);
    }
    free(strip);
    return 0;
}

/* y, winner (channels, h / ph, w / pw, n): max pooling of relu of the normalised x (channels, h, w, n),
   and which element of a window it is, unless winner is null; mean and var (channels,). gamma, beta may
   be null. Windows of 1 x 1 pool nothing; then `added`, in the shape of x, comes before the ReLU,
   unless it is null, and the ReLU is up to `cap`. */
EXPORT long xpcnn_batch_norm_relu(const float *x, const float *gamma, const float *beta,
                                  const float *added, float *y, uint8_t *winner, float *mean,
                                  float *var, float eps, float cap, long channels, long h, long w,
                                  long n, long ph, long pw, long threads)
{
    Arguments p = {.x = x, .gamma = gamma, .beta = beta, .added = added, .y = y, .winner = winner, .mean = mean,
                   .var = var, .h = h, .w = w, .n = n, .ph = ph, .pw = pw, .eps = eps, .cap = cap};
    return run_pieces(forward, &p, channels, threads);
}

/* The gradient before ReLU and pooling: dy where an element won its window and is above 0, or NaN. */
static void unpool(const Arguments *p, long c, float *dz)
{
    long n = p->n, rows = p->h / p->ph, columns = p->w / p->pw, at = c * rows * columns * n;
    const float *dy = p->dy + at, *y = p->kept + at;
    const uint8_t *winner = p->winner + at;
    if (rows * p->ph < p->h || columns * p->pw < p->w)
        memset(dz, 0, p->h * p->w * n * sizeof *dz);
    for (long r = 0; r < rows; r++)
        for (long q = 0; q < columns; q++, dy += n, y += n, winner += n)
            for (long k = 0; k < p->ph * p->pw; k++) {
                float *to = dz + ((r * p->ph + k / p->pw) * p->w + q * p->pw + k % p->pw) * n;
                for (long l = 0; l < n; l++)
                    to[l] = ((winner[l] == k) & (y[l] != 0)) ? dy[l] : 0;
            }
}

static long backward(void *arguments, long i)
{
    const Arguments *p = arguments;
    long m = p->h * p->w * p->n;
    float scale = 1 / sqrtf(p->var[i] + p->eps), *dx = p->y + i * m;
    Line line = line_of(p, i);
    Channel c = {.x = p->x + i * m, .dy = p->winner ? dx : p->dy + i * m, .dx = dx, .mean = line.mean,
                 .slope = line.slope, .shift = line.shift, .cap = p->cap};
    if (p->winner) {
        unpool(p, i, dx);
        norm_gradient(NOTHING, &c, m, scale, p->sum_dy + i, p->sum_dy_xhat + i);
    } else if (p->dz) {
        c.y = p->kept + i * m;
        c.dz = p->dz + i * m;
        norm_gradient(ADD_RELU, &c, m, scale, p->sum_dy + i, p->sum_dy_xhat + i);
    } else
        norm_gradient(RELU, &c, m, scale, p->sum_dy + i, p->sum_dy_xhat + i);
    return 0;
}

/* dx (channels, h, w, n), and the sums (channels,) of the gradient dz before ReLU and pooling, and of
   dz * xhat. winner: what the forward pass wrote, null for windows of 1 x 1; dz, the gradient of what
   was added: null without; y: the output where one of the two is not null. */
EXPORT long xpcnn_batch_norm_relu_gradient(const float *x, const float *dy, const float *y,
                                           const uint8_t *winner, const float *gamma,
                                           const float *beta, float *mean, float *var, float *dx,
                                           float *dz, float *sum_dy, float *sum_dy_xhat, float eps,
                                           float cap, long channels, long h, long w, long n,
                                           long ph, long pw, long threads)
{
    Arguments p = {.x = x, .dy = dy, .kept = y, .winner = (uint8_t *)winner, .gamma = gamma,
                   .beta = beta, .mean = mean, .var = var, .y = dx, .dz = dz, .sum_dy = sum_dy,
                   .sum_dy_xhat = sum_dy_xhat, .h = h, .w = w, .n = n, .ph = ph, .pw = pw, .eps = eps,
                   .cap = cap};
    return run_pieces(backward, &p, channels, threads);
}
