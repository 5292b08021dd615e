/* The gradient of 3 x 3 filters of a convolution with stride 1, by Winograd's F(4x4, 3x3):
   dg = G^T (sum over tiles of (A dy A^T) * (B^T d B)) G (winograd_transforms.h), where the sums are, for
   each of the 36 products, a matrix product of V (channels, tiles) and D (tiles, filters).

   A block is a few vectors of tiles (winograd_places.h). D has its filters side by side, so that a
   vector is of filters: tiles of dy are transposed in registers before they are transformed. */

#include "export.h"
#include "threads.h"
#include "winograd_places.h"
#include "winograd_product.h"

enum {
    CHANNELS = M_ROWS,       /* rows of a product */
    PARTIAL = 4,             /* blocks after which the sums are transformed, and begin anew */
    BLOCK_BYTES = 640 << 10, /* of V and D, at most, */
    VECTORS = 32 / LANES,    /* of so many vectors at most */
    APART = 16               /* numbers between two matrices: or all would share a few lines of the cache */
};

struct Arguments {
    const Plane *planes; /* of x and of dy */
    const float *x, *dy;
    float *parts;
    long c, f, pieces, threads;
};

/* Pixels of each tile: vectors of LANES filters, `some` of which there are. */
INLINE void transpose_pixels(const float *dy, long plane, const Places *p, long parts, long some,
                             Lanes pixels[TILE * TILE][LANES])
{
    for (long k = 0; k < TILE * TILE; k++) {
        UNROLL_LANES for (long f = 0; f < LANES; f++)
            pixels[k][f] = f < some ? load(dy + f * plane, p, parts, k) : broadcast(0);
        transpose(pixels[k]);
    }
}

/* D of one vector of tiles and LANES filters, `some` of which there are: of each tile 36 vectors of
   filters, `ds` apart; tiles lie `across` apart. Add the sums of dy to sums. */
static void transform_gradients(const float *dy, long plane, const Places *p, long some, float *d,
                                long ds, long across, double *sums)
{
    Lanes pixels[TILE * TILE][LANES];
    float copy[LANES * TILE * TILE * LANES];
    Places copied;
    if (p->parts == LANES) {
        for (long f = 0; f < some; f++)
            gather(dy + f * plane, p, TILE * TILE, copy + f * TILE * TILE * LANES, &copied);
        dy = copy, plane = TILE * TILE * LANES, p = &copied;
    }
    if (p->parts == 1)
        transpose_pixels(dy, plane, p, 1, some, pixels);
    else
        transpose_pixels(dy, plane, p, 2, some, pixels);
    const long row = TILE * LANES;
    ds /= LANES;
    for (long l = 0; l < LANES; l++, d += across) {
        Lanes half[SEEN * TILE], sum = broadcast(0);
        UNROLL for (long j = 0; j < TILE; j++) {
            const Lanes *column = pixels[j] + l;
            sum += (column[0] + column[row]) + (column[2 * row] + column[3 * row]);
            transform_gradient(column, row, half + j, TILE);
        }
        UNROLL for (long i = 0; i < SEEN; i++)
            transform_gradient(half + i * TILE, 1, (Lanes *)d + i * SEEN * ds, ds);
        for (long f = 0; f < some; f++)
            sums[f] += sum[f];
    }
}

typedef double Doubles __attribute__((vector_size(8 * LANES)));

/* dg = G^T s G of one channel and LANES filters, in double: s is 36 vectors, `ss` apart */
static void transform_sums(const float *s, long ss, Doubles dg[9])
{
    Doubles half[3][SEEN];
    for (long j = 0; j < SEEN; j++) {
        Doubles column[SEEN];
        for (long i = 0; i < SEEN; i++)
            column[i] = __builtin_convertvector(*(const Lanes *)(s + (i * SEEN + j) * ss), Doubles);
        for (long p = 0; p < 3; p++) {
            half[p][j] = G[0][p] * column[0];
            for (long i = 1; i < SEEN; i++)
                half[p][j] += G[i][p] * column[i];
        }
    }
    for (long p = 0; p < 3; p++)
        for (long q = 0; q < 3; q++) {
            dg[p * 3 + q] = G[0][q] * half[p][0];
            for (long j = 1; j < SEEN; j++)
                dg[p * 3 + q] += G[j][q] * half[p][j];
        }
}

