// What images and matrices in memory consist of: float, or with FLOAT16 defined in front of the source
// float16. Kernels read such a number as float, compute in float, and round where they write it.

#ifdef FLOAT16

// The conversions are one instruction each: cuda_fp16.h, a header that CuPy may not have, is left out.
#ifdef __CUDA_ARCH__
__device__ inline float float_of(u16 bits) {
    float x;
    asm("cvt.f32.f16 %0, %1;" : "=f"(x) : "h"(bits));
    return x;
}

__device__ inline u16 bits_of(float x) {
    u16 bits;
    asm("cvt.rn.f16.f32 %0, %1;" : "=h"(bits) : "f"(x));
    return bits;
}
#else
float float_of(u16 bits);  // of the host, in tests
u16 bits_of(float x);
#endif

struct Value {
    u16 bits;

    Value() = default;
    __device__ inline Value(float x) : bits(bits_of(x)) {}
    __device__ inline operator float() const { return float_of(bits); }
};

#else
typedef float Value;
#endif

// What is read of x when it has been written.
__device__ inline float rounded(float x) { return (float)(Value)x; }
