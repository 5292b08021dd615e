/* Each thread takes the pieces of its share, one after another, then what is left of the others'. So
   it finds in its cache the rows that it has written: where two threads' cores have no cache in
   common, a small network's step took twice as long when each took any piece. An idle thread looks
   for work for a while before it sleeps: a step calls one kernel after another, and waking takes
   longer than many of them. */

#include "threads.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdint.h>
#include <time.h>

enum { MOST = 255 };                /* helpers: threads besides the caller's */
static const long PATIENCE = 200000; /* nanoseconds without work after which a helper sleeps */

static atomic_flag taken = ATOMIC_FLAG_INIT; /* by the one caller that the helpers serve */
/* of each thread's share, the caller's first: number of the call * 2^32 + pieces not yet taken */
static struct { _Alignas(64) _Atomic uint64_t left; } open[MOST + 1];
static atomic_long ended, asleep, wanted;    /* pieces done; helpers that sleep, that may work */
static long all, shares;                     /* pieces, and shares of them; helpers read these, the_task and
                                                the_arguments after `open`, which is stored last */
static atomic_long missing;                  /* bytes that a piece could not allocate */
static long started;
static Task the_task;
static const Arguments *the_arguments;
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

/* Take pieces and run them, those of the thread's own share first. The number of the call is in
   `open`, so that a helper that comes late takes a piece of the call that is open by then, or none. */
static void work(long own)
{
    for (long k = 0, threads = atomic_load(&wanted) + 1; k < threads; k++) {
        long share = (own + k) % threads;
        uint64_t seen = atomic_load(&open[share].left);
        while ((uint32_t)seen)
            if (atomic_compare_exchange_weak(&open[share].left, &seen, seen - 1)) {
                long bytes = the_task(the_arguments, all * share / shares + (uint32_t)seen - 1);
                if (bytes)
                    atomic_store(&missing, bytes);
                atomic_fetch_add(&ended, 1);
                seen = atomic_load(&open[share].left);
            }
    }
}

static int idle(long number)
{
    long helpers = atomic_load(&wanted);
    for (long share = 0; number < helpers && share <= helpers; share++)
        if ((uint32_t)atomic_load(&open[share].left))
            return 0;
    return 1;
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
        work(number + 1);
    }
    return 0;
}

/* A forked process has none of the threads. */
static void forget(void)
{
    started = 0;
    for (long share = 0; share <= MOST; share++)
        atomic_store(&open[share].left, 0);
    atomic_store(&asleep, 0);
    atomic_flag_clear(&taken);
    pthread_mutex_init(&lock, 0);
    pthread_cond_init(&wake, 0);
}

/* Where the system gives no more threads, those that there are take all pieces. */
static void start(long helpers)
{
    static int is_registered;
    if (!is_registered++)
        pthread_atfork(0, 0, forget);
    for (; started < helpers; started++) {
        pthread_t thread;
        if (pthread_create(&thread, 0, help, (void *)started))
            break;
        pthread_detach(thread);
    }
}

long run_pieces(Task task, const Arguments *arguments, long pieces, long threads)
{
    long helpers = (threads < pieces ? threads : pieces) - 1, bytes = 0;
    if (helpers < 1 || atomic_flag_test_and_set(&taken)) {
        for (long piece = 0; piece < pieces && !bytes; piece++)
            bytes = task(arguments, piece);
        return bytes;
    }
    helpers = helpers < MOST ? helpers : MOST;
    start(helpers);
    the_task = task;
    the_arguments = arguments;
    all = pieces;
    shares = helpers + 1;
    atomic_store(&ended, 0);
    atomic_store(&missing, 0);
    atomic_store(&wanted, helpers);
    uint64_t number = (atomic_load(&open[0].left) >> 32) + 1;
    for (long share = 0; share <= helpers; share++) {
        long count = pieces * (share + 1) / shares - pieces * share / shares;
        atomic_store(&open[share].left, number << 32 | (uint64_t)count);
    }
    if (atomic_load(&asleep)) {
        pthread_mutex_lock(&lock);
        pthread_cond_broadcast(&wake);
        pthread_mutex_unlock(&lock);
    }
    work(0);
    for (long turns = 0; atomic_load(&ended) < pieces; turns++)
        if (turns % 64 == 63)
            sched_yield();
        else
            linger();
    bytes = atomic_load(&missing);
    atomic_flag_clear(&taken);
    return bytes;
}
