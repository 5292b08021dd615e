/* What the library exports: functions called xpcnn_..., and nothing else (-fvisibility=hidden). */

#pragma once

#define EXPORT __attribute__((visibility("default")))

/* A function takes a pointer to its arguments. Each file with kernels has a structure of its own for them,
   of fields of 8 bytes (pointers, long, double, _Alignas(8) float); `Call` in shared_library.py packs it. */
typedef struct Arguments Arguments;

/* A function returns 0, the number of bytes that it could not allocate, or this: values in the arrays are
   not those that it is for. */
#define NOT_SERVED (-1)
