/* Convolution of images x (c, h, w, n), stored in that order, with filters (f, c, kh, kw), and its gradients:
   matrix products without im2col. A row of the output sees, through each tap of a filter, a row of x that is
   moved by some pixels: the same memory at another offset.

   Many images: the n numbers of a pixel fill vectors. Padding is not stored: taps that would see it are
   skipped. A segment is pixels of a row, side by side, that see the same taps: the row without its borders,
   or one pixel of a border. With stride 1 a segment is one product, else each of its pixels is one.

   Few images: x is copied into padded images, whose rows follow one another, so that a tap is one offset for
   all pixels. A band is some rows that are computed as one segment. It has the pixels between the end of one
   row and the beginning of the next too, which are left out of the result. Here weights meet the zeros of
   the padding: an infinite one gives NaN, as in the reference. Elsewhere it adds nothing.

   With a stride, a plane has the rows and columns 0, stride, 2 stride, ... of the padded images, the next one
   1, 1 + stride, ..., and so on: a tap sees one of the planes, at stride 1. dx is a convolution of dy for each
   phase: the pixels of x that are `stride` rows and columns apart, which see the same taps.

   dw is, for each weight, the sum of the products of dy, row by row, with what its tap sees. */

#include "export.h"
#include "pool_row.h"
#include "product.h"
#include "threads.h"

enum {
    TOGETHER = 40,         /* filters whose rows are computed at once: of whole tiles */
    TOGETHER_IN_BANDS = 8,
    BAND_BYTES = 1 << 19,  /* of the planes and outputs of a band: they stay in the L2 cache */
    SUMS = 20,             /* filters whose gradients are summed at once: multiples, of whole tiles */
    SUMS_BYTES = 1 << 21,  /* of these sums */
    PARTIAL = 1 << 14      /* numbers after which they are added to the gradient */
};

/* Pixels (row + up i, column + over j) of the output see taps `first` to `end` of the table. None of
   these is on padding for columns j from `inner` to `outer`, which are a segment. */
typedef struct { long row, column, rows, columns, first, end, inner, outer; } Phase;

/* Which weight of a channel, and what pixel (0, 0) of the output sees through it: row and column of its
   plane, and pixels from the first of all planes. */
typedef struct { long weight, row, column, at; } Tap;

typedef struct {
    long n, c, f, groups; /* c, f: of a group */
    long h, w, sh, sw;
    long planes, across, top, left; /* of an image, side by side, which begins `top` rows and `left` columns
                                       after the first of them; no planes: of the image itself */
    long tall, wide, channel;       /* rows and columns of a plane; pixels of a channel */
    long in_bands, down, right;     /* from a pixel of the output to the next, in a plane */
    long taps, rows, columns, up, over, ph, pw; /* of pooling windows after ReLU, 1 x 1 without */
    long phases;
    Phase phase[]; /* and then the taps */
} Table;

struct Arguments {
    const Table *o;
    const float *x, *weights, *bias, *dy;
    float *y, *db; /* y: or dw and then db; db: of a group, null for all of them */
    uint8_t *winner;
    _Alignas(8) float cap;
    long want_db, pieces, threads;
};

/* Write some planes, to y. */
static long split_planes(const Arguments *a, long piece)
{
    const Table *o = a->o;
    long n = o->n, across = o->wide * n, from, to;
    range(o->c * o->planes, piece, a->pieces, 1, &from, &to);
    for (long k = from; k < to; k++) {
        const float *x = a->x + k / o->planes * o->h * o->w * n;
        float *row = a->y + k * o->tall * across;
        long plane = k % o->planes, p = plane / o->across - o->top, q = plane % o->across - o->left;
        long first = q < 0 ? up(-q, o->sw) / o->sw : 0, end = least(o->wide, up(o->w - q, o->sw) / o->sw);
        for (long i = 0; i < o->tall; i++, p += o->sh, row += across) {
            long is_seen = p >= 0 && p < o->h && first < end;
            long low = is_seen ? first : 0, high = is_seen ? end : 0;
            memset(row, 0, low * n * (long)sizeof(float));
            copy_pixels(x + (p * o->w + low * o->sw + q) * n, o->sw * n, row + low * n, n, n, high - low);
            memset(row + high * n, 0, (across - high * n) * (long)sizeof(float));
        }
    }
    return 0;
}

/* List the taps that pixel (p, q) of a phase sees: numbers of weights, and where it sees them. */
static long list_taps(const Table *o, const Phase *s, long p, long q, long *tap, long *at)
{
    const Tap *taps = (const Tap *)(o->phase + o->phases);
    long row = p * o->down, column = q * o->right, first = row * o->wide + column, k = 0;
    for (const Tap *t = taps + s->first; o->c && t < taps + s->end; t++) {
        long i = row + t->row, j = column + t->column;
        tap[k] = t->weight;
        at[k] = (first + t->at) * o->n;
        k += (i >= 0) & (i < o->tall) & (j >= 0) & (j < o->wide);
    }
    for (long i = k; i < k * o->c; i++) { /* of the other channels */
        tap[i] = tap[i - k] + o->taps;
        at[i] = at[i - k] + o->channel * o->n;
    }
    return k * o->c;
}

