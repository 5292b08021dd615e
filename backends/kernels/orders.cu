// Images from the order of memory NCHW to NHWC, and back: matrices (count, rows, columns) transposed.
//
// A block moves a tile of SIDE x SIDE through shared memory, so that neighbouring threads read and
// write neighbours; one more column, so that those of a column of the tile lie in different banks.

#include "common.cuh"
#include "value.cuh"

const u32 SIDE = 32, DOWN = 8;  // threads of a block: DOWN * SIDE

// y (count, columns, rows) from x (count, rows, columns).
extern "C" __global__ void transpose(const Value *x, Value *y, u32 rows, u32 columns) {
    __shared__ Value tile[SIDE][SIDE + 1];
    const u32 across = (columns + SIDE - 1) / SIDE, tiles = (rows + SIDE - 1) / SIDE * across;
    const u32 at = blockIdx.x % tiles, first = blockIdx.x / tiles * rows * columns;
    const u32 top = at / across * SIDE, left = at % across * SIDE;
    const u32 i = threadIdx.x / SIDE, j = threadIdx.x % SIDE;
    for (u32 k = i; k < SIDE; k += DOWN)
        if (top + k < rows && left + j < columns)
            tile[k][j] = x[first + (top + k) * columns + left + j];
    __syncthreads();
    for (u32 k = i; k < SIDE; k += DOWN)
        if (left + k < columns && top + j < rows)
            y[first + (left + k) * rows + top + j] = tile[j][k];
}
