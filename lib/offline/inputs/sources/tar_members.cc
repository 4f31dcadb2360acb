// SPDX-License-Identifier: Apache-2.0
#include "offline/inputs/sources/tar_members.h"

#include <archive.h>
#include <archive_entry.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <new>
#include <span>

namespace tcpinfo::offline {
namespace {

// Two blocks of zeros mark the end (POSIX, pax). One is enough: whoever wrote it was at the end.
constexpr std::uint64_t block_size = 512;
constexpr std::size_t input_size = std::size_t{64} << 10;

struct free_archive {
  void operator()(struct archive* a) const { archive_read_free(a); }
};

}  // namespace

bool reads_tar() { return true; }

struct tar_members::impl {
  class member final : public byte_source {
   public:
    explicit member(impl& of) : of_(of) {}
    std::size_t read(std::span<std::byte> out) override { return of_.read_member(out); }
    std::string fault() const override { return of_.fault; }

   private:
    impl& of_;
  };

  std::unique_ptr<struct archive, free_archive> tar;
  byte_source* from = nullptr;
  member content{*this};
  std::string fault;
  std::string damage;
  std::string before;  // the entry before
  bool ended = true;
  std::uint64_t taken = 0;      // bytes of the tar
  std::uint64_t end_zeros = 0;  // that these end with
  // Of the member.
  bool member_ended = false;
  bytes_view block;       // what is here of it and was not delivered
  std::uint64_t gap = 0;  // zeros before that
  std::uint64_t position = 0;
  std::array<std::byte, input_size> input;

  void end_by_error() {
    ended = true;
    const std::string below = from->fault();
    const char* says = archive_error_string(tar.get());
    fault = !below.empty() ? below : std::string("tar: ") + (says != nullptr ? says : "damaged");
  }

  [[nodiscard]] std::uint64_t header_position() const {
    return static_cast<std::uint64_t>(archive_read_header_position(tar.get()));
  }

  void add_damage(std::uint64_t from_byte, const std::string& up_to) {
    damage = fmt::format("tar: no header at byte {}{}: what is there is lost, up to {}", from_byte,
                         before.empty() ? before : fmt::format(", behind {}", before), up_to);
  }

  // Block by block: archive_read_data() fills what it is given, and where the tar is cut it has an
  // error in place of the bytes before.
  std::size_t read_member(std::span<std::byte> out) {
    while (block.empty() && !ended && !member_ended) {
      const void* at = nullptr;
      std::size_t size = 0;
      la_int64_t offset = 0;
      const int result = archive_read_data_block(tar.get(), &at, &size, &offset);
      if (result == ARCHIVE_RETRY) continue;
      if (result == ARCHIVE_EOF) {
        member_ended = true;
      } else if (result < ARCHIVE_WARN) {
        end_by_error();
      } else {
        block = {static_cast<const std::byte*>(at), size};
        gap = static_cast<std::uint64_t>(offset) -
              std::min<std::uint64_t>(position, static_cast<std::uint64_t>(offset));
        position = static_cast<std::uint64_t>(offset) + size;
      }
    }
    // A hole in the file reads as zeros.
    const std::size_t zeros = static_cast<std::size_t>(std::min<std::uint64_t>(gap, out.size()));
    std::fill_n(out.begin(), zeros, std::byte{});
    gap -= zeros;
    const std::size_t n = std::min(out.size() - zeros, block.size());
    if (n != 0) std::memcpy(out.data() + zeros, block.data(), n);
    block = block.subspan(n);
    return zeros + n;
  }

  static la_ssize_t read_input(struct archive* a, void* user, const void** bytes) {
    auto& i = *static_cast<impl*>(user);
    try {
      *bytes = i.input.data();
      std::size_t n = i.from->read(i.input);
      // Zeros at the end are filled up to a block: to libarchive less than one is a cut.
      const std::uint64_t rest = i.taken % block_size;
      if (n == 0 && rest != 0 && i.end_zeros >= rest && i.from->fault().empty()) {
        n = static_cast<std::size_t>(block_size - rest);
        std::fill_n(i.input.begin(), n, std::byte{});
      }
      const auto read = std::span(i.input).first(n);
      const auto last =
          std::find_if(read.rbegin(), read.rend(), [](std::byte b) { return b != std::byte{}; });
      const auto zeros_here = static_cast<std::uint64_t>(last - read.rbegin());
      i.end_zeros = zeros_here == n ? i.end_zeros + n : zeros_here;
      i.taken += n;
      return static_cast<la_ssize_t>(n);
    } catch (const std::bad_alloc&) {
      archive_set_error(a, ENOMEM, "out of memory");
      return -1;
    }
  }
};

tar_members::tar_members() : impl_(std::make_unique<impl>()) {}
tar_members::~tar_members() = default;

void tar_members::open(byte_source& from) {
  impl& i = *impl_;
  i.from = &from;
  i.fault.clear();
  i.damage.clear();
  i.before.clear();
  i.taken = i.end_zeros = 0;
  i.tar.reset(archive_read_new());
  if (!i.tar) throw std::bad_alloc();
  struct archive* const a = i.tar.get();
  i.ended =
      archive_read_support_format_tar(a) != ARCHIVE_OK ||
      archive_read_set_format_option(a, "tar", "read_concatenated_archives", "1") != ARCHIVE_OK ||
      archive_read_open(a, &i, nullptr, &impl::read_input, nullptr) != ARCHIVE_OK;
  if (i.ended) i.end_by_error();
}

bool tar_members::next(std::string& name) {
  impl& i = *impl_;
  i.block = {};
  i.gap = i.position = 0;
  i.member_ended = false;
  i.damage.clear();
  bool in_damage = false;
  std::uint64_t damage_begin = 0;
  while (!i.ended) {
    archive_entry* entry = nullptr;
    const int result = archive_read_next_header(i.tar.get(), &entry);
    // A block that is no header: the next one may be.
    if (result == ARCHIVE_RETRY) {
      if (!in_damage) damage_begin = i.header_position();
      in_damage = true;
      continue;
    }
    if (result == ARCHIVE_EOF) {
      i.ended = true;
      i.fault = i.from->fault();
      if (i.fault.empty() && !in_damage && i.end_zeros < block_size)
        i.fault = "tar: no end mark: it was cut between two members, or never finished";
      break;
    }
    // A warning comes with a header that can be used.
    if (result != ARCHIVE_OK && result != ARCHIVE_WARN) {
      i.end_by_error();
      // What stood there was told; that its last block is short says no more.
      if (in_damage) i.fault = i.from->fault();
      break;
    }
    if (in_damage) {
      in_damage = false;
      i.add_damage(damage_begin, fmt::format("byte {}", i.header_position()));
    }
    const char* path = archive_entry_pathname(entry);
    // Where the locale cannot say it.
    if (path == nullptr) path = archive_entry_pathname_utf8(entry);
    i.before = path != nullptr ? path : "(no name)";
    if (archive_entry_filetype(entry) != AE_IFREG || archive_entry_hardlink(entry) != nullptr)
      continue;
    name = i.before;
    return true;
  }
  if (in_damage) i.add_damage(damage_begin, "the end");
  return false;
}

byte_source& tar_members::content() { return impl_->content; }

const std::string& tar_members::damage() const noexcept { return impl_->damage; }

std::string tar_members::fault() const { return impl_->fault; }

}  // namespace tcpinfo::offline
