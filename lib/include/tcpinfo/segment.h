// SPDX-License-Identifier: Apache-2.0
//
/// @file
/// Segments: the records of many connections in one file, as docs/segment.md describes it byte for
/// byte. A segment holds what the archives of these connections would hold, one file each, and
/// gives the same records back, in a tenth of the room and without a file for each connection.
/// ("Segment" is an archive file here; TCP's own is always called "TCP segment".)
#ifndef TCPINFO_SEGMENT_H
#define TCPINFO_SEGMENT_H

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <system_error>

#include <tcpinfo/archive.h>
#include <tcpinfo/bytes.h>
#include <tcpinfo/error.h>
#include <tcpinfo/export.h>
#include <tcpinfo/items.h>
#include <tcpinfo/message.h>

namespace tcpinfo::inline v0 {

/// How the name of a segment ends.
inline constexpr std::string_view segment_suffix = ".tcpseg.zst";

/// Longest line that a segment keeps as text, its end included, in bytes.
inline constexpr std::size_t max_segment_line = std::size_t{768} << 10;

/// The archive that records belong to: one file of one connection, as it would be without segments.
struct segment_archive {
  std::size_t size = sizeof(segment_archive);  ///< for later members; leave it
  /// What its first line says. Null: it has no such line, or that is kept as text.
  const metadata* about = nullptr;
  /// Name of its file, YYYY/MM/DD/UUID.SEQUENCE.jsonl.zst as format_archive_path() makes it or any
  /// other; at most 4,096 bytes, no NUL. It may be empty.
  std::string_view path = {};
  /// 1: earlier records of it are in a block or file before, and so is its first line.
  std::uint32_t goes_on = 0;
  std::uint32_t reserved = 0;  ///< leave it
};

/// A number of a connection's summary. Which field it is says docs/segment.md; a field that this
/// version does not know is kept as it is.
struct summary_value {
  std::uint32_t field = 0;     ///< its number
  std::uint32_t reserved = 0;  ///< leave it
  std::uint64_t value = 0;     ///< signed ones as two's complement
  /// Same field and same value.
  friend bool operator==(const summary_value&, const summary_value&) noexcept = default;
};

/// How many round-trip times of a connection fall together, in microseconds.
struct summary_bucket {
  std::uint32_t lowest = 0;   ///< smallest of them
  std::uint32_t highest = 0;  ///< largest of them
  std::uint64_t count = 0;    ///< records
  /// Same times and same count.
  friend bool operator==(const summary_bucket&, const summary_bucket&) noexcept = default;
};

/// The field of a summary whose meaning this library knows: how many records it tells of, lines
/// included.
inline constexpr std::uint32_t summary_records = 0;

/// Values that one summary has at most.
inline constexpr std::size_t max_summary_values = 255;
/// Buckets that one summary has at most.
inline constexpr std::size_t max_summary_buckets = 4096;

/// What the records of one archive in one segment come to, so that who wants no more than that
/// reads no records. Summaries of one archive in several segments are put together by the reader.
struct segment_summary {
  std::size_t size = sizeof(segment_summary);  ///< for later members; leave it
  std::span<const summary_value> values = {};  ///< by ascending field, each once
  std::span<const summary_bucket> rtts = {};   ///< ascending, none of them empty
  std::string_view congestion_control = {};    ///< the last one; empty: unknown
};

/// How segments are written.
struct segment_options {
  std::size_t size = sizeof(segment_options);  ///< for later members; leave it
  std::int32_t level = 3;                      ///< of zstd, 1 (fast) to 22 (small)
  /// Memory of the records that are flushed together, in bytes: 1 to 64 MiB. The more, the smaller
  /// is what is written.
  std::uint32_t window = std::uint32_t{14} << 20;
};

/// Makes the blocks of a segment in memory: what it gives is to be written to a file, one after the
/// other. A block is one zstd frame and decodes without any other. Records of any connections come
/// in any order; what is flushed together is sorted by connection, as many blocks as it takes, so
/// that few of them have records of a connection. Memory is that of the window and some 10 MiB. One
/// thread at a time.
class TCPINFO_API segment_writer final {
 public:
  segment_writer() noexcept = default;
  ~segment_writer();
  /// `other` is default-constructed afterwards.
  segment_writer(segment_writer&& other) noexcept;
  /// `other` has what this had.
  segment_writer& operator=(segment_writer&& other) noexcept;
  segment_writer(const segment_writer&) = delete;
  segment_writer& operator=(const segment_writer&) = delete;

