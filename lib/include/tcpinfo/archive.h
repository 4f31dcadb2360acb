// SPDX-License-Identifier: Apache-2.0
//
/// @file
/// Archives: one connection, JSON lines, as docs/format.md describes them byte for byte. Writing is
/// free functions into the caller's memory that allocate nothing; reading is a reusable record and
/// a reader over files of any condition.
#ifndef TCPINFO_ARCHIVE_H
#define TCPINFO_ARCHIVE_H

#include <array>
#include <bit>
#include <chrono>
#include <compare>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <iosfwd>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <version>
#ifdef __cpp_lib_format
#include <format>
#endif

#include <tcpinfo/bytes.h>
#include <tcpinfo/error.h>
#include <tcpinfo/export.h>
#include <tcpinfo/inetdiag.h>
#include <tcpinfo/items.h>

namespace tcpinfo::inline v0 {

class record_reader;  // tcpinfo/segment.h
class stream_reader;  // tcpinfo/zstd.h

// ---------------------------------------------------------------------------------------------
// Time

/// A moment, and the offset it is written with. Default: the zero time of the format,
/// 0001-01-01T00:00:00Z, which stands for "no time".
struct timestamp {
  /// `seconds` of the zero time.
  static constexpr std::int64_t zero_seconds = -62135596800;

  std::int64_t seconds = zero_seconds;  ///< since 1970-01-01T00:00:00Z
  std::uint32_t nanoseconds = 0;        ///< 0..999,999,999
  std::int32_t utc_offset_seconds = 0;  ///< east of UTC positive; whole minutes

  /// Whether this is the zero time, however it is written.
  [[nodiscard]] constexpr bool is_zero() const noexcept {
    return seconds == zero_seconds && nanoseconds == 0;
  }
  /// The same moment written in UTC.
  [[nodiscard]] constexpr timestamp utc() const noexcept { return {seconds, nanoseconds, 0}; }

  /// The moment `ns` nanoseconds after 1970-01-01T00:00:00Z, or before it where negative, in UTC.
  [[nodiscard]] static constexpr timestamp from_unix_nanoseconds(std::int64_t ns) noexcept {
    constexpr std::int64_t second = 1'000'000'000;
    std::int64_t s = ns / second;
    std::int64_t rest = ns % second;
    if (rest < 0) {
      rest += second;
      --s;
    }
    return {s, static_cast<std::uint32_t>(rest), 0};
  }
  /// Nanoseconds since 1970; nullopt outside what 64 bits hold (1678 to 2262), as for the zero
  /// time.
  [[nodiscard]] constexpr std::optional<std::int64_t> unix_nanoseconds() const noexcept {
    constexpr std::int64_t second = 1'000'000'000;
    constexpr std::int64_t limit = std::numeric_limits<std::int64_t>::max() / second;
    if (seconds >= limit || seconds <= -limit) return std::nullopt;
    return seconds * second + nanoseconds;
  }

  /// The moment of a system clock's time point, in UTC; what is finer than nanoseconds is dropped.
  template <class Duration>
  [[nodiscard]] static constexpr timestamp from(
      std::chrono::time_point<std::chrono::system_clock, Duration> at) noexcept {
    const auto whole = std::chrono::floor<std::chrono::seconds>(at);
    const auto rest = std::chrono::floor<std::chrono::nanoseconds>(at - whole);
    return {static_cast<std::int64_t>(whole.time_since_epoch().count()),
            static_cast<std::uint32_t>(rest.count()), 0};
  }
  /// Now, by the system's clock.
  [[nodiscard]] static timestamp now() noexcept { return from(std::chrono::system_clock::now()); }
  /// As a time point of the system's clock; nullopt where unix_nanoseconds() is.
  [[nodiscard]] constexpr std::optional<
      std::chrono::time_point<std::chrono::system_clock, std::chrono::nanoseconds>>
  time_point() const noexcept {
    const std::optional<std::int64_t> ns = unix_nanoseconds();
    if (!ns) return std::nullopt;
    return std::chrono::time_point<std::chrono::system_clock, std::chrono::nanoseconds>(
        std::chrono::nanoseconds(*ns));
  }

