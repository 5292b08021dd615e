/* Pooling of windows over images (channels, h, w, n), and the gradient of max pooling. Windows may overlap,
   be dilated, and reach into padding, which is never read.

   Tables say which elements each window has or, backward, which windows each element is in. So outputs are
   written once, in the order of memory: a gradient added up window by window takes twice as long.

   Outputs side by side whose inputs lie side by side too, a run, are taken as one, since the pixels of a few
   images are shorter than vectors: with a stride, in copies of rows of x or dx, in which columns 0, stride,
   2 stride, ... lie side by side, then 1, 1 + stride, ... */

#include "export.h"
#include "lanes.h"
#include "threads.h"

/* A row or column of a window, and of x. */
typedef struct { long element, at; } Term;

/* How many outputs; the terms of the first of them; elements that a mean counts. */
typedef struct { long count, first, end, size; } Run;

struct Arguments {
    const float *x;  /* (channels, h, w, n), or dy */
    float *y;        /* (channels, ho, wo, n), or dx */
    uint8_t *winner; /* which of its window the largest is; null for means */
    const Run *rows, *runs; /* of each row of y one; `count` that make up any row */
    const Term *down, *across;
    long channels, h, w, n, ho, wo, count;
    long kw, stride, is_gradient; /* columns of a window; stride of copies, 1 for none */
    _Alignas(8) float share;
    long pieces, threads;
};

/* What a run is written from, and to. */
typedef struct {
    const Term *down, *past, *across, *end;
    const float *x;
    const uint8_t *won; /* the winners of dy, or null */
    float *y;
    uint8_t *winner;
    long w, n, kw;
    float share;
} Part;

INLINE long place(const Part *o, const Term *i, const Term *j) { return (i->at * o->w + j->at) * o->n; }
INLINE int32_t number(const Part *o, const Term *i, const Term *j) { return i->element * o->kw + j->element; }

#define EACH UNROLL for (long v = 0, next = l, left = count; v < vectors; v++, next += LANES, left -= LANES)

/* Write some vectors from number l on: of `count` numbers, or fewer. First the largest numbers, and which
   they are. */
INLINE void write_largest(const Part *o, const long l, const long count, const long vectors)
{
    Lanes best[4];
    Whole who[4];
    EACH best[v] = some_of(o->x + place(o, o->down, o->across) + next, left);
    EACH who[v] = (Whole){0} + number(o, o->down, o->across);
    for (const Term *i = o->down; i < o->past; i++)
        for (const Term *j = o->across; j < o->end; j++)
            EACH take_larger(&best[v], &who[v], some_of(o->x + place(o, i, j) + next, left), number(o, i, j));
    EACH write_some(o->y + next, left, best[v]);
    EACH memcpy(o->winner + next, (Bytes[]){bytes_of(who[v])}, least(left, LANES));
}

/* Sums times the share: of rows, and then of those, since a sum rounds the less the shorter it is. */
INLINE void write_means(const Part *o, const long l, const long count, const long vectors)
{
    Lanes all[4] = {{0}};
    for (const Term *i = o->down; i < o->past; i++) {
        Lanes part[4] = {{0}};
        for (const Term *j = o->across; j < o->end; j++)
            EACH part[v] += some_of(o->x + place(o, i, j) + next, left);
        EACH all[v] += part[v];
    }
    EACH write_some(o->y + next, left, all[v] * o->share);
}

/* Sums of dy over the windows that an element won, in the order of the elements of a window. */
INLINE void write_won(const Part *o, const long l, const long count, const long vectors)
{
    Lanes all[4] = {{0}};
    for (const Term *i = o->down; i < o->past; i++)
        for (const Term *j = o->across; j < o->end; j++)
            EACH {
                Whole wins = whole_of(some_bytes(o->won + place(o, i, j) + next, left)) == number(o, i, j);
                all[v] += chosen(wins, some_of(o->x + place(o, i, j) + next, left), (Lanes){0});
            }
    EACH write_some(o->y + next, left, all[v]);
}

INLINE void write_part(const Part *o, const long l, const long count, const long vectors)
{
    o->won      ? write_won(o, l, count, vectors)
    : o->winner ? write_largest(o, l, count, vectors)
                : write_means(o, l, count, vectors);
}

static void write_row(const Arguments *a, const Run *row, Part o)
{
    o.down = a->down + row->first;
    o.past = a->down + row->end;
    for (const Run *run = a->runs; run < a->runs + a->count; run++) {
        long l = 0, count = run->count * o.n;
        o.across = a->across + run->first;
        o.end = a->across + run->end;
        o.share = a->share != 0 ? a->share : (float)(1.0 / (row->size * run->size));
        for (; l + 4 * LANES <= count; l += 4 * LANES)
            write_part(&o, l, 4 * LANES, 4);
        for (; l < count; l += LANES)
            write_part(&o, l, count - l, 1);
        o.y += count;
        o.winner += o.winner ? count : 0;
    }
}

/* Copy a row of pixels in the order of copies, or back. */
static void split(const Arguments *a, long width, const float *x, float *to)
{
    for (long s = 0, n = a->n, step = a->stride * n, count; s < least(a->stride, width); s++) {
        count = (width - s + a->stride - 1) / a->stride;
        if (a->is_gradient)
            copy_pixels(x, n, to + s * n, step, n, count), x += count * n;
        else
            copy_pixels(x + s * n, step, to, n, n, count), to += count * n;
    }
}

/* Some rows of each channel, as the layer before computes them: they are in the core's cache. Whole channels
   where rows are few, or copies of them are read. */
static long channels(const Arguments *a, long piece)
{
    long size = a->h * a->w * a->n, out = a->wo * a->n, low, high, from, to;
    long copies = a->stride > 1 && !a->is_gradient, whole = copies || a->ho < 2 * a->pieces;
    long bytes = (copies ? size : out) * (long)sizeof(float);
    float *copied = allocate(bytes);
    if (!copied)
        return bytes;
    range(a->ho, piece, a->pieces, !whole, &low, &high);
    range(a->channels, piece, a->pieces, whole, &from, &to);
    for (long c = from; c < to; c++) {
        const float *x = a->x + c * size;
        for (long i = 0; copies && i < a->h; i++)
            split(a, a->w, x + i * a->w * a->n, copied + i * a->w * a->n);
        for (long p = low; p < high; p++) {
            long at = (c * a->ho + p) * out, joins = a->stride > 1 && a->is_gradient;
            Part o = {.x = copies ? copied : x, .y = joins ? copied : a->y + at};
            o.w = a->w, o.n = a->n, o.kw = a->kw;
            o.won = a->is_gradient ? a->winner + c * size : 0;
            o.winner = a->winner && !a->is_gradient ? a->winner + at : 0;
            write_row(a, a->rows + p, o);
            if (joins)
                split(a, a->wo, copied, a->y + at);
        }
    }
    free(copied);
    return 0;
}

/* y, winner: the largest element of each window of x, and its number, row by row. Without a winner, y is
   the sum of each window of x times share; where share is 0, over its size. Or dx from dy and the winners. */
EXPORT long xpcnn_pool(const Arguments *a) { return run_pieces(channels, a, a->pieces, a->threads); }
