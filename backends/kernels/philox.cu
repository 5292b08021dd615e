// Uniform random numbers by Philox4x64-10: the bits of numpy.random.Philox.
//
// Word e (32 bits) of (key, step) lies in block e / 8, which is Philox at the 256-bit counter
// (step << 192) + e / 8 + 1, the low half of each 64-bit word first. Uniform e is
// (word >> 8) * 2^-24 in float32, exactly. One thread computes one block.
// Source: Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011.
// Compiles as CUDA (NVRTC, nvcc) and, so that it can be checked without a GPU, as C++.

#ifdef __CUDACC__
#define HOST_DEVICE __host__ __device__
#else
#define HOST_DEVICE
#endif

typedef unsigned int u32;
typedef unsigned long long u64;

struct PhiloxBlock {
    u64 word[4];
};

// The upper 64 bits of a * b.
HOST_DEVICE inline u64 high_product(u64 a, u64 b) {
#ifdef __CUDA_ARCH__
    return __umul64hi(a, b);
#else
    return (u64)(((unsigned __int128)a * b) >> 64);
#endif
}

HOST_DEVICE inline PhiloxBlock philox_block(u64 key_low, u64 key_high, u64 step, u64 block) {
    const u64 multiplier0 = 0xD2E7470EE14C6C93ull, multiplier1 = 0xCA5A826395121157ull;
    const u64 weyl0 = 0x9E3779B97F4A7C15ull, weyl1 = 0xBB67AE8584CAA73Bull;
    u64 c0 = block + 1, c1 = 0, c2 = 0, c3 = step;  // c0 cannot carry: block < 2^61
    for (int round = 0; round < 10; ++round) {
        const u64 high0 = high_product(multiplier0, c0), low0 = multiplier0 * c0;
        const u64 high1 = high_product(multiplier1, c2), low1 = multiplier1 * c2;
        c0 = high1 ^ c1 ^ key_low;
        c1 = low1;
        c2 = high0 ^ c3 ^ key_high;
        c3 = low0;
        key_low += weyl0;
        key_high += weyl1;
    }
    return {{c0, c1, c2, c3}};
}

// Write the uniforms of block first + block, as many as lie below count, to out[8 * block] and on.
HOST_DEVICE inline void fill_block(
    float *out, u64 count, u64 key_low, u64 key_high, u64 first, u64 step, u64 block) {
    const PhiloxBlock bits = philox_block(key_low, key_high, step, first + block);
    for (int i = 0; i < 8; ++i) {
        const u64 e = 8 * block + i;
        const u32 word = (u32)(bits.word[i / 2] >> (32 * (i % 2)));
        if (e < count) out[e] = (float)(word >> 8) * (1.0f / 16777216.0f);
    }
}

#ifdef __CUDACC__
// out (count,) float32, from word 8 * first on. The step is read from device memory, so that a
// captured graph can replay it.
extern "C" __global__ void philox_uniform(
    float *out, u64 count, u64 key_low, u64 key_high, u64 first, const u64 *step) {
    const u64 block = (u64)blockIdx.x * blockDim.x + threadIdx.x;
    if (8 * block < count) fill_block(out, count, key_low, key_high, first, *step, block);
}
#endif
