/* Threads for the kernels in C: handing them work costs a few microseconds. */

#pragma once

/* Return 0, or the number of bytes that could not be allocated. */
typedef long (*Task)(const void *arguments, long piece);

/* Run task(arguments, piece) for pieces 0 to pieces - 1, on at most so many threads; return when all
   have ended: 0, or what one of the tasks returned that is not 0. Which thread runs a piece is left
   open: results must depend on the piece alone. */
long run_pieces(Task task, const void *arguments, long pieces, long threads);