  /// Begins a segment. What was not flushed before is forgotten.
  /// @return errc::invalid_argument for options that are none; errc::out_of_memory.
  [[nodiscard]] std::error_code create(const segment_options& options) noexcept;

  /// Begins an archive in the window that is being filled; what is given is copied. An archive that
  /// goes on after flush() is begun again, with `goes_on`. One to which nothing is added is not in
  /// the segment.
  /// @param number what add() knows it by, until flush()
  /// @return errc::buffer_too_small (the window is full: flush() and try again);
  /// errc::bad_timestamp where a time of `about` is not in UTC or outside 1678 to 2262 (keep the
  /// line as text then); errc::invalid_argument for a path that is too long or has a NUL, a text of
  /// more than 4,096 bytes, and members that are none; errc::out_of_memory; errc::not_open. Nothing
  /// was begun then.
  [[nodiscard]] std::error_code begin(const segment_archive& archive,
                                      std::uint32_t& number) noexcept;
  /// Says anew what is optional in the metadata of an archive that was begun in the window: what
  /// turned out only now, such as its owner. UUID, sequence, times and path stay as they are. Of an
  /// archive so large that it is in several blocks the ones that are full keep what was said.
  /// @return as begin(); errc::invalid_argument also for a number that no archive of the window
  /// has, without metadata, and for another UUID or sequence. Nothing was changed then.
  [[nodiscard]] std::error_code revise(std::uint32_t number,
                                       const segment_archive& archive) noexcept;
  /// Adds a message to an archive. As in a line of JSON, only the first attribute of a type is
  /// kept, MD5SIG (keys) never, and nothing behind a malformed attribute: `notes` (may be null)
  /// counts it.
  /// @return errc::buffer_too_small (the window is full: flush(), begin the archive again and try
  /// again); errc::message_too_short; errc::malformed_attribute (more than 255 attributes, or 64
  /// KiB of them); errc::bad_timestamp (a time that is not in UTC or outside 1678 to 2262);
  /// errc::invalid_argument for a number or extras that are none; errc::out_of_memory;
  /// errc::not_open. Nothing was added then.
  [[nodiscard]] std::error_code add(std::uint32_t number, const timestamp& time, const message& m,
                                    const record_extras& extras,
                                    encode_notes* notes = nullptr) noexcept;
  /// Adds a line of an archive as text, its end included, whatever it holds: what add() would not
  /// give back byte for byte. An empty one keeps an archive without records. Behind a line of
  /// metadata the archive is to be begun again, with `goes_on` and without `about`: that does not
  /// hold any more, and is said in each block.
  /// @return as add(); errc::line_too_long above max_segment_line.
  [[nodiscard]] std::error_code add_line(std::uint32_t number, std::string_view line) noexcept;

  /// Records and lines in the window that is being filled.
  [[nodiscard]] std::uint32_t waiting() const noexcept;
  /// Memory of the writer, about, in bytes.
  [[nodiscard]] std::size_t waiting_bytes() const noexcept;
  /// Blocks of the segment so far.
  [[nodiscard]] std::uint32_t blocks() const noexcept;

  /// Adds an archive's summary to the block of summaries that is being made beside the records,
  /// which it has nothing to do with: neither begin() nor flush() is needed. All that is given is
  /// copied. `goes_on` is 1 where earlier records of the archive are in a file before, or have a
  /// summary before: this one does not tell of these.
  /// @return errc::buffer_too_small (the block is full: flush_summaries() and try again);
  /// errc::bad_timestamp and errc::invalid_argument as begin(), and errc::invalid_argument for
  /// values or buckets that are too many or not ascending, a bucket that is empty or ends before it
  /// begins, a congestion control of more than 4,096 bytes, and members that are none;
  /// errc::out_of_memory; errc::not_open. Nothing was added then.
  [[nodiscard]] std::error_code add_summary(const segment_archive& archive,
                                            const segment_summary& summary) noexcept;
  /// Summaries in the block that is being made.
  [[nodiscard]] std::uint32_t waiting_summaries() const noexcept;
  /// Ends the block of summaries; else as flush(). Blocks of both kinds stand in the segment in the
  /// order in which they were flushed.
  [[nodiscard]] std::error_code flush_summaries(bytes_view& frame) noexcept;

