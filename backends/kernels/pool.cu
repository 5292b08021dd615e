// Max and average pooling of images (images, h, w), contiguous; images = n * channels.
//
// Forward, a thread computes one element of y. Backward it gathers for one element of dx, from the
// windows that touch it in the order of their taps: no atomics, the same bits every time.

#include "common.cuh"
#include "value.cuh"
#include "windows.cuh"

// y = max of the window, winner = its tap (row-major, at most 256 taps). Of equal elements the first
// wins, padding never, and of NaNs the last.
extern "C" __global__ void max_pool(
    u32 count, const Value *x, Value *y, u8 *winner, Windows windows) {
    const u32 e = element();
    if (e >= count) return;
    const Axis rows = windows.rows, columns = windows.columns;
    const Pixel out = pixel(e, rows.out, columns.out);
    bool found = false;
    float largest = 0;
    int first = 0;
    for (int i = 0; i < rows.taps; ++i)
        for (int j = 0; j < columns.taps; ++j) {
            const int row = position(rows, out.row, i), column = position(columns, out.column, j);
            if (!inside(rows, row) || !inside(columns, column)) continue;
            const float value = x[index_of(out.image, row, column, rows.size, columns.size)];
            if (found && !(value > largest) && !isnan(value)) continue;
            found = true;
            largest = value;
            first = i * columns.taps + j;
        }
    y[e] = largest;
    winner[e] = (u8)first;
}

// dx = sum of dy over the windows that the pixel won.
extern "C" __global__ void max_pool_backward(
    u32 count, const Value *dy, const u8 *winner, Value *dx, Windows windows) {
    const u32 e = element();
    if (e >= count) return;
    const Axis rows = windows.rows, columns = windows.columns;
    const Pixel at = pixel(e, rows.size, columns.size);
    float sum = 0;
    for (int p = last_window(rows, at.row); p >= first_window(rows, at.row); --p)
        for (int q = last_window(columns, at.column); q >= first_window(columns, at.column); --q) {
            const int i = tap_at(rows, p, at.row), j = tap_at(columns, q, at.column);
            const u32 out = index_of(at.image, p, q, rows.out, columns.out);
            if (i >= 0 && j >= 0 && winner[out] == i * columns.taps + j) sum += dy[out];
        }
    dx[e] = sum;
}

// How many taps of window p count: those in the image, and with `pad` those in the padding.
__device__ inline int counted(const Axis &axis, int p, bool pad) {
    const int low = pad ? -axis.before : 0, high = axis.size + (pad ? axis.after : 0);
    int count = 0;
    for (int i = 0; i < axis.taps; ++i)
        count += low <= position(axis, p, i) && position(axis, p, i) < high;
    return count;
}

// What the sum over window (p, q) is divided by: `divisor`, or the number of elements where it is 0.
__device__ inline float share(const Windows &windows, int p, int q, float divisor, bool pad) {
    if (divisor != 0) return divisor;
    return (float)(counted(windows.rows, p, pad) * counted(windows.columns, q, pad));
}

// y = sum of the window / share
extern "C" __global__ void avg_pool(
    u32 count, const Value *x, Value *y, Windows windows, float divisor, int pad) {
    const u32 e = element();
    if (e >= count) return;
    const Axis rows = windows.rows, columns = windows.columns;
    const Pixel out = pixel(e, rows.out, columns.out);
    float sum = 0;
    for (int i = 0; i < rows.taps; ++i)
        for (int j = 0; j < columns.taps; ++j) {
            const int row = position(rows, out.row, i), column = position(columns, out.column, j);
            if (inside(rows, row) && inside(columns, column))
                sum += x[index_of(out.image, row, column, rows.size, columns.size)];
        }
    y[e] = sum / share(windows, out.row, out.column, divisor, pad);
}

// dx = sum of dy / share over the windows that have the pixel
extern "C" __global__ void avg_pool_backward(
    u32 count, const Value *dy, Value *dx, Windows windows, float divisor, int pad) {
    const u32 e = element();
    if (e >= count) return;
    const Axis rows = windows.rows, columns = windows.columns;
    const Pixel at = pixel(e, rows.size, columns.size);
    float sum = 0;
    for (int p = last_window(rows, at.row); p >= first_window(rows, at.row); --p)
        for (int q = last_window(columns, at.column); q >= first_window(columns, at.column); --q)
            if (tap_at(rows, p, at.row) >= 0 && tap_at(columns, q, at.column) >= 0)
                sum += dy[index_of(at.image, p, q, rows.out, columns.out)] /
                       share(windows, p, q, divisor, pad);
    dx[e] = sum;
}