  /// The time from `b` to `a`; nullopt where 64 bits of nanoseconds do not hold it (some 292
  /// years), or one is no time.
  [[nodiscard]] friend constexpr std::optional<std::chrono::nanoseconds> operator-(
      const timestamp& a, const timestamp& b) noexcept {
    constexpr std::int64_t second = 1'000'000'000;
    constexpr std::int64_t limit = std::numeric_limits<std::int64_t>::max() / second - 1;
    // Seconds are of the years 0 to 9999, so that their difference does not overflow.
    constexpr std::int64_t far = std::int64_t{1} << 40;
    if (a.seconds > far || a.seconds < -far || b.seconds > far || b.seconds < -far)
      return std::nullopt;
    if (a.nanoseconds >= second || b.nanoseconds >= second) return std::nullopt;
    const std::int64_t whole = a.seconds - b.seconds;
    if (whole > limit || whole < -limit) return std::nullopt;
    return std::chrono::nanoseconds(whole * second + std::int64_t{a.nanoseconds} -
                                    std::int64_t{b.nanoseconds});
  }
  /// Same moment and same offset.
  friend constexpr bool operator==(const timestamp&, const timestamp&) noexcept = default;
  /// The earlier moment first; of the same one, the more western offset.
  friend constexpr std::strong_ordering operator<=>(const timestamp&,
                                                    const timestamp&) noexcept = default;
};

/// Longest text format_timestamp writes: 2019-08-26T19:55:42.754686952-04:00.
inline constexpr std::size_t max_timestamp_size = 35;

/// Reads RFC 3339 as the format has it: upper-case T and Z, years 0000 to 9999, any number of
/// fraction digits after a point (those beyond nanoseconds are dropped), second 60 only at 23:59:60
/// UTC (it is the next second). "+00:00" and "-00:00" are offset 0. Any thread.
/// @return errc::bad_timestamp; `out` is unchanged then.
[[nodiscard]] TCPINFO_API std::error_code parse_timestamp(std::string_view text,
                                                          timestamp& out) noexcept;

/// Writes RFC 3339: `Z` for offset 0, else ±hh:mm; fraction up to nanoseconds without trailing
/// zeros. Not NUL-terminated. Any thread.
/// @return its length; 0 where `out` is too small, the year is outside 0000..9999, nanoseconds are
/// a second or more, or the offset is a day or more.
[[nodiscard]] TCPINFO_API std::size_t format_timestamp(const timestamp& t,
                                                       std::span<char> out) noexcept;
/// The same as a string, empty where it cannot be written. May throw std::bad_alloc.
[[nodiscard]] inline std::string to_string(const timestamp& t) {
  std::array<char, max_timestamp_size> text;
  return {text.data(), format_timestamp(t, text)};
}
/// Writes the same to a stream. May throw what the stream throws.
template <class Traits>
std::basic_ostream<char, Traits>& operator<<(std::basic_ostream<char, Traits>& to,
                                             const timestamp& t) {
  std::array<char, max_timestamp_size> text;
  return to << std::string_view(text.data(), format_timestamp(t, text));
}

// ---------------------------------------------------------------------------------------------
// UUID and file names

/// Longest prefix of a UUID: what leaves room in a 255-byte file name for the cookie, the largest
/// sequence and every suffix.
inline constexpr std::size_t max_uuid_prefix_size = 202;
/// Longest UUID: the longest prefix, '_' and 16 digits.
inline constexpr std::size_t max_uuid_size = max_uuid_prefix_size + 17;

/// Whether UUIDs may begin so: not empty, at most max_uuid_prefix_size bytes, no '/', no NUL or
/// other control character, not "." or "..", and UTF-8 (a UUID is also a JSON string). Drop the
/// prefix file's trailing newline first; strip_newline does.
/// @return errc::bad_uuid.
[[nodiscard]] TCPINFO_API std::error_code check_uuid_prefix(std::string_view prefix) noexcept;
/// The same for a whole UUID, whatever its form, of at most max_uuid_size bytes.
[[nodiscard]] TCPINFO_API std::error_code check_uuid(std::string_view uuid) noexcept;
/// Without one trailing newline.
[[nodiscard]] constexpr std::string_view strip_newline(
    std::string_view text TCPINFO_LIFETIMEBOUND) noexcept {
  if (!text.empty() && text.back() == '\n') text.remove_suffix(1);
  return text;
}

/// prefix + '_' + cookie as 16 upper-case hex digits. Not NUL-terminated; checks nothing.
/// @return its length, prefix.size() + 17; 0 where `out` is too small.
[[nodiscard]] TCPINFO_API std::size_t format_uuid(std::string_view prefix, std::uint64_t cookie,
                                                  std::span<char> out) noexcept;
/// The cookie at a UUID's end: '_' (after at least one character) and exactly 16 hex digits.
/// @return errc::bad_uuid where there is none.
[[nodiscard]] TCPINFO_API std::error_code parse_uuid_cookie(std::string_view uuid,
                                                            std::uint64_t& cookie) noexcept;

/// Writes YYYY/MM/DD/UUID.SEQUENCE.jsonl.zst: the date that of `date` in UTC, the sequence with at
/// least 5 digits. Not NUL-terminated. `directory_size` (may be null) is the length of YYYY/MM/DD.
/// @return its length; 0 where `out` is too small, the date is outside years 0000..9999, or
/// check_uuid refuses the UUID. max_archive_path_size always suffices.
[[nodiscard]] TCPINFO_API std::size_t format_archive_path(const timestamp& date,
                                                          std::string_view uuid,
                                                          std::uint64_t sequence,
                                                          std::span<char> out,
                                                          std::size_t* directory_size) noexcept;
/// Room for the longest path: YYYY/MM/DD/ and a file name.
inline constexpr std::size_t max_archive_path_size = 11 + 255;

/// What a file's name tells.
struct archive_name {
  std::size_t size = sizeof(archive_name);  ///< for later members; leave it
  std::string_view uuid = {};               ///< into the text that was parsed
  std::uint64_t sequence = 0;               ///< number of the file among those of its UUID, from 0
  bool compressed = false;                  ///< .jsonl.zst, not .jsonl
  bool partial = false;  ///< .part at the end: not complete, its writer died or still lives
};

/// Reads UUID.SEQUENCE.jsonl[.zst][.part]; a path's directories are skipped. The sequence has
/// at least 5 digits, more only without leading zeros, so each name says one thing.
/// @return errc::invalid_argument for any other name (errc::bad_uuid: only the UUID is at fault).
/// `out`, which is filled as far as `out.size` says, is unchanged then.
[[nodiscard]] TCPINFO_API std::error_code parse_archive_name(std::string_view path,
                                                             archive_name& out) noexcept;
/// Not of a text that ends here: the UUID is a view into it.
template <class Text>
requires owning_temporary<Text> std::error_code parse_archive_name(Text&& path, archive_name& out)
= delete;

// ---------------------------------------------------------------------------------------------
// Writing

/// As a poll number: none (a record that comes from a destroy event).
inline constexpr std::uint64_t no_poll = ~std::uint64_t{0};

/// What encoding a message left out of the line. Added to, never reset, so one can serve many
/// records.
struct encode_notes {
  std::size_t size = sizeof(encode_notes);  ///< for later members; leave it
  std::uint64_t duplicates = 0;  ///< attributes whose type had come before: the first one is kept
  std::uint64_t secrets = 0;     ///< MD5SIG attributes (they hold keys), never written
  std::uint64_t unread_bytes =
      0;  ///< after a malformed attribute; nothing from there on is written
};

/// The name of a part of a message in the key Carried: "ID" for ends_bit, else that of the
/// attribute, "CONG". A static string; empty where not exactly one bit is set. Any thread.
[[nodiscard]] TCPINFO_API std::string_view part_name(std::uint32_t bit) noexcept;

/// What a line says beside the message and its time.
struct record_extras {
  std::size_t size = sizeof(record_extras);  ///< for later members; leave it
  std::uint64_t poll = no_poll;              ///< the poll it was seen in
  /// When the connection ended, where that is known and is not the record's own time. The zero
  /// time: the key is not written.
  timestamp ended = {};
  /// What the message lacked and was taken from the connection's record before it: bits as of
  /// attribute_bit() and ends_bit. 0: the key is not written.
  std::uint32_t carried = 0;
  /// Changes that the recorder left out on purpose between the connection's record before and this
  /// one. 0: the key is not written.
  std::uint32_t thinned = 0;
};

/// Bytes that suffice for the line of `m`, with any extras: one walk over its attributes. About 1.4
/// times the message; but an attribute of a high type costs 5 bytes for every absent one below it,
/// up to 82 KB. An unknown type is never left out.
[[nodiscard]] TCPINFO_API std::size_t max_record_size(const message& m) noexcept;

/// Writes one data record, newline included, to the start of `out`. Allocates nothing. Any thread.
/// `written` is the line's length, 0 on error. Poll, Ended, Carried and Thinned, in this order, are
/// its last keys. MD5SIG is not written. `notes` may be null.
/// @return errc::buffer_too_small (never with max_record_size(m) bytes); errc::bad_timestamp where
/// the time, or `extras.ended`, cannot be written; errc::message_too_short; errc::invalid_argument
/// for extras unknown here.
[[nodiscard]] TCPINFO_API std::error_code encode_record(std::span<char> out, std::size_t& written,
                                                        const timestamp& time, const message& m,
                                                        const record_extras& extras,
                                                        encode_notes* notes = nullptr) noexcept;
/// The same with nothing beside the message.
[[nodiscard]] inline std::error_code encode_record(std::span<char> out, std::size_t& written,
                                                   const timestamp& time,
                                                   const message& m) noexcept {
  return encode_record(out, written, time, m, record_extras{});
}
/// The same with the poll alone.
template <std::integral Poll>
requires(!std::same_as<Poll, bool>) [[nodiscard]] std::error_code
    encode_record(std::span<char> out, std::size_t& written, const timestamp& time,
                  const message& m, Poll poll, encode_notes* notes = nullptr) noexcept {
  record_extras extras;
  extras.poll = static_cast<std::uint64_t>(poll);
  return encode_record(out, written, time, m, extras, notes);
}

/// Writes the records of one connection after another faster than encode_record(): it keeps the
/// last line, and writes anew what differs in the next one. The text is the same, whatever the
/// messages are and in whatever order they come. One thread at a time.
class TCPINFO_API record_encoder final {
 public:
  record_encoder() noexcept = default;
  ~record_encoder();
  /// `other` is default-constructed afterwards.
  record_encoder(record_encoder&& other) noexcept;
  /// `other` has what this had.
  record_encoder& operator=(record_encoder&& other) noexcept;
  record_encoder(const record_encoder&) = delete;
  record_encoder& operator=(const record_encoder&) = delete;

