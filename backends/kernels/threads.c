/* Each thread takes the next piece until none is left. An idle one looks for work for a while before
   it sleeps: a step calls one kernel after another, and waking takes longer than many of them. */

#include "threads.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdint.h>
#include <time.h>

enum { MOST = 255 };                /* helpers: threads besides the caller's */
static const long PATIENCE = 200000; /* nanoseconds without work after which a helper sleeps */

static atomic_flag taken = ATOMIC_FLAG_INIT; /* by the one caller that the helpers serve */
static _Atomic uint64_t open;                /* number of the call * 2^32 + pieces not yet taken */
static atomic_long ended, asleep, wanted;    /* pieces done; helpers that sleep, that may work */
static atomic_long missing;                  /* bytes that a piece could not allocate */
static long started;
static Task the_task;
static void *the_arguments;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t wake = PTHREAD_COND_INITIALIZER;

static long now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000L + t.tv_nsec;
}

static void linger(void)
{
#if defined(__x86_64__) || defined(__i386__)
    for (int i = 0; i < 16; i++)
        __builtin_ia32_pause();
#endif
}

/* Take pieces and run them. The number of the call is in `open`, so that a helper that comes late
   takes a piece of the call that is open by then, or none. */
static void work(void)
{
    uint64_t seen = atomic_load(&open);
    while ((uint32_t)seen)
        if (atomic_compare_exchange_weak(&open, &seen, seen - 1)) {
            long bytes = the_task(the_arguments, (long)(uint32_t)seen - 1);
            if (bytes)
                atomic_store(&missing, bytes);
            atomic_fetch_add(&ended, 1);
            seen = atomic_load(&open);
        }
}

static int idle(long number)
{
    return !(uint32_t)atomic_load(&open) || number >= atomic_load(&wanted);
}

static void *help(void *argument)
{
    long number = (long)argument;
    for (;;) {
        for (long start = now(); idle(number) && now() - start < PATIENCE; sched_yield())
            for (int i = 0; i < 32 && idle(number); i++)
                linger();
        if (idle(number)) {
            pthread_mutex_lock(&lock);
            atomic_fetch_add(&asleep, 1);
            while (idle(number))
                pthread_cond_wait(&wake, &lock);
            atomic_fetch_sub(&asleep, 1);
            pthread_mutex_unlock(&lock);
        }
        work();
    }
    return 0;
}

/* A forked process has none of the threads. */
static void forget(void)
{
    started = 0;
    atomic_store(&open, 0);
    atomic_store(&asleep, 0);
    atomic_flag_clear(&taken);
    pthread_mutex_init(&lock, 0);
    pthread_cond_init(&wake, 0);
}

/* Where the system gives no more threads, those that there are take all pieces. */
static void start(long helpers)
{
    static int told;
    if (!told++)
        pthread_atfork(0, 0, forget);
    for (; started < helpers; started++) {
        pthread_t thread;
        if (pthread_create(&thread, 0, help, (void *)started))
            break;
        pthread_detach(thread);
    }
}

long run_pieces(Task task, void *arguments, long pieces, long threads)
{
    long helpers = (threads < pieces ? threads : pieces) - 1, bytes = 0;
    if (helpers < 1 || atomic_flag_test_and_set(&taken)) {
        for (long piece = 0; piece < pieces && !bytes; piece++)
            bytes = task(arguments, piece);
        return bytes;
    }
    start(helpers < MOST ? helpers : MOST);
    the_task = task;
    the_arguments = arguments;
    atomic_store(&ended, 0);
    atomic_store(&missing, 0);
    atomic_store(&wanted, helpers);
    atomic_store(&open, ((atomic_load(&open) >> 32) + 1) << 32 | (uint64_t)pieces);
    if (atomic_load(&asleep)) {
        pthread_mutex_lock(&lock);
        pthread_cond_broadcast(&wake);
        pthread_mutex_unlock(&lock);
    }
    work();
    for (long turns = 0; atomic_load(&ended) < pieces; turns++)
        if (turns % 64 == 63)
            sched_yield();
        else
            linger();
    bytes = atomic_load(&missing);
    atomic_flag_clear(&taken);
    return bytes;
}
