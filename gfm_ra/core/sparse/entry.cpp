// Solvers on sparse networks as C functions: what `gfm_ra/solvers/sparse_binding.py` and
// `gfm_ra/inference/sparse_pass.py` call.
#include "network/pass.hpp"
#include "sparse/channel.hpp"
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

// What `gfm_ra/inference/sparse_pass.py` passes on: a pass without a matrix, and the gains in its place.
struct SparseNetworkTask {
    NetworkTask network;
    SparseGains gains;
};

// Powers [draws, K] of one sparse network.
GFM_RA_EXPORT int32_t gfm_ra_sparse_network(const SparseNetworkTask* task) {
    Workspace memory;
    Pass<Widest, SparseChannel<Widest>> pass(task->network);
    pass.channel().gains = task->gains;
    pass.place(memory);
    if (!memory.allocate()) return static_cast<int32_t>(Outcome::out_of_memory);
    pass.place(memory);
    pass.solve(0);
    return static_cast<int32_t>(Outcome::solved);
}