  /// As encode_record(), which see. Allocates once, and does without where there is no memory.
  [[nodiscard]] std::error_code encode(std::span<char> out, std::size_t& written,
                                       const timestamp& time, const message& m,
                                       const record_extras& extras,
                                       encode_notes* notes = nullptr) noexcept;
  /// The same with nothing beside the message.
  [[nodiscard]] std::error_code encode(std::span<char> out, std::size_t& written,
                                       const timestamp& time, const message& m) noexcept {
    return encode(out, written, time, m, record_extras{});
  }
  /// The same with the poll alone.
  template <std::integral Poll>
  requires(!std::same_as<Poll, bool>) [[nodiscard]] std::error_code
      encode(std::span<char> out, std::size_t& written, const timestamp& time, const message& m,
             Poll poll, encode_notes* notes = nullptr) noexcept {
    record_extras extras;
    extras.poll = static_cast<std::uint64_t>(poll);
    return encode(out, written, time, m, extras, notes);
  }

 private:
  struct impl;
  impl* impl_ = nullptr;
};

/// What the first line of a file says. The views are the caller's when writing; when reading they
/// are the record's, until its next parse. An empty optional text means that the key is not there.
struct metadata {
  std::size_t size = sizeof(metadata);  ///< for later members; leave it
  std::string_view uuid = {};           ///< of the connection, as in the file's name
  std::uint64_t sequence = 0;           ///< of the file, as in its name
  timestamp start_time = {};        ///< first sight of the connection, also in later files of it
  std::string_view host = {};       ///< optional from here on
  std::string_view kernel = {};     ///< release, as of uname(2)
  std::string_view collector = {};  ///< program and version
  std::string_view interval = {};   ///< between polls, such as 10ms
  std::string_view run = {};        ///< poll numbers are comparable within one run
  std::string_view netns = {};      ///< where not the collector's own
  /// "big" for the payloads of a big-endian machine, empty for little-endian.
  std::string_view byte_order =
      std::endian::native == std::endian::big ? std::string_view("big") : std::string_view();
  /// When the connection began to open (SYN_SENT here, or ESTABLISHED where the other end
  /// connected); the zero time where nobody told, and then the key is not there.
  timestamp opened = {};
  /// What the recorder left out on purpose of this connection and others: such as sample=1/100.
  std::string_view policy = {};
  /// Whose the connection is, as far as the recorder was asked to say it and could tell: the path
  /// of the control group,
  std::string_view cgroup = {};
  /// how the owner was found: connect, accept, io, listener, iter, proc, or cgroup-id,
  std::string_view owner = {};
  std::string_view pid = {};         ///< and the process: its number, in decimal,
  std::string_view comm = {};        ///< its name, as of comm in proc(5),
  std::string_view executable = {};  ///< and the path of its program
};

/// Bytes that suffice for the line of `m`.
[[nodiscard]] TCPINFO_API std::size_t max_metadata_size(const metadata& m) noexcept;

/// Writes the metadata record, newline included, to the start of `out`. Any thread. Texts are
/// escaped as Go's encoding/json does it; bytes that are not UTF-8 become U+FFFD.
/// @return errc::buffer_too_small (never with max_metadata_size(m) bytes); errc::bad_timestamp;
/// errc::invalid_argument for members unknown here.
[[nodiscard]] TCPINFO_API std::error_code encode_metadata(std::span<char> out, std::size_t& written,
                                                          const metadata& m) noexcept;

/// How an archive file is written.
struct archive_file_options {
  std::size_t size = sizeof(archive_file_options);  ///< for later members; leave it
  /// Bytes of text in a zstd frame, above 0: what a crash loses at most.
  std::size_t frame_bytes = std::size_t{128} << 10;
  std::int32_t level = 3;   ///< of zstd, 1 (fast) to 22 (small)
  std::uint32_t plain = 0;  ///< 1: JSON lines, not compressed
};

/// Writes the archive of one connection: a metadata record, then its messages, as whole frames into
/// a file. For programs without files of their own; encode_record() and frame_writer are what it is
/// made of. A file holds one connection: nothing refuses messages of several, but readers take them
/// for one. One thread at a time.
class TCPINFO_API archive_file_writer final {
 public:
  archive_file_writer() noexcept = default;
  /// finish(), whose errors nobody hears of then.
  ~archive_file_writer();
  /// `other` is default-constructed afterwards.
  archive_file_writer(archive_file_writer&& other) noexcept;
  /// `other` has what this had.
  archive_file_writer& operator=(archive_file_writer&& other) noexcept;
  archive_file_writer(const archive_file_writer&) = delete;
  archive_file_writer& operator=(const archive_file_writer&) = delete;

