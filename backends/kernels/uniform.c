/* Uniform random numbers by Philox4x64-10, the bits of xpcnn/random.py, which says what they are. */

#include "export.h"
#include "threads.h"

#include <stdint.h>

enum { WORDS = 8 }; /* of 32 bits, in a block of Philox */

struct Arguments {
    const uint64_t *stream; /* low and high half of the key, number of the first block, step */
    float *out;
    long count, pieces, threads;
};

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

static long draw_blocks(const Arguments *a, long piece)
{
    long blocks = (a->count + WORDS - 1) / WORDS, to = blocks * (piece + 1) / a->pieces;
    for (long b = blocks * piece / a->pieces, left; b < to; b++) {
        left = a->count - b * WORDS;
        draw_block(a->stream, (uint64_t)b, a->out + b * WORDS, left < WORDS ? left : WORDS);
    }
    return 0;
}

/* Write the uniform numbers of a stream from the first of a block on. */
EXPORT long xpcnn_uniform(const Arguments *a) { return run_pieces(draw_blocks, a, a->pieces, a->threads); }
