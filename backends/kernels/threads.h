/* Threads for the kernels in C: handing them work costs a few microseconds. */

#ifndef XPCNN_THREADS_H
#define XPCNN_THREADS_H

typedef void (*Task)(void *arguments, long piece);

/* Run task(arguments, piece) for pieces 0 to pieces - 1, on so many threads; return when all have
   ended. Which thread runs a piece is left open: results must depend on the piece alone. */
void run(Task task, void *arguments, long pieces, long threads);

#endif
