// Efforts whose draws are given instead of computed: what becomes of draws that no network of ours answers.
#include "efforts/effort.hpp"

namespace {

struct GivenDraws {
    explicit GivenDraws(const gfm_ra::NetworkTask&) {}
    void place(gfm_ra::Workspace&) {}
    void solve(int64_t) {}
};

}  // namespace

extern "C" __attribute__((visibility("default"))) int32_t effort_of_given_draws(const gfm_ra::EffortTask* task,
                                                                              int64_t begin, int64_t end) {
    return static_cast<int32_t>(gfm_ra::Effort<gfm_ra::Widest, GivenDraws>(*task).solve(begin, end));
}
