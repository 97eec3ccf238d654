// Which sources this object was compiled from, and which instruction sets the processor has.
#include <cstdint>

#ifndef GFM_RA_DIGEST
#error "compile with gfm_ra/core/objects.py, which defines the digest of the sources"
#endif

// Digest of the sources, as `gfm_ra/core/objects.py` computes it.
extern "C" __attribute__((visibility("default"))) const char* gfm_ra_digest() { return GFM_RA_DIGEST; }

// How many of the machine's instruction sets (in the order of `FLAGS` in objects.py) processor and system support.
extern "C" __attribute__((visibility("default"))) int32_t gfm_ra_levels() {
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (!(__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))) return 1;
    const bool has_512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
                         __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl");
    return has_512 ? 3 : 2;
#else
    return 1;  // every arm64 processor has NEON
#endif
}
