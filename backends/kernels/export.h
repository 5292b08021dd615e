/* What the library exports: functions called xpcnn_..., and nothing else (-fvisibility=hidden). */

#ifndef XPCNN_EXPORT_H
#define XPCNN_EXPORT_H

#define EXPORT __attribute__((visibility("default")))

/* Functions return 0, the number of bytes that they could not allocate, or this: values in the arrays
   are not those that the function is for. */
#define NOT_SERVED (-1)

#endif
