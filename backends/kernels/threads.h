/* Threads for the kernels in C: handing them work costs a few microseconds. */

#pragma once

#include "export.h"

/* Return 0, or the number of bytes that could not be allocated. */
typedef long (*Task)(const Arguments *arguments, long piece);

/* Run task(arguments, piece) for pieces 0 to pieces - 1, on at most so many threads; return when all
   have ended: 0, or what one of the tasks returned that is not 0. Which thread runs a piece is left
   open: results must depend on the piece alone. */
long run_pieces(Task task, const Arguments *arguments, long pieces, long threads);

/* From which number of `all` on a piece computes, and to which: all of them unless it is `cut`. */
static inline void range(long all, long piece, long pieces, long cut, long *from, long *to)
{
    *from = cut ? all * piece / pieces : 0;
    *to = cut ? all * (piece + 1) / pieces : all;
}
