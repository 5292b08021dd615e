/* Dropout: y = x / (1 - rate) where a uniform random number reaches the rate, else 0 x; and these
   numbers by Philox4x64-10, the bits of xpcnn/random.py, which says what they are. */

#include "export.h"
#include "lanes.h"
#include "threads.h"

enum { WORDS = 8 }; /* of 32 bits, in a block of Philox */

typedef struct {
    const uint64_t *stream; /* low and high half of the key, number of the first block, step */
    float *out;
    long count, pieces, threads;
} Draws;

typedef struct {
    const float *x, *uniform;
    float *y;
    _Alignas(8) float rate, scale;
    long rows, columns, pieces, threads;
} Arguments;

/* Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011 */
static void draw_block(const uint64_t *stream, uint64_t number, float *out, long count)
{
    uint64_t key0 = stream[0], key1 = stream[1], word[4] = {stream[2] + number + 1, 0, 0, stream[3]};
    for (int round = 0; round < 10; round++) {
        unsigned __int128 a = (unsigned __int128)word[0] * 0xD2E7470EE14C6C93u;
        unsigned __int128 b = (unsigned __int128)word[2] * 0xCA5A826395121157u;
        word[0] = (uint64_t)(b >> 64) ^ word[1] ^ key0;
        word[1] = (uint64_t)b;
        word[2] = (uint64_t)(a >> 64) ^ word[3] ^ key1;
        word[3] = (uint64_t)a;
        key0 += 0x9E3779B97F4A7C15u;
        key1 += 0xBB67AE8584CAA73Bu;
    }
    for (long i = 0; i < count; i++) /* the low half of a word first */
        out[i] = (float)(int32_t)(word[i / 2] >> (32 * (i % 2) + 8) & 0xFFFFFF) * 0x1p-24f;
}

static long draw_blocks(const void *arguments, long piece)
{
    const Draws *a = arguments;
    long blocks = a->count / WORDS, rest = a->count % WORDS, to = blocks * (piece + 1) / a->pieces;
    for (long b = blocks * piece / a->pieces; b < to; b++)
        draw_block(a->stream, (uint64_t)b, a->out + b * WORDS, WORDS);
    if (piece + 1 == a->pieces)
        draw_block(a->stream, (uint64_t)blocks, a->out + blocks * WORDS, rest);
    return 0;
}

/* Write the uniform numbers of a stream from the first of a block on. */
EXPORT long xpcnn_uniform(const Draws *a) { return run_pieces(draw_blocks, a, a->pieces, a->threads); }

static long drop_rows(const void *arguments, long piece)
{
    const Arguments *a = arguments;
    long to = a->rows * (piece + 1) / a->pieces, n = a->columns;
    for (long r = a->rows * piece / a->pieces; r < to; r += LANES)
        for (long l = 0; l < n; l += LANES) {
            Lanes mask[LANES];
            UNROLL_LANES for (long k = 0; k < LANES; k++)
                mask[k] = l + k < n ? some_of(a->uniform + (l + k) * a->rows + r, to - r) : broadcast(0);
            transpose(mask);
            for (long k = 0; k < LANES && r + k < to; k++) {
                long at = (r + k) * n + l;
                Lanes kept = chosen(mask[k] >= a->rate, broadcast(a->scale), broadcast(0));
                write_some(a->y + at, n - l, some_of(a->x + at, n - l) * kept);
            }
        }
    return 0;
}

/* y, x (rows, columns), uniform (columns, rows); or dx of dy. */
EXPORT long xpcnn_dropout(const Arguments *a) { return run_pieces(drop_rows, a, a->pieces, a->threads); }