  /// Makes blocks of what waits.
  /// @param frames to be written next, one for each block; empty where nothing waited. Valid until
  /// the next call that is not const.
  /// @return errc::out_of_memory: nothing is lost, and it can be tried again; errc::not_open.
  [[nodiscard]] std::error_code flush(bytes_view& frames) noexcept;
  /// Ends the segment, after the last flush() and flush_summaries(): the index, which lets readers
  /// pass over blocks. A segment without it is as good. What was not flushed is not in the segment.
  /// @return as flush().
  [[nodiscard]] std::error_code finish(bytes_view& index) noexcept;

 private:
  struct impl;
  impl* impl_ = nullptr;
};

/// A record of a segment. Views are the reader's, until its next call that is not const.
struct segment_record {
  std::size_t size = sizeof(segment_record);  ///< for later members; leave it
  timestamp time = {};                        ///< of the message
  std::uint64_t poll = no_poll;               ///< as record_extras::poll
  timestamp ended = {};                       ///< as record_extras::ended
  std::uint32_t carried = 0;                  ///< as record_extras::carried
  /// 1: it is the first one of segment_reader::archive(), which has changed.
  std::uint32_t first = 0;
  message m = {};              ///< attributes in the order of their types; without bytes for a line
  std::string_view line = {};  ///< a line that is kept as text, its end included; else empty
  std::uint32_t thinned = 0;   ///< as record_extras::thinned
  std::uint32_t reserved = 0;  ///< leave it
};

/// As of a record of an archive. Any thread.
[[nodiscard]] inline record_extras extras_of(const segment_record& r) noexcept {
  record_extras extras;
  extras.poll = r.poll;
  extras.ended = r.ended;
  extras.carried = r.carried;
  extras.thinned = r.thinned;
  return extras;
}

/// As segment_column::attribute: struct inet_diag_msg, which is the head of each message.
inline constexpr std::uint32_t segment_head = 0xffff'ffff;

/// Bytes of messages that are wanted as a number.
struct segment_column {
  std::uint32_t attribute = segment_head;  ///< type of the attribute that they are in
  std::uint16_t offset = 0;                ///< of the first one, in its payload
  std::uint16_t width = 4;  ///< 1, 2, 4 or 8 of them; over no more than two words of 32 bits
  /// Same attribute, offset and width.
  friend bool operator==(const segment_column&, const segment_column&) noexcept = default;
};

/// When a message was recorded.
struct segment_moment {
  std::int64_t time_ns = 0;      ///< nanoseconds since 1970, UTC
  std::uint64_t poll = no_poll;  ///< as record_extras::poll
  /// Same time and same poll.
  friend bool operator==(const segment_moment&, const segment_moment&) noexcept = default;
};

/// Columns of the messages that one archive has in a block. Views are the reader's, until its next
/// call that is not const. What a record has beside its message (record_extras) but for its poll is
/// not among them.
struct segment_columns {
  std::size_t size = sizeof(segment_columns);    ///< for later members; leave it
  std::span<const segment_moment> moments = {};  ///< of each message
  /// Column by column, in the order in which they are wanted, the number of each message, in this
  /// machine's byte order; what the kernel has in network order (ports, addresses) is read as if it
  /// had not. 0 where the message does not have it.
  std::span<const std::uint64_t> values = {};
  /// As `values`; 1: the message has it. Empty: all of them have all.
  std::span<const std::uint8_t> present = {};
  std::uint32_t lines = 0;     ///< records of the archive that are kept as text, and not here
  std::uint32_t reserved = 0;  ///< leave it
};

/// How segments are read.
struct segment_reader_options {
  std::size_t size = sizeof(segment_reader_options);  ///< for later members; leave it
  std::int32_t max_window_log = 27;                   ///< as stream_options has it
  std::uint32_t reserved = 0;                         ///< leave it
};

/// Reads the records of one segment, in whatever condition: packed or not, finished or not,
/// damaged. Memory is that of stream_reader and some 20 MiB. One thread at a time.
class TCPINFO_API segment_reader final {
 public:
  segment_reader() noexcept = default;
  ~segment_reader();
  /// `other` is default-constructed afterwards: it is closed.
  segment_reader(segment_reader&& other) noexcept;
  /// `other` has what this had.
  segment_reader& operator=(segment_reader&& other) noexcept;
  segment_reader(const segment_reader&) = delete;
  segment_reader& operator=(const segment_reader&) = delete;

