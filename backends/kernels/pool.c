/* Pooling of windows (kh, kw) over images (channels, h, w, n), with outputs (channels, rows, columns, n).

   Windows may overlap, be dilated, and reach into padding, which is never read: it is neither a
   largest number nor part of a sum, though it may count as an element of a mean.

   Windows side by side that see the same elements are taken as one, since the pixels of a few images
   are shorter than vectors: with a stride, in a copy of the channel in which columns 0, stride,
   2 stride, ... lie side by side, then 1, 1 + stride, ... */

#include "export.h"
#include "lanes.h"
#include "threads.h"

#include <stdlib.h>

typedef struct {
    long size, out, k, stride, dilation, before, after; /* elements, windows, elements of a window */
} Axis;

typedef struct {
    long channels, n;
    Axis down, across;
} Windows;

struct Arguments {
    const Windows *o;
    float *x, *y; /* or dx and dy */
    uint8_t *winner; /* null for means */
    _Alignas(8) float share;
    long padded, is_gradient, pieces, threads;
};

typedef struct {
    long first, end, at, padded; /* elements first to end - 1 lie on the image, element i at
                                    at + i * dilation; as many lie on image and padding */
} Window;

/* Windows side by side: element (i, j) of the first is x[i * pitch + column[j]]. */
typedef struct {
    float *x;
    const long *column;
    long pitch, k, count; /* elements of a row of a window; numbers of all windows */
    Window down, across;
    float share;
} Run;

/* How many elements of the window at `at` lie before `end`. */
static long before(const Axis *a, long at, long end)
{
    long elements = end <= at ? 0 : (end - at - 1) / a->dilation + 1;
    return elements < a->k ? elements : a->k;
}

static Window window_of(const Axis *a, long p)
{
    long at = p * a->stride - a->before;
    return (Window){before(a, at, 0), before(a, at, a->size), at, before(a, at, a->size + a->after)};
}

INLINE float *tap(const Run r, long i, long j)
{
    return r.x + (i * r.pitch + r.column[j]);
}

/* The largest number, and which it is. */
INLINE void largest(const Run r, const long from, const long to, float *y, uint8_t *winner)
{
    for (long l = 0, left; (left = r.count - l) > 0; l += LANES) {
        Lanes best = some_of(tap(r, r.down.first, from) + l, left);
        Whole who = (Whole){0} + (int32_t)(r.down.first * r.k + from);
        for (long i = r.down.first; i < r.down.end; i++)
            UNROLL for (long j = from; j < to; j++)
                take_larger(&best, &who, some_of(tap(r, i, j) + l, left), i * r.k + j);
        write_some(y + l, left, best);
        Bytes bytes = bytes_of(who);
        memcpy(winner + l, &bytes, left < LANES ? left : LANES);
    }
}

/* The sum times the share: of rows, and then of those, since a sum rounds the less the shorter it is. */
INLINE void mean(const Run r, const long from, const long to, float *y)
{
    for (long l = 0, left; (left = r.count - l) > 0; l += LANES) {
        Lanes all = {0};
        for (long i = r.down.first; i < r.down.end; i++) {
            Lanes part = {0};
            UNROLL for (long j = from; j < to; j++) part += some_of(tap(r, i, j) + l, left);
            all += part;
        }
        write_some(y + l, left, all * r.share);
    }
}

INLINE void pooled(const Run r, const long from, const long to, float *y, uint8_t *winner)
{
    if (winner)
        largest(r, from, to, y, winner);
    else
        mean(r, from, to, y);
}

/* Add dy to the element that won, or a share of it to all elements; or write it where one window alone sees
   them. An element at a time: numbers that have just been written are read slowly from between them. */
INLINE void back(const Run r, const float *dy, const uint8_t *winner, const long adds)
{
    const Lanes zero = {0};
    for (long i = r.down.first; i < r.down.end; i++)
        for (long j = r.across.first; j < r.across.end; j++) {
            float *dx = tap(r, i, j);
            for (long l = 0, left; winner && (left = r.count - l) > 0; l += LANES) {
                Whole wins = whole_of(some_bytes(winner + l, left)) == (int32_t)(i * r.k + j);
                Lanes before = adds ? some_of(dx + l, left) : zero;
                write_some(dx + l, left, before + chosen(wins, some_of(dy + l, left), zero));
            }
            for (long l = 0; !winner && l < r.count; l++)
                dx[l] = (adds ? dx[l] : 0) + r.share * dy[l];
        }
}

/* Whether each element is in one window. */
static int is_covered(const Axis *a)
{
    return a->dilation == 1 && a->stride == a->k && a->before == 0 && a->out * a->k == a->size;
}

static float share_of(const Arguments *a, Window r, Window s)
{
    long count = a->padded ? r.padded * s.padded : (r.end - r.first) * (s.end - s.first);
    return a->share != 0 ? a->share : (float)(1.0 / count);
}

