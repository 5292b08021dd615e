/* Convolution of a few images (c, h, w, n), memory in that order, each read as one row.

   The rows of a few images are too short to fill vectors. In a padded image, whose rows follow one
   another, a tap of the filter is one offset for all output pixels. So all are computed at stride 1,
   with those between the end of an output row and the next row, and those that are wanted are kept.
   Weights meet the zeros of the padding: an infinite one gives NaN there, as in the reference. */

#include "export.h"
#include "pool_row.h"
#include "product.h"
#include "threads.h"

#include <stdlib.h>

enum { TOGETHER = 8 }; /* filters whose rows are computed at once: those of the largest tile */

typedef struct {
    long n, c, h, w, f, groups; /* c, f: of a group */
    long kh, kw, sh, sw, dh, dw, top, bottom, left, right;
    long ph, pw; /* of the pooling windows after ReLU; 0 without pooling */
} FewImages;

typedef struct {
    const FewImages *o;
    const float *x, *weights, *bias;
    float *y;
    uint8_t *winner;
    long tall, wide, relu, pieces; /* tall, wide: of the padded image */
} Arguments;

static long rows_of(const FewImages *o)
{
    return (o->h + o->top + o->bottom - o->dh * (o->kh - 1) - 1) / o->sh + 1;
}

static long columns_of(const FewImages *o)
{
    return (o->w + o->left + o->right - o->dw * (o->kw - 1) - 1) / o->sw + 1;
}

/* Write the wanted numbers of the rows of a filter, `across` numbers each: y, and the winner. */
static void keep(const Arguments *a, const float *strip, long f)
{
    const FewImages *o = a->o;
    long n = o->n, ho = rows_of(o), wo = columns_of(o), across = a->wide * n;
    if (o->ph) {
        long out = wo / o->pw;
        for (long p = 0; p < ho / o->ph; p++) {
            long at = (f * (ho / o->ph) + p) * out * n;
            pool_row(strip + p * o->ph * across, across, n, o->ph, o->pw, out, a->y + at,
                     a->winner ? a->winner + at : 0);
        }
        return;
    }
    for (long p = 0; p < ho; p++) {
        const float *from = strip + p * o->sh * across;
        float *to = a->y + (f * ho + p) * wo * n;
        if (o->sw == 1)
            memcpy(to, from, wo * n * (long)sizeof(float));
        else
            for (long q = 0; q < wo; q++)
                for (long l = 0; l < n; l++)
                    to[q * n + l] = from[q * o->sw * n + l];
        for (long l = 0; a->relu && l < wo * n; l++)
            to[l] = to[l] < 0 ? 0 : to[l]; /* NaN stays */
    }
}

static long filters(void *arguments, long piece)
{
    const Arguments *a = arguments;
    const FewImages *o = a->o;
    long all = o->groups * o->f, image = a->tall * a->wide * o->n, taps = o->c * o->kh * o->kw;
    long across = a->wide * o->n, up = a->tall - o->dh * (o->kh - 1);
    long length = up * across - o->dw * (o->kw - 1) * o->n; /* until the last pixel that has taps */
    long bytes = 2 * taps * (long)sizeof(long) + TOGETHER * up * across * (long)sizeof(float);
    long *tap = malloc(bytes), *at = tap + taps, k = 0;
    float *strips = (float *)(at + taps);
    if (!tap)
        return bytes;
    for (long c = 0; c < o->c; c++)
        for (long i = 0; i < o->kh; i++)
            for (long j = 0; j < o->kw; j++, k++) {
                tap[k] = k;
                at[k] = c * image + (i * o->dh * a->wide + j * o->dw) * o->n;
            }
    long to = all * (piece + 1) / a->pieces;
    for (long f = all * piece / a->pieces, some; f < to; f += some) {
        long g = f / o->f, left = (g + 1) * o->f - f;
        some = to - f < left ? to - f : left;
        some = some < TOGETHER ? some : TOGETHER;
        product(a->weights + f * taps, taps, some, tap, a->x + g * o->c * image, at, taps, strips,
                up * across, length, a->bias ? a->bias + f : 0);
        for (long i = 0; i < some; i++)
            keep(a, strips + i * up * across, f + i);
    }
    free(tap);
    return 0;
}

/* Write the padded images. */
static void pad(const FewImages *o, const float *x, long tall, long wide, float *to)
{
    long n = o->n;
    memset(to, 0, o->groups * o->c * tall * wide * n * (long)sizeof(float));
    for (long c = 0; c < o->groups * o->c; c++)
        for (long i = 0; i < o->h; i++, x += o->w * n)
            memcpy(to + ((c * tall + o->top + i) * wide + o->left) * n, x,
                   o->w * n * (long)sizeof(float));
}

/* Write the pixels at steps of the stride. */
static void pick(const FewImages *o, const float *x, long tall, long wide, float *to)
{
    for (long c = 0; c < o->groups * o->c; c++)
        for (long i = 0; i < tall; i++)
            for (long j = 0; j < wide; j++, to += o->n)
                memcpy(to, x + ((c * o->h + i * o->sh) * o->w + j * o->sw) * o->n,
                       o->n * (long)sizeof(float));
}

/* y (groups, f, ho, wo, n) = conv(x, weights) + bias, then ReLU if asked for; or with pooling max
   pooling of its ReLU, and which element of each window it is, unless winner is null. */
EXPORT long xpcnn_conv_few_images(const FewImages *o, const float *x, const float *weights,
                                  const float *bias, float *y, uint8_t *winner, long relu, long pieces,
                                  long threads)
{
    FewImages thin = *o;
    int is_pointwise = o->kh * o->kw == 1 && o->top + o->bottom + o->left + o->right == 0;
    if (is_pointwise) { /* only the pixels that they see are needed */
        thin.h = rows_of(o), thin.w = columns_of(o);
        thin.sh = thin.sw = 1;
    }
    Arguments a = {&thin, x, weights, bias, y, winner, thin.h + o->top + o->bottom,
                   thin.w + o->left + o->right, relu, pieces};
    float *copy = 0;
    if (a.tall != o->h || a.wide != o->w) {
        long bytes = o->groups * o->c * a.tall * a.wide * o->n * (long)sizeof(float);
        a.x = copy = malloc(bytes);
        if (!copy)
            return bytes;
        if (is_pointwise)
            pick(o, x, a.tall, a.wide, copy);
        else
            pad(o, x, a.tall, a.wide, copy);
    }
    long missing = run_pieces(filters, &a, pieces, threads);
    free(copy);
    return missing;
}
