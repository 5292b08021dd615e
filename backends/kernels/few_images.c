/* Convolution of images (c, h, w, n), memory in that order, many rows at a time, and its gradients.

   The rows of a few images are too short to fill vectors. In a padded image, whose rows follow one
   another, a tap of the filter is one offset for all output pixels. So a band of rows is computed as
   one, with the pixels between the end of an output row and the next row, which are then left out.
   With a stride, rows and columns 0, stride, 2 stride, ... of the padded image make a plane, as do
   1, 1 + stride, ...; a tap sees one of the planes at stride 1.
   The gradient of x is such a convolution of dy for each phase: the pixels stride rows and columns
   apart, which see the same taps. That of a weight is the sum of the products of dy, row by row, with the
   plane of x from the offset on.
   Weights meet the zeros of the padding: an infinite one gives NaN there, as in the reference. */

#include "export.h"
#include "pool_row.h"
#include "product.h"
#include "threads.h"

#include <stdlib.h>

enum {
    TOGETHER = 8,         /* filters whose rows are computed at once: those of the largest tile */
    BAND_BYTES = 1 << 19, /* of the planes and outputs of a band: they stay in the L2 cache */
    SUMS = 20,            /* filters whose gradients are summed at once: those of whole tiles */
    PARTIAL = 1 << 14     /* numbers after which these sums are added to the gradient */
};

/* Images (h, w), and their planes (tall, wide): `down` times `across` of an image, which begins `top`
   rows and `left` columns after the first of them. */
typedef struct {
    long h, w, sh, sw, down, across, top, left, tall, wide;
} Planes;

/* Pixels (row + up i, column + over j) of the output see taps `first` to `end` of the table. */
typedef struct {
    long row, column, rows, columns, first, end;
} Phase;

typedef struct {
    long tap, at; /* of a channel: number of the weight, pixels from that of the output in a plane */
} Tap;

typedef struct {
    long n, c, f, groups; /* c, f: of a group */
    Planes planes;
    long taps, rows, columns, up, over, ph, pw; /* of pooling windows after ReLU; 0 without pooling */
    long phases;
    Phase phase[]; /* and then the taps */
} FewImages;

typedef struct {
    const FewImages *o;
    const float *x, *weights, *bias, *dy;
    float *y; /* or dw */
    uint8_t *winner;
    _Alignas(8) float cap;
    long pieces, threads;
} Arguments;

typedef struct {
    Arguments of;
    long *tap, *at; /* of a filter */
} Group;

typedef struct {
    Planes p;
    const float *x;
    float *to;
    long n, all, pieces;
} Split;

/* Write some planes. */
static long split_some(const void *arguments, long piece)
{
    const Split *a = arguments;
    const Planes *o = &a->p;
    long n = a->n, across = o->wide * n;
    for (long k = a->all * piece / a->pieces; k < a->all * (piece + 1) / a->pieces; k++) {
        const float *x = a->x + k / (o->down * o->across) * o->h * o->w * n;
        float *row = a->to + k * o->tall * across;
        long p = k / o->across % o->down - o->top, q = k % o->across - o->left; /* in the image */
        long first = q < 0 ? up(-q, o->sw) / o->sw : 0, end = least(o->wide, up(o->w - q, o->sw) / o->sw);
        for (long i = 0; i < o->tall; i++, p += o->sh, row += across) {
            if (p < 0 || p >= o->h || end <= first) {
                memset(row, 0, across * (long)sizeof(float));
                continue;
            }
            memset(row, 0, first * n * (long)sizeof(float));
            copy_pixels(x + (p * o->w + first * o->sw + q) * n, o->sw * n, row + first * n, n, n, end - first);
            memset(row + end * n, 0, (across - end * n) * (long)sizeof(float));
        }
    }
    return 0;
}

/* Let *x be the planes of so many channels of it: memory to be freed, unless they are x as it is. */
static long split(Planes p, const float **x, long channels, long n, long pieces, long threads)
{
    long all = channels * p.down * p.across, numbers = all * p.tall * p.wide * n;
    long bytes = (numbers + LANES) * (long)sizeof(float); /* the last vector may reach beyond */
    if (p.sh * p.sw == 1 && p.top + p.left == 0 && p.tall == p.h && p.wide == p.w)
        return 0;
    Split a = {p, *x, malloc(bytes), n, all, pieces};
    if (!a.to)
        return bytes;
    memset(a.to + numbers, 0, LANES * sizeof(float));
    *x = a.to;
    return run_pieces(split_some, &a, pieces, threads);
}

/* Write rows i to i + some of a phase of filter f, of strip: y, and the winner. */
static void keep(const Arguments *a, const Phase *s, const float *strip, long f, long i, long some)
{
    const FewImages *o = a->o;
    long n = o->n, across = o->planes.wide * n, length = s->columns * n;
    if (o->ph) {
        long out = o->columns / o->pw;
        for (long r = i / o->ph; r < (i + some) / o->ph; r++, strip += o->ph * across) {
            long at = (f * (o->rows / o->ph) + r) * out * n;
            pool_row(strip, across, n, o->ph, o->pw, out, a->y + at, a->winner ? a->winner + at : 0);
        }
        return;
    }
    for (some += i; i < some; i++, strip += across) {
        float *to = a->y + ((f * o->rows + s->row + i * o->up) * o->columns + s->column) * n;
        if (o->over > 1)
            copy_pixels(strip, n, to, o->over * n, n, s->columns);
        else
            for (long l = 0; l < length; l += LANES)
                write_some(to + l, length - l, rectified(some_of(strip + l, length - l), a->cap));
    }
}

