// Efforts as C functions: what `gfm_ra/inference/efforts.py` calls.
#include "efforts/effort.hpp"

using namespace gfm_ra;

// Answers to networks `begin` to `end`.
extern "C" __attribute__((visibility("default"))) int32_t gfm_ra_effort(const EffortTask* task, int64_t begin,
                                                                        int64_t end) {
    return static_cast<int32_t>(Effort<Widest>(*task).solve(begin, end));
}
