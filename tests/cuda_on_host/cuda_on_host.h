// Lets g++ compile a .cu file as C++17 and run its launches on the host, for tests.
//
// Blocks run one after another. The threads of a block are fibers that a barrier switches, so that
// all of them reach it before one goes on; in ascending or in descending order, which gives the same
// bits unless threads race. Shared memory is poisoned before every block. Knows blockIdx, threadIdx,
// blockDim, gridDim, static __shared__ and __syncthreads; no warps, no atomics, no dynamic memory.

#include <math.h>
#include <setjmp.h>
#include <stdio.h>
#include <string.h>
#include <ucontext.h>
#include <utility>

#define __CUDACC__
#define __global__
#define __device__
#define __host__
#define __forceinline__ inline
#define __shared__ static __attribute__((section("cuda_shared")))

struct Dim { unsigned x, y, z; };
static Dim blockIdx, threadIdx, blockDim, gridDim;

inline int min(int a, int b) { return a < b ? a : b; }
inline int max(int a, int b) { return a > b ? a : b; }
inline unsigned min(unsigned a, unsigned b) { return a < b ? a : b; }

// float16 as PTX converts it, cvt.f32.f16 and cvt.rn.f16.f32: exactly, and to the nearest, of two the
// even one.
inline float float_of(unsigned short bits) {
    const int exponent = bits >> 10 & 31, digits = bits & 1023;
    const float infinite = digits ? NAN : INFINITY;
    const float finite = exponent ? ldexpf(1024 + digits, exponent - 25) : ldexpf(digits, -24);
    return copysignf(exponent == 31 ? infinite : finite, bits >> 15 ? -1.0f : 1.0f);
}

inline unsigned short bits_of(float x) {
    if (isnan(x)) return 0x7fff;
    const unsigned short sign = signbit(x) ? 0x8000 : 0;
    if (fabsf(x) >= 65520) return sign | 0x7c00;
    const int exponent = x == 0 ? -14 : max(ilogbf(x), -14);
    const int digits = (int)nearbyintf(ldexpf(fabsf(x), 10 - exponent));  // 1024 to 2048, if normal
    return sign | (((exponent + 14) << 10) + digits);
}

