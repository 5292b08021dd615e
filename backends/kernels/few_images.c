/* Convolution of a few images (c, h, w, n), memory in that order, many rows at a time.

   The rows of a few images are too short to fill vectors. In a padded image, whose rows follow one
   another, a tap of the filter is one offset for all output pixels. So a band of rows is computed as
   one, with the pixels between the end of an output row and the next row, which are then left out.
   With a stride, rows and columns 0, stride, 2 stride, ... of the padded image make a plane, as do
   1, 1 + stride, ...; a tap sees one of the planes at stride 1.
   Weights meet the zeros of the padding: an infinite one gives NaN there, as in the reference. */

#include "export.h"
#include "pool_row.h"
#include "product.h"
#include "threads.h"

#include <stdlib.h>

enum {
    TOGETHER = 8,        /* filters whose rows are computed at once: those of the largest tile */
    BAND_BYTES = 1 << 19 /* of the planes and outputs of a band: they stay in the L2 cache */
};

typedef struct {
    long n, c, h, w, f, groups; /* c, f: of a group */
    long kh, kw, sh, sw, dh, dw, top, bottom, left, right;
    long ph, pw; /* of the pooling windows after ReLU; 0 without pooling */
} FewImages;

typedef struct {
    const FewImages *o;
    const float *x, *weights, *bias;
    float *planes, *y;
    uint8_t *winner;
    long rows, columns;               /* of the output */
    long down, across, tall, wide;    /* planes of a channel, rows and columns of a plane */
    float cap;
    long pieces;
} Arguments;

/* Write the planes of some channels. */
static long split(void *arguments, long piece)
{
    const Arguments *a = arguments;
    const FewImages *o = a->o;
    long all = o->groups * o->c, n = o->n, plane = a->tall * a->wide * n, each = a->down * a->across;
    for (long k = all * piece / a->pieces * each; k < all * (piece + 1) / a->pieces * each; k++) {
        const float *x = a->x + k / each * o->h * o->w * n;
        float *to = a->planes + k * plane;
        long p = k / a->across % a->down - o->top, q = k % a->across - o->left; /* in the image */
        long first = q < 0 ? up(-q, o->sw) / o->sw : 0, end = least(a->wide, up(o->w - q, o->sw) / o->sw);
        memset(to, 0, plane * (long)sizeof(float));
        for (long i = 0; i < a->tall; i++, p += o->sh) {
            const float *from = x + (p * o->w + first * o->sw + q) * n;
            float *row = to + (i * a->wide + first) * n;
            if (p < 0 || p >= o->h)
                continue;
            collect(from, n, o->sw * n, end - first, row);
        }
    }
    return 0;
}

/* Write rows p to p + some of filter f, of strip: y, and the winner. */
static void keep(const Arguments *a, const float *strip, long f, long p, long some)
{
    const FewImages *o = a->o;
    long n = o->n, wo = a->columns, across = a->wide * n;
    if (o->ph) {
        long out = wo / o->pw;
        for (long r = p / o->ph; r < (p + some) / o->ph; r++, strip += o->ph * across) {
            long at = (f * (a->rows / o->ph) + r) * out * n;
            pool_row(strip, across, n, o->ph, o->pw, out, a->y + at, a->winner ? a->winner + at : 0);
        }
        return;
    }
    float *to = a->y + (f * a->rows + p) * wo * n;
    for (long i = 0; i < some; i++, to += wo * n, strip += across)
        for (long l = 0; l < wo * n; l += LANES)
            write_some(to + l, wo * n - l, rectified(some_of(strip + l, wo * n - l), a->cap));
}

static long filters(void *arguments, long piece)
{
    const Arguments *a = arguments;
    const FewImages *o = a->o;
    long n = o->n, taps = o->c * o->kh * o->kw, across = a->wide * n, plane = a->tall * across;
    long row = (o->c * a->down * a->across + TOGETHER) * across * (long)sizeof(float);
    long step = o->ph ? o->ph : 1, band = up(least(BAND_BYTES / row + 1, a->rows), step);
    long ym = up(band * across, LANES), copied = a->planes != a->x;
    long bytes = 2 * taps * (long)sizeof(long) + TOGETHER * ym * (long)sizeof(float);
    long *tap = malloc(bytes), *at = tap + taps, k = 0;
    float *strips = (float *)(at + taps);
    if (!tap)
        return bytes;
    for (long c = 0; c < o->c; c++)
        for (long i = 0; i < o->kh * o->dh; i += o->dh)
            for (long j = 0; j < o->kw * o->dw; j += o->dw, k++) {
                tap[k] = k;
                at[k] = ((c * a->down + i % o->sh) * a->across + j % o->sw) * plane +
                        (i / o->sh * a->wide + j / o->sw) * n;
            }
    long all = o->groups * o->f, to = all * (piece + 1) / a->pieces;
    for (long f = all * piece / a->pieces, end; f < to; f = end) {
        long g = f / o->f;
        const float *x = a->planes + g * o->c * a->down * a->across * plane;
        end = least(to, (g + 1) * o->f);
        for (long p = 0; p < a->rows; p += band)
            for (long i = f, some; i < end; i += some) {
                long here = least(band, a->rows - p), length = (here - 1) * across + a->columns * n;
                some = least(end - i, TOGETHER);
                product(a->weights + i * taps, taps, some, tap, x + p * across, at, taps, strips, ym,
                        copied ? up(length, LANES) : length, a->bias ? a->bias + i : 0);
                for (long m = 0; m < some; m++)
                    keep(a, strips + m * ym, i + m, p, here);
            }
    }
    free(tap);
    return 0;
}

/* y (groups, f, ho, wo, n) = conv(x, weights) + bias, then ReLU up to `cap`; or with pooling max
   pooling of its ReLU, and which element of each window it is, unless winner is null. */
EXPORT long xpcnn_conv_few_images(const FewImages *o, const float *x, const float *weights,
                                  const float *bias, float *y, uint8_t *winner, float cap, long pieces,
                                  long threads)
{
    long high = o->dh * (o->kh - 1), broad = o->dw * (o->kw - 1); /* of a window, less 1 */
    Arguments a = {.o = o, .x = x, .weights = weights, .bias = bias, .planes = (float *)x, .y = y,
                   .winner = winner, .cap = cap, .pieces = pieces,
                   .rows = (o->h + o->top + o->bottom - high - 1) / o->sh + 1,
                   .columns = (o->w + o->left + o->right - broad - 1) / o->sw + 1,
                   .down = least(o->sh, high + 1), .across = least(o->sw, broad + 1)};
    a.tall = a.rows + high / o->sh;
    a.wide = a.columns + broad / o->sw;
    long is_padded = o->top + o->bottom + o->left + o->right != 0, missing = 0;
    if (is_padded || o->sh * o->sw > 1) {
        long numbers = o->groups * o->c * a.down * a.across * a.tall * a.wide * o->n;
        long bytes = (numbers + LANES) * (long)sizeof(float); /* the last vector may reach beyond */
        a.planes = malloc(bytes);
        if (!a.planes)
            return bytes;
        memset(a.planes + numbers, 0, LANES * sizeof(float));
        missing = run_pieces(split, &a, pieces, threads);
    }
    missing = missing ? missing : run_pieces(filters, &a, pieces, threads);
    if (a.planes != x)
        free(a.planes);
    return missing;
}