  /// Finishes a file before, then makes one, with mode 0640 as far as the umask allows it. It must
  /// not be there yet. Its name should be that of format_archive_path(), and end in .part until the
  /// file is finished.
  /// @return EEXIST, the errno of open(2), or what finish() says; errc::invalid_argument for
  /// options that are none, or an empty path; errc::out_of_memory: then there is no file.
  [[nodiscard]] std::error_code create(std::string_view path,
                                       const archive_file_options& options) noexcept;
  /// The same, compressed.
  [[nodiscard]] std::error_code create(std::string_view path) noexcept {
    return create(path, archive_file_options{});
  }

  /// Writes the metadata record, which comes first in a file.
  /// @return as encode_metadata() and flush(); errc::not_open. What it refuses is not in the file,
  /// and other records can be.
  [[nodiscard]] std::error_code write(const metadata& about) noexcept;
  /// Writes a message. MD5SIG (keys) is left out, and what else cannot be written: left_out().
  /// @return as encode_record() and flush(); errc::not_open. What it refuses is not in the file,
  /// and other records can be.
  [[nodiscard]] std::error_code write(const timestamp& time, const message& m,
                                      const record_extras& extras) noexcept;
  /// The same with nothing beside the message.
  [[nodiscard]] std::error_code write(const timestamp& time, const message& m) noexcept {
    return write(time, m, record_extras{});
  }