  /// As stream_reader's: the path's file is the reader's, descriptor and memory stay the caller's
  /// and must outlive the reading. A reader can be opened again.
  [[nodiscard]] std::error_code open_path(std::string_view path,
                                          const segment_reader_options& options = {}) noexcept;
  /// Reads from where `fd` stands.
  [[nodiscard]] std::error_code open_fd(int fd,
                                        const segment_reader_options& options = {}) noexcept;
  /// Reads memory.
  [[nodiscard]] std::error_code open_memory(bytes_view bytes,
                                            const segment_reader_options& options = {}) noexcept;
  /// Not memory that ends here.
  template <class Bytes>
  requires owning_temporary<Bytes> std::error_code open_memory(
      Bytes&& bytes, const segment_reader_options& options = {})
  = delete;
  /// As archive_reader::open_stream().
  [[nodiscard]] std::error_code open_stream(stream_reader& stream, bytes_view begun,
                                            const segment_reader_options& options = {}) noexcept;
  /// Gives up the buffers, and the file if it was opened by path.
  /// @return errc::busy in the callback of a stream that it reads: nothing was done.
  std::error_code close() noexcept;

  /// Reads the next record: archive by archive within a block, in the order in which they were
  /// added within an archive. `more` tells success (true, `out` is filled as far as `out.size`
  /// says) from the end (false). After an error (`more` is true) call again: reading goes on at the
  /// next block. Errors are those of stream_reader, and errc::bad_block (what is here is no block,
  /// or not what was written), errc::unknown_feature (a block that only a later version of this
  /// library reads), errc::out_of_memory. A damaged block costs its records and no others: none of
  /// them is given. (Of one that was written wrongly, and has the checksum of that, those before
  /// the first wrong one may be.) errc::not_open comes with `more` false.
  [[nodiscard]] std::error_code next(segment_record& out, bool& more) noexcept;

  /// Reads the next summary, in the order in which they were added; blocks of records are passed
  /// over and not decoded, as next() passes over those of summaries. Else as next(): archive() says
  /// whose it is, and a damaged block costs its summaries, all of them. Views are the reader's,
  /// until its next call that is not const.
  /// @return as next(). Between one opening and the next only one of the three functions is called:
  /// errc::invalid_argument for the others, with `more` true, and nothing is done.
  [[nodiscard]] std::error_code next_summary(segment_summary& out, bool& more) noexcept;

  /// Says what next_columns() gives, from the next block on. Copied.
  /// @return errc::invalid_argument for columns that are none; errc::out_of_memory; errc::not_open.
  [[nodiscard]] std::error_code want_columns(std::span<const segment_column> columns) noexcept;
  /// Reads those columns of the next archive in a block, without making messages: in a fraction of
  /// the time that next() takes. Else as next(): archive() says whose they are, record_number() is
  /// that of the last one, and a damaged block costs its records, all of them.
  /// @return as next_summary().
  [[nodiscard]] std::error_code next_columns(segment_columns& out, bool& more) noexcept;

  /// What the latest record or summary belongs to; of which views are valid until the next block is
  /// read. Of no archive before the first one.
  [[nodiscard]] const segment_archive& archive() const& noexcept TCPINFO_LIFETIMEBOUND;
  const segment_archive& archive() const&& = delete;  // of a reader that ends here

  /// Records so far, with those that are missing: the number of the latest one, from 1. With
  /// next_summary(), those that were passed over.
  [[nodiscard]] std::uint64_t record_number() const noexcept;
  /// Records that were in damaged blocks, as far as a block behind them has told: each block says
  /// how many came before it.
  [[nodiscard]] std::uint64_t missing_records() const noexcept;
  /// Blocks of records that were read, or passed over by next_summary().
  [[nodiscard]] std::uint64_t blocks() const noexcept;
  /// Blocks of this version, but of kinds that this library does not know, which were passed over:
  /// a copy of what the reader gives is without them.
  [[nodiscard]] std::uint64_t unknown_blocks() const noexcept;
  /// Bytes of input consumed so far: progress against the file's size.
  [[nodiscard]] std::uint64_t compressed_offset() const noexcept;
  /// As stream_reader's.
  [[nodiscard]] std::uint64_t window_needed() const noexcept;
  /// As stream_reader's.
  [[nodiscard]] std::uint32_t dictionary_needed() const noexcept;
  /// Whether the input is zstd.
  [[nodiscard]] bool is_zstd() const noexcept;

