// One step of SGD or Adam for many float32 parameters: each block does a part of one of them.
//
// g is the gradient, decay the weight decay of the parameters that have it: added to the gradient,
// or, decoupled, a shrinking of p. lr and step (counted from 1) are read on the device.

#include "common.cuh"

// A parameter with its gradient and the optimizer's memory of it: SGD keeps the velocity in m.
struct Tensor {
    const float *p, *g, *m, *v;
    float *new_p, *new_m, *new_v;
    u32 count, decays;
    u64 first_block;  // of the launch that works on it
};

const u32 MOST_TENSORS = 54;  // a launch takes at most 4 KB of arguments

struct Tensors {
    Tensor at[MOST_TENSORS];
};

// The tensor of this block, of `number`: each has the blocks that its elements need.
__device__ inline const Tensor &tensor_of(const Tensors &tensors, u32 number) {
    u32 i = 0;
    while (i + 1 < number && blockIdx.x >= tensors.at[i + 1].first_block) ++i;
    return tensors.at[i];
}

struct Decay {
    float rate;
    u32 decoupled;
};

struct Start {
    float p, g;
};

// The parameter and the gradient that the rule begins with.
__device__ inline Start start(const Tensor &tensor, u32 e, Decay decay, float lr) {
    const float p = tensor.p[e], g = tensor.g[e];
    if (!tensor.decays) return {p, g};
    if (decay.decoupled) return {(1.0f - lr * decay.rate) * p, g};
    return {p, g + decay.rate * p};
}

// v = momentum v + (1 - dampening) g, in the first step with g;  p - lr v, Nesterov's
// p - lr (g + momentum v), without momentum p - lr g.
extern "C" __global__ void sgd(
    u32 number, Tensors tensors, const float *lr, const float *step, Decay decay, float momentum,
    float dampening, u32 nesterov) {
    const Tensor &tensor = tensor_of(tensors, number);
    const u32 e = (blockIdx.x - (u32)tensor.first_block) * blockDim.x + threadIdx.x;
    if (e >= tensor.count) return;
    const Start from = start(tensor, e, decay, *lr);
    float towards = from.g;
    if (tensor.m) {
        const float share = *step > 1 ? 1.0f - dampening : 1.0f;
        const float velocity = momentum * tensor.m[e] + share * from.g;
        tensor.new_m[e] = velocity;
        towards = nesterov ? from.g + momentum * velocity : velocity;
    }
    tensor.new_p[e] = from.p - *lr * towards;
}

// m = beta1 m + (1 - beta1) g, v = beta2 v + (1 - beta2) g^2,
// p - lr m / (1 - beta1^t) / (sqrt(v / (1 - beta2^t)) + eps); log1, log2: logarithms of the betas.
extern "C" __global__ void adam(
    u32 number, Tensors tensors, const float *lr, const float *step, Decay decay, float beta1, float rest1,
    float log1, float beta2, float rest2, float log2, float eps) {
    const Tensor &tensor = tensor_of(tensors, number);
    const u32 e = (blockIdx.x - (u32)tensor.first_block) * blockDim.x + threadIdx.x;
    if (e >= tensor.count) return;
    const Start from = start(tensor, e, decay, *lr);
    const float m = beta1 * tensor.m[e] + rest1 * from.g;
    const float v = beta2 * tensor.v[e] + rest2 * (from.g * from.g);
    tensor.new_m[e] = m;
    tensor.new_v[e] = v;
    const float rate = *lr / -expm1f(*step * log1), root = sqrtf(-expm1f(*step * log2));
    tensor.new_p[e] = from.p - rate * m / (sqrtf(v) / root + eps);
}
