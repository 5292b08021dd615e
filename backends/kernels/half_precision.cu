// What training in float16 adds to a step: conversions of parameters and gradients, and the loss scale.
//
// `..._all` work on many arrays in one launch: each block on a part of one of them.

#include "common.cuh"
#include "value.cuh"

struct Item {
    const void *x, *other;
    void *y;
    u32 count;
    u32 first_block;  // of the launch that works on it
};

const u32 MOST_ITEMS = 120;  // a launch takes at most 4 KB of arguments

struct Items {
    Item at[MOST_ITEMS];
};

// Which of `number` items the block works on.
__device__ inline const Item &item_of(const Items &items, u32 number) {
    u32 i = 0;
    while (i + 1 < number && blockIdx.x >= items.at[i + 1].first_block) ++i;
    return items.at[i];
}

__device__ inline u32 element_of(const Item &item) {
    return (blockIdx.x - item.first_block) * blockDim.x + threadIdx.x;
}

// y = x, in Value
extern "C" __global__ void narrow_all(u32 number, Items items) {
    const Item &item = item_of(items, number);
    const u32 e = element_of(item);
    if (e < item.count) ((Value *)item.y)[e] = ((const float *)item.x)[e];
}

// y = x, in float
extern "C" __global__ void widen_all(u32 number, Items items) {
    const Item &item = item_of(items, number);
    const u32 e = element_of(item);
    if (e < item.count) ((float *)item.y)[e] = ((const Value *)item.x)[e];
}

// good = whether the scale is finite. One thread, before `check_all`.
extern "C" __global__ void check_scale(const float *scale, bool *good) { *good = isfinite(*scale); }

// good = false if a number is not finite; all threads that write it write the same.
extern "C" __global__ void check_all(u32 number, Items items, bool *good) {
    const Item &item = item_of(items, number);
    const u32 e = element_of(item);
    if (e < item.count && !isfinite(((const float *)item.x)[e])) *good = false;
}

// y = x / scale, or 0 where not all are good
extern "C" __global__ void unscale_all(
    u32 number, Items items, const float *scale, const bool *good) {
    const Item &item = item_of(items, number);
    const u32 e = element_of(item);
    if (e < item.count) ((float *)item.y)[e] = *good ? ((const float *)item.x)[e] / *scale : 0;
}

// y = x, or `other` where the update is not good
extern "C" __global__ void keep_all(u32 number, Items items, const bool *good) {
    const Item &item = item_of(items, number);
    const u32 e = element_of(item);
    const float *from = (const float *)(*good ? item.x : item.other);
    if (e < item.count) ((float *)item.y)[e] = from[e];
}

// Halve the scale after an update that is not good; double it after `grow_after` that are. One thread.
extern "C" __global__ void next_scale(
    const float *scale, const float *since, const float *skipped, const bool *good,
    float grow_after, float largest, float *new_scale, float *new_since, float *new_skipped) {
    const float updates = *good ? *since + 1 : 0;
    const bool grows = updates >= grow_after;
    *new_scale = !*good ? 0.5f * *scale : grows && *scale < largest ? 2 * *scale : *scale;
    *new_since = grows ? 0 : updates;
    *new_skipped = *skipped + (*good ? 0.0f : 1.0f);
}
