// The unrolled network of components/model/unrolled: one network's gains, a goal and noise to powers, all draws together.
#pragma once

#include "common/products.hpp"
#include "network/effects.hpp"
#include "network/estimate.hpp"
#include "network/layers.hpp"

namespace gfm_ra {

constexpr int start_feature_count = 14, noise_count = 2, message_kinds = 3;

// One step's weights; without values, `value.rows` is 0.
struct StepLayers {
    Layer power, value, into, outof;
};

// What `gfm_ra/inference/network/unrolled.py` passes on.
struct NetworkTask {
    const float* gain;        // [B, K, K], linear; NaN = not known
    const float* parameters;  // [B, 3]: alpha, least rate, penalty
    const float* weights;     // [B, K], or [1, K] for all
    const float* noise;       // [D, K, 2]
    float* power;             // [B, D, K]
    Layer start_into, start_outof, power_layer;
    const StepLayers* steps;
    EstimatorLayers estimator;
    int64_t links, draws, step_count, width, values, weight_rows;
    float first_noise;  // factor of the first draw's noise
    const float* uncertainty_db;  // [B, K, K]: standard deviations of known gains; null where all are exact
    const float* at_most_db;      // [B, K, K]: limits of unknown gains, infinite where there is none; or null
    // [B]: circuit power of the goal per power spent, below 0 where it is none; or null. One for all links together, or,
    // [B], 1 where each link's rate counts per its own power.
    const float *circuit_power, *each;
};

// `Channel` holds the gains, as a matrix or as the listed ones of a sparse network (sparse/channel.hpp).
template <class F, class Channel = NetworkChannel<F>> class Pass {
  public:
    explicit Pass(const NetworkTask& task)
        : task_(task), width_(task.width), sent_(feature_count + task.values),
          padded_((sent_ + Channel::padded_to - 1) / Channel::padded_to * Channel::padded_to) {}

    Channel& channel() { return channel_; }

    void place(Workspace& memory) {
        channel_.place(memory, task_.links);
        const int64_t stride = channel_.stride;
        const int64_t all = task_.draws * task_.links, width = lanes<F>;
        columns_ = (all + width - 1) / width * width;
        // What is written for one draw in whole vectors ends here at the latest.
        across_ = ((task_.draws - 1) * task_.links + stride + width - 1) / width * width;
        start_ = memory.array((start_feature_count + noise_count) * across_);
        input_ = memory.array((width_ + feature_count + message_kinds * sent_) * across_);
        for (float** array : {&weight_, &power_, &interference_, &rate_, &sinr_, &total_, &slope_, &stake_, &pressure_,
                              &harm_, &benefit_, &near_stake_})
            *array = memory.array(stride);
        for (float** array : {&heard_, &harmed_, &near_}) *array = memory.array(task_.links * padded_);
        value_ = memory.array(padded_ * across_);
        if constexpr (Channel::may_hide) estimate_.place(memory, task_.estimator, task_.links, stride);
        int64_t hidden = task_.start_into.rows;
        for (int64_t step = 0; step < task_.step_count; ++step)
            if (task_.steps[step].into.rows > hidden) hidden = task_.steps[step].into.rows;
        hidden_ = memory.array(hidden * most_vectors * lanes<F>);
    }

    // Powers of network `index`, [draws, K].
    void solve(int64_t index) {
        const int64_t gains = index * task_.links * task_.links;
        if constexpr (Channel::may_hide) {
            const auto part = [gains](const float* all) GFM_RA_LAMBDA { return all == nullptr ? nullptr : all + gains; };
            channel_.read(task_.gain + gains, part(task_.uncertainty_db));
            if (channel_.any_unknown || channel_.any_uncertain)
                estimate_.fill(task_.estimator, channel_, part(task_.at_most_db));
        } else {
            channel_.read(task_.gain);
        }
        const float* given = task_.parameters + 3 * index;
        goal_ = {given[0], given[1], given[2], task_.circuit_power == nullptr ? -1.0f : task_.circuit_power[index]};
        each_ = goal_.circuit_power >= 0.0f && task_.each[index] != 0.0f;
        reach_ = exp2_less_one_of(all<Float4>(goal_.min_rate))[0];
        const float* weights = task_.weights + (task_.weight_rows > 1 ? index : 0) * task_.links;
        std::memcpy(weight_, weights, task_.links * sizeof(float));
        start();
        for (int64_t step = 0; step < task_.step_count; ++step) advance(task_.steps[step]);
        for (int64_t draw = 0; draw < task_.draws; ++draw) {
            set_powers(task_.power_layer, state_of(draw));
            std::memcpy(task_.power + (index * task_.draws + draw) * task_.links, power_, task_.links * sizeof(float));
        }
    }

  private:
    // Draws lie side by side in a row, without a gap: layers see one row of links, whatever their number. A draw's last
    // vector reaches into the next draw's place: draws are written in order.
    float* state_of(int64_t draw) const { return input_ + draw * task_.links; }

    void start() {
        const int64_t links = task_.links, stride = channel_.stride;
        channel_.mean_around(weight_, near_stake_);
        // Sums and maxima of rows and columns.
        float *row_sum = interference_, *row_max = rate_, *column_sum = sinr_, *column_max = total_;
        channel_.measure(row_sum, row_max, column_sum, column_max);
        const auto logarithm = [](F value) GFM_RA_LAMBDA {
            return within(natural_log(value + network_tiny) * 0.2f - 1.0f, -largest_feature, largest_feature);
        };
        const float shared[] = {goal_.alpha / 2.0f, scalar_log(1.0f + goal_.penalty) / 3.0f,
                                scalar_log(1.0f + 10.0f * goal_.min_rate) / 2.0f};
        for (int64_t k = 0; k < stride; k += lanes<F>) {
            const auto keep = [&](int feature, F value) GFM_RA_LAMBDA { store(start_ + feature * across_ + k, value); };
            keep(0, logarithm(load<F>(channel_.own + k)));
            keep(1, logarithm(load<F>(row_sum + k) + 1.0f));
            keep(2, logarithm(load<F>(row_max + k) + 1.0f));
            keep(3, logarithm(load<F>(column_sum + k) + 1.0f));
            keep(4, logarithm(load<F>(column_max + k) + 1.0f));
            for (int i = 0; i < 3; ++i) keep(5 + i, within(all<F>(shared[i]), -largest_feature, largest_feature));
            const F mean = load<F>(near_stake_ + k);
            const F priority = natural_log((load<F>(weight_ + k) + network_tiny) / (mean + network_tiny)) * 0.5f;
            keep(8, within(priority, -largest_feature, largest_feature));
            for (int feature = 9; feature < start_feature_count; ++feature) keep(feature, all<F>(0.0f));
            if (goal_.circuit_power >= 0.0f) {
                const float told = scalar_log(1.0f + goal_.circuit_power) + 0.1f;
                keep(10, within(all<F>(each_ ? -told : told), -largest_feature, largest_feature));
            }
        }
        if constexpr (Channel::may_hide)
            if (channel_.any_unknown || channel_.any_uncertain) doubt();
        for (int feature = 0; feature < start_feature_count; ++feature)
            for (int64_t draw = 1; draw < task_.draws; ++draw)
                std::memcpy(start_ + feature * across_ + draw * links, start_ + feature * across_, links * sizeof(float));
        for (int64_t draw = 0; draw < task_.draws; ++draw)
            for (int64_t k = 0; k < links; ++k)
                for (int i = 0; i < noise_count; ++i)
                    start_[(start_feature_count + i) * across_ + draw * links + k] =
                        task_.noise[(draw * links + k) * noise_count + i] * (draw == 0 ? task_.first_noise : 1.0f);
        two_layers<F, false>(task_.start_into, task_.start_outof, start_, input_, hidden_, across_, columns_);
    }

    // Standard deviations in units of 10 dB: of the own gain, and of what a link hears and of what is heard of it, by its
    // strength; an unknown gain counts as one of 10 dB. The last three features of the start.
    void doubt() {
        const int64_t links = task_.links, stride = channel_.stride;
        float *heard_all = rate_, *heard = sinr_, *harmed_all = total_, *harmed = slope_;
        for (float* array : {heard_all, heard, harmed_all, harmed})
            for (int64_t k = 0; k < stride; ++k) array[k] = 0.0f;
        for (int64_t k = 0; k < links; ++k)
            for (int64_t j = 0; j < links; ++j) {
                const float gain = channel_.natural[k * stride + j], strength = gain / (gain + 1.0f);
                const float estimated = strength * spread_of(k * stride + j);
                heard_all[k] += strength;
                harmed_all[j] += strength;
                heard[k] += estimated;
                harmed[j] += estimated;
            }
        for (int64_t k = 0; k < stride; ++k) {
            start_[12 * across_ + k] = most(heard[k] / (heard_all[k] + 1.0f));
            start_[13 * across_ + k] = most(harmed[k] / (harmed_all[k] + 1.0f));
            if (k < links) start_[11 * across_ + k] = most(spread_of(k * stride + k));
        }
    }

    float spread_of(int64_t at) const {
        if (channel_.unknown[at] > 0.0f) return 1.0f;
        return channel_.any_uncertain ? channel_.deviation_db[at] * 0.1f : 0.0f;
    }

    static float most(float value) { return value < largest_feature ? value : largest_feature; }

    static float scalar_log(float value) { return natural_log(all<Float4>(value))[0]; }

    // Powers that a state means, into `power_`; links that do not exist are silent.
    void set_powers(const Layer& layer, const float* state) {
        const int64_t stride = channel_.stride;
        weigh(layer, state);
        for (int64_t k = 0; k < stride; k += lanes<F>) store(power_ + k, sigmoid(load<F>(power_ + k)));
        for (int64_t k = task_.links; k < stride; ++k) power_[k] = 0.0f;
    }

    // One row of a layer for one draw, into `power_`.
    void weigh(const Layer& layer, const float* state) {
        for_links<F>(channel_.stride, [&](int64_t first, auto count) GFM_RA_LAMBDA {
            constexpr int vectors = decltype(count)::value;
            F sum[vectors];
            for (int v = 0; v < vectors; ++v) sum[v] = all<F>(layer.bias[0]);
            const float* in = state + first;
            for (int64_t term = 0; term < width_; ++term, in += across_)
                for (int v = 0; v < vectors; ++v) sum[v] = fma(all<F>(layer.weights[term]), load<F>(in + v * lanes<F>), sum[v]);
            for (int v = 0; v < vectors; ++v) store(power_ + first + v * lanes<F>, sum[v]);
        });
    }

    void advance(const StepLayers& step) {
        if (step.value.rows > 0) bounded_layer<F>(step.value, input_, value_, across_, columns_);
        for (int64_t draw = 0; draw < task_.draws; ++draw) exchange(step, state_of(draw), value_ + draw * task_.links);
        two_layers<F, true>(step.into, step.outof, input_, input_, hidden_, across_, columns_);
    }

    // What follows from the powers of one draw, and what its links receive of each other.
    void exchange(const StepLayers& step, float* state, const float* value) {
        const int64_t links = task_.links, stride = channel_.stride;
        float* feature = state + width_ * across_;
        set_powers(step.power, state);
        channel_.hear(power_, interference_);
        for (int64_t k = 0; k < stride; k += lanes<F>) {
            // A rate that counts per its link's own power is as one of a smaller weight.
            F weight = load<F>(weight_ + k);
            if (each_) weight = weight / spent_by(load<F>(power_ + k));
            const auto found = consequences<F>(load<F>(channel_.own + k), load<F>(power_ + k),
                                               load<F>(interference_ + k), weight, goal_);
            store(sinr_ + k, found.sinr);
            store(total_ + k, found.total);
            store(rate_ + k, found.rate);
            store(slope_ + k, found.slope);
            store(stake_ + k, found.stake);
        }
        float largest = network_tiny;
        for (int64_t k = 0; k < links; ++k) largest = stake_[k] > largest ? stake_[k] : largest;
        for (int64_t k = links; k < stride; ++k) stake_[k] = 0.0f;
        for (int64_t k = 0; k < stride; k += lanes<F>) store(stake_ + k, load<F>(stake_ + k) / largest);
        channel_.mean_around(stake_, near_stake_);
        for (int64_t k = 0; k < stride; k += lanes<F>) {
            const F near = larger(load<F>(near_stake_ + k), all<F>(least_stake));
            const F worth = load<F>(slope_ + k) / (load<F>(total_ + k) * largest);
            store(near_stake_ + k, near);
            store(benefit_ + k, worth * load<F>(channel_.own + k) / near);
            store(pressure_ + k, worth * load<F>(sinr_ + k));
        }
        channel_.hear_back(pressure_, harm_);
        const float per_power = goal_.circuit_power >= 0.0f ? stake_per_power() : 0.0f;
        for (int64_t k = 0; k < stride; k += lanes<F>) {
            F harm = load<F>(harm_ + k);
            if (each_) harm = harm + load<F>(stake_ + k) / spent_by(load<F>(power_ + k));
            store(harm_ + k, (harm + per_power) / load<F>(near_stake_ + k));
        }
        for (int64_t k = 0; k < stride; k += lanes<F>) {
            const Consequences<F> found{load<F>(sinr_ + k), load<F>(total_ + k), load<F>(rate_ + k),
                                        load<F>(slope_ + k), load<F>(stake_ + k)};
            features<F>(found, load<F>(channel_.own + k), load<F>(power_ + k), load<F>(interference_ + k),
                        load<F>(benefit_ + k), load<F>(harm_ + k), load<F>(near_stake_ + k), reach_, goal_,
                        [&](int number, F value) GFM_RA_LAMBDA { store(feature + number * across_ + k, value); });
        }
        send(feature, value);
        receive(feature, value, feature + feature_count * across_);
    }

    F spent_by(F power) const { return larger(power + goal_.circuit_power, all<F>(network_tiny)); }

    // What a full power costs where all rates count per all power: the stake that the mean power brings.
    float stake_per_power() const {
        if (each_) return 0.0f;
        float stake = 0.0f, spent = 0.0f;
        for (int64_t k = 0; k < task_.links; ++k) {
            const float own = power_[k] + goal_.circuit_power;
            stake += stake_[k];
            spent += own > network_tiny ? own : network_tiny;
        }
        return stake / (spent > network_tiny ? spent : network_tiny);
    }

    // What every link sends, link by link, with the factors that its receivers' averages have.
    void send(const float* feature, const float* value) {
        const int64_t links = task_.links;
        for (int64_t j = 0; j < links; ++j) {
            float* to = near_ + j * padded_;
            for (int i = 0; i < feature_count; ++i) to[i] = feature[i * across_ + j];
            for (int64_t i = 0; i < task_.values; ++i) to[feature_count + i] = value[i * across_ + j];
            const float power = power_[j], pressure = pressure_[j];
            for (int64_t i = 0; i < padded_; ++i) {
                heard_[j * padded_ + i] = power * to[i];
                harmed_[j * padded_ + i] = pressure * to[i];
            }
        }
    }

    void receive(const float* feature, const float* value, float* message) {
        channel_.gather_heard(heard_, sent_, padded_, [&](int64_t row, int64_t at, F sum) GFM_RA_LAMBDA {
            store(message + row * across_ + at, sum / load<F>(interference_ + at));
        });
        message += sent_ * across_;
        channel_.gather_harmed(harmed_, sent_, padded_, [&](int64_t row, int64_t at, F sum) GFM_RA_LAMBDA {
            const F share = (load<F>(harm_ + at) + load<F>(benefit_ + at) + network_tiny) * load<F>(near_stake_ + at);
            store(message + row * across_ + at, sum / share);
        });
        message += sent_ * across_;
        channel_.gather_near(near_, sent_, padded_, [&](int64_t row, int64_t at, F sum) GFM_RA_LAMBDA {
            const float* own = row < feature_count ? feature + row * across_ : value + (row - feature_count) * across_;
            store(message + row * across_ + at, (sum + load<F>(own + at)) / load<F>(channel_.around + at));
        });
    }

    const NetworkTask& task_;
    const int64_t width_, sent_, padded_;
    int64_t columns_ = 0;  // all draws' links
    int64_t across_ = 0;   // from row to row
    Channel channel_;
    HiddenGains<F> estimate_;
    Prompt goal_{};
    float reach_ = 0.0f;
    bool each_ = false;
    float *start_, *input_, *weight_, *power_, *interference_, *rate_, *sinr_, *total_, *slope_, *stake_, *pressure_,
        *harm_, *benefit_, *near_stake_, *heard_, *harmed_, *near_, *value_, *hidden_;
};

}  // namespace gfm_ra