  /// Ends the frame: what was written is in the file, though not on stable storage yet.
  /// @return the errno of write(2): all later calls return it again; errc::out_of_memory: nothing
  /// is lost, and it can be tried again; errc::not_open.
  [[nodiscard]] std::error_code flush() noexcept;
  /// Writes what is left, and closes the file, whatever is returned; nothing where there is none.
  /// @return as flush(), and the errno of close(2). After errc::out_of_memory what was not flushed
  /// is lost: flush() before can be tried again.
  [[nodiscard]] std::error_code finish() noexcept;

  /// What lines of this file do not have of their messages; nothing where no file is open. `out` is
  /// filled as far as `out.size` says.
  /// @return errc::invalid_argument for a size that is none.
  [[nodiscard]] std::error_code left_out(encode_notes& out) const noexcept;

 private:
  struct impl;
  impl* impl_ = nullptr;
};

// ---------------------------------------------------------------------------------------------
// Reading

/// One parsed line. Made to be used again: after the first few lines parsing allocates nothing. All
/// views it gives are its own and valid until it parses again, is moved from or ends. One thread at
/// a time; const use from several.
class TCPINFO_API record final {
 public:
  record() noexcept = default;
  ~record();
  /// `other` is default-constructed afterwards: it is empty.
  record(record&& other) noexcept;
  /// `other` has what this had.
  record& operator=(record&& other) noexcept;
  record(const record&) = delete;
  record& operator=(const record&) = delete;

