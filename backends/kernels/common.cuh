// What all kernels share: short types, one thread per element.

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;
typedef long long i64;

// The element of this thread, where every element of the output has a thread of its own.
__device__ inline u32 element() { return blockIdx.x * blockDim.x + threadIdx.x; }
