// The unrolled network as C functions: what `gfm_ra/inference/network/unrolled.py` calls.
#include "network/pass.hpp"
#include "network/posterior.hpp"
#include "solvers/wmmse.hpp"

using namespace gfm_ra;

// Powers of networks `begin` to `end`.
extern "C" __attribute__((visibility("default"))) int32_t gfm_ra_network(const NetworkTask* task, int64_t begin,
                                                                         int64_t end) {
    Workspace memory;
    Pass<Widest> pass(*task);
    pass.place(memory);
    if (!memory.allocate()) return static_cast<int32_t>(Outcome::out_of_memory);
    pass.place(memory);
    for (int64_t index = begin; index < end; ++index) pass.solve(index);
    return static_cast<int32_t>(Outcome::solved);
}

// Means and standard deviations in dB of what gains of networks `begin` to `end` may be, each [B, K, K].
extern "C" __attribute__((visibility("default"))) int32_t gfm_ra_posterior(const NetworkTask* task, float* mean_db,
                                                                           float* deviation_db, int64_t begin,
                                                                           int64_t end) {
    Workspace memory;
    Posterior<Widest> posterior(*task);
    posterior.place(memory);
    if (!memory.allocate()) return static_cast<int32_t>(Outcome::out_of_memory);
    posterior.place(memory);
    for (int64_t index = begin; index < end; ++index) posterior.solve(index, mean_db, deviation_db);
    return static_cast<int32_t>(Outcome::solved);
}
