// How many multiply-adds this instruction set does at most: the limit that benchmarks compare with.
#include "common/vectors.hpp"

using namespace gfm_ra;

// Do 12 `rounds` fused multiply-adds of the widest vectors in 12 independent chains; returns floats per vector.
extern "C" __attribute__((visibility("default"))) int32_t gfm_ra_peak(int64_t rounds, float* result) {
    constexpr int chains = 12;  // at least latency x units, and all in registers
    Widest sum[chains];
    for (int chain = 0; chain < chains; ++chain) sum[chain] = all<Widest>(result[0] + static_cast<float>(chain));
    const Widest factor = all<Widest>(result[1]), term = all<Widest>(result[2]);
    for (int64_t round = 0; round < rounds; ++round)
        for (int chain = 0; chain < chains; ++chain) sum[chain] = fma(sum[chain], factor, term);
    for (int chain = 1; chain < chains; ++chain) sum[0] = sum[0] + sum[chain];
    result[0] = sum[0][0];
    return lanes<Widest>;
}
