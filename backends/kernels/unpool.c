/* The gradient before ReLU and max pooling of windows (ph, pw) that lie side by side, the first at pixel
   (0, 0), on images (channels, h, w, n). What no window holds stays. */

#include "export.h"
#include "pool_row.h"
#include "threads.h"

struct Arguments {
    const float *dy, *y;
    const uint8_t *winner; /* which of a window y is the ReLU of */
    float *dx;
    long channels, h, w, n, ph, pw, pieces, threads;
};

static long rows(const Arguments *a, long piece)
{
    long down = a->h / a->ph, out = a->w / a->pw * a->n, all = down * a->channels;
    for (long i = all * piece / a->pieces; i < all * (piece + 1) / a->pieces; i++) {
        /* row by row: those that the thread has written, and will read */
        long c = i % a->channels, p = i / a->channels, at = (c * down + p) * out;
        float *dx = a->dx + (c * a->h + p * a->ph) * a->w * a->n;
        unpool_row(a->dy + at, a->y + at, a->winner + at, dx, a->w, a->n, a->ph, a->pw);
    }
    return 0;
}

EXPORT long xpcnn_unpool(const Arguments *a) { return run_pieces(rows, a, a->pieces, a->threads); }
