/* What the library exports: functions called xpcnn_..., and nothing else (-fvisibility=hidden). */

#pragma once

#define EXPORT __attribute__((visibility("default")))

/* A function takes a pointer to a structure of its arguments, each of which has 8 bytes (pointers, long,
   double, _Alignas(8) float); `Call` in shared_library.py packs them. It returns 0, the number of bytes
   that it could not allocate, or this: values in the arrays are not those that the function is for. */
#define NOT_SERVED (-1)
