// Greedy scheduling: links by falling direct gain, each switched on at full power if the utility improves.
#pragma once

#include <algorithm>

#include "common/workspace.hpp"
#include "solvers/goals.hpp"
#include "solvers/wmmse.hpp"

namespace gfm_ra {

// Interference from the active links is kept up to date, so a trial costs O(K).
template <class F> class Greedy {
  public:
    explicit Greedy(const Task& task) : task_(task) {}

    Outcome solve(int64_t begin, int64_t end) {
        place();
        if (!memory_.allocate()) return Outcome::out_of_memory;
        place();
        for (int64_t index = begin; index < end; ++index) schedule(index);
        return Outcome::solved;
    }

  private:
    void place() {
        stride_ = (task_.links + parts - 1) / parts * parts;
        for (float** array : {&direct_, &weight_, &active_, &settled_, &trial_, &column_, &order_})
            *array = memory_.array(stride_);
    }

    void schedule(int64_t index) {
        const int64_t links = task_.links;
        const float* gain = task_.gain + index * links * links;
        for (int64_t k = 0; k < stride_; ++k) {
            direct_[k] = k < links ? gain[k * links + k] : 0.0f;
            weight_[k] = k < links ? task_.weights_of(index)[k] : 0.0f;
            active_[k] = 0.0f;
            column_[k] = 0.0f;
            settled_[k] = trial_[k] = 1.0f;
        }
        int32_t* order = reinterpret_cast<int32_t*>(order_);
        for (int64_t k = 0; k < links; ++k) order[k] = static_cast<int32_t>(k);
        std::sort(order, order + links, [this](int32_t a, int32_t b) {
            return direct_[a] != direct_[b] ? direct_[a] > direct_[b] : a < b;
        });
        double best = utility(settled_);
        for (int64_t place = 0; place < links; ++place) {
            const int32_t link = order[place];
            for (int64_t k = 0; k < links; ++k) column_[k] = gain[k * links + link];
            column_[link] = 0.0f;
            for (int64_t at = 0; at < stride_; at += lanes<F>)
                store(trial_ + at, load<F>(settled_ + at) + load<F>(column_ + at));
            active_[link] = 1.0f;
            const double reached = utility(trial_);
            if (reached > best) {
                best = reached;
                std::swap(settled_, trial_);
            } else {
                active_[link] = 0.0f;
            }
        }
        std::memcpy(task_.power + index * links, active_, links * sizeof(float));
    }

    double utility(const float* interference) const {
        switch (task_.kind) {
            case Kind::sum_rate: return utility_of<Kind::sum_rate>(interference);
            case Kind::proportional_fair: return utility_of<Kind::proportional_fair>(interference);
            case Kind::qos: return utility_of<Kind::qos>(interference);
            case Kind::alpha_fair: return utility_of<Kind::alpha_fair>(interference);
        }
        return 0.0;
    }

    // Utility of 0/1 powers whose interference plus noise is known: benefits in float32, their sum in float64.
    template <Kind kind> double utility_of(const float* interference) const {
        double sums[parts] = {};
        for (int64_t first = 0; first < stride_; first += parts) {
            float benefits[parts];
            for (int64_t part = 0; part < parts; part += lanes<F>) {
                const int64_t at = first + part;
                const F signal = load<F>(direct_ + at) * load<F>(active_ + at);
                const F rate = log2_of_one_plus(signal / load<F>(interference + at));
                store(benefits + part, load<F>(weight_ + at) * judge<kind, false>(rate, task_.goal).benefit);
            }
            for (int part = 0; part < parts; ++part) sums[part] += benefits[part];
        }
        for (int half = parts / 2; half > 0; half /= 2)
            for (int part = 0; part < half; ++part) sums[part] += sums[half + part];
        return sums[0];
    }

    const Task& task_;
    Workspace memory_;
    int64_t stride_ = 0;  // links rounded up to whole rounds of `parts`; what is beyond them has no weight
    float *direct_, *weight_, *active_, *settled_, *trial_, *column_, *order_;
};

}  // namespace gfm_ra
