/* Repeat recorded calls of the kernels on another processor, and compare what they write.

   The recording (recording.py) is a list of calls; all numbers have 8 bytes, little-endian:

       name (64 bytes, ended by 0), number of arguments, arguments

   and an argument is 0 and the 8 bytes that it has (see export.h), or 1 and the memory that it points to:
   its type ('f' float, 'e' that must be equal, 's' that may differ), its size, the bytes before the call,
   those after it. */

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST = 128 }; /* arguments */

#define X(name) long xpcnn_##name(const long *arguments);
FUNCTIONS
#undef X

static const struct {
    const char *name;
    long (*function)(const long *arguments);
} TABLE[] = {
#define X(name) {#name, xpcnn_##name},
    FUNCTIONS
#undef X
};

typedef struct {
    long type, bytes;
    char *memory;
    const char *after;
} Memory;

static const char *at; /* in the recording */
static Memory held[256];
static long memories;

static long number(void)
{
    long value;
    memcpy(&value, at, 8);
    at += 8;
    return value;
}

/* Read memory, and keep it for the comparison; return where it is. */
static char *read_memory(void)
{
    long type = number(), bytes = number();
    char *memory = aligned_alloc(64, (bytes + 127) / 64 * 64);
    if (!memory)
        exit(3);
    memcpy(memory, at, bytes);
    held[memories++] = (Memory){type, bytes, memory, at + bytes};
    at += 2 * bytes;
    return memory;
}

static double largest(const Memory *m)
{
    double found = 0;
    for (long i = 0; m->type == 'f' && i < m->bytes / 4; i++) {
        float x;
        memcpy(&x, m->after + 4 * i, 4);
        found = isfinite(x) ? fmax(found, fabs(x)) : found;
    }
    return found;
}

/* Return the largest difference from what is expected; infinity where unequal. */
static double difference(const Memory *m)
{
    if (m->type == 's')
        return 0;
    if (m->type == 'e')
        return memcmp(m->memory, m->after, m->bytes) ? INFINITY : 0;
    const float *got = (const float *)m->memory;
    double worst = 0;
    for (long i = 0; i < m->bytes / 4; i++) {
        float expected;
        memcpy(&expected, m->after + 4 * i, 4);
        if (memcmp(&expected, got + i, 4) == 0 || (isnan(expected) && isnan(got[i])))
            continue;
        double apart = fabs((double)got[i] - expected);
        worst = isfinite(apart) ? fmax(worst, apart) : INFINITY;
    }
    return worst;
}

int main(int count, char **arguments)
{
    FILE *file = count == 3 ? fopen(arguments[1], "rb") : 0;
    if (!file)
        return 2;
    double allowed = atof(arguments[2]), worst = 0;
    fseek(file, 0, SEEK_END);
    long size = ftell(file), calls = 0, failed = 0;
    rewind(file);
    char *whole = malloc(size);
    if (!whole || fread(whole, 1, size, file) != (size_t)size)
        return 3;
    for (at = whole; at < whole + size; calls++) {
        const char *name = at;
        at += 64;
        long words[MOST];
        for (long i = 0, arguments = number(); i < arguments; i++)
            words[i] = number() ? (long)read_memory() : number();
        long missing = 1;
        for (size_t i = 0; i < sizeof TABLE / sizeof *TABLE; i++)
            if (!strcmp(TABLE[i].name, name))
                missing = TABLE[i].function(words);
        double apart = missing ? INFINITY : 0, scale = 1e-30; /* sums may nearly cancel */
        for (long i = 0; i < memories; i++)
            scale = fmax(scale, largest(held + i));
        for (; memories > 0; memories--) {
            apart = fmax(apart, difference(held + memories - 1) / scale);
            free(held[memories - 1].memory);
        }
        worst = fmax(worst, apart);
        if (!(apart <= allowed)) {
            failed++;
            printf("call %ld, %s: off by %g of its largest number\n", calls, name, apart);
        }
    }
    printf("%ld calls, %ld differ; the largest difference is %.1e of a call's largest number\n", calls, failed, worst);
    return failed ? 1 : 0;
}
