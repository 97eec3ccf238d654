// WMMSE on one sparse network from several starts, and the rates of powers.
#pragma once

#include <cmath>

#include "solvers/wmmse.hpp"
#include "sparse/one_start.hpp"
#include "sparse/starts.hpp"

namespace gfm_ra {

// What `gfm_ra/solvers/sparse_binding.py` passes on. Gains of the solver are in the kernels' unit (`own_unit`).
struct SparseTask {
    Task common;       // without gains; `initial` [given, K], `power` [starts, K], `first_index` of this network
    const float* own;  // [K]
    Rows by_receiver, by_transmitter;
    FarField far;
    int64_t given;  // starts from `initial`; of the others the first is full power where none is given
};

// Powers of every start by itself, the best that it met: starts may be shared out between threads.
template <class F> class SparseWmmse {
  public:
    explicit SparseWmmse(const SparseTask& task) : task_(task), links_(task.common.links) {}

    Outcome solve(int64_t begin, int64_t end) {
        place(end - begin);
        if (!memory_.allocate()) return Outcome::out_of_memory;
        place(end - begin);
        connect(one_);
        one_.read(task_.own, task_.common.weights_of(0));
        if (end - begin >= enough) {
            connect(many_);
            many_.direct = one_.direct;
            many_.weight = one_.weight;
        }
        for (int64_t start = begin; start < end;)
            start += end - start >= enough ? run_many(start, end - start) : run_one(start);
        return Outcome::solved;
    }

  private:
    using Many = SparseStartsAsLanes<F, lanes<F> == 16 ? 1 : 2>;
    static constexpr int64_t enough = 4;  // starts from which on a tile takes less time than one after the other

    void place(int64_t count) {
        one_.place(memory_, links_, task_.far.padded);
        if (count >= enough) many_.place(memory_, links_, task_.far.padded);
    }
    template <class Layout> void connect(Layout& layout) const {
        layout.by_receiver = task_.by_receiver;
        layout.by_transmitter = task_.by_transmitter;
        layout.far = task_.far;
    }

    int64_t run_one(int64_t start) {
        const bool is_given = start < task_.given;
        const float* given = is_given ? task_.common.initial + start * links_ : nullptr;
        one_.begin({task_.common.seed, task_.common.first_index, given}, is_given ? 0 : start);
        float utility;
        const float* best = iterate(one_, task_.common, false, &utility);
        std::memcpy(task_.common.power + start * links_, best, links_ * sizeof(float));
        return 1;
    }

    int64_t run_many(int64_t first, int64_t left) {
        const Draw draw{task_.common.seed, task_.common.first_index, nullptr};
        uint64_t keys[Many::width];
        for (int64_t lane = 0; lane < Many::width; ++lane) keys[lane] = draw.key(first + lane);
        many_.begin([&](int64_t lane, int64_t link) {
            const int64_t start = first + lane;
            return start < task_.given ? task_.common.initial[start * links_ + link] : draw(start, keys[lane], link);
        });
        float utility[Many::width];
        const float* best = iterate(many_, task_.common, false, utility);
        const int64_t count = left < Many::width ? left : Many::width;
        for (int64_t lane = 0; lane < count; ++lane) {
            float* to = task_.common.power + (first + lane) * links_;
            for (int64_t link = 0; link < links_; ++link) to[link] = best[link * Many::width + lane];
        }
        return count;
    }

    const SparseTask& task_;
    const int64_t links_;
    Workspace memory_;
    SparseLinksAsLanes<F> one_;
    Many many_;
};

}  // namespace gfm_ra
