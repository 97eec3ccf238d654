// One block of memory for all arrays of a kernel, each on a cache line of its own.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>

namespace gfm_ra {

constexpr size_t cache_line_bytes = 64;

// Arrays are asked for twice in the same order: with no memory, which measures, then with memory, which places them.
class Workspace {
  public:
    Workspace() = default;
    Workspace(const Workspace&) = delete;
    Workspace& operator=(const Workspace&) = delete;
    ~Workspace() { std::free(memory_); }

    // `count` floats, zero at first; null while measuring.
    float* array(int64_t count) {
        const size_t begin = used_;
        const size_t bytes = static_cast<size_t>(count) * sizeof(float);
        used_ += (bytes + cache_line_bytes - 1) / cache_line_bytes * cache_line_bytes;
        return memory_ ? reinterpret_cast<float*>(memory_ + begin) : nullptr;
    }

    // Take as much memory as was asked for; false if there is none.
    bool allocate() {
        void* memory = nullptr;
        if (posix_memalign(&memory, cache_line_bytes, used_ + cache_line_bytes) != 0) return false;
        std::memset(memory, 0, used_);
        memory_ = static_cast<char*>(memory);
        used_ = 0;
        return true;
    }

  private:
    char* memory_ = nullptr;
    size_t used_ = 0;
};

}  // namespace gfm_ra