static long end_of_segment(const Phase *s, long q) { return q >= s->inner && q < s->outer ? s->outer : q + 1; }

/* Numbers of a row of the output as it is computed. */
static long across_of(const Table *o) { return (o->in_bands ? o->wide : o->columns) * o->n; }

/* Write rows p to p + count of a phase of filters f to f + some to y, `ym` numbers apart. */
static void compute_rows(const Arguments *a, const Phase *s, long f, long some, long p, long count, float *y,
                         long ym, long *tap)
{
    const Table *o = a->o;
    long all = o->c * o->taps, across = across_of(o), at_once = o->in_bands ? count : 1, *at = tap + all;
    for (long r = 0; r < count; r += at_once)
        for (long q = 0, end; q < s->columns; q = end) {
            end = end_of_segment(s, q);
            long taps = list_taps(o, s, p + r, q, tap, at), step = o->right == 1 ? end - q : 1;
            const float *x = a->x;
            for (; q < end; q += step, x += o->right * o->n)
                product((Block){a->weights + f * all, x, a->bias ? a->bias + f : 0, y + r * across + q * o->n, tap,
                                at, all, ym, taps, (at_once - 1) * across + step * o->n, 1}, some, o->taps == 1);
        }
}

/* Store rows p to p + count of a phase of filter f, which are in `strip`, or where they belong. */
static void store_rows(const Arguments *a, const Phase *s, float *strip, long f, long p, long count)
{
    const Table *o = a->o;
    long n = o->n, across = across_of(o);
    if (o->ph * o->pw > 1) {
        long out = o->columns / o->pw, at = (f * (o->rows / o->ph) + p / o->ph) * out * n;
        for (long i = 0; i < count; i += o->ph, at += out * n, strip += o->ph * across)
            pool_row(strip, across, n, o->ph, o->pw, out, a->y + at, a->winner ? a->winner + at : 0);
        return;
    }
    for (long i = p; i < p + count; i++, strip += across) {
        float *to = a->y + ((f * o->rows + s->row + i * o->up) * o->columns + s->column) * n;
        rectify(strip, s->columns * n, a->cap);
        if (to != strip)
            copy_pixels(strip, n, to, o->over * n, n, s->columns);
    }
}

/* y of some filters, or of some rows. */
static long outputs(const Arguments *a, long piece)
{
    const Table *o = a->o;
    long all = o->c * o->taps, across = across_of(o), most = o->phase->rows / o->ph;
    long is_direct = !o->in_bands && o->ph * o->pw == 1 && o->phases == 1;
    long together = least(o->f, o->in_bands ? TOGETHER_IN_BANDS : is_direct ? o->f : TOGETHER);
    long row = (o->c * (o->channel / o->tall) * o->n + together * across) * (long)sizeof(float);
    long band = o->in_bands ? up(least(BAND_BYTES / row + 1, most * o->ph), o->ph) : o->ph;
    long ym = is_direct ? o->rows * across : up(band * across, LANES), strips = is_direct ? 0 : together * ym;
    long bytes = strips * (long)sizeof(float) + 2 * all * (long)sizeof(long), from, to, first, last;
    float *strip = allocate(bytes);
    if (!strip)
        return bytes;
    range(o->f, piece, a->pieces, o->in_bands, &from, &to);
    range(most, piece, a->pieces, !o->in_bands, &first, &last);
    for (long p = first * o->ph; p < last * o->ph; p += band)
        for (const Phase *s = o->phase; s < o->phase + o->phases; s++)
            for (long f = from, some; f < to; f += some) {
                long count = least(band, least(last * o->ph, s->rows) - p);
                some = least(to - f, together);
                float *y = is_direct ? a->y + (f * o->rows + p) * across : strip;
                compute_rows(a, s, f, some, p, count, y, ym, (long *)(strip + strips));
                for (long m = 0; m < some; m++)
                    store_rows(a, s, y + m * ym, f + m, p, count);
            }
    free(strip);
    return 0;
}