/* Copy a channel to or from one of rows of `wide` pixels, whose columns lie apart. */
static void move(const Axis *across, long rows, long n, float *image, long wide, float *copied, int is_back)
{
    long step = across->stride;
    for (long i = 0; i < rows; i++, image += across->size * n)
        for (long s = 0; s < step; s++, copied += wide / step * n) {
            long count = (across->size - s + step - 1) / step;
            if (is_back)
                copy_pixels(copied, n, image + s * n, step * n, n, count);
            else
                copy_pixels(image + s * n, step * n, copied, n, n, count);
        }
}

/* Some rows of each channel, as the layer before computes them: they are in the core's cache. Whole
   channels where rows are few or columns are copied, and backward, where windows overlap. Both in the
   order of memory: with n = 64 this takes 0.4 to 0.7 of the time of the other.
   Backward, windows are taken from the last to the first: then a pixel gets its sums in the order of the
   elements of a window, as in the reference. */
static long channels(const Arguments *a, long piece)
{
    const Axis *down = &a->o->down, *across = &a->o->across;
    long n = a->o->n, step = across->stride, is_split = step > 1 && n < LANES && across->out > 1;
    long each = (across->size + step - 1) / step, wide = is_split ? each * step : across->size, runs = 0;
    long numbers = is_split ? down->size * wide * n : 0, all = a->o->channels;
    long bytes = (down->out + across->out) * (long)sizeof(Window) + numbers * (long)sizeof(float) +
                 (across->k + across->out + 1 + across->size) * (long)sizeof(long);
    long adds = a->is_gradient && !(is_covered(down) && is_covered(across));
    long whole = a->is_gradient || is_split || down->out < 2 * a->pieces, low, high, from, to;
    Window *rows = malloc(bytes), *columns = rows + down->out;
    long *column = (long *)(columns + across->out), *start = column + across->k;
    long *place = start + across->out + 1; /* of each column in a row of the copy */
    float *copied = (float *)(place + across->size);
    if (!rows)
        return bytes;
    for (long p = 0; p < down->out; p++)
        rows[p] = window_of(down, p);
    for (long q = 0; q < across->out; q++) {
        Window s = columns[q] = window_of(across, q), t = columns[q ? q - 1 : 0];
        if (q == 0 || (step > 1 && !is_split) || s.first != t.first || s.end != t.end || s.padded != t.padded)
            start[runs++] = q;
    }
    start[runs] = across->out;
    for (long q = 0; q < across->size; q++)
        place[q] = is_split ? q % step * each + q / step : q;
    range(down->out, piece, a->pieces, !whole, &low, &high);
    range(all, piece, a->pieces, whole, &from, &to);
    for (long c = from; c < to; c++) {
        float *image = a->x + c * down->size * across->size * n, *x = is_split ? copied : image;
        if (adds)
            memset(x, 0, down->size * wide * n * (long)sizeof(float));
        else if (is_split && !a->is_gradient)
            move(across, down->size, n, image, wide, copied, 0);
        for (long turn = low * runs, turns = down->out * runs; turn < high * runs; turn++) {
            long t = a->is_gradient ? turns - 1 - turn : turn, p = t / runs, i = t % runs;
            Window r = rows[p], s = columns[start[i]];
            for (long j = s.first; j < s.end; j++)
                column[j] = (r.at * wide + place[s.at + j * across->dilation]) * n;
            Run run = {x, column, down->dilation * wide * n, across->k, (start[i + 1] - start[i]) * n, r, s,
                       share_of(a, r, s)};
            long at = ((c * down->out + p) * across->out + start[i]) * n;
            if (adds)
                back(run, a->y + at, a->winner ? a->winner + at : 0, 1);
            else if (a->is_gradient)
                back(run, a->y + at, a->winner ? a->winner + at : 0, 0);
            else if (s.first == 0 && s.end == 2)
                pooled(run, 0, 2, a->y + at, a->winner ? a->winner + at : 0);
            else if (s.first == 0 && s.end == 3)
                pooled(run, 0, 3, a->y + at, a->winner ? a->winner + at : 0);
            else
                pooled(run, s.first, s.end, a->y + at, a->winner ? a->winner + at : 0);
        }
        if (a->is_gradient && is_split)
            move(across, down->size, n, image, wide, copied, 1);
    }
    free(rows);
    return 0;
}

/* y, winner: the largest element of each window of x, and its number, row by row. Without a winner, y is
   the sum of each window of x times share; where share is 0, over its number of elements, those of the
   padding included if `padded`. Or the gradient, from dy to dx. */
EXPORT long xpcnn_pool(const Arguments *a) { return run_pieces(channels, a, a->pieces, a->threads); }