 private:
  struct impl;
  impl* impl_ = nullptr;
};

/// What blocks hold; bits of segment_selection::kinds.
inline constexpr std::uint32_t select_records = 1;
inline constexpr std::uint32_t select_summaries = 2;  ///< the same of summaries

/// Which records are looked for.
struct segment_selection {
  std::size_t size = sizeof(segment_selection);  ///< for later members; leave it
  std::uint64_t cookie = 0;                      ///< of their connection; 0: any
  timestamp since = {};                          ///< not before; the zero time: any
  timestamp until = {};                          ///< not after; the zero time: any
  /// Blocks of which kinds, select_…; 0: of records alone. Of summaries the index knows no times:
  /// `since` and `until` leave none of them out.
  std::uint32_t kinds = 0;
  /// Bytes that a range has at most, if it is not one block alone; 0: no limit. So that several
  /// threads read one file.
  std::uint32_t most_bytes = 0;
};

/// A part of a file.
struct file_range {
  std::uint64_t offset = 0;  ///< of its first byte
  std::uint64_t size = 0;    ///< bytes
  /// Same offset and same size.
  friend bool operator==(const file_range&, const file_range&) noexcept = default;
};

/// Finds the parts of a finished segment that may hold such records, by the index at its end: each
/// is whole frames, and what is in none of them holds none. Who reads these alone must not take
/// what segment_reader::missing_records() tells for damage. Moves no file offset. Any thread.
/// @param out filled with as many as it has room for, in the order of the file
/// @param count how many there are, perhaps more
/// @return errc::bad_block where there is no index, or a damaged one: all of the file is to be
/// read; errc::invalid_argument for members unknown here; the errno of fstat(2) and pread(2);
/// errc::out_of_memory.
[[nodiscard]] TCPINFO_API std::error_code select_blocks(int fd, const segment_selection& wanted,
                                                        std::span<file_range> out,
                                                        std::size_t& count) noexcept;

/// What the index of a finished segment says of all that is in it.
struct segment_contents {
  std::size_t size = sizeof(segment_contents);  ///< for later members; leave it
  std::uint64_t records = 0;                    ///< with lines that are kept as text
  std::uint64_t summaries = 0;                  ///< how many
  /// Records that these tell of, by their field summary_records. Where it is `records`, the
  /// summaries tell of all that is in the segment.
  std::uint64_t summarized = 0;
  timestamp first = {};  ///< lowest time of a message; the zero time: there is no message
  timestamp last = {};   ///< highest one
  /// 1: there are lines that are kept as text, or archives whose UUID has no cookie: times of lines
  /// are not in `first` and `last`.
  std::uint32_t has_others = 0;
  std::uint32_t reserved = 0;  ///< leave it
};

/// Reads the index at the end of a finished segment. Moves no file offset. Any thread.
/// @param out filled as far as its size says
/// @return as select_blocks()
[[nodiscard]] TCPINFO_API std::error_code read_index(int fd, segment_contents& out) noexcept;

/// Whether decompressed content that begins so is a segment's: at least 8 bytes of it.
[[nodiscard]] TCPINFO_API bool is_segment(bytes_view begun) noexcept;

/// Reads the records of an archive or of a segment, whichever it is, as records of archives: in a
/// segment, each archive begins with its metadata record, where it has one. What archive_reader
/// says of faults, buffers and threads holds here. One thread at a time.
class TCPINFO_API record_reader final {
 private:
  struct step {
    using value_type = record;
    record_reader* from;
    read_status operator()(record& out, std::error_code& fault, read_place& place,
                           bool& last) const noexcept {
      bool more = true;
      fault = from->next(out, more);
      place = {from->line_number(), 0};
      last = !more;
      if (fault) return read_status::fault;
      return more ? read_status::value : read_status::end;
    }
  };

 public:
  /// What items() gives.
  using items_type = read_range<step>;

  record_reader() noexcept = default;
  ~record_reader();
  /// `other` is default-constructed afterwards: it is closed.
  record_reader(record_reader&& other) noexcept;
  /// `other` has what this had.
  record_reader& operator=(record_reader&& other) noexcept;
  record_reader(const record_reader&) = delete;
  record_reader& operator=(const record_reader&) = delete;

