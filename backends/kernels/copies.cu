// Copies of many arrays in one launch: each block copies a part of one of them.

#include "common.cuh"

// Without bytes, the source is a number that is written itself.
struct Copy {
    u64 source, target;
    u64 bytes;
    u64 first_block;  // of the launch that works on it
};

const u32 MOST_COPIES = 120;  // a launch takes at most 4 KB of arguments

struct Copies {
    Copy at[MOST_COPIES];
};

// A thread copies four bytes, at once where both addresses allow it.
extern "C" __global__ void copy_all(u32 number, Copies copies) {
    u32 i = 0;
    while (i + 1 < number && blockIdx.x >= copies.at[i + 1].first_block) ++i;
    const Copy &copy = copies.at[i];
    const u64 at = 4 * ((blockIdx.x - copy.first_block) * blockDim.x + threadIdx.x);
    if (copy.bytes == 0 && at == 0) *(u64 *)copy.target = copy.source;
    if (at >= copy.bytes) return;
    const u8 *source = (const u8 *)copy.source;
    u8 *target = (u8 *)copy.target;
    if ((copy.source | copy.target) % 4 == 0 && at + 4 <= copy.bytes)
        *(u32 *)(target + at) = *(const u32 *)(source + at);
    else
        for (u64 k = at; k < copy.bytes && k < at + 4; ++k) target[k] = source[k];
}
