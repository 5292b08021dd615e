// Copies of many arrays in one launch: each block copies a part of one of them.

#include "common.cuh"

struct Copy {
    const u8 *source;
    u8 *target;
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
    if (at >= copy.bytes) return;
    const bool is_aligned = ((u64)copy.source | (u64)copy.target) % 4 == 0;
    if (is_aligned && at + 4 <= copy.bytes)
        *(u32 *)(copy.target + at) = *(const u32 *)(copy.source + at);
    else
        for (u64 k = at; k < copy.bytes && k < at + 4; ++k) copy.target[k] = copy.source[k];
}

// *to = value.
extern "C" __global__ void set_number(u64 value, u64 *to) { *to = value; }
