// An effort from gains to the chosen answer: draws of the network, WMMSE iterations from each, classical answers, and
// the best of them by true utility.
#pragma once

#include "efforts/merit.hpp"
#include "network/pass.hpp"
#include "solvers/wmmse.hpp"

namespace gfm_ra {

// Where an answer comes from, as gfm_ra/inference/efforts.py numbers it.
enum class Source : int32_t { model = 0, refined = 1, wmmse = 2, full_power = 3 };

// What gfm_ra/inference/efforts.py passes on. All gains are known.
struct EffortTask {
    const NetworkTask* network;  // its powers are the draws, [B, D, K]
    const Task* classical;       // WMMSE to compare with; its powers are room for its answers, [B, K]
    const double* exact;         // [B, K, K]: gains in double precision, or null where they are those of `network`
    Family goal;
    float* power;     // [B, K]
    double* rate;     // [B, K], bit/s/Hz
    int32_t* source;  // [B]
    int32_t* refused;  // [B]: whether the first draw was no answer
    int64_t refinements;
    int64_t compares;  // 0: only where the network has no answer
};

// `Network` writes the draws of a network of links into `task.network->power`.
template <class F, class Network = Pass<F>> class Effort {
  public:
    explicit Effort(const EffortTask& task)
        : task_(task), links_(task.network->links), draws_(task.network->draws), pass_(*task.network),
          refinement_(*task.classical), classical_(*task.classical) {
        refinement_.starts = 1;
        refinement_.iterations = task.refinements;
    }

    Outcome solve(int64_t begin, int64_t end) {
        place();
        if (!memory_.allocate()) return Outcome::out_of_memory;
        place();
        for (int64_t index = begin; index < end; ++index) {
            pass_.solve(index);
            if (!answer(index)) return Outcome::out_of_memory;
        }
        return Outcome::solved;
    }

  private:
    void place() {
        pass_.place(memory_);
        one_.place(memory_, links_);
        candidate_ = memory_.array((draws_ + 2) * links_);
        for (double** array : {&rate_, &best_rate_}) *array = reinterpret_cast<double*>(memory_.array(2 * links_));
    }

    static bool are_powers(const float* power, int64_t links) {
        bool found = true;
        for (int64_t k = 0; k < links; ++k) found &= power[k] >= 0.0f && power[k] <= 1.0f;  // NaN fails both
        return found;
    }

    // Refine the draws of a network, compare, and write the best answer. False where memory is missing.
    bool answer(int64_t index) {
        const Task& classical = *task_.classical;
        const float* drawn = task_.network->power + index * draws_ * links_;
        one_.read(classical.gain + index * links_ * links_, classical.weights_of(index));
        const bool first = are_powers(drawn, links_);
        const bool compares = task_.compares != 0 || !first;
        best_ = -INFINITY;
        chosen_ = -1;
        if (!compares) {
            // The best draw is almost always the best one after refinement too.
            const float* given = drawn + (draws_ > 1 ? best_draw(index, drawn) : 0) * links_;
            chosen_ = -1;
            improve(refinement_, given, candidate_of(0));
            consider(index, candidate_of(0), 0, Source::model);
        } else {
            for (int64_t draw = 0; draw < draws_; ++draw) {
                const float* given = drawn + draw * links_;
                // Full power stands in for what is no answer.
                const bool sound = are_powers(given, links_);
                improve(refinement_, sound ? given : nullptr, candidate_of(draw));
                consider(index, candidate_of(draw), draw, sound ? Source::refined : Source::wmmse);
            }
            float* run = candidate_of(draws_);
            if (classical.starts == 1) {
                improve(classical, nullptr, run);
            } else {
                if (!prepared_ && classical_.prepare() != Outcome::solved) return false;
                prepared_ = true;
                classical_.solve_one(index);
                std::memcpy(run, classical.power + index * links_, links_ * sizeof(float));
            }
            consider(index, run, draws_, Source::wmmse);
            float* full = candidate_of(draws_ + 1);
            for (int64_t k = 0; k < links_; ++k) full[k] = 1.0f;
            consider(index, full, draws_ + 1, Source::full_power);
        }
        std::memcpy(task_.power + index * links_, candidate_of(chosen_), links_ * sizeof(float));
        std::memcpy(task_.rate + index * links_, best_rate_, links_ * sizeof(double));
        task_.source[index] = static_cast<int32_t>(source_);
        task_.refused[index] = !first;
        return true;
    }

    // The draw of the best utility as it is; the first one is an answer.
    int64_t best_draw(int64_t index, const float* drawn) {
        for (int64_t draw = 0; draw < draws_; ++draw)
            if (are_powers(drawn + draw * links_, links_)) consider(index, drawn + draw * links_, draw, Source::model);
        return chosen_;
    }

    float* candidate_of(int64_t number) { return candidate_ + number * links_; }

    // WMMSE from given powers, or from full power; the gains have been read.
    void improve(const Task& task, const float* given, float* to) {
        one_.begin({0, 0, given}, 0);
        float utility;
        std::memcpy(to, iterate(one_, task, false, &utility), links_ * sizeof(float));
    }

    // Keep powers, candidate `number`, if they are better than all before; the first ones need no utility to win.
    void consider(int64_t index, const float* power, int64_t number, Source source) {
        const int64_t size = links_ * links_;
        if (task_.exact != nullptr) exact_rates(task_.exact + index * size, power, links_, rate_);
        else exact_rates(task_.classical->gain + index * size, power, links_, rate_);
        const bool only = chosen_ < 0;
        const float* weights = task_.classical->weights_of(index);
        const double found = merit(rate_, weights, links_, task_.goal);
        if (!only && !is_better(rate_, found, best_rate_, best_, weights, links_, task_.goal)) return;
        best_ = found;
        chosen_ = number;
        source_ = source;
        double* last = best_rate_;
        best_rate_ = rate_;
        rate_ = last;
    }

    const EffortTask& task_;
    const int64_t links_, draws_;
    Workspace memory_;
    Network pass_;
    LinksAsLanes<F> one_;
    Task refinement_;
    BestOfStarts<F> classical_;
    bool prepared_ = false;
    float* candidate_ = nullptr;
    double *rate_ = nullptr, *best_rate_ = nullptr, best_ = 0.0;
    int64_t chosen_ = -1;
    Source source_ = Source::model;
};

}  // namespace gfm_ra