/* Add G^T s G to dw (f, c, 3, 3), and begin the sums anew: the longer a sum runs, the more of it is
   lost in rounding. */
static void fold(float *s, long ss, long across, long c, long f, float *dw)
{
    for (long i = 0; i < c; i++)
        for (long j = 0; j < f; j += LANES) {
            Doubles dg[9];
            transform_sums(s + i * across + j, ss, dg);
            for (long l = 0; l < LANES && j + l < f; l++)
                for (long k = 0; k < 9; k++)
                    dw[((j + l) * c + i) * 9 + k] += (float)dg[k][l];
        }
    memset(s, 0, PRODUCTS * ss * sizeof *s);
}

static long filter_blocks(const Arguments *a, long piece)
{
    const Plane *in = a->planes, *plane = in + 1;
    long c = a->c, f = a->f, rows = up(c, CHANNELS), across = up(f, LANES);
    long out = plane->h * plane->w * plane->n;
    long vectors = BLOCK_BYTES / (PRODUCTS * (rows + across) * (long)sizeof(Lanes)) / 2 * 2;
    vectors = vectors < 2 ? 2 : least(vectors, VECTORS);
    long tiles = vectors * LANES, vs = rows * tiles + APART, ds = tiles * across + APART, ss = rows * across;
    long all = (plane->down * plane->across * plane->n + LANES - 1) / LANES;
    long blocks = (all + vectors - 1) / vectors;
    long sums = PRODUCTS * ss * (long)sizeof(float);
    long bytes = sums + PRODUCTS * (vs + ds) * (long)sizeof(float) + f * (long)sizeof(double);
    float *s = allocate(bytes), *v = s + PRODUCTS * ss, *d = v + PRODUCTS * vs;
    double *db = (double *)(d + PRODUCTS * ds);
    if (!s)
        return bytes;
    float *part = a->parts + piece * f * (c * 9 + 1);
    memset(part, 0, f * c * 9 * sizeof *part);
    memset(s, 0, bytes); /* also rows of v that are no channel's */
    long begin = blocks * piece / a->pieces, end = blocks * (piece + 1) / a->pieces;
    for (long b = begin; b < end; b++) {
        Places from[VECTORS], to[VECTORS];
        long some = least(vectors, all - b * vectors);
        transform_block(in, plane, a->x, c, b * vectors, some, from, to, v, tiles, vs);
        for (long i = 0; i < f; i += LANES)
            for (long g = 0; g < some; g++) {
                long here = least(LANES, f - i);
                for (long j = 0; g + 1 < some && j < here; j++)
                    fetch(a->dy + (i + j) * out, to + g + 1, TILE * TILE);
                transform_gradients(a->dy + i * out, out, to + g, here, d + g * LANES * across + i, ds,
                                    across, db + i);
            }
        for (long k = 0; k < PRODUCTS; k++)
            for (long i = 0; i < rows; i += CHANNELS)
                product(v + k * vs + i * tiles, tiles, 1, d + k * ds, across, some * LANES,
                        s + k * ss + i * across, across, across / LANES, 1);
        if ((b - begin) % PARTIAL == PARTIAL - 1 || b + 1 == end)
            fold(s, ss, across, c, f, part);
    }
    for (long j = 0; j < f; j++)
        part[f * c * 9 + j] = (float)db[j];
    free(s);
    return 0;
}

/* parts (pieces, f * c * 9 + f): dw (f, c, 3, 3) and then db (f,), for x (c, h, w, n) and dy
   (f, oh, ow, n), from each piece of the tiles. */
EXPORT long xpcnn_winograd_dw(const Arguments *a) { return run_pieces(filter_blocks, a, a->pieces, a->threads); }
