// Solvers on sparse networks as C functions: what `gfm_ra/solvers/sparse_binding.py` calls.
#include "sparse/rates.hpp"
#include "sparse/wmmse.hpp"

#define GFM_RA_EXPORT extern "C" __attribute__((visibility("default")))

using namespace gfm_ra;

// Solve starts `begin` to `end` by WMMSE.
GFM_RA_EXPORT int32_t gfm_ra_sparse_wmmse(const SparseTask* task, int64_t begin, int64_t end) {
    return static_cast<int32_t>(SparseWmmse<Widest>(*task).solve(begin, end));
}

// Rates [K] of powers [K].
GFM_RA_EXPORT int32_t gfm_ra_sparse_rates(const SparseRates* task, const float* power, double* rate) {
    const bool done = task->is_double != 0 ? sparse_rates<double>(*task, power, rate)
                                           : sparse_rates<float>(*task, power, rate);
    return static_cast<int32_t>(done ? Outcome::solved : Outcome::out_of_memory);
}