/* List the taps of a filter: of each phase, from c times its first on, those of all channels. */
static void list(const FewImages *o, long *tap, long *at)
{
    const Tap *taps = (const Tap *)(o->phase + o->phases);
    long channel = o->planes.down * o->planes.across * o->planes.tall * o->planes.wide, k = 0;
    for (const Phase *s = o->phase; s < o->phase + o->phases; s++)
        for (long c = 0; c < o->c; c++)
            for (long t = s->first; t < s->end; t++, k++) {
                tap[k] = c * o->taps + taps[t].tap;
                at[k] = (c * channel + taps[t].at) * o->n;
            }
}

static long filters(const void *arguments, long piece)
{
    const Group *g = arguments;
    const Arguments *a = &g->of;
    const FewImages *o = a->o;
    long across = o->planes.wide * o->n, all = o->c * o->taps, most = o->phase->rows;
    long row = (o->c * o->planes.down * o->planes.across + TOGETHER) * across * (long)sizeof(float);
    long band = up(least(BAND_BYTES / row + 1, most), o->ph ? o->ph : 1), ym = up(band * across, LANES);
    long bytes = TOGETHER * ym * (long)sizeof(float), to = o->f * (piece + 1) / a->pieces;
    float *strips = malloc(bytes);
    if (!strips)
        return bytes;
    for (long f = o->f * piece / a->pieces, some; f < to; f += some)
        for (long p = (some = least(to - f, TOGETHER), 0); p < most; p += band)
            for (const Phase *s = o->phase; s < o->phase + o->phases; s++) {
                long here = least(band, s->rows - p), first = s->first * o->c;
                if (here <= 0 || s->columns == 0)
                    continue;
                long length = (here - 1) * across + s->columns * o->n;
                product(a->weights + f * all, all, some, g->tap + first, a->x + p * across, g->at + first,
                        (s->end - s->first) * o->c, strips, ym, length, a->bias ? a->bias + f : 0);
                for (long m = 0; m < some; m++)
                    keep(a, s, strips + m * ym, f + m, p, here);
            }
    free(strips);
    return 0;
}

/* dw of some filters. */
static long gradients(const void *arguments, long piece)
{
    const Group *g = arguments;
    const Arguments *a = &g->of;
    const FewImages *o = a->o;
    long across = o->planes.wide * o->n, all = o->c * o->taps, row = o->columns * o->n;
    long bytes = SUMS * all * (long)sizeof(Lanes), to = o->f * (piece + 1) / a->pieces;
    Lanes *sums = malloc(bytes);
    if (!sums)
        return bytes;
    for (long f = o->f * piece / a->pieces, some; f < to; f += some) {
        float *dw = a->y + f * all;
        some = least(to - f, SUMS);
        memset(dw, 0, some * all * (long)sizeof *dw);
        memset(sums, 0, some * all * (long)sizeof *sums);
        for (long p = 0, numbers = row; p < o->rows; p++, numbers += row) {
            dots(a->dy + (f * o->rows + p) * row, o->rows * row, some, a->x + p * across, g->at, g->tap, all,
                 row, sums, all);
            if (numbers < PARTIAL && p + 1 < o->rows)
                continue;
            for (long i = numbers = 0; i < some * all; i++) {
                dw[i] += total(sums[i]);
                sums[i] = broadcast(0);
            }
        }
    }
    free(sums);
    return 0;
}

/* One group, of whose filters each piece computes some. */
static long of_filters(const Arguments *a)
{
    const FewImages *o = a->o;
    long all = o->c * o->taps, bytes = 2 * all * (long)sizeof(long), *lists = malloc(bytes);
    Group group = {*a, lists, lists + all};
    if (!lists)
        return bytes;
    list(o, group.tap, group.at);
    long missing = split(o->planes, &group.of.x, o->c, o->n, a->pieces, a->threads);
    if (!missing)
        missing = run_pieces(a->dy ? gradients : filters, &group, a->pieces, a->threads);
    if (group.of.x != a->x)
        free((float *)group.of.x);
    free(lists);
    return missing;
}

static long some_groups(const void *arguments, long piece)
{
    const Arguments *all = arguments;
    const FewImages *o = all->o;
    long pixels = o->ph ? o->rows / o->ph * (o->columns / o->pw) : o->rows * o->columns;
    long out = o->f * pixels * o->n, weights = o->f * o->c * o->taps, missing = 0;
    for (long g = o->groups * piece / all->pieces; g < o->groups * (piece + 1) / all->pieces && !missing; g++) {
        Arguments a = *all;
        a.pieces = a.threads = 1;
        a.x += g * o->c * o->planes.h * o->planes.w * o->n;
        a.weights += a.weights ? g * weights : 0;
        a.bias += a.bias ? g * o->f : 0;
        a.y += g * (a.dy ? weights : out);
        a.winner += a.winner ? g * out : 0;
        a.dy += a.dy ? g * out : 0;
        missing = of_filters(&a);
    }
    return missing;
}

/* y (groups, f, rows, columns, n) = conv(x, weights) + bias, then ReLU up to `cap`; or with pooling max
   pooling of its ReLU, and which element of each window it is, unless winner is null. Or, with a dy
   (groups, f, rows, columns, n), y is dw (groups, f, c, taps). */
EXPORT long xpcnn_conv_few_images(const Arguments *a)
{
    return a->o->groups > 1 ? run_pieces(some_groups, a, a->pieces, a->threads) : of_filters(a);
}