  /// Reads one line, with or without its "\n" or "\r\n". Keys come in any order; unknown ones are
  /// counted and kept; null is as good as absent except for Timestamp. The line need not outlive
  /// the call. After an error the record is empty.
  /// @return errc::bad_json (no JSON object, or more than one; not UTF-8, or a byte-order mark
  /// before it; a known key twice or of the wrong type), errc::bad_timestamp (also: none),
  /// errc::bad_raw_idm (not 72 bytes), errc::bad_base64 (of RawIDM or an attribute; strict: only
  /// what an encoder writes is read, so that writing it again gives the same text),
  /// errc::malformed_attribute (more than 16,384 attributes, or one larger than netlink can hold,
  /// 65,531 bytes), errc::line_too_long (4 GiB), errc::out_of_memory.
  [[nodiscard]] std::error_code parse(std::string_view line) noexcept;

  /// Takes a message and what its line would say beside it: what parse() of the line that
  /// encode_record() makes of them would give, without the line. What is given need not outlive the
  /// call, and may be this record's own view(). After an error the record is empty.
  /// @return as encode_record(); errc::malformed_attribute as parse(); errc::out_of_memory.
  [[nodiscard]] std::error_code assign(const timestamp& time, const message& m,
                                       const record_extras& extras) noexcept;
  /// The same of a metadata record.
  /// @return as encode_metadata(); errc::out_of_memory.
  [[nodiscard]] std::error_code assign(const metadata& about) noexcept;

  /// The time of the record; the zero time in a metadata record.
  [[nodiscard]] timestamp time() const noexcept;

  /// Whether there is an inet_diag_msg: false in a metadata record.
  [[nodiscard]] bool has_idm() const noexcept;
  /// Its 72 bytes; empty where absent.
  [[nodiscard]] bytes_view idm() const& noexcept TCPINFO_LIFETIMEBOUND;
  /// The message put together again, its header as the kernel sent it: attributes in the order of
  /// their types, MD5SIG included where the file has it. Empty (too short for message's accessors)
  /// without idm.
  [[nodiscard]] message view() const& noexcept TCPINFO_LIFETIMEBOUND;
  // Of a record that ends here.
  bytes_view idm() const&& = delete;
  message view() const&& = delete;

  /// Length of the Attributes array, its absent ones included. Their types begin with 0.
  [[nodiscard]] std::size_t attribute_count() const noexcept;
  /// @return false where the attribute is absent (also beyond the array); true with `payload` set,
  /// perhaps empty, where it is present.
  [[nodiscard]] bool attribute(std::size_t type, bytes_view& payload) const noexcept;

  /// The poll it was seen in, or no_poll.
  [[nodiscard]] std::uint64_t poll() const noexcept;

  /// When the connection ended, where that is not the record's own time; else the zero time.
  [[nodiscard]] timestamp ended() const noexcept;
  /// What the message lacked and was taken from the connection's record before it, as of
  /// record_extras::carried. Names that are none of the format's have no bit here, and are kept.
  [[nodiscard]] std::uint32_t carried() const noexcept;
  /// Changes that the recorder left out on purpose before this record; 0 where it names none.
  [[nodiscard]] std::uint32_t thinned() const noexcept;

  /// Whether it is a metadata record (it could, in theory, be a data record as well).
  [[nodiscard]] bool has_metadata() const noexcept;
  /// Fills `out` as far as `out.size` says.
  /// @return false without metadata, or where `out.size` does not cover itself; `out` is unchanged
  /// then.
  [[nodiscard]] bool get_metadata(metadata& out) const noexcept;
  /// The same as an optional.
  [[nodiscard]] std::optional<metadata> about() const& noexcept TCPINFO_LIFETIMEBOUND {
    metadata m;
    if (!get_metadata(m)) return std::nullopt;
    return m;
  }
  std::optional<metadata> about() const&& = delete;  // of a record that ends here

