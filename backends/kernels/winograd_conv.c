/* Convolution with 3 x 3 filters and stride 1 by Winograd's F(4x4, 3x3), and the gradient of its input,
   which is one with the filters turned by half a turn: y = A^T (U * V) A, where U = G g G^T, V = B^T d B
   (winograd_transforms.h), and * is, for each of the 36 products, a matrix product of (filters, channels)
   and (channels, tiles).

   A block is a few vectors of tiles (winograd_places.h): V of all channels stays in the L2 cache, and
   the products of a few filters are transformed and written while they are in it too. */

#include "export.h"
#include "threads.h"
#include "winograd_places.h"
#include "winograd_product.h"

enum {
    FILTERS = M_ROWS,       /* whose products are transformed at once */
    IN_A_SUM = 16,          /* channels of a sum in registers; those are added up in M */
    V_BYTES = 640 << 10,    /* of V in a block, at most, */
    VECTORS = 64 / LANES,   /* which is of so many vectors at most */
    APART = 16              /* numbers between two matrices: or all would share a few lines of the cache */
};

struct Arguments {
    const Plane *planes; /* of the input and of the output */
    const float *x, *w, *bias; /* w: or U of all filters */
    float *y;
    uint8_t *winner;
    long c, f, turned, pooled;
    _Alignas(8) float cap;
    long pieces, threads;
};

/* Numbers of U of FILTERS filters. */
static long u_size(long c) { return PRODUCTS * (c * FILTERS + APART); }

/* U of the FILTERS filters of a piece, into y: (36, c, FILTERS), padded with zeros after the last filter. With
   `turned`, w is (c, f, 3, 3), its taps in reverse order. */
static long transform_filters(const Arguments *a, long piece)
{
    typedef double Wide __attribute__((vector_size(8 * FILTERS)));
    long filter = piece * FILTERS, some = least(FILTERS, a->f - filter);
    float *u = a->y + piece * u_size(a->c);
    for (long c = 0; c < a->c; c++) {
        Wide g[9], half[SEEN][3];
        for (long k = 0; k < 9; k++) {
            g[k] = (Wide){0};
            for (long f = 0; f < some; f++)
                g[k][f] = a->turned ? a->w[(c * a->f + filter + f) * 9 + 8 - k]
                                    : a->w[((filter + f) * a->c + c) * 9 + k];
        }
        for (long i = 0; i < SEEN; i++)
            for (long j = 0; j < 3; j++)
                half[i][j] = G[i][0] * g[j] + G[i][1] * g[3 + j] + G[i][2] * g[6 + j];
        for (long i = 0; i < SEEN; i++)
            for (long j = 0; j < SEEN; j++) {
                Wide whole = half[i][0] * G[j][0] + half[i][1] * G[j][1] + half[i][2] * G[j][2];
                float *to = u + (i * SEEN + j) * (a->c * FILTERS + APART) + c * FILTERS;
                UNROLL for (long f = 0; f < FILTERS; f++) to[f] = (float)whole[f];
            }
    }
    return 0;
}

/* The 36 products of FILTERS filters and `some` vectors of V. */
static void products(const float *u, const float *v, long vs, long c, float *m, long ms, long across, long some)
{
    for (long k = 0; k < PRODUCTS; k++, u += c * FILTERS + APART, v += vs, m += ms)
        for (long first = 0; first < c; first += IN_A_SUM) {
            long count = least(IN_A_SUM, c - first);
            product(u + first * FILTERS, 1, FILTERS, v + first * across, across, count, m, across, some, first);
        }
}

/* One tile of y = A^T m A + bias */
INLINE void outputs(const float *m, long ms, float bias, Lanes y[TILE * TILE])
{
    Lanes half[TILE * SEEN];
    ms /= LANES;
    UNROLL for (long j = 0; j < SEEN; j++)
        transform_output((const Lanes *)m + j * ms, SEEN * ms, half + j, SEEN);
    UNROLL for (long i = 0; i < TILE; i++) transform_output(half + i * SEEN, 1, y + i * TILE, 1);
    for (long k = 0; k < TILE * TILE; k++)
        y[k] += bias;
}

