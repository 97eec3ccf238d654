// Exact answers as C functions: what `gfm_ra/solvers/proofs/branch_and_bound.py` calls.
#include "exact/search.hpp"

using namespace gfm_ra;

// Searches `begin` to `end`, one after the other; 1 where memory is missing.
extern "C" __attribute__((visibility("default"))) int32_t gfm_ra_exact(const ExactTask* task, int64_t begin,
                                                                       int64_t end) {
    for (int64_t index = begin; index < end; ++index)
        if (!Search(*task, index).run()) return 1;
    return 0;
}
