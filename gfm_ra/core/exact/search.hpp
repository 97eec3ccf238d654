// Branch and bound over boxes of powers, the most promising box first.
#pragma once

#include <algorithm>
#include <cstdlib>
#include <ctime>

#include "exact/box.hpp"

namespace gfm_ra {

// What `gfm_ra/solvers/proofs/branch_and_bound.py` passes on: N searches over networks of K links.
struct ExactTask {
    const double* gain;     // [N, K, K], or one [K, K] for all where `one` is set
    const double* weights;  // [N, K]
    const double* price;    // [N, K]
    const double* low;      // [N, K]: the box to search
    const double* high;     // [N, K]
    double* power;          // [N, K]: a start, then the best powers met
    double* lower;          // [N]: their utility
    double* upper;          // [N]: no optimum of the whole network that lies in the box has more
    int64_t* boxes;         // [N]: looked at
    double* parts;          // [most_parts, 2, K]: the boxes left, where they are wanted; null otherwise
    int64_t* left;          // [N]: how many
    int64_t links, one, most_parts, most_boxes, most_open;
    int32_t shape, full_power;
    double first, second, circuit, efficiency, relative, absolute;
    const double* shift;  // [N]
    double until;         // when to stop, by the steady clock; 0: never
};

// Numbers in a row; grows without exceptions.
template <class T> class Row {
  public:
    Row() = default;
    Row(const Row&) = delete;
    Row& operator=(const Row&) = delete;
    ~Row() { std::free(data_); }

    T* data() { return data_; }
    int64_t size() const { return size_; }
    T& operator[](int64_t at) { return data_[at]; }
    T pop() { return data_[--size_]; }

    // False where memory is missing.
    bool grow(int64_t more) {
        if (size_ + more > room_) {
            const int64_t room = std::max<int64_t>(2 * room_, size_ + more + 64);
            void* found = std::realloc(data_, static_cast<size_t>(room) * sizeof(T));
            if (found == nullptr) return false;
            data_ = static_cast<T*>(found);
            room_ = room;
        }
        size_ += more;
        return true;
    }
    bool push(T value) {
        if (!grow(1)) return false;
        data_[size_ - 1] = value;
        return true;
    }

  private:
    T* data_ = nullptr;
    int64_t size_ = 0, room_ = 0;
};

class Search {
  public:
    Search(const ExactTask& task, int64_t index)
        : task_(task), index_(index), links_(task.links),
          problem_{links_,
                   task.gain + (task.one ? 0 : index * links_ * links_),
                   task.weights + index * links_,
                   task.price + index * links_,
                   {static_cast<Shape>(task.shape), task.first, task.second},
                   task.circuit,
                   task.efficiency,
                   task.full_power != 0},
          boxes_(problem_) {}

    // False where memory is missing.
    bool run() {
        copy(task_.power + index_ * links_, best_);
        found_ = boxes_.utility(best_);
        double low[most_links], high[most_links];
        copy(task_.low + index_ * links_, low);
        copy(task_.high + index_ * links_, high);
        bool sound = add(low, high, INFINITY);
        while (sound && open_.size() > 0 && !enough() && open_[0].bound > limit()) sound = divide(next());
        write();
        return sound;
    }

  private:
    struct Open {
        double bound;
        int64_t at;  // where its corners lie in the store
        bool operator<(const Open& other) const { return bound < other.bound; }
    };

    // What an upper bound may be for the best powers met to do.
    double limit() const {
        return found_ + task_.absolute + task_.relative * std::fabs(found_ + task_.shift[index_]);
    }

    bool enough() const {
        if (count_ >= task_.most_boxes || (task_.parts && open_.size() >= task_.most_parts - 1)) return true;
        return task_.until > 0.0 && (count_ & 127) < 2 && steady_seconds() >= task_.until;
    }
    static double steady_seconds() {
        timespec now;
        clock_gettime(CLOCK_MONOTONIC, &now);
        return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
    }

    // The most promising box; where many are open, one of the least promising, which are done soon.
    Open next() {
        if (open_.size() < task_.most_open) std::pop_heap(open_.data(), open_.data() + open_.size());
        return open_.pop();
    }

    bool divide(const Open& box) {
        double low[most_links], high[most_links], part_low[most_links], part_high[most_links];
        copy(store_.data() + box.at, low);
        copy(store_.data() + box.at + links_, high);
        if (!free_.push(box.at)) return false;
        const int64_t k = boxes_.widest(low, high);
        const double cut = boxes_.middle(k, low[k], high[k]);
        if (!(cut > low[k] && cut < high[k])) {  // no number lies between
            closed_ = std::max(closed_, box.bound);
            return true;
        }
        for (int side = 0; side < 2; ++side) {
            copy(low, part_low);
            copy(high, part_high);
            (side ? part_low : part_high)[k] = cut;
            if (!add(part_low, part_high, box.bound)) return false;
        }
        return true;
    }

    // Look at a box, of which `most` is known, and keep it if it may hold more than what has been found.
    bool add(double* low, double* high, double most) {
        ++count_;
        if (boxes_.shrink(low, high) == Verdict::discarded) return true;
        double inside[most_links], value;
        const double bound = std::min(most, boxes_.bound(low, high, inside, value));
        if (value > found_) {
            found_ = value;
            copy(inside, best_);
        }
        if (!(bound > limit())) {
            closed_ = std::max(closed_, bound);
            return true;
        }
        int64_t at = store_.size();
        if (free_.size() > 0) at = free_.pop();
        else if (!store_.grow(2 * links_)) return false;
        copy(low, store_.data() + at);
        copy(high, store_.data() + at + links_);
        if (!open_.push({bound, at})) return false;
        std::push_heap(open_.data(), open_.data() + open_.size());
        return true;
    }

    void write() {
        copy(best_, task_.power + index_ * links_);
        task_.lower[index_] = found_;
        const double most = std::max(found_, closed_);
        // Whoever asks for the boxes left searches them too.
        const bool all = open_.size() == 0 || task_.parts != nullptr;
        task_.upper[index_] = all ? most : std::max(most, open_[0].bound);
        task_.boxes[index_] = count_;
        task_.left[index_] = open_.size();
        if (task_.parts == nullptr) return;
        for (int64_t number = 0; number < open_.size(); ++number)
            std::memcpy(task_.parts + number * 2 * links_, store_.data() + open_[number].at,
                        2 * static_cast<size_t>(links_) * sizeof(double));
    }

    void copy(const double* from, double* to) const {
        std::memcpy(to, from, static_cast<size_t>(links_) * sizeof(double));
    }

    const ExactTask& task_;
    const int64_t index_, links_;
    const Problem problem_;
    Boxes boxes_;
    double best_[most_links], found_ = -INFINITY, closed_ = -INFINITY;
    int64_t count_ = 0;
    Row<double> store_;
    Row<Open> open_;
    Row<int64_t> free_;
};

}  // namespace gfm_ra