/* dw and db of some filters, or of some rows, as part `piece` of the sums. */
static long gradients(const Arguments *a, long piece)
{
    const Table *o = a->o;
    long all = o->c * o->taps, row = o->columns * o->n, from, to, first, last;
    long part = o->in_bands ? 0 : piece * o->groups * o->f * (all + 1);
    long together = SUMS_BYTES / (all * (long)sizeof(Lanes)) / SUMS * SUMS;
    together = least(together < SUMS ? SUMS : together, o->f);
    /* where each pixel sees all taps: 0.7 to 0.95 of the time */
    long by_product = together >= MANY_FILTERS && o->planes && !o->in_bands;
    long size = together * all * (long)sizeof(Lanes);
    long bytes = size + 2 * all * (long)sizeof(long) + together * (long)sizeof(double);
    Lanes *sums = allocate(bytes);
    long *tap = (long *)(sums + together * all), *at = tap + all;
    double *db = (double *)(at + all);
    if (!sums)
        return bytes;
    range(o->f, piece, a->pieces, o->in_bands, &from, &to);
    range(o->rows, piece, a->pieces, !o->in_bands, &first, &last);
    for (long f = from, some; f < to; f += some) {
        const float *dy = a->dy + f * o->rows * row;
        float *dw = a->y + part + f * all;
        some = least(to - f, together);
        memset(dw, 0, some * all * (long)sizeof *dw);
        memset(sums, 0, bytes);
        for (long p = first, numbers = 0, count; p < last; p += count) {
            count = o->in_bands ? least(last - p, 1 + REACH / up(row, LANES)) : 1;
            for (long q = 0, end; q < o->columns; q = end) {
                end = end_of_segment(o->phase, q);
                long is_row = o->right == 1, step = is_row ? o->wide : o->right; /* else pixel by pixel */
                end = is_row ? end : least(end, q + 1 + REACH / up(o->n, LANES));
                long taps = list_taps(o, o->phase, p, q, tap, at);
                Dots d = {dy + p * row + q * o->n, a->x, tap, at, sums, o->rows * row, some, taps, all,
                          is_row ? (end - q) * o->n : o->n, is_row ? count : end - q, is_row ? row : o->n,
                          step * o->n};
                by_product ? dots_by_product(&d) : dots(d);
            }
            for (long m = 0; a->want_db && m < some; m++)
                db[m] += sum_of_row(dy + (m * o->rows + p) * row, count * row);
            numbers += count * row;
            if (numbers < PARTIAL && p + count < last)
                continue;
            for (long i = numbers = 0; i < some * all; i++)
                dw[i] += by_product ? ((float *)sums)[i] : total(sums[i]);
            memset(sums, 0, size);
        }
        for (long m = 0; m < some; m++)
            a->db[part + f + m] = (float)db[m];
    }
    free(sums);
    return 0;
}

/* One group, of whose filters, or rows, each piece computes some. */
static long of_group(const Arguments *all, long g, long pieces, long threads)
{
    Arguments a = *all;
    const Table *o = a.o;
    long out = o->f * (o->rows / o->ph) * (o->columns / o->pw) * o->n, weights = o->f * o->c * o->taps;
    long bytes = o->planes ? o->c * o->channel * o->n * (long)sizeof(float) : 0, missing = 0;
    float *planes = bytes ? allocate(bytes) : 0;
    if (bytes && !planes)
        return bytes;
    a.pieces = pieces;
    a.x += g * o->c * o->h * o->w * o->n;
    a.weights += a.weights ? g * weights : 0;
    a.bias += a.bias ? g * o->f : 0;
    a.winner += a.winner ? g * out : 0;
    a.db = a.y + o->groups * weights + g * o->f;
    a.y += g * (a.dy ? weights : out);
    a.dy += a.dy ? g * out : 0;
    if (planes) {
        Arguments to_planes = a;
        to_planes.y = planes;
        missing = run_pieces(split_planes, &to_planes, pieces, threads);
        a.x = planes;
    }
    if (!missing)
        missing = run_pieces(a.dy ? gradients : outputs, &a, pieces, threads);
    free(planes);
    return missing;
}

static long some_groups(const Arguments *a, long piece)
{
    long missing = 0, from, to;
    range(a->o->groups, piece, a->pieces, 1, &from, &to);
    for (long g = from; g < to && !missing; g++)
        missing = of_group(a, g, 1, 1);
    return missing;
}

/* y (groups, f, rows, columns, n) = conv(x, weights) + bias, then ReLU up to `cap`; or with pooling max
   pooling of its ReLU, and which element of each window it is, unless winner is null.
   Or, with a dy (groups, f, rows, columns, n), y (1 or pieces, groups * f * (c * taps + 1)): dw (groups,
   f, c, taps) and then db (groups, f), or zeros, of each piece of the rows.
   Pieces take whole groups where there are as many. */
EXPORT long xpcnn_conv(const Arguments *a)
{
    long missing = 0;
    if (a->o->groups >= a->pieces)
        return run_pieces(some_groups, a, a->pieces, a->threads);
    for (long g = 0; g < a->o->groups && !missing; g++)
        missing = of_group(a, g, a->pieces, a->threads);
    return missing;
}
