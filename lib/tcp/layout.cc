// SPDX-License-Identifier: Apache-2.0
#include "tcp/layout.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "common/kernel_release.h"

namespace tcpinfo::inline v0 {
namespace {

class file final {
 public:
  explicit file(const char* path) noexcept : fd_(::open(path, O_RDONLY | O_CLOEXEC)) {}
  ~file() {
    if (fd_ >= 0) ::close(fd_);
  }
  file(const file&) = delete;
  file& operator=(const file&) = delete;

  /// Reads until `size` bytes or the end. @return bytes read, or -1.
  [[nodiscard]] ssize_t read_at(char* to, std::size_t size, std::uint64_t offset) const noexcept {
    std::size_t done = 0;
    while (done < size) {
      const ssize_t n = ::pread(fd_, to + done, size - done, static_cast<off_t>(offset + done));
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return -1;
      if (n == 0) break;
      done += static_cast<std::size_t>(n);
    }
    return static_cast<ssize_t>(done);
  }

 private:
  int fd_;
};

}  // namespace

info_layout layout_of_kernel(std::string_view release) noexcept {
  const auto version = version_of_release(release);
  if (!version) return info_layout::unknown;
  if (version->major_number >= 7) return info_layout::b;
  if (*version == kernel_version{6, 18} || *version == kernel_version{6, 19}) return info_layout::a;
  return info_layout::unknown;
}

std::optional<info_layout> layout_of_btf(const char* path) noexcept {
  // struct btf_header: magic u16, version u8, flags u8, then u32 each: own length, offset and
  // length of the types, offset and length of the strings, offsets counted from the header's end.
  struct header {
    std::uint16_t magic;
    std::uint8_t version;
    std::uint8_t flags;
    std::uint32_t length;
    std::uint32_t types_at;
    std::uint32_t types_length;
    std::uint32_t strings_at;
    std::uint32_t strings_length;
  } h;
  std::array<char, 32768> chunk;
  const file f(path);
  if (f.read_at(chunk.data(), sizeof h, 0) != static_cast<ssize_t>(sizeof h)) return std::nullopt;
  std::memcpy(&h, chunk.data(), sizeof h);
  if (h.magic != 0xeb9f) return std::nullopt;

  // Every name stands once, between NULs. A name cut by the end of a chunk is whole in the next
  // one, which begins that much earlier.
  static constexpr std::string_view in_b("\0tcpi_ecn_mode\0", 15);
  static constexpr std::string_view in_both("\0tcpi_accecn_fail_mode\0", 23);
  static constexpr std::size_t overlap = in_both.size() - 1;
  bool word = false;
  std::uint64_t at = std::uint64_t{h.length} + h.strings_at;
  const std::uint64_t end = at + h.strings_length;
  while (at < end) {
    const std::size_t wanted =
        end - at < chunk.size() ? static_cast<std::size_t>(end - at) : chunk.size();
    const ssize_t got = f.read_at(chunk.data(), wanted, at);
    if (got < static_cast<ssize_t>(wanted)) return std::nullopt;
    const std::string_view text(chunk.data(), wanted);
    if (text.find(in_b) != text.npos) return info_layout::b;
    if (text.find(in_both) != text.npos) word = true;
    if (at + wanted == end) break;
    at += wanted - overlap;
  }
  return word ? info_layout::a : info_layout::unknown;
}

info_layout running_kernel_layout() noexcept {
  if (const auto layout = layout_of_btf("/sys/kernel/btf/vmlinux")) return *layout;
  struct utsname name;
  if (::uname(&name) != 0) return info_layout::unknown;
  return layout_of_kernel(name.release);
}

}  // namespace tcpinfo::inline v0