/* ReLU and max pooling of 2 x 2 outputs o of a tile, and which of a window is the largest, see pool_row.h. */
INLINE void write_pooled(const Lanes *o, float *y, uint8_t *winner, const Places *p)
{
    for (long window = 0; window < 4; window++) {
        const Lanes *corner = o + window / 2 * 2 * TILE + window % 2 * 2;
        Lanes best = corner[0];
        Whole who = {0};
        UNROLL for (long k = 1; k < 4; k++) take_larger(&best, &who, corner[k / 2 * TILE + k % 2], k);
        store(y, p, window, chosen(best < 0, broadcast(0), best));
        who |= best <= 0;
        for (long l = 0; winner && l < LANES; l++) {
            long part = LANES / p->parts, at = p->at[window * p->parts + l / part];
            if (at >= 0)
                winner[at + l % part] = (uint8_t)who[l];
        }
    }
}

static long conv_blocks(const Arguments *a, long piece)
{
    const Plane *in = a->planes, *plane = in + 1;
    long c = a->c, out = plane->h * plane->w * plane->n;
    long vectors = V_BYTES / (PRODUCTS * c * (long)sizeof(Lanes)) / 2 * 2;
    long all = (plane->down * plane->across * plane->n + LANES - 1) / LANES;
    vectors = least(vectors, least(VECTORS, up((all + a->threads - 1) / a->threads, 2)));
    vectors = vectors < 2 ? 2 : vectors;
    long across = vectors * LANES, vs = c * across + APART, ms = FILTERS * across + APART;
    long blocks = (all + vectors - 1) / vectors;
    long bytes = PRODUCTS * (vs + ms) * (long)sizeof(float);
    float *v = allocate(bytes), *m = v + PRODUCTS * vs;
    if (!v)
        return bytes;
    for (long b = blocks * piece / a->pieces; b < blocks * (piece + 1) / a->pieces; b++) {
        Places from[VECTORS], to[VECTORS];
        long some = least(vectors, all - b * vectors);
        transform_block(in, plane, a->x, c, b * vectors, some, from, to, v, across, vs);
        for (long f = 0; f < a->f; f += FILTERS) {
            for (long i = 0; i < least(FILTERS, a->f - f); i++)
                for (long g = 0; g < some; g++)
                    fetch(a->y + (f + i) * out, to + g, plane->side * plane->side);
            products(a->w + f / FILTERS * u_size(c), v, vs, c, m, ms, across, some);
            for (long i = 0; i < least(FILTERS, a->f - f); i++) {
                float bias = a->bias ? a->bias[f + i] : 0, *y = a->y + (f + i) * out;
                for (long g = 0; g < some; g++) {
                    Lanes o[TILE * TILE];
                    outputs(m + i * across + g * LANES, ms, bias, o);
                    if (a->pooled)
                        write_pooled(o, y, a->winner ? a->winner + (f + i) * out : 0, to + g);
                    for (long k = 0; k < TILE * TILE && !a->pooled; k++)
                        store(y, to + g, k, rectified(o[k], a->cap));
                }
            }
        }
    }
    free(v);
    return 0;
}

/* y (f, oh, ow, n) = conv(x, w) + bias, then ReLU up to `cap`; with `pooled`, ReLU and max pooling of
   2 x 2, and y and winner, unless it is null, are (f, oh / 2, ow / 2, n). x is (c, h, w, n). With `turned`,
   w is (c, f, 3, 3) and turned by half a turn: the gradient of the input of a convolution with w. */
EXPORT long xpcnn_winograd_conv(const Arguments *a)
{
    Arguments filters = *a, blocks = *a;
    long groups = (a->f + FILTERS - 1) / FILTERS, bytes = groups * u_size(a->c) * (long)sizeof(float);
    filters.y = allocate(bytes);
    if (!filters.y)
        return bytes;
    blocks.w = filters.y;
    bytes = run_pieces(transform_filters, &filters, groups, a->threads);
    if (!bytes)
        bytes = run_pieces(conv_blocks, &blocks, a->pieces, a->threads);
    free(filters.y);
    return bytes;
}