  /// Keys that are none of the format's, in the record and in its Metadata.
  [[nodiscard]] std::uint32_t unknown_keys() const noexcept;

 private:
  friend TCPINFO_API std::size_t max_record_size(const record& r) noexcept;
  friend TCPINFO_API std::error_code encode_record(std::span<char> out, std::size_t& written,
                                                   const record& r) noexcept;
  struct impl;
  impl* impl_ = nullptr;
};

/// What the record says beside its message and time, to write it again. Any thread.
[[nodiscard]] inline record_extras extras_of(const record& r) noexcept {
  record_extras extras;
  extras.poll = r.poll();
  extras.ended = r.ended();
  extras.carried = r.carried();
  extras.thinned = r.thinned();
  return extras;
}

/// Bytes that suffice for the line of `r`.
[[nodiscard]] TCPINFO_API std::size_t max_record_size(const record& r) noexcept;

/// Writes a parsed record again, newline included: the same bytes for every line that stands in the
/// format's canonical form, and the canonical form of any other (key order, no spaces). Nothing is
/// lost: times are written as they were read, MD5SIG and unknown keys (after Metadata, before Poll;
/// in Metadata at its end) are kept. Any thread.
/// @return errc::buffer_too_small (never with max_record_size(r) bytes); errc::invalid_argument for
/// an empty record.
[[nodiscard]] TCPINFO_API std::error_code encode_record(std::span<char> out, std::size_t& written,
                                                        const record& r) noexcept;

/// How archives are read.
struct archive_reader_options {
  std::size_t size = sizeof(archive_reader_options);  ///< for later members; leave it
  std::size_t max_line = std::size_t{16} << 20;  ///< bytes of the longest line taken, newline apart
  std::int32_t max_window_log = 27;              ///< as stream_options has it
  std::uint32_t reserved = 0;                    ///< leave it
};

/// Reads the records of one archive, zstd or plain, in whatever condition. Memory is constant: that
/// of stream_reader plus 128 KiB, or twice the longest line taken where that is more. One thread at
/// a time.
class TCPINFO_API archive_reader final {
 private:
  struct step {
    using value_type = record;
    archive_reader* from;
    read_status operator()(record& out, std::error_code& fault, read_place& place,
                           bool& last) const noexcept {
      bool more = true;
      fault = from->next(out, more);
      place = {from->line_number(), from->line_offset()};
      last = !more;
      if (fault) return read_status::fault;
      return more ? read_status::value : read_status::end;
    }
  };

 public:
  /// What items() gives.
  using items_type = read_range<step>;

  archive_reader() noexcept = default;
  ~archive_reader();
  /// `other` is default-constructed afterwards: it is closed.
  archive_reader(archive_reader&& other) noexcept;
  /// `other` has what this had.
  archive_reader& operator=(archive_reader&& other) noexcept;
  archive_reader(const archive_reader&) = delete;
  archive_reader& operator=(const archive_reader&) = delete;

  /// As stream_reader's: the path's file is the reader's, descriptor and memory stay the caller's
  /// and must outlive the reading. A reader can be opened again; its buffers are kept.
  /// @return errc::invalid_argument also for a `max_line` of 0, and for options unknown here.
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
  /// Reads on from a stream that was opened elsewhere and has delivered `begun`, with which the
  /// text begins (it is copied): so that what an input holds can be looked at first, whatever it
  /// comes from. Takes the stream, and leaves in `stream` one of its own, whose buffers may serve
  /// the next input; of the options max_window_log plays no part. Where the latest read was of a
  /// damaged frame, so is all of `begun`.
  [[nodiscard]] std::error_code open_stream(stream_reader& stream, bytes_view begun,
                                            const archive_reader_options& options = {}) noexcept;
  /// Gives up the buffers, and the file if it was opened by path. line() is empty then.
  /// @return errc::busy in the callback of a stream that it reads: nothing was done.
  std::error_code close() noexcept;

