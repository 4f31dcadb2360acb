// SPDX-License-Identifier: Apache-2.0
#include "offline/inputs/tar_members.h"

#include <archive.h>
#include <archive_entry.h>

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
  bool ended = true;
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
      return static_cast<la_ssize_t>(i.from->read(i.input));
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
  i.tar.reset(archive_read_new());
  if (!i.tar) throw std::bad_alloc();
  struct archive* const a = i.tar.get();
  i.ended = archive_read_support_format_tar(a) != ARCHIVE_OK ||
            archive_read_open(a, &i, nullptr, &impl::read_input, nullptr) != ARCHIVE_OK;
  if (i.ended) i.end_by_error();
}

bool tar_members::next(std::string& name) {
  impl& i = *impl_;
  i.block = {};
  i.gap = i.position = 0;
  i.member_ended = false;
  while (!i.ended) {
    archive_entry* entry = nullptr;
    const int result = archive_read_next_header(i.tar.get(), &entry);
    if (result == ARCHIVE_RETRY) continue;
    if (result == ARCHIVE_EOF) {
      i.ended = true;
      i.fault = i.from->fault();
      break;
    }
    // A warning comes with a header that can be used.
    if (result != ARCHIVE_OK && result != ARCHIVE_WARN) {
      i.end_by_error();
      break;
    }
    if (archive_entry_filetype(entry) != AE_IFREG || archive_entry_hardlink(entry) != nullptr)
      continue;
    const char* path = archive_entry_pathname(entry);
    // Where the locale cannot say it.
    if (path == nullptr) path = archive_entry_pathname_utf8(entry);
    name = path != nullptr ? path : "(no name)";
    return true;
  }
  return false;
}

byte_source& tar_members::content() { return impl_->content; }

std::string tar_members::fault() const { return impl_->fault; }

}  // namespace tcpinfo::offline
