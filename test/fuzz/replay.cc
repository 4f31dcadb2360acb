// SPDX-License-Identifier: Apache-2.0
//
// Runs a fuzz target without a fuzzer: over every seed, and over mutations of the seeds that are
// the same in every run. So the targets are built and exercised by any compiler in the normal
// tests.
//   replay <seeds> <number of mutations>
#include <unistd.h>
#include <csignal>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <vector>

#include "fuzz.h"

namespace {

using bytes = std::vector<std::uint8_t>;

const bytes* current = nullptr;

// Leaves the input behind, so that a failure in a mutation can be looked at and made a seed.
extern "C" void keep_input(int signal_number) {
  if (current != nullptr) {
    if (std::FILE* const f = std::fopen("fuzz-failure", "wb")) {
      std::fwrite(current->data(), 1, current->size(), f);
      std::fclose(f);
      std::fputs("the input is in ./fuzz-failure\n", stderr);
    }
  }
  std::signal(signal_number, SIG_DFL);
  std::raise(signal_number);
}

void run(const bytes& input) {
  current = &input;
  LLVMFuzzerTestOneInput(input.data(), input.size());
  current = nullptr;
}

// std::uniform_int_distribution differs between libraries; the generator does not.
class dice {
 public:
  explicit dice(std::uint64_t seed) : random_(seed) {}
  std::size_t operator()(std::size_t sides) {
    return sides == 0 ? 0 : static_cast<std::size_t>(random_() % sides);
  }

 private:
  std::mt19937_64 random_;
};

void mutate(bytes& input, const std::vector<bytes>& seeds, dice& roll) {
  static constexpr std::uint8_t telling[] = {0,   1,   4,   0x7f, 0x80, 0xff, '"', '\\', '{', '}',
                                             '[', ']', ',', ':',  ' ',  '=',  'A', '\n', '0', '-'};
  const auto place = [&] {
    return input.begin() + static_cast<std::ptrdiff_t>(roll(input.size()));
  };
  if (input.empty()) {
    input.push_back(telling[roll(std::size(telling))]);
    return;
  }
  switch (roll(7)) {
    case 0:
      *place() ^= static_cast<std::uint8_t>(1U << roll(8));
      break;
    case 1:
      *place() = telling[roll(std::size(telling))];
      break;
    case 2:
      input.insert(place(), telling[roll(std::size(telling))]);
      break;
    case 3:
      input.resize(roll(input.size()));
      break;
    case 4: {
      const auto from = place();
      const auto rest = static_cast<std::size_t>(input.end() - from);
      input.erase(from,
                  from + static_cast<std::ptrdiff_t>(1 + roll(std::min<std::size_t>(rest, 8))));
      break;
    }
    case 5: {  // the end of another seed
      const bytes& other = seeds[roll(seeds.size())];
      input.erase(place(), input.end());
      input.insert(input.end(), other.begin() + static_cast<std::ptrdiff_t>(roll(other.size())),
                   other.end());
      break;
    }
    default: {  // some of it twice
      const auto from = place();
      const auto rest = static_cast<std::size_t>(input.end() - from);
      const bytes copy(
          from, from + static_cast<std::ptrdiff_t>(1 + roll(std::min<std::size_t>(rest, 64))));
      input.insert(place(), copy.begin(), copy.end());
      break;
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  std::signal(SIGABRT, keep_input);
  std::signal(SIGSEGV, keep_input);
  std::vector<std::string> names;
  std::error_code ec;
  for (const auto& entry : std::filesystem::directory_iterator(argv[1], ec))
    names.push_back(entry.path().string());
  // Folders have no order that would be the same everywhere.
  std::sort(names.begin(), names.end());
  std::vector<bytes> seeds;
  for (const std::string& name : names) {
    std::ifstream file(name, std::ios::binary);
    seeds.emplace_back(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
  }
  if (seeds.empty()) {
    std::fprintf(stderr, "no seeds in %s\n", argv[1]);
    return 1;
  }
  run({});
  for (const bytes& seed : seeds) run(seed);
  const unsigned long mutations = std::strtoul(argv[2], nullptr, 10);
  dice roll(20190401);
  for (unsigned long i = 0; i < mutations; ++i) {
    bytes input = seeds[i % seeds.size()];
    for (std::size_t steps = 1 + roll(4); steps > 0; --steps) mutate(input, seeds, roll);
    run(input);
  }
  std::printf("%zu seeds, %lu mutations\n", seeds.size(), mutations);
  return 0;
}