  /// The records, one after the other, as items.h describes it: each item is a record, or a fault
  /// as next() has them. The record is the range's own and is used again for each line. An item's
  /// place is line_number() and line_offset(): of the record, of the bad line, or of the latest
  /// line where the fault is the stream's. What else the reader tells of the latest line (line(),
  /// from_damaged_frame()) may be asked for in the loop.
  [[nodiscard]] items_type items() & noexcept TCPINFO_LIFETIMEBOUND { return items_type({this}); }
  /// Of a reader that would be gone before the loop begins.
  items_type items() && = delete;
  /// The same with a record of the caller's, whose memory then serves for one archive after the
  /// other; it must outlive the range.
  [[nodiscard]] items_type items(record& value TCPINFO_LIFETIMEBOUND) & noexcept
      TCPINFO_LIFETIMEBOUND {
    return items_type({this}, value);
  }

  /// One step of items(), for who binds the library to another language.
  /// Reads the next record; `more` tells success (true, `out` holds a record) from the end (false).
  /// After an error (`more` is true) call again:
  ///
  /// - A fault of one line (those of record::parse, errc::line_too_long): reading goes on at the
  ///   next line; line_number(), line_offset() and line() are of the bad line. Blank lines are
  ///   skipped.
  ///
  /// - errc::unterminated_line: the last line has no newline and is no whole record. One that is a
  ///   whole record is delivered.
  ///
  /// - A fault of the stream, reported once, after all whole records before it; what it has made of
  ///   lines is not reported on its own. After errc::truncated_frame, errc::wrong_checksum (the
  ///   records of that frame were delivered and are not to be trusted), errc::corrupt_frame and
  ///   errc::window_too_large and errc::dictionary_needed reading goes on at the next zstd frame
  ///   that is found; an errno is the end.
  ///
  /// A UTF-8 byte-order mark at the start of the text is passed over and belongs to no line; before
  /// any other line it is errc::bad_json.
  ///
  /// errc::not_open comes with `more` false.
  [[nodiscard]] std::error_code next(record& out, bool& more) noexcept;

  /// Number of the latest line, from 1; blank ones count. 0 before the first.
  [[nodiscard]] std::uint64_t line_number() const noexcept;
  /// Where that line starts in the decompressed text, in bytes.
  [[nodiscard]] std::uint64_t line_offset() const noexcept;
  /// Its text without newline, valid until the next call; empty when it was too long to keep.
  [[nodiscard]] std::string_view line() const& noexcept TCPINFO_LIFETIMEBOUND;
  std::string_view line() const&& = delete;  // of a reader that ends here
  /// Whether the latest record comes from a zstd frame that is damaged, whose fault follows. Where
  /// that is errc::truncated_frame the record is whole and good, and only what follows is missing;
  /// otherwise it may not be what was written. Known of frames that stream_reader looks at as a
  /// whole.
  [[nodiscard]] bool from_damaged_frame() const noexcept;
  /// Whether the latest metadata record said ByteOrder "big".
  [[nodiscard]] bool big_endian() const noexcept;
  /// Bytes of input consumed so far: progress against the file's size.
  [[nodiscard]] std::uint64_t compressed_offset() const noexcept;
  /// As stream_reader's.
  [[nodiscard]] std::uint64_t window_needed() const noexcept;
  /// As stream_reader's.
  [[nodiscard]] std::uint32_t dictionary_needed() const noexcept;
  /// Whether the input is zstd.
  [[nodiscard]] bool is_zstd() const noexcept;

 private:
  friend class record_reader;
  // Ends where a segment begins instead of reading it as text.
  [[gnu::visibility("hidden")]] void stop_at_segment() noexcept;
  // Whether it has ended so. Then gives up the stream, and what was read of it and is no line yet:
  // it stays where it is until the next opening.
  [[nodiscard, gnu::visibility("hidden")]] bool hand_over_segment(stream_reader& to,
                                                                  bytes_view& begun) noexcept;
  struct impl;
  impl* impl_ = nullptr;
};

}  // namespace tcpinfo::inline v0

#ifdef __cpp_lib_format
/// A time as to_string() writes it. Takes the format of a text.
template <>
struct std::formatter<tcpinfo::timestamp> : std::formatter<std::string_view> {
  /// For std::format.
  template <class Context>
  auto format(const tcpinfo::timestamp& t, Context& context) const {
    std::array<char, tcpinfo::max_timestamp_size> text;
    return std::formatter<std::string_view>::format(
        std::string_view(text.data(), tcpinfo::format_timestamp(t, text)), context);
  }
};
#endif

#endif
