// SPDX-License-Identifier: Apache-2.0
#include "offline/inputs/sources/gzip_source.h"

#include <fmt/format.h>
#include <zlib.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <limits>
#include <new>
#include <string_view>

namespace tcpinfo::offline {
namespace {

constexpr std::size_t gzip_input_size = std::size_t{64} << 10;
// The largest window there is, and gzip's form alone.
constexpr int gzip_alone = 15 + 16;
// Behind the checksum stands the length.
constexpr std::size_t length_size = 4;

}  // namespace

bool reads_gzip() { return true; }

struct gzip_source::impl {
  enum class stage : std::uint8_t { between, inside, behind_checksum, ended };

  z_stream z{};
  bool made = false;
  byte_source* from = nullptr;
  stage now = stage::ended;
  std::uint64_t member = 0;
  std::size_t to_skip = 0;
  std::string wrong;      // checksums
  std::string why_ended;  // before its time
  std::array<std::byte, gzip_input_size> input;

  void fill() {
    z.next_in = reinterpret_cast<Bytef*>(input.data());
    z.avail_in = static_cast<uInt>(from->read(input));
  }
  void end(std::string why) {
    now = stage::ended;
    why_ended = std::move(why);
  }
  void end_cut() {
    std::string below = from->fault();
    end(below.empty() ? "gzip: cut off in the middle; all up to there is read" : std::move(below));
  }
  void begin_member();
  std::size_t inflate_some(std::span<std::byte> out);
  void take_error(int result);
};

void gzip_source::impl::begin_member() {
  if (z.avail_in == 0) fill();
  if (z.avail_in == 0) return end(from->fault());
  // Tapes and blocks are filled up with zeros.
  while (member > 0 && z.avail_in > 0 && *z.next_in == 0) {
    ++z.next_in;
    --z.avail_in;
  }
  if (z.avail_in == 0) return;
  constexpr Bytef first_byte = 0x1f;
  if (*z.next_in != first_byte) return end("gzip: what follows its end is not gzip");
  ++member;
  (void)inflateReset(&z);
  now = stage::inside;
}

void gzip_source::impl::take_error(int result) {
  const std::string_view says = z.msg == nullptr ? std::string_view() : z.msg;
  // All of the member has been delivered, and zlib has taken the checksum, or that and the length.
  const bool checksum = says == "incorrect data check";
  if (result == Z_DATA_ERROR && (checksum || says == "incorrect length check")) {
    if (wrong.empty())
      wrong = fmt::format("gzip: wrong {}{}: what was read of it is not to be trusted",
                          checksum ? "checksum" : "length",
                          member == 1 ? "" : fmt::format(" of member {}", member));
    to_skip = checksum ? length_size : 0;
    now = stage::behind_checksum;
  } else if (result == Z_MEM_ERROR) {
    throw std::bad_alloc();
  } else {
    end(fmt::format("gzip: damaged ({}); all up to there is read",
                    says.empty() ? std::string_view("no gzip data") : says));
  }
}

std::size_t gzip_source::impl::inflate_some(std::span<std::byte> out) {
  if (z.avail_in == 0) fill();
  z.next_out = reinterpret_cast<Bytef*>(out.data());
  z.avail_out =
      static_cast<uInt>(std::min<std::size_t>(out.size(), std::numeric_limits<uInt>::max()));
  const uInt room = z.avail_out;
  const bool at_end = z.avail_in == 0;
  const int result = inflate(&z, Z_NO_FLUSH);
  const std::size_t n = room - z.avail_out;
  if (result == Z_STREAM_END)
    now = stage::between;
  else if (result != Z_OK && result != Z_BUF_ERROR)
    take_error(result);
  else if (at_end && n == 0)
    end_cut();
  return n;
}

gzip_source::gzip_source() : impl_(std::make_unique<impl>()) {}
gzip_source::~gzip_source() {
  if (impl_->made) (void)inflateEnd(&impl_->z);
}

void gzip_source::open(byte_source& from) {
  impl& i = *impl_;
  if (!i.made && inflateInit2(&i.z, gzip_alone) != Z_OK) throw std::bad_alloc();
  i.made = true;
  i.z.avail_in = 0;
  i.from = &from;
  i.now = impl::stage::between;
  i.member = 0;
  i.wrong.clear();
  i.why_ended.clear();
}

std::size_t gzip_source::read(std::span<std::byte> out) {
  impl& i = *impl_;
  while (i.now != impl::stage::ended) {
    switch (i.now) {
      case impl::stage::between:
        i.begin_member();
        break;
      case impl::stage::inside:
        if (const std::size_t n = i.inflate_some(out)) return n;
        break;
      case impl::stage::behind_checksum: {
        if (i.z.avail_in == 0) i.fill();
        const auto n = static_cast<uInt>(std::min<std::size_t>(i.to_skip, i.z.avail_in));
        i.z.next_in += n;
        i.z.avail_in -= n;
        i.to_skip -= n;
        if (i.to_skip == 0) i.now = impl::stage::between;
        if (n == 0 && i.to_skip != 0) i.end_cut();
        break;
      }
      case impl::stage::ended:
        break;
    }
  }
  return 0;
}

std::string gzip_source::fault() const {
  const impl& i = *impl_;
  if (i.wrong.empty() || i.why_ended.empty()) return i.wrong + i.why_ended;
  return i.wrong + "; " + i.why_ended;
}

}  // namespace tcpinfo::offline
