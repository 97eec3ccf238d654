// Solves a file of gains with one instruction set and writes the powers: how objects for another machine are tested.
// Usage: harness GAINS POWERS links count kind first second starts iterations
#include <cstdio>
#include <cstdlib>
#include <vector>

#include "solvers/wmmse.hpp"

extern "C" int32_t gfm_ra_wmmse(const gfm_ra::Task* task, int64_t begin, int64_t end);

int main(int count_of_words, char** words) {
    if (count_of_words != 10) return 2;
    const int64_t links = std::atoll(words[3]), count = std::atoll(words[4]);
    std::vector<float> gain(links * links * count), weights(links, 1.0f), power(links * count);
    FILE* from = std::fopen(words[1], "rb");
    if (!from || std::fread(gain.data(), sizeof(float), gain.size(), from) != gain.size()) return 3;
    std::fclose(from);
    gfm_ra::Task task{};
    task.gain = gain.data();
    task.weights = weights.data();
    task.power = power.data();
    task.links = links;
    task.weight_rows = 1;
    task.kind = static_cast<gfm_ra::Kind>(std::atoi(words[5]));
    task.goal = {static_cast<float>(std::atof(words[6])), static_cast<float>(std::atof(words[7]))};
    task.starts = std::atoll(words[8]);
    task.iterations = std::atoll(words[9]);
    task.seed = 4;
    if (gfm_ra_wmmse(&task, 0, count) != 0) return 4;
    FILE* to = std::fopen(words[2], "wb");
    if (!to || std::fwrite(power.data(), sizeof(float), power.size(), to) != power.size()) return 5;
    return std::fclose(to);
}
