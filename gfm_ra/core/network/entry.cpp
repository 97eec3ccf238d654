// The unrolled network as C functions: what `gfm_ra/inference/unrolled.py` calls.
#include "network/pass.hpp"
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
