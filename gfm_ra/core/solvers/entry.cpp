// The solvers as C functions: what `gfm_ra/solvers/binding.py` calls.
#include "solvers/greedy.hpp"
#include "solvers/wmmse.hpp"

#define GFM_RA_EXPORT extern "C" __attribute__((visibility("default")))

using namespace gfm_ra;

// Solve snapshots `begin` to `end` by WMMSE.
GFM_RA_EXPORT int32_t gfm_ra_wmmse(const Task* task, int64_t begin, int64_t end) {
    if (task->starts == 1) return static_cast<int32_t>(solve_single_starts<Widest>(*task, begin, end));
    return static_cast<int32_t>(BestOfStarts<Widest>(*task).solve(begin, end));
}

// Schedule snapshots `begin` to `end` greedily.
GFM_RA_EXPORT int32_t gfm_ra_greedy(const Task* task, int64_t begin, int64_t end) {
    return static_cast<int32_t>(Greedy<Widest>(*task).solve(begin, end));
}

// Whether all values lie in [0, largest]; NaN does not.
GFM_RA_EXPORT int32_t gfm_ra_all_within(const float* values, int64_t count, float largest) {
    using F = Widest;
    int64_t at = 0;
    Integers<F> beyond{};
    for (; at + lanes<F> <= count; at += lanes<F>) {
        const F value = load<F>(values + at);
        beyond |= ~((value >= 0.0f) & (value <= largest));
    }
    bool within = !any(beyond);
    for (; at < count; ++at) within &= values[at] >= 0.0f && values[at] <= largest;
    return within;
}
