// The unrolled network of components/model/unrolled: one network's gains, a goal and noise to powers, all draws together.
#pragma once

#include "common/products.hpp"
#include "network/effects.hpp"
#include "network/layers.hpp"

namespace gfm_ra {

constexpr int start_feature_count = 13, noise_count = 2, message_kinds = 3;

// One step's weights; without values, `value.rows` is 0.
struct StepLayers {
    Layer power, value, into, outof;
};

// Estimates hidden gains before a step.
struct EstimatorLayers {
    Layer receiver, transmitter;  // [rank + 1, width]
    int64_t before;               // which step
    float reverse;                // weight of the other direction
};

// What `gfm_ra/inference/unrolled.py` passes on.
struct NetworkTask {
    const float* gain;        // [B, K, K], linear; NaN = not known
    const float* parameters;  // [B, 3]: alpha, least rate, penalty
    const float* weights;     // [B, K], or [1, K] for all
    const float* noise;       // [D, K, 2]
    float* power;             // [B, D, K]
    Layer start_into, start_outof, power_layer;
    const StepLayers* steps;
    const EstimatorLayers* estimators;
    int64_t links, draws, step_count, estimator_count, width, values, weight_rows;
};

template <class F> class Pass {
  public:
    explicit Pass(const NetworkTask& task)
        : task_(task), width_(task.width), sent_(feature_count + task.values), padded_((sent_ + 5) / 6 * 6) {}

    void place(Workspace& memory) {
        channel_.place(memory, task_.links);
        const int64_t stride = channel_.stride;
        rows_ = width_ + feature_count + message_kinds * sent_;
        const int64_t start_rows = start_feature_count + noise_count;
        start_ = memory.array(start_rows * stride);
        input_ = memory.array(task_.draws * rows_ * stride);
        for (float** array : {&weight_, &power_, &interference_, &rate_, &sinr_, &total_, &slope_, &stake_, &pressure_,
                              &harm_, &benefit_})
            *array = memory.array(stride);
        for (float** array : {&heard_, &harmed_, &near_}) *array = memory.array(task_.links * padded_);
        value_ = memory.array(padded_ * stride);
        mean_state_ = memory.array(width_ * stride);
        estimate_ = memory.array(task_.links * stride);
        int64_t rank = 0;
        for (int64_t number = 0; number < task_.estimator_count; ++number)
            if (task_.estimators[number].receiver.rows > rank) rank = task_.estimators[number].receiver.rows;
        for (float** array : {&receiver_, &transmitter_}) *array = memory.array(rank * stride);
        int64_t hidden = task_.start_into.rows;
        for (int64_t step = 0; step < task_.step_count; ++step)
            if (task_.steps[step].into.rows > hidden) hidden = task_.steps[step].into.rows;
        hidden_ = memory.array(hidden * 2 * lanes<F>);
    }

    // Powers of network `index`, [draws, K].
    void solve(int64_t index) {
        channel_.read(task_.gain + index * task_.links * task_.links);
        const float* given = task_.parameters + 3 * index;
        goal_ = {given[0], given[1], given[2], -1.0f};
        reach_ = exp2_less_one_of(all<Float4>(goal_.min_rate))[0];
        const float* weights = task_.weights + (task_.weight_rows > 1 ? index : 0) * task_.links;
        std::memcpy(weight_, weights, task_.links * sizeof(float));
        start();
        for (int64_t step = 0; step < task_.step_count; ++step) {
            if (channel_.any_unknown) estimate_before(step);
            for (int64_t draw = 0; draw < task_.draws; ++draw) advance(task_.steps[step], state_of(draw));
        }
        for (int64_t draw = 0; draw < task_.draws; ++draw) {
            set_powers(task_.power_layer, state_of(draw));
            std::memcpy(task_.power + (index * task_.draws + draw) * task_.links, power_, task_.links * sizeof(float));
        }
    }

  private:
    float* state_of(int64_t draw) const { return input_ + draw * rows_ * channel_.stride; }

    void start() {
        const int64_t links = task_.links, stride = channel_.stride;
        float mean = 0.0f;
        for (int64_t k = 0; k < links; ++k) mean += weight_[k];
        mean = mean / static_cast<float>(links) + network_tiny;
        // Sums and maxima of rows and columns.
        float *row_sum = interference_, *row_max = rate_, *column_sum = sinr_, *column_max = total_;
        for (int64_t k = 0; k < stride; ++k) row_sum[k] = row_max[k] = column_sum[k] = column_max[k] = 0.0f;
        for (int64_t j = 0; j < links; ++j)
            for (int64_t k = 0; k < stride; k += lanes<F>) {
                const F heard = load<F>(channel_.transposed + j * stride + k);
                const F harmed = load<F>(channel_.natural + j * stride + k);
                store(row_sum + k, load<F>(row_sum + k) + heard);
                store(row_max + k, larger(load<F>(row_max + k), heard));
                store(column_sum + k, load<F>(column_sum + k) + harmed);
                store(column_max + k, larger(load<F>(column_max + k), harmed));
            }
        const auto logarithm = [](F value) GFM_RA_LAMBDA {
            return within(natural_log(value + network_tiny) * 0.2f - 1.0f, -largest_feature, largest_feature);
        };
        const float shared[] = {goal_.alpha / 2.0f, scalar_log(1.0f + goal_.penalty) / 3.0f,
                                scalar_log(1.0f + 10.0f * goal_.min_rate) / 2.0f};
        for (int64_t k = 0; k < stride; k += lanes<F>) {
            const auto keep = [&](int feature, F value) GFM_RA_LAMBDA { store(start_ + feature * stride + k, value); };
            keep(0, logarithm(load<F>(channel_.own + k)));
            keep(1, logarithm(load<F>(row_sum + k) + 1.0f));
            keep(2, logarithm(load<F>(row_max + k) + 1.0f));
            keep(3, logarithm(load<F>(column_sum + k) + 1.0f));
            keep(4, logarithm(load<F>(column_max + k) + 1.0f));
            for (int i = 0; i < 3; ++i) keep(5 + i, within(all<F>(shared[i]), -largest_feature, largest_feature));
            const F priority = natural_log((load<F>(weight_ + k) + network_tiny) * (1.0f / mean)) * 0.5f;
            keep(8, within(priority, -largest_feature, largest_feature));
            for (int feature = 9; feature < start_feature_count; ++feature) keep(feature, all<F>(0.0f));
        }
        for (int64_t draw = 0; draw < task_.draws; ++draw) {
            for (int64_t k = 0; k < links; ++k)
                for (int i = 0; i < noise_count; ++i)
                    start_[(start_feature_count + i) * stride + k] = task_.noise[(draw * links + k) * noise_count + i];
            two_layers<F, false>(task_.start_into, task_.start_outof, start_, state_of(draw), hidden_, stride);
        }
    }

    static float scalar_log(float value) { return natural_log(all<Float4>(value))[0]; }

    // Powers that a state means, into `power_`; links that do not exist are silent.
    void set_powers(const Layer& layer, const float* state) {
        const int64_t stride = channel_.stride;
        multiply_columns<F>(layer.weights, state, stride, width_, layer.bias[0], power_);
        for (int64_t k = 0; k < stride; k += lanes<F>) store(power_ + k, sigmoid(load<F>(power_ + k)));
        for (int64_t k = task_.links; k < stride; ++k) power_[k] = 0.0f;
    }

    void advance(const StepLayers& step, float* state) {
        const int64_t links = task_.links, stride = channel_.stride;
        float* feature = state + width_ * stride;
        set_powers(step.power, state);
        multiply_columns<F>(power_, channel_.transposed, stride, links, 1.0f, interference_);
        for (int64_t k = 0; k < stride; k += lanes<F>) {
            const auto found = consequences<F>(load<F>(channel_.own + k), load<F>(power_ + k),
                                               load<F>(interference_ + k), load<F>(weight_ + k), goal_);
            store(sinr_ + k, found.sinr);
            store(total_ + k, found.total);
            store(rate_ + k, found.rate);
            store(slope_ + k, found.slope);
            store(stake_ + k, found.stake);
        }
        float mean_stake = 0.0f;
        for (int64_t k = 0; k < links; ++k) mean_stake += stake_[k];
        mean_stake /= static_cast<float>(links);
        mean_stake = mean_stake > network_tiny ? mean_stake : network_tiny;
        for (int64_t k = 0; k < stride; k += lanes<F>) {
            const F worth = load<F>(slope_ + k) / (load<F>(total_ + k) * mean_stake);
            store(benefit_ + k, worth * load<F>(channel_.own + k));
            store(pressure_ + k, worth * load<F>(sinr_ + k));
        }
        multiply_columns<F>(pressure_, channel_.natural, stride, links, 0.0f, harm_);
        for (int64_t k = 0; k < stride; k += lanes<F>) {
            const Consequences<F> found{load<F>(sinr_ + k), load<F>(total_ + k), load<F>(rate_ + k),
                                        load<F>(slope_ + k), load<F>(stake_ + k)};
            features<F>(found, load<F>(channel_.own + k), load<F>(power_ + k), load<F>(interference_ + k),
                        load<F>(benefit_ + k), load<F>(harm_ + k), mean_stake, reach_, goal_,
                        [&](int number, F value) GFM_RA_LAMBDA { store(feature + number * stride + k, value); });
        }
        if (step.value.rows > 0) send_values(step.value, state);
        send(feature);
        receive(feature, feature + feature_count * stride);
        two_layers<F, true>(step.into, step.outof, state, state, hidden_, stride);
    }

    // Estimate hidden gains anew from the draws' mean state, where it is time to.
    void estimate_before(int64_t step) {
        const int64_t links = task_.links, stride = channel_.stride;
        for (int64_t number = 0; number < task_.estimator_count; ++number) {
            const EstimatorLayers& estimator = task_.estimators[number];
            if (estimator.before != step) continue;
            for (int64_t at = 0; at < width_ * stride; at += lanes<F>) {
                F sum = load<F>(state_of(0) + at);
                for (int64_t draw = 1; draw < task_.draws; ++draw) sum = sum + load<F>(state_of(draw) + at);
                store(mean_state_ + at, sum * (1.0f / static_cast<float>(task_.draws)));
            }
            apply(estimator.receiver, mean_state_, receiver_);
            apply(estimator.transmitter, mean_state_, transmitter_);
            const int64_t rows = estimator.receiver.rows;
            const float scale = 1.0f / root(all<Float4>(static_cast<float>(rows - 1)))[0];
            for (int64_t k = 0; k < links; ++k)
                for (int64_t j = 0; j < stride; j += lanes<F>) {
                    F product = all<F>(0.0f);
                    for (int64_t row = 1; row < rows; ++row)
                        product = fma(all<F>(receiver_[row * stride + k]), load<F>(transmitter_ + row * stride + j), product);
                    F value = fma(product, all<F>(scale), all<F>(receiver_[k]) + load<F>(transmitter_ + j));
                    value = fma(load<F>(channel_.reverse + k * stride + j), all<F>(estimator.reverse), value);
                    store(estimate_ + k * stride + j, value);
                }
            channel_.fill(estimate_);
        }
    }

    // One layer without anything after it: in [terms, stride] -> out [rows, stride].
    void apply(const Layer& layer, const float* in, float* out) {
        const int64_t stride = channel_.stride;
        for_links<F>(stride, [&](int64_t first, auto count) GFM_RA_LAMBDA {
            rows_of<F, decltype(count)::value>(
                layer.weights, layer.rows, layer.terms, in + first, stride, [&](int64_t row, int v, F sum) GFM_RA_LAMBDA {
                    store(out + row * stride + first + v * lanes<F>, sum + layer.bias[row]);
                });
        });
    }

    // Learnt numbers of a state that links send beside their features, into `value_`.
    void send_values(const Layer& layer, const float* state) {
        const int64_t stride = channel_.stride;
        for_links<F>(stride, [&](int64_t first, auto count) GFM_RA_LAMBDA {
            rows_of<F, decltype(count)::value>(
                layer.weights, layer.rows, layer.terms, state + first, stride,
                [&](int64_t row, int v, F sum) GFM_RA_LAMBDA {
                    // tanh(x) = 2 sigmoid(2 x) - 1
                    const F value = fma(sigmoid((sum + layer.bias[row]) * 2.0f), all<F>(2.0f), all<F>(-1.0f));
                    store(value_ + row * stride + first + v * lanes<F>, value);
                });
        });
    }

    // What every link sends, link by link, with the factors that its receivers' averages have.
    void send(const float* feature) {
        const int64_t links = task_.links, stride = channel_.stride;
        for (int64_t j = 0; j < links; ++j) {
            float* to = near_ + j * padded_;
            for (int i = 0; i < feature_count; ++i) to[i] = feature[i * stride + j];
            for (int64_t i = 0; i < task_.values; ++i) to[feature_count + i] = value_[i * stride + j];
            const float power = power_[j], pressure = pressure_[j];
            for (int64_t i = 0; i < padded_; ++i) {
                heard_[j * padded_ + i] = power * to[i];
                harmed_[j * padded_ + i] = pressure * to[i];
            }
        }
    }

    // One product with a matrix of gains for all that is sent: hand_on(row, vector's first link, sum).
    template <class HandOn> GFM_RA_INLINE void gather(const float* sent, const float* matrix, const HandOn& hand_on) {
        const int64_t links = task_.links, stride = channel_.stride;
        for_links<F>(stride, [&](int64_t first, auto count) GFM_RA_LAMBDA {
            constexpr int vectors = decltype(count)::value;
            for (int64_t block = 0; block < padded_; block += rows_per_block) {
                F sum[rows_per_block][vectors];
                for (int row = 0; row < rows_per_block; ++row)
                    for (int v = 0; v < vectors; ++v) sum[row][v] = all<F>(0.0f);
                const float *left = sent + block, *right = matrix + first;
                for (int64_t j = 0; j < links; ++j, left += padded_, right += stride) {
                    F gain[vectors];
                    for (int v = 0; v < vectors; ++v) gain[v] = load<F>(right + v * lanes<F>);
                    for (int row = 0; row < rows_per_block; ++row) {
                        const F value = all<F>(left[row]);
                        for (int v = 0; v < vectors; ++v) sum[row][v] = fma(value, gain[v], sum[row][v]);
                    }
                }
                const int64_t rows = sent_ - block < rows_per_block ? sent_ - block : rows_per_block;
                for (int row = 0; row < rows; ++row)
                    for (int v = 0; v < vectors; ++v) hand_on(block + row, first + v * lanes<F>, sum[row][v]);
            }
        });
    }

    void receive(const float* feature, float* message) {
        const int64_t stride = channel_.stride;
        gather(heard_, channel_.transposed, [&](int64_t row, int64_t at, F sum) GFM_RA_LAMBDA {
            store(message + row * stride + at, sum / load<F>(interference_ + at));
        });
        message += sent_ * stride;
        gather(harmed_, channel_.natural, [&](int64_t row, int64_t at, F sum) GFM_RA_LAMBDA {
            const F share = load<F>(harm_ + at) + load<F>(benefit_ + at) + network_tiny;
            store(message + row * stride + at, sum / share);
        });
        message += sent_ * stride;
        gather(near_, channel_.coupling, [&](int64_t row, int64_t at, F sum) GFM_RA_LAMBDA {
            const float* own = row < feature_count ? feature + row * stride : value_ + (row - feature_count) * stride;
            store(message + row * stride + at, (sum + load<F>(own + at)) / load<F>(channel_.around + at));
        });
    }

    const NetworkTask& task_;
    const int64_t width_, sent_, padded_;
    int64_t rows_ = 0;
    NetworkChannel<F> channel_;
    Prompt goal_{};
    float reach_ = 0.0f;
    float *start_, *input_, *weight_, *power_, *interference_, *rate_, *sinr_, *total_, *slope_, *stake_, *pressure_,
        *harm_, *benefit_, *heard_, *harmed_, *near_, *value_, *mean_state_, *estimate_, *receiver_, *transmitter_, *hidden_;
};

}  // namespace gfm_ra
