// Windows that slide over images: where a tap lies, and which windows touch a pixel.

struct Axis {
    int size, out, taps, stride, dilation, before, after;  // before, after: padding
};

struct Windows {
    Axis rows, columns;
};

struct Pixel {
    u32 image;  // n * channels + channel
    int row, column;
};

// The pixel that element e of images of height x width stands for.
__device__ inline Pixel pixel(u32 e, u32 height, u32 width) {
    const u32 row = e / width;
    return {row / height, (int)(row % height), (int)(e % width)};
}

// The element of x (images, h, w) at a pixel that lies inside.
__device__ inline u32 index_of(u32 image, int row, int column, int height, int width) {
    return (image * height + row) * width + column;
}

// Where tap i of window p lies; in the padding if it is not `inside`.
__device__ inline int position(const Axis &axis, int p, int i) {
    return p * axis.stride + i * axis.dilation - axis.before;
}

__device__ inline bool inside(const Axis &axis, int position) {
    return 0 <= position && position < axis.size;
}

// The first and the last window that can have a tap at a position, and which tap that is; -1: none.
__device__ inline int first_window(const Axis &axis, int position) {
    const int behind = position + axis.before - (axis.taps - 1) * axis.dilation;
    return behind <= 0 ? 0 : (behind + axis.stride - 1) / axis.stride;
}

__device__ inline int last_window(const Axis &axis, int position) {
    return min((position + axis.before) / axis.stride, axis.out - 1);
}

__device__ inline int tap_at(const Axis &axis, int p, int position) {
    const int offset = position + axis.before - p * axis.stride;
    return offset % axis.dilation == 0 ? offset / axis.dilation : -1;
}
