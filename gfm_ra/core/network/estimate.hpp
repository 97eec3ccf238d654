// Hidden gains from the visible ones, before the first step: components/model/unrolled/estimate.py in the core.
#pragma once

#include "network/channel.hpp"
#include "network/layers.hpp"

namespace gfm_ra {

constexpr int estimator_features = 6, estimator_kinds = 8, estimator_sums = 2;
constexpr float gains_of_mean_size = 3.0f;  // added to a link's own when averaged

// `receiver` and `transmitter` have [rank + 1] rows; `reverse` is the weight of the other direction.
struct RoundLayers {
    Layer value, receiver, transmitter, into, outof;
    float reverse;
};

struct EstimatorLayers {
    Layer start, receiver, transmitter, excess, spread;
    const RoundLayers* rounds;
    int64_t round_count, width, values;
    float reverse;
};

constexpr float no_limit = 1e30f;
constexpr float usual_deviation_db = 8.0f;  // a gain this uncertain counts half where others are estimated from it
constexpr float least_log2_deviation = -4.906890596f, largest_log2_deviation = 1.0f;  // 0.5 and 30 dB, standardised

template <class F> class HiddenGains {
  public:
    void place(Workspace& memory, const EstimatorLayers& layers, int64_t links, int64_t stride) {
        padded_ = whole_blocks(layers.values);
        for (float** array : {&weighted_, &weighted_across_, &signed_, &signed_across_, &near_, &near_across_, &visible_, &visible_across_, &error_,
                              &error_across_})
            *array = memory.array(links * stride);
        for (float** array : {&row_count_, &column_count_, &row_near_, &column_near_, &row_sum_, &column_sum_})
            *array = memory.array(stride);
        int64_t hidden = 1;
        for (int64_t round = 0; round < layers.round_count; ++round)
            if (layers.rounds[round].into.rows > hidden) hidden = layers.rounds[round].into.rows;
        features_ = memory.array(estimator_features * stride);
        state_ = memory.array((layers.width + estimator_kinds * layers.values + estimator_sums) * stride);
        sent_ = memory.array(links * padded_);
        hidden_ = memory.array(hidden * most_vectors * lanes<F>);
        for (float** array : {&receiver_, &transmitter_}) *array = memory.array(layers.receiver.rows * stride);
        excess_ = memory.array(2 * stride);
        spread_ = memory.array(2 * stride);
        deviation_ = memory.array(links * stride);
        for (float** array : {&limit_, &limit_across_}) *array = memory.array(links * stride);
    }

    // Where guesses are written too, [K, stride] and standardised.
    void keep(float* guesses) { guesses_ = guesses; }
    const float* deviations() const { return deviation_; }
    float mean_db() const { return mean_db_; }

    // Estimates in the place of a channel's unknown gains; at_most_db: their upper limits [K, K], infinite where there
    // is none, or null.
    void fill(const EstimatorLayers& layers, NetworkChannel<F>& channel, const float* at_most_db) {
        links_ = channel.links;
        stride_ = channel.stride;
        standardise(channel);
        limited_below_ = at_most_db != nullptr;
        if (limited_below_) standardise_limits(channel, at_most_db);
        start(channel);
        one_layer<F>(layers.start, features_, state_, stride_, stride_);
        for (int64_t round = 0; round < layers.round_count; ++round) exchange(layers, layers.rounds[round]);
        read(layers);
        channel.fill(error_, mean_db_, deviation_);
    }

  private:
    // Visible gains in units of their spread, 0 where hidden, by rows and by columns.
    void standardise(const NetworkChannel<F>& channel) {
        float sum = 0.0f, count = 0.0f;
        for (int64_t k = 0; k < links_; ++k)
            for (int64_t j = 0; j < stride_; j += lanes<F>) {
                const int64_t at = k * stride_ + j;
                // The diagonal is empty; any positive number stands in for it.
                const F gain = larger(load<F>(channel.natural + at), all<F>(least_network_gain));
                store(signed_ + at, log2_of(gain) * db_per_octave);
                store(visible_ + at, all<F>(0.0f));
            }
        for (int64_t k = 0; k < links_; ++k)
            for (int64_t j = 0; j < links_; ++j) {
                const bool seen = j != k && channel.unknown[k * stride_ + j] == 0.0f;
                float weight = seen ? 1.0f : 0.0f;
                if (seen && channel.any_uncertain) {
                    const float deviation = channel.deviation_db[k * stride_ + j] * (1.0f / usual_deviation_db);
                    weight = 1.0f / (1.0f + deviation * deviation);
                }
                visible_[k * stride_ + j] = visible_across_[j * stride_ + k] = weight;
                if (!seen) continue;
                sum += weight * signed_[k * stride_ + j];
                count += weight;
            }
        for (int64_t j = 0; j < links_; ++j)
            for (int64_t k = links_; k < stride_; ++k) visible_across_[j * stride_ + k] = 0.0f;
        mean_db_ = count > 0.0f ? sum / count : 0.0f;
        for (int64_t k = 0; k < links_; ++k)
            for (int64_t j = 0; j < stride_; ++j) {
                const bool seen = visible_[k * stride_ + j] > 0.0f;
                signed_[k * stride_ + j] = seen ? standard(signed_[k * stride_ + j]) : 0.0f;
            }
        for (int64_t at = 0; at < links_ * stride_; at += lanes<F>)
            store(near_ + at, exp2_of(load<F>(signed_ + at) * (1.0f / ln_2)));
        for (int64_t at = 0; at < links_ * stride_; at += lanes<F>) {
            store(near_ + at, load<F>(near_ + at) * load<F>(visible_ + at));
            store(weighted_ + at, load<F>(signed_ + at) * load<F>(visible_ + at));
        }
        for (int64_t j = 0; j < links_; ++j)
            for (int64_t k = 0; k < stride_; ++k) {
                weighted_across_[j * stride_ + k] = k < links_ ? weighted_[k * stride_ + j] : 0.0f;
                signed_across_[j * stride_ + k] = k < links_ ? signed_[k * stride_ + j] : 0.0f;
                near_across_[j * stride_ + k] = k < links_ ? near_[k * stride_ + j] : 0.0f;
            }
    }

    // Limits of unknown gains in the same units, `no_limit` elsewhere, by rows and by columns.
    void standardise_limits(const NetworkChannel<F>& channel, const float* at_most_db) {
        for (int64_t at = 0; at < links_ * stride_; ++at) limit_[at] = limit_across_[at] = no_limit;
        for (int64_t k = 0; k < links_; ++k)
            for (int64_t j = 0; j < links_; ++j) {
                if (k == j || channel.unknown[k * stride_ + j] == 0.0f) continue;
                float limit = (at_most_db[k * links_ + j] - mean_db_) * (1.0f / spread_db);
                if (limit < -standard_limit) limit = -standard_limit;
                if (limit < standard_limit) limit_[k * stride_ + j] = limit_across_[j * stride_ + k] = limit;
            }
    }

    float standard(float gain_db) const {
        const float value = (gain_db - mean_db_) * (1.0f / spread_db);
        return value > standard_limit ? standard_limit : value < -standard_limit ? -standard_limit : value;
    }

    // What a link knows at the start.
    void start(const NetworkChannel<F>& channel) {
        for (float* array : {row_count_, column_count_, row_near_, column_near_, row_sum_, column_sum_})
            for (int64_t k = 0; k < stride_; ++k) array[k] = 0.0f;
        const auto add = [&](float* to, const float* matrix) {
            for (int64_t j = 0; j < links_; ++j)
                for (int64_t k = 0; k < stride_; k += lanes<F>)
                    store(to + k, load<F>(to + k) + load<F>(matrix + j * stride_ + k));
        };
        add(row_sum_, weighted_across_);
        add(column_sum_, weighted_);
        add(row_near_, near_across_);
        add(column_near_, near_);
        add(row_count_, visible_across_);
        add(column_count_, visible_);
        for (int64_t k = 0; k < stride_; k += lanes<F>) {
            const auto keep = [&](int feature, F value) GFM_RA_LAMBDA { store(features_ + feature * stride_ + k, value); };
            const F own_db = log2_of(load<F>(channel.own + k)) * db_per_octave;
            keep(0, within((own_db - mean_db_) * (1.0f / spread_db), -standard_limit, standard_limit));
            keep(1, load<F>(row_sum_ + k) / (load<F>(row_count_ + k) + gains_of_mean_size));
            keep(2, load<F>(column_sum_ + k) / (load<F>(column_count_ + k) + gains_of_mean_size));
            keep(3, log2_of(load<F>(row_near_ + k) + 1.0f) * (ln_2 / 3.0f));
            keep(4, log2_of(load<F>(column_near_ + k) + 1.0f) * (ln_2 / 3.0f));
            keep(5, log2_of(load<F>(row_count_ + k) + 1.0f) * (ln_2 / 4.0f));
        }
    }

    // One round: what links send along the visible gains and along their errors, and what they make of it.
    void exchange(const EstimatorLayers& layers, const RoundLayers& round) {
        const int64_t values = layers.values;
        float *received = state_ + layers.width * stride_, *value = received + 7 * values * stride_;
        bounded_layer<F>(round.value, state_, value, stride_, stride_);
        for (int64_t j = 0; j < links_; ++j)
            for (int64_t i = 0; i < padded_; ++i) sent_[j * padded_ + i] = i < values ? value[i * stride_ + j] : 0.0f;
        measure_errors(round);
        const auto carry = [&](const float* matrix, const float* divisor, float more) GFM_RA_LAMBDA {
            gather<F>(sent_, values, padded_, matrix, links_, stride_, [&](int64_t row, int64_t at, F sum) GFM_RA_LAMBDA {
                store(received + row * stride_ + at, sum / (load<F>(divisor + at) + more));
            });
            received += values * stride_;
        };
        carry(weighted_across_, row_count_, 1.0f);
        carry(weighted_, column_count_, 1.0f);
        carry(near_across_, row_near_, 0.1f);
        carry(near_, column_near_, 0.1f);
        carry(visible_across_, row_count_, 1.0f);
        carry(error_across_, row_count_, 1.0f);
        carry(error_, column_count_, 1.0f);
        float* mean = value + values * stride_;
        for (int64_t k = 0; k < stride_; k += lanes<F>) {
            F row = all<F>(0.0f), column = all<F>(0.0f);
            for (int64_t j = 0; j < links_; ++j) {
                row = row + load<F>(error_across_ + j * stride_ + k);
                column = column + load<F>(error_ + j * stride_ + k);
            }
            store(mean + k, row / (load<F>(row_count_ + k) + 1.0f));
            store(mean + stride_ + k, column / (load<F>(column_count_ + k) + 1.0f));
        }
        two_layers<F, true>(round.into, round.outof, state_, state_, hidden_, stride_, stride_);
    }

    // What the states get wrong of the visible gains, by rows and by columns.
    void measure_errors(const RoundLayers& round) {
        one_layer<F>(round.receiver, state_, receiver_, stride_, stride_);
        one_layer<F>(round.transmitter, state_, transmitter_, stride_, stride_);
        const int64_t rows = round.receiver.rows;
        guess(receiver_, transmitter_, weighted_across_, round.reverse, rows, error_);
        guess(transmitter_, receiver_, weighted_, round.reverse, rows, error_across_);
        take_errors(error_, signed_, visible_, limit_);
        take_errors(error_across_, signed_across_, visible_across_, limit_across_);
    }

    // Errors in the place of guesses: of visible gains, and of hidden ones that are guessed above their limit.
    void take_errors(float* guess, const float* value, const float* visible, const float* limit) const {
        for (int64_t at = 0; at < links_ * stride_; at += lanes<F>) {
            const F found = load<F>(guess + at);
            F error = load<F>(visible + at) * limited(load<F>(value + at) - found);
            if (limited_below_) error = error + within(load<F>(limit + at) - found, -standard_limit, 0.0f);
            store(guess + at, error);
        }
    }

    static GFM_RA_INLINE F limited(F value) { return within(value, -standard_limit, standard_limit); }

    // The gain of every pair as two links' numbers and the other direction mean it, [K, stride].
    void guess(const float* left, const float* right, const float* other, float reverse, int64_t rows, float* out) const {
        const float scale = 1.0f / root(all<Float4>(static_cast<float>(rows - 1)))[0];
        for (int64_t k = 0; k < links_; ++k)
            for (int64_t j = 0; j < stride_; j += lanes<F>) {
                F product = all<F>(0.0f);
                for (int64_t row = 1; row < rows; ++row)
                    product = fma(all<F>(left[row * stride_ + k]), load<F>(right + row * stride_ + j), product);
                const F value = fma(product, all<F>(scale), all<F>(left[k]) + load<F>(right + j));
                store(out + k * stride_ + j, fma(load<F>(other + k * stride_ + j), all<F>(reverse), value));
            }
    }

    // The gain to reckon with for every pair, into `error_`, which is not needed any more.
    void read(const EstimatorLayers& layers) {
        one_layer<F>(layers.receiver, state_, receiver_, stride_, stride_);
        one_layer<F>(layers.transmitter, state_, transmitter_, stride_, stride_);
        one_layer<F>(layers.excess, state_, excess_, stride_, stride_);
        one_layer<F>(layers.spread, state_, spread_, stride_, stride_);
        guess(receiver_, transmitter_, weighted_across_, layers.reverse, layers.receiver.rows, error_);
        if (guesses_ != nullptr) std::memcpy(guesses_, error_, links_ * stride_ * sizeof(float));
        for (int64_t k = 0; k < links_; ++k)
            for (int64_t j = 0; j < stride_; j += lanes<F>) {
                const F log2_deviation = (all<F>(spread_[k]) + load<F>(spread_ + stride_ + j)) * (1.0f / ln_2);
                const F deviation = exp2_of(within(log2_deviation, least_log2_deviation, largest_log2_deviation));
                store(deviation_ + k * stride_ + j, deviation);
                const F more = all<F>(excess_[k]) + load<F>(excess_ + stride_ + j);
                const int64_t at = k * stride_ + j;
                store(error_ + at, below_limit(load<F>(error_ + at), load<F>(limit_ + at), deviation) + more);
            }
    }

    // Close to the mean of a normal distribution round a guess that is cut off at the limit.
    F below_limit(F guess, F limit, F deviation) const {
        if (!limited_below_) return guess;
        const F reach = (limit - guess) / deviation;
        const F magnitude = larger(reach, -reach);
        const F tail = natural_log(exp2_of(magnitude * (-1.0f / ln_2)) + 1.0f);
        const F below = limit - (larger(reach, all<F>(0.0f)) + tail) * deviation;
        return select(limit < 0.5f * no_limit, below, guess);
    }

    int64_t links_ = 0, stride_ = 0, padded_ = 0;
    bool limited_below_ = false;
    float* guesses_ = nullptr;
    float *limit_, *limit_across_, *spread_, *deviation_;
    float mean_db_ = 0.0f;  // of the visible gains between links
    float *weighted_, *weighted_across_, *signed_, *signed_across_, *near_, *near_across_, *visible_, *visible_across_, *error_, *error_across_, *row_count_, *column_count_, *row_near_,
        *column_near_, *row_sum_, *column_sum_, *features_, *state_, *sent_, *hidden_, *receiver_, *transmitter_, *excess_;
};

}  // namespace gfm_ra