namespace host {

enum State { READY, WAITING, FINISHED };

struct Fiber {
    char stack[1 << 15];
    jmp_buf resume;
    State state;
    bool started;
};

static Fiber fibers[1024];
static const char *const DIVERGED = "a barrier that not all threads reach";
static Fiber *running = nullptr;  // null: a thread that runs to its end without a fiber
static jmp_buf scheduler;
static void (*body)(void **);
static void **arguments;

inline void leave(State state) {
    running->state = state;
    if (_setjmp(running->resume) == 0) _longjmp(scheduler, 1);
}

inline void fiber_main() {
    for (;;) {
        body(arguments);
        leave(FINISHED);
    }
}

inline void locate(unsigned thread) {
    threadIdx = {thread % blockDim.x, thread / blockDim.x % blockDim.y,
                 thread / blockDim.x / blockDim.y};
}

// Run one thread as a fiber until it waits or ends.
inline void advance(unsigned thread) {
    locate(thread);
    running = &fibers[thread];
    if (_setjmp(scheduler) == 0) {
        if (running->started) _longjmp(running->resume, 1);
        running->started = true;
        ucontext_t context;
        getcontext(&context);
        context.uc_stack.ss_sp = running->stack;
        context.uc_stack.ss_size = sizeof running->stack;
        makecontext(&context, fiber_main, 0);
        setcontext(&context);
    }
    running = nullptr;
}

// A first thread that ends without a barrier says that there is none for the others.
inline void run_block(unsigned threads, bool descending) {
    auto nth = [&](unsigned i) { return descending ? threads - 1 - i : i; };
    for (unsigned i = 0; i < threads; ++i) fibers[i].state = READY;
    advance(nth(0));
    if (fibers[nth(0)].state == FINISHED) {
        for (unsigned i = 1; i < threads; ++i) {
            locate(nth(i));
            body(arguments);
        }
        return;
    }
    for (unsigned first = 1;; first = 0) {
        unsigned waiting = first;
        for (unsigned i = first; i < threads; ++i) {
            if (fibers[nth(i)].state == FINISHED) continue;
            advance(nth(i));
            waiting += fibers[nth(i)].state == WAITING;
        }
        if (waiting == 0) return;
        if (waiting != threads) throw DIVERGED;
    }
}

extern "C" char __start_cuda_shared[] __attribute__((weak, visibility("hidden")));
extern "C" char __stop_cuda_shared[] __attribute__((weak, visibility("hidden")));

// Run a launch; return what went wrong, or null.
inline const char *launch(void (*call)(void **), void **given, const unsigned *grid,
                          const unsigned *block, int descending) {
    body = call, arguments = given;
    gridDim = {grid[0], grid[1], grid[2]}, blockDim = {block[0], block[1], block[2]};
    const unsigned threads = block[0] * block[1] * block[2];
    const unsigned blocks = grid[0] * grid[1] * grid[2];
    try {
        for (unsigned i = 0; i < blocks; ++i) {
            const unsigned b = descending ? blocks - 1 - i : i;
            blockIdx = {b % grid[0], b / grid[0] % grid[1], b / grid[0] / grid[1]};
            if (__start_cuda_shared)
                memset(__start_cuda_shared, 0xFF, __stop_cuda_shared - __start_cuda_shared);
            run_block(threads, descending);
        }
    } catch (const char *problem) {
        for (Fiber &fiber : fibers) fiber.started = false;  // some are in the middle of a kernel
        return problem;
    }
    return nullptr;
}

template <class... P, size_t... I>
void call(void (*kernel)(P...), void **a, std::index_sequence<I...>) {
    kernel(*(P *)a[I]...);
}

// Parameter types in NumPy's names: "f4", "*f4" (written), "&f4" (only read), "V48" for a struct.
template <class T> struct Kind {
    static int print(char *out) { return sprintf(out, "V%zu ", sizeof(T)); }
};
#define KIND_AS(type, name) \
    template <> struct Kind<type> { static int print(char *out) { return sprintf(out, name " "); } };
#define KIND(type, name) \
    KIND_AS(type, name) KIND_AS(type *, "*" name) KIND_AS(const type *, "&" name)
KIND(float, "f4") KIND(int, "i4") KIND(unsigned, "u4") KIND(unsigned char, "u1")
KIND(bool, "b1") KIND(long long, "i8") KIND(unsigned long long, "u8")

template <class... P> const char *kinds(void (*)(P...)) {
    static char text[256];
    char *end = text;
    ((end += Kind<P>::print(end)), ...);
    return text;
}

// A constant in front of a source, here set before a launch: a struct of 32-bit integers.
struct Constant {
    const void *at;
    template <class T> operator T() const {
        T value;
        memcpy(&value, at, sizeof value);
        return value;
    }
};

template <class... P> std::index_sequence_for<P...> indices(void (*)(P...)) { return {}; }

}  // namespace host

inline void __syncthreads() {
    if (host::running == nullptr) throw host::DIVERGED;
    host::leave(host::WAITING);
}

#define CONSTANT(name)                   \
    static host::Constant constant_##name; \
    extern "C" void set_##name(const void *at) { constant_##name.at = at; }

#define EXPORT(kernel)                                                                          \
    extern "C" const char *kinds_of_##kernel() { return host::kinds(kernel); }                  \
    extern "C" const char *launch_##kernel(                                                     \
        void **arguments, const unsigned *grid, const unsigned *block, int descending) {        \
        auto body = [](void **a) { host::call(kernel, a, host::indices(kernel)); };             \
        return host::launch(body, arguments, grid, block, descending);                          \
    }
