/* Gradients of a convolution with 1 x 1 filters w (f, c) and stride 1, of x (c, pixels) and dy (f, pixels):
   dx = w^T dy, dw = dy x^T, and db, the sums of the rows of dy. A block of columns of dy, whose rows lie far
   apart, is copied once for all three. */

#include "export.h"
#include "product.h"
#include "threads.h"

enum { PARTIAL = 32 }; /* blocks whose sums are added up before they are added to dw */

struct Arguments {
    const float *x, *w, *dy;
    float *dx, *parts; /* dx: null where it is not wanted */
    long c, f, pixels, pieces, threads;
};

static long blocks(const Arguments *a, long piece)
{
    long c = a->c, f = a->f, n = a->pixels, all = f * c, most = f > c ? f : c, from, to;
    long numbers = f * COLUMNS + up(all, LANES);
    long bytes = numbers * (long)sizeof(float) + (f + 3 * most) * (long)sizeof(long);
    float *dy = allocate(bytes), *sums = dy + f * COLUMNS, *dw = a->parts + piece * (all + f);
    double *db = (double *)(dy + numbers);
    long *tap = (long *)(db + f), *at = tap + most, *rows = at + most;
    if (!dy)
        return bytes;
    range(up(n, LANES) / LANES, piece, a->pieces, 1, &from, &to);
    memset(dw, 0, all * (long)sizeof *dw);
    memset(dy, 0, bytes);
    for (long k = 0; k < most; k++)
        tap[k] = k * c, at[k] = k * COLUMNS, rows[k] = k * n;
    for (long l = from * LANES, end = least(to * LANES, n), block = 1, some; l < end; l += some, block++) {
        some = least(COLUMNS, end - l);
        for (long m = 0; m < f; m++) {
            copy(a->dy + m * n + l, some, dy + at[m]);
            db[m] += sum_of_row(dy + at[m], some);
        }
        if (a->dx)
            product((Block){a->w, dy, 0, a->dx + l, tap, at, 1, n, f, some, 1}, c, 0);
        dots_by_product(&(Dots){dy, a->x + l, 0, rows, (Lanes *)sums, COLUMNS, f, c, c, some, 1, 0, 0});
        for (long i = 0; (block % PARTIAL == 0 || l + some == end) && i < all; i++)
            dw[i] += sums[i], sums[i] = 0;
    }
    for (long m = 0; m < f; m++)
        dw[all + m] = (float)db[m];
    free(dy);
    return 0;
}

/* dx, unless it is null, and parts (pieces, f * c + f): dw and then db, of each piece of the pixels. */
EXPORT long xpcnn_conv_1x1_gradients(const Arguments *a) { return run_pieces(blocks, a, a->pieces, a->threads); }
