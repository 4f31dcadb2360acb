// SPDX-License-Identifier: Apache-2.0
#ifndef TCPINFO_TEST_UNIT_COLLECT_SCRATCH_DIRECTORY_H
#define TCPINFO_TEST_UNIT_COLLECT_SCRATCH_DIRECTORY_H

#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <system_error>

/// A directory of the test's own, gone with it.
class scratch_directory {
 public:
  scratch_directory() {
    // In memory where that can be: some tests make many thousand files.
    std::filesystem::path place = "/dev/shm";
    if (::access(place.c_str(), W_OK) != 0) place = std::filesystem::temp_directory_path();
    std::string pattern = (place / "tcpinfo-XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("mkdtemp");
    path_ = pattern;
  }
  ~scratch_directory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  scratch_directory(const scratch_directory&) = delete;
  scratch_directory& operator=(const scratch_directory&) = delete;
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

#endif
