// SPDX-License-Identifier: Apache-2.0
//
// What is in an input: its beginning is read, compression is taken off, and its kind is known then.
#ifndef TCPINFO_OFFLINE_INPUTS_SNIFFING_CONTENT_H
#define TCPINFO_OFFLINE_INPUTS_SNIFFING_CONTENT_H

#include <tcpinfo/archive.h>
#include <tcpinfo/segment.h>
#include <tcpinfo/zstd.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "offline/inputs/sniffing/content_kind.h"
#include "offline/inputs/sources/byte_source.h"
#include "offline/inputs/sources/gzip_source.h"
#include "offline/inputs/sources/head_source.h"
#include "offline/inputs/sources/stream_source.h"

namespace tcpinfo::offline {

/// One input after the other; the buffers are used again. Nothing of the input is lost by looking.
class content {
 public:
  explicit content(std::int32_t max_window_log) : max_window_log_(max_window_log) {}
  content(const content&) = delete;
  content& operator=(const content&) = delete;

  /// Looks at `from`, which must outlive the reading.
  /// @return archive (also for whatever cannot be told: its reader says best what is wrong with a
  /// line, and finds the blocks of a segment behind damage), segment, pcap, netlink, tar or unread.
  [[nodiscard]] content_kind open(byte_source& from);

  /// Of unread: what it is, and what to do.
  [[nodiscard]] std::string_view why_unread() const noexcept { return why_unread_; }
  /// Of unread: nothing but zeros.
  [[nodiscard]] bool is_zeros() const noexcept;
  /// Of unread: there may be anything in it, for it is packed in a way that is not unpacked here.
  [[nodiscard]] bool stays_packed() const noexcept;
  /// Of an archive: whether one of its first lines is a record of ours. Reads on where it must.
  [[nodiscard]] bool shows_record();
  /// Whether something was wrong with it so far: a cut, a checksum, a window that is not allowed.
  [[nodiscard]] bool is_damaged() const { return stream_damaged_ || !fault_below().empty(); }
  /// Whether there was compression to take off.
  [[nodiscard]] bool was_packed() const noexcept { return packed_; }
  /// Of an archive: head() is all of it.
  [[nodiscard]] bool is_at_end() const noexcept { return stream_ended_; }
  /// Of an archive: what its text begins with.
  [[nodiscard]] bytes_view head() const noexcept { return {begun_.get(), begun_size_}; }
  /// Zeros that were passed over before an archive.
  [[nodiscard]] std::uint64_t zeros() const noexcept { return zeros_; }

  /// Of an archive or a segment: hands it over.
  [[nodiscard]] std::error_code hand_over(record_reader& to, const archive_reader_options& options);
  /// Of a capture or a tar: all of it.
  [[nodiscard]] byte_source& bytes() noexcept { return *bytes_; }

  /// What was wrong so far with what is below the archive: the file, gzip around it.
  [[nodiscard]] std::string fault_below() const { return below_ ? below_->fault() : std::string(); }

 private:
  [[nodiscard]] content_kind look(head_source& in);
  [[nodiscard]] content_kind look_into_stream();
  bool read_on();
  void pass_zeros();

  static constexpr std::size_t begun_capacity = std::size_t{64} << 10;

  std::int32_t max_window_log_;
  head_source raw_;
  std::unique_ptr<gzip_source> gzip_;  // made when there is one
  head_source unzipped_;
  byte_source* below_ = nullptr;  // what the stream reads
  stream_reader stream_;
  std::unique_ptr<std::byte[]> begun_;  // what was read of the stream
  std::size_t begun_size_ = 0;
  bool stream_ended_ = false;
  bool stream_damaged_ = false;
  bool packed_ = false;
  stream_source rest_;
  byte_source* bytes_ = nullptr;
  std::string_view why_unread_;
  std::uint64_t zeros_ = 0;
};

}  // namespace tcpinfo::offline

#endif
