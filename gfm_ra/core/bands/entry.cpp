// Solvers where there are bands as C functions: what `gfm_ra/solvers/bands/binding.py` calls.
#include "bands/water_filling.hpp"
#include "bands/wmmse.hpp"

#define GFM_RA_EXPORT extern "C" __attribute__((visibility("default")))

using namespace gfm_ra;

// Items `begin` to `end`; 1 where memory is missing.
template <class Solver> static int32_t solve_all(const BandsTask* task, int64_t begin, int64_t end) {
    Solver solver(*task);
    if (!solver.prepare()) return 1;
    for (int64_t item = begin; item < end; ++item) solver.solve(item);
    return 0;
}

// Starts `begin` to `end` by WMMSE, N of each network.
GFM_RA_EXPORT int32_t gfm_ra_bands_wmmse(const BandsTask* task, int64_t begin, int64_t end) {
    return solve_all<BandsWmmse<Widest>>(task, begin, end);
}

// Networks `begin` to `end` by iterative water-filling.
GFM_RA_EXPORT int32_t gfm_ra_bands_water_filling(const BandsTask* task, int64_t begin, int64_t end) {
    return solve_all<WaterFilling>(task, begin, end);
}
