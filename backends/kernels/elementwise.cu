// Elementwise functions and their derivatives, a sum with ReLU, dropout, and the normalisation of input.
// One thread for each element; NaN propagates.

#include "common.cuh"
#include "value.cuh"

// y = max(x, 0)
__device__ inline float relu_of(float x) { return x <= 0 ? 0 : x; }

// dx = dy where y is not 0, which is where x > 0 or NaN
__device__ inline float d_relu_of(float dy, float y) { return dy * (float)(y != 0); }

// y = 1 / (1 + e^-x), so that nothing overflows; dx = dy y (1 - y)
__device__ inline float sigmoid_of(float x) {
    const float e = expf(-fabsf(x));
    return x >= 0 ? 1.0f / (1.0f + e) : e / (1.0f + e);
}

__device__ inline float d_sigmoid_of(float dy, float y) { return dy * (y * (1.0f - y)); }

__device__ inline float tanh_of(float x) { return tanhf(x); }

// dx = dy (1 - y^2)
__device__ inline float d_tanh_of(float dy, float y) { return dy * (1.0f - y * y); }

// y = f(x)
template <float (*f)(float)>
__device__ inline void map(u32 count, const Value *x, Value *y) {
    const u32 e = element();
    if (e < count) y[e] = f(x[e]);
}

// dx = df(dy, y)
template <float (*df)(float, float)>
__device__ inline void map_back(u32 count, const Value *dy, const Value *y, Value *dx) {
    const u32 e = element();
    if (e < count) dx[e] = df(dy[e], y[e]);
}

// dx = df(dy, f(x)): where y is of float16, it has too few digits for the derivative
template <float (*f)(float), float (*df)(float, float)>
__device__ inline void map_back_from_x(u32 count, const Value *dy, const Value *x, Value *dx) {
    const u32 e = element();
    if (e < count) dx[e] = df(dy[e], f(x[e]));
}

extern "C" __global__ void relu_forward(u32 count, const Value *x, Value *y) {
    map<relu_of>(count, x, y);
}

// y = relu(x + other); backward as relu
extern "C" __global__ void add_relu(u32 count, const Value *x, const Value *other, Value *y) {
    const u32 e = element();
    if (e < count) y[e] = relu_of(x[e] + other[e]);
}

extern "C" __global__ void relu_backward(u32 count, const Value *dy, const Value *y, Value *dx) {
    map_back<d_relu_of>(count, dy, y, dx);
}

extern "C" __global__ void sigmoid_forward(u32 count, const Value *x, Value *y) {
    map<sigmoid_of>(count, x, y);
}

extern "C" __global__ void sigmoid_backward(u32 count, const Value *dy, const Value *y, Value *dx) {
    map_back<d_sigmoid_of>(count, dy, y, dx);
}

extern "C" __global__ void sigmoid_backward_from_x(
    u32 count, const Value *dy, const Value *x, Value *dx) {
    map_back_from_x<sigmoid_of, d_sigmoid_of>(count, dy, x, dx);
}

extern "C" __global__ void tanh_forward(u32 count, const Value *x, Value *y) {
    map<tanh_of>(count, x, y);
}

extern "C" __global__ void tanh_backward(u32 count, const Value *dy, const Value *y, Value *dx) {
    map_back<d_tanh_of>(count, dy, y, dx);
}

extern "C" __global__ void tanh_backward_from_x(
    u32 count, const Value *dy, const Value *x, Value *dx) {
    map_back_from_x<tanh_of, d_tanh_of>(count, dy, x, dx);
}

// y = x / (1 - rate) where uniform >= rate, else 0; backward the same of dy. scale = 1 / (1 - rate)
extern "C" __global__ void dropout(
    u32 count, const Value *x, const float *uniform, float rate, float scale, Value *y) {
    const u32 e = element();
    if (e < count) y[e] = x[e] * (uniform[e] >= rate ? scale : 0);
}

// y = (x - mean) / deviation per channel; x (n, c, s)
template <class T>
__device__ inline void normalise(
    u32 count, u32 c, u32 s, const T *x, const float *mean, const float *deviation, float *y) {
    const u32 e = element();
    if (e >= count) return;
    const u32 channel = e / s % c;
    y[e] = ((float)x[e] - mean[channel]) / deviation[channel];
}

extern "C" __global__ void normalise_uint8(
    u32 count, u32 c, u32 s, const u8 *x, const float *mean, const float *deviation, float *y) {
    normalise(count, c, s, x, mean, deviation, y);
}

extern "C" __global__ void normalise_float32(
    u32 count, u32 c, u32 s, const float *x, const float *mean, const float *deviation, float *y) {
    normalise(count, c, s, x, mean, deviation, y);
}
