/* What the library exports: functions called xpcnn_..., and nothing else (-fvisibility=hidden). */

#ifndef XPCNN_EXPORT_H
#define XPCNN_EXPORT_H

#define EXPORT __attribute__((visibility("default")))

#endif