  /// As archive_reader's.
  [[nodiscard]] std::error_code open_path(std::string_view path,
                                          const archive_reader_options& options = {}) noexcept;
  /// Reads from where `fd` stands.
  [[nodiscard]] std::error_code open_fd(int fd,
                                        const archive_reader_options& options = {}) noexcept;
  /// Reads memory.
  [[nodiscard]] std::error_code open_memory(bytes_view bytes,
                                            const archive_reader_options& options = {}) noexcept;
  /// Not memory that ends here.
  template <class Bytes>
  requires owning_temporary<Bytes> std::error_code open_memory(
      Bytes&& bytes, const archive_reader_options& options = {})
  = delete;
  /// As archive_reader::open_stream(). `begun` tells which of the two it is; where it is shorter
  /// than 8 bytes more is read.
  [[nodiscard]] std::error_code open_stream(stream_reader& stream, bytes_view begun,
                                            const archive_reader_options& options = {}) noexcept;
  /// Gives up the buffers, and the file if it was opened by path.
  /// @return errc::busy in the callback of a stream that it reads: nothing was done.
  std::error_code close() noexcept;

  /// The records, one after the other, as archive_reader::items() gives them; of a place only the
  /// line is told.
  [[nodiscard]] items_type items() & noexcept TCPINFO_LIFETIMEBOUND { return items_type({this}); }
  /// Of a reader that would be gone before the loop begins.
  items_type items() && = delete;
  /// The same with a record of the caller's.
  [[nodiscard]] items_type items(record& value TCPINFO_LIFETIMEBOUND) & noexcept
      TCPINFO_LIFETIMEBOUND {
    return items_type({this}, value);
  }

  /// One step of items(). Of an archive as archive_reader::next(). Of a segment: faults are those
  /// of segment_reader::next(), and of lines that are kept as text those of a line.
  [[nodiscard]] std::error_code next(record& out, bool& more) noexcept;
  /// The same, without copying what a segment holds as a message. Where `as_is` has a message
  /// afterwards, it is the record, valid until the next call, and `out` is as it was; where it has
  /// none, `out` is the record (of an archive; metadata; a line that is kept as text).
  /// @return also errc::invalid_argument: as_is.size does not cover itself; nothing was read.
  [[nodiscard]] std::error_code next(record& out, segment_record& as_is, bool& more) noexcept;

  /// Whether it is a segment; known from the first next() on.
  [[nodiscard]] bool is_segment() const noexcept;
  /// Of a segment: the name of the archive that the latest record belongs to, valid until the next
  /// call; else empty.
  [[nodiscard]] std::string_view path() const& noexcept TCPINFO_LIFETIMEBOUND;
  std::string_view path() const&& = delete;  // of a reader that ends here
  /// Of a segment: whether the latest record is the first of an archive in its block: what was
  /// known of the archive before does not hold. So is a line before it that is none.
  [[nodiscard]] bool begins_archive() const noexcept;
  /// Of a segment: whether the archive that the latest record begins goes on here: earlier records
  /// of it were given before, in this segment or the one before it. A metadata record that the
  /// reader made of it (without line()) was among them; of the owner it may say more now.
  [[nodiscard]] bool goes_on() const noexcept;
  /// As segment_reader's; 0 of an archive.
  [[nodiscard]] std::uint64_t missing_records() const noexcept;

  /// Number of the latest line, from 1; of a segment, of the latest record. 0 before the first.
  [[nodiscard]] std::uint64_t line_number() const noexcept;
  /// Of an archive, and of a line that a segment keeps as text: its text without its end, valid
  /// until the next call; else empty.
  [[nodiscard]] std::string_view line() const& noexcept TCPINFO_LIFETIMEBOUND;
  std::string_view line() const&& = delete;  // of a reader that ends here
  /// As archive_reader's; never of a segment.
  [[nodiscard]] bool from_damaged_frame() const noexcept;
  /// Whether the latest metadata record said ByteOrder "big".
  [[nodiscard]] bool big_endian() const noexcept;
  /// As archive_reader's.
  [[nodiscard]] std::uint64_t compressed_offset() const noexcept;
  /// As stream_reader's.
  [[nodiscard]] std::uint64_t window_needed() const noexcept;
  /// As stream_reader's.
  [[nodiscard]] std::uint32_t dictionary_needed() const noexcept;
  /// Whether the input is zstd.
  [[nodiscard]] bool is_zstd() const noexcept;

 private:
  struct impl;
  impl* impl_ = nullptr;
};

}  // namespace tcpinfo::inline v0

#endif
