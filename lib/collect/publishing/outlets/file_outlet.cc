// SPDX-License-Identifier: Apache-2.0
#include "collect/publishing/outlets/file_outlet.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <span>

#include "collect/os/read_full.h"
#include "collect/writing/file_names.h"
#include "common/errno_of.h"

namespace tcpinfo::collect {
namespace {

constexpr std::string_view segment_suffix = ".tcpseg.zst";
constexpr int most_names = 9;
constexpr std::size_t copy_portion = std::size_t{1} << 20;

std::error_code read_at(int fd, std::uint64_t offset, std::span<std::byte> out, std::size_t& n) {
  return read_full(
      [&](std::span<std::byte> rest, std::size_t& got) -> std::error_code {
        const ssize_t read = ::pread(fd, rest.data(), rest.size(),
                                     static_cast<off_t>(offset + (out.size() - rest.size())));
        if (read < 0) return last_error();
        got = static_cast<std::size_t>(read);
        return {};
      },
      out, n);
}

}  // namespace

std::error_code file_outlet::read_ours(const whole_segment& segment, std::uint64_t offset,
                                       std::size_t& n) {
  const auto ec = read_at(segment.descriptor, offset, ours_, n);
  unreadable_ = unreadable_ || ec;
  return ec;
}

// Another file of that name is left as it is: "~2", "~3" … go before the suffix of ours.
std::error_code file_outlet::choose_name(const whole_segment& segment, std::string& path,
                                         bool& is_there) {
  const std::string wanted = path;
  for (int n = 2;; ++n) {
    std::uint64_t same = 0;
    std::uint64_t size = 0;
    const auto ec = compare(path, segment, same, size);
    is_there = !ec && same == segment.size && size == segment.size;
    if (ec) return is_errno(ec, ENOENT) ? std::error_code() : ec;
    // One that ends within ours is the beginning of a copy.
    if (is_there || same == size) return {};
    if (n > most_names) return system_error(EEXIST);
    const std::size_t suffix = wanted.rfind(segment_suffix);
    path = fmt::format("{}~{}{}", std::string_view(wanted).substr(0, suffix), n,
                       suffix == std::string::npos ? std::string_view() : segment_suffix);
  }
}

// How many bytes of a file at the target are those of the segment, from the first on.
std::error_code file_outlet::compare(const std::string& path, const whole_segment& segment,
                                     std::uint64_t& same, std::uint64_t& size) {
  same = size = 0;
  descriptor file;
  if (const auto ec = system_.open_read(path, file)) return ec;
  if (const auto ec = system_.size(path, size)) return ec;
  theirs_.resize(copy_portion);
  for (;;) {
    std::size_t n = 0;
    std::size_t m = 0;
    if (const auto ec = read_ours(segment, same, n)) return ec;
    if (const auto ec = read_at(file.get(), same, theirs_, m)) return ec;
    const std::size_t both = std::min(n, m);
    const auto differ = std::mismatch(
        ours_.begin(), ours_.begin() + static_cast<std::ptrdiff_t>(both), theirs_.begin());
    const auto alike = static_cast<std::size_t>(differ.first - ours_.begin());
    same += alike;
    if (alike < copy_portion) return {};
  }
}

std::error_code file_outlet::copy(const std::string& part, const whole_segment& segment,
                                  const may_wait& may) {
  std::uint64_t at = 0;
  std::uint64_t size = 0;
  auto ec = compare(part, segment, at, size);
  const bool is_there = !ec;
  if (ec && !is_errno(ec, ENOENT)) return ec;
  // What is behind the last byte that is right was lost with its machine, maybe all of it.
  if (is_there && at == 0) {
    if ((ec = system_.remove(part))) return ec;
  } else if (size > at) {
    if ((ec = system_.truncate(part, at))) return ec;
  }
  while (at < segment.size) {
    if (!may()) return system_error(ECANCELED);
    std::size_t n = 0;
    if ((ec = read_ours(segment, at, n))) return ec;
    // Nobody changes a complete file.
    if (n == 0) return system_error(ESTALE);
    if ((ec = system_.append(part, bytes_view(ours_).first(n), at))) return ec;
    at += n;
  }
  return system_.sync(part);
}

send_result file_outlet::send_segment(const whole_segment& segment, const may_wait& may) {
  ours_.resize(copy_portion);
  unreadable_ = false;
  std::string path = folder_ + "/" + segment.name;
  const std::string folder = path.substr(0, path.rfind('/'));
  const auto failed = [&](const std::string& where, const std::error_code& ec) {
    return send_result{
        .fault = fmt::format("{}: {}", unreadable_ ? segment.path : where, ec.message()),
        .unreadable = unreadable_};
  };
  bool is_there = false;
  auto ec = choose_name(segment, path, is_there);
  if (ec) return failed(path, ec);
  const std::string part = path + std::string(part_suffix);
  if (is_there) {
    (void)system_.remove(part);
  } else {
    if ((ec = system_.make_directories(folder))) return failed(folder, ec);
    if ((ec = copy(part, segment, may))) return failed(part, ec);
    if ((ec = system_.replace(part, path))) return failed(path, ec);
  }
  // The name, too, also of a try that ended before this: what is acknowledged may be removed here.
  if ((ec = system_.sync_file_system(folder))) return failed(folder, ec);
  return {.all = true, .duplicates = is_there ? 1U : 0U};
}

}  // namespace tcpinfo::collect
