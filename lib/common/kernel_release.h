// SPDX-License-Identifier: Apache-2.0
//
// Kernel releases, as `uname -r` prints them: "6.1.0-18-amd64".
#ifndef TCPINFO_COMMON_KERNEL_RELEASE_H
#define TCPINFO_COMMON_KERNEL_RELEASE_H

#include <sys/utsname.h>

#include <charconv>
#include <compare>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>

namespace tcpinfo::inline v0 {

struct kernel_version {
  unsigned major_number = 0;  // <sys/sysmacros.h> has macros of the shorter names
  unsigned minor_number = 0;
  friend constexpr auto operator<=>(const kernel_version&, const kernel_version&) = default;
};

/// The first number of a release; none where it does not begin with one.
[[nodiscard]] inline std::optional<unsigned> major_of_release(std::string_view release) noexcept {
  unsigned number = 0;
  const auto end = release.data() + release.size();
  if (std::from_chars(release.data(), end, number).ec != std::errc{}) return std::nullopt;
  return number;
}

/// The first two numbers of a release; none where it does not begin with them.
[[nodiscard]] inline std::optional<kernel_version> version_of_release(
    std::string_view release) noexcept {
  kernel_version version;
  const char* const end = release.data() + release.size();
  const auto first = std::from_chars(release.data(), end, version.major_number);
  if (first.ec != std::errc{} || first.ptr == end || *first.ptr != '.') return std::nullopt;
  const auto second = std::from_chars(first.ptr + 1, end, version.minor_number);
  if (second.ec != std::errc{}) return std::nullopt;
  return version;
}

/// That of the running kernel; empty where it does not tell.
[[nodiscard]] inline std::string kernel_release() {
  utsname running{};
  return ::uname(&running) == 0 ? running.release : "";
}

}  // namespace tcpinfo::inline v0

#endif
