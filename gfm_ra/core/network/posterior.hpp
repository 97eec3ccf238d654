// What gains may be that are not known exactly: means and standard deviations in dB.
#pragma once

#include "network/estimate.hpp"
#include "network/pass.hpp"

namespace gfm_ra {

template <class F> class Posterior {
  public:
    explicit Posterior(const NetworkTask& task) : task_(task) {}

    void place(Workspace& memory) {
        channel_.place(memory, task_.links);
        estimate_.place(memory, task_.estimator, task_.links, channel_.stride);
        guess_ = memory.array(task_.links * channel_.stride);
        estimate_.keep(guess_);
    }

    // Of network `index`, both [K, K]: an unknown gain is as it is estimated, an uncertain one the mean of what is said
    // of it and of its estimate, by the inverses of their variances. Limits are not looked at here.
    void solve(int64_t index, float* mean_db, float* deviation_db) {
        const int64_t links = task_.links, first = index * links * links;
        const float* gain = task_.gain + first;
        const float* uncertainty_db = task_.uncertainty_db == nullptr ? nullptr : task_.uncertainty_db + first;
        const float* at_most_db = task_.at_most_db == nullptr ? nullptr : task_.at_most_db + first;
        channel_.read(gain, uncertainty_db);
        estimate_.fill(task_.estimator, channel_, at_most_db);
        for (int64_t k = 0; k < links; ++k)
            for (int64_t j = 0; j < links; ++j) {
                const int64_t at = k * channel_.stride + j, out = first + k * links + j;
                float guess = guess_[at];
                guess = guess > standard_limit ? standard_limit : guess < -standard_limit ? -standard_limit : guess;
                const float guess_db = guess * spread_db + estimate_.mean_db();
                const float other = estimate_.deviations()[at] * spread_db;
                if (channel_.unknown[at] > 0.0f) {
                    mean_db[out] = guess_db;
                    deviation_db[out] = other;
                    continue;
                }
                const float own = uncertainty_db == nullptr ? 0.0f : uncertainty_db[k * links + j];
                float known = gain[k * links + j];
                known = known > largest_network_gain ? largest_network_gain : known;
                known = known < least_network_gain ? least_network_gain : known;
                const float known_db = log2_of(all<Float4>(known))[0] * db_per_octave;
                // A link's own gain has no estimate.
                const float share = k == j ? 0.0f : own * own / (own * own + other * other);
                mean_db[out] = known_db + share * (guess_db - known_db);
                deviation_db[out] = own * root(all<Float4>(1.0f - share))[0];
            }
    }

  private:
    const NetworkTask& task_;
    NetworkChannel<F> channel_;
    HiddenGains<F> estimate_;
    float* guess_ = nullptr;
};

}  // namespace gfm_ra
