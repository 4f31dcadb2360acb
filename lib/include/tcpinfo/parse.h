// SPDX-License-Identifier: Apache-2.0
//
/// @file
/// One decoded message of inet_diag: every field of the header and of every attribute the kernel is
/// known to send, each either present with a value or absent; and the table that tells what each
/// is. Bytes the library does not understand are kept in reach, and what is odd about a message is
/// told by flags. Sources of places and meanings: <linux/inet_diag.h>, <linux/sock_diag.h>,
/// <linux/tls.h>, <linux/mptcp.h>, and what kernels from 4.19 to 7.0 were seen to send.
#ifndef TCPINFO_PARSE_H
#define TCPINFO_PARSE_H

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <system_error>
#include <utility>

#include <tcpinfo/error.h>
#include <tcpinfo/export.h>
#include <tcpinfo/inetdiag.h>
#include <tcpinfo/tcp.h>

namespace tcpinfo::inline v0 {

/// Where in a message a field stands: 0 is struct inet_diag_msg, any other the attribute of that
/// number.
enum class field_group : std::uint8_t {
  header = 0,      ///< struct inet_diag_msg
  meminfo = 1,     ///< memory, the old way
  info = 2,        ///< struct tcp_info
  vegasinfo = 3,   ///< Vegas and its like
  cong = 4,        ///< congestion control algorithm
  tos = 5,         ///< type of service
  tclass = 6,      ///< IPv6 traffic class
  skmeminfo = 7,   ///< memory of the socket
  shutdown = 8,    ///< directions shut down
  dctcpinfo = 9,   ///< DCTCP
  protocol = 10,   ///< IP protocol
  skv6only = 11,   ///< IPv6 without IPv4
  mark = 15,       ///< packet mark
  bbrinfo = 16,    ///< BBR
  class_id = 17,   ///< traffic class or priority
  ulp_info = 19,   ///< upper layer protocol: TLS, MPTCP
  cgroup_id = 21,  ///< control group
  sockopt = 22,    ///< socket options
};

/// Name of a group: "header", "skmeminfo". Empty for a number that is none. Static storage, any
/// thread.
[[nodiscard]] TCPINFO_API std::string_view group_name(field_group group) noexcept;

/// A field of a message. The value is the group << 24 plus the bit where the field begins; of
/// tcp_info's fields, which have no enumerators here, it is made by field(); inside ULP_INFO it is
/// nest << 16 | type << 8 | bit. Values never change and are not consecutive.
enum class field_id : std::uint32_t {
#define TCPINFO_GROUP_FIELD(group, id, at, size, shift, ...) \
  id = (static_cast<std::uint32_t>(field_group::group) << 24U) + (at)*8U + (shift),
#define TCPINFO_ULP_FIELD(nest, type, id, size, shift, ...)                           \
  id = (static_cast<std::uint32_t>(field_group::ulp_info) << 24U) + ((nest) << 16U) + \
       ((type) << 8U) + (shift),
#include <tcpinfo/groups.def>
};

/// The id of a field of tcp_info among all.
[[nodiscard]] constexpr field_id field(tcp_field f) noexcept {
  return static_cast<field_id>((static_cast<std::uint32_t>(field_group::info) << 24U) |
                               static_cast<std::uint32_t>(f));
}

/// What kind of value a field has.
enum class field_type : std::uint8_t {
  u8 = 1,       ///< a number of up to 8 bits
  u16 = 2,      ///< up to 16 bits
  u32 = 3,      ///< up to 32 bits
  u64 = 4,      ///< up to 64 bits
  boolean = 5,  ///< 0 or 1, of one bit or of an attribute's being there
  text = 6,     ///< read with snapshot::text
  address = 7,  ///< read with snapshot::address
};

/// What is known about a field. A handle to static data: copy freely, any thread. A default-made
/// one is of no field: its texts are empty, its numbers 0. Texts have static storage.
class TCPINFO_API field_descriptor final {
 public:
  field_descriptor() noexcept = default;

  /// Whether it is of a field.
  [[nodiscard]] bool valid() const noexcept { return entry_ != nullptr; }
  /// The field. Of none it is 0, which is also field_id::family: ask valid() first.
  [[nodiscard]] field_id id() const noexcept;
  /// Where in the message the field stands.
  [[nodiscard]] field_group group() const noexcept;
  /// The kernel's name in short, unique in its group.
  [[nodiscard]] std::string_view name() const noexcept;
  /// Name of the CSV column and JSON key, with the unit; unique over all groups.
  [[nodiscard]] std::string_view csv_name() const noexcept;
  /// What reads it, and how wide the number is. Of no field it is field_type::u8.
  [[nodiscard]] field_type type() const noexcept;
  /// What its number counts.
  [[nodiscard]] field_unit unit() const noexcept;
  /// First mainline kernel that sends the field, as "4.19".
  [[nodiscard]] std::string_view first_kernel() const noexcept;
  /// One line of English.
  [[nodiscard]] std::string_view meaning() const noexcept;
  /// Its part in the question whether a connection has changed.
  [[nodiscard]] change_rule rule() const noexcept;
  /// info_layout::unknown where the field does not depend on it.
  [[nodiscard]] info_layout layout() const noexcept;
  /// Byte offset in the header or payload; inside ULP_INFO, in the nested attribute's payload.
  [[nodiscard]] std::size_t offset() const noexcept;
  /// Bytes that must be there to read the field; texts and flags may have none.
  [[nodiscard]] std::size_t size() const noexcept;
  /// Width of the field.
  [[nodiscard]] unsigned bits() const noexcept;
  /// Whether one value stands for "never measured", "not set" or "unlimited", and which.
  [[nodiscard]] bool sentinel(std::uint64_t& out) const noexcept;
  /// The same as an optional.
  [[nodiscard]] std::optional<std::uint64_t> sentinel() const noexcept {
    std::uint64_t value = 0;
    if (!sentinel(value)) return std::nullopt;
    return value;
  }

 private:
  friend struct field_access;
  const void* entry_ = nullptr;
};

/// Number of fields of all groups.
[[nodiscard]] TCPINFO_API std::size_t field_count() noexcept;
/// The field number `index`: groups by number, fields by place, tcp_info's layouts last among its
/// own. Of no field from field_count() on. The order changes only by fields that newer releases
/// add.
[[nodiscard]] TCPINFO_API field_descriptor field_at(std::size_t index) noexcept;
/// The descriptor of a field. Of no field for a number that is none.
[[nodiscard]] TCPINFO_API field_descriptor describe(field_id id) noexcept;
/// The field with that CSV name. Of no field where there is none.
[[nodiscard]] TCPINFO_API field_descriptor find_field(std::string_view csv_name) noexcept;

/// What can be odd about a message. Bits of snapshot::faults(); none of them stops decoding.
enum class snapshot_fault : std::uint32_t {
  /// A type this library does not know (a newer kernel's). Inside ULP_INFO it is told of that
  /// attribute and is not among unknown_count().
  unknown_attribute = 1,
  /// Longer than known: the kernel is newer. The tail is in payload().
  long_attribute = 2,
  /// Ends before the last known field: the kernel is older.
  short_attribute = 4,
  /// Ends inside a field, which therefore is absent. No kernel does that.
  partial_field = 8,
  /// A type came twice; the first one counts.
  duplicate_attribute = 16,
  /// An attribute's length is impossible: nothing after it could be read.
  malformed_tail = 32,
  /// The same inside ULP_INFO.
  malformed_nest = 64,
  /// An MD5SIG attribute was there; it holds keys and is not shown.
  secret_dropped = 128,
};

/// One message, decoded. It keeps a view of the message's bytes: they must live, unchanged, as long
/// as anything but clear() or decode() is called. Made for reuse: after the first decode no call
/// allocates. One thread at a time; const use from several threads. Moved-from and default-made
/// snapshots hold nothing.
class TCPINFO_API snapshot final {
 public:
  snapshot() noexcept = default;
  ~snapshot();
  /// `other` holds nothing afterwards.
  snapshot(snapshot&& other) noexcept;
  /// What this held is let go; `other` holds nothing afterwards.
  snapshot& operator=(snapshot&& other) noexcept;
  snapshot(const snapshot&) = delete;
  snapshot& operator=(const snapshot&) = delete;

  /// Takes a message of TCP in place of the one before. Attributes may be missing, unknown, of any
  /// length and in any order.
  /// @param m      whose bytes must outlive the use of the snapshot
  /// @param layout of the kernel that sent it (running_kernel_layout, layout_of_kernel)
  /// @return errc::message_too_short below 72 bytes, errc::invalid_argument for a layout without a
  /// name, errc::out_of_memory; then it holds nothing.
  [[nodiscard]] std::error_code decode(const message& m,
                                       info_layout layout = info_layout::unknown) noexcept;

  /// Lets go of the message.
  void clear() noexcept;

  /// Reads a number. @return false, `out` untouched, where the field is absent, or is no number.
  [[nodiscard]] bool value(field_id id, std::uint64_t& out) const noexcept;
  /// The same without a search, for loops over all fields.
  [[nodiscard]] bool value(field_descriptor field, std::uint64_t& out) const noexcept;
  /// The same as an optional.
  [[nodiscard]] std::optional<std::uint64_t> value(field_id id) const noexcept {
    std::uint64_t number = 0;
    if (!value(id, number)) return std::nullopt;
    return number;
  }
  /// The same for a field of tcp_info.
  [[nodiscard]] std::optional<std::uint64_t> value(tcp_field f) const noexcept {
    return value(field(f));
  }

  /// Reads a number that was measured. @return false, `out` untouched, as value() does, and where
  /// the number is the field's sentinel, which stands for "never measured", "not set" or
  /// "unlimited".
  [[nodiscard]] bool measured(field_id id, std::uint64_t& out) const noexcept;
  /// The same without a search.
  [[nodiscard]] bool measured(field_descriptor field, std::uint64_t& out) const noexcept;
  /// The same as an optional.
  [[nodiscard]] std::optional<std::uint64_t> measured(field_id id) const noexcept {
    std::uint64_t number = 0;
    if (!measured(id, number)) return std::nullopt;
    return number;
  }
  /// The same for a field of tcp_info.
  [[nodiscard]] std::optional<std::uint64_t> measured(tcp_field f) const noexcept {
    return measured(field(f));
  }

  /// A time that was measured, whichever unit the kernel tells it in:
  /// `duration(tcp_field::min_rtt)`. rtt and rcv_rtt have no sentinel: 0 is "not measured yet".
  /// Empty where measured() is, and for a field whose unit is no time.
  [[nodiscard]] std::optional<std::chrono::nanoseconds> duration(field_id id) const noexcept {
    const field_descriptor f = describe(id);
    const bool micro = f.unit() == field_unit::microseconds;
    std::uint64_t number = 0;
    if (!f.valid() || (!micro && f.unit() != field_unit::milliseconds) || !measured(f, number))
      return std::nullopt;
    const std::uint64_t unit_ns = micro ? 1'000 : 1'000'000;
    constexpr auto most = static_cast<std::uint64_t>(std::chrono::nanoseconds::max().count());
    if (number > most / unit_ns) return std::chrono::nanoseconds::max();
    return std::chrono::nanoseconds(static_cast<std::int64_t>(number * unit_ns));
  }
  /// The same for a field of tcp_info.
  [[nodiscard]] std::optional<std::chrono::nanoseconds> duration(tcp_field f) const noexcept {
    return duration(field(f));
  }

  /// The state of the socket, as the header has it; it may be one without a name. 0, which is no
  /// state, where the snapshot holds nothing.
  [[nodiscard]] tcp_state state() const noexcept {
    std::uint64_t number = 0;
    (void)value(field_id::state, number);
    return static_cast<tcp_state>(number);
  }

  /// Reads a text: a view into the message. @return false where absent, or no text.
  [[nodiscard]] bool text(field_id id, std::string_view& out) const noexcept;
  /// The same without a search.
  [[nodiscard]] bool text(field_descriptor field, std::string_view& out) const noexcept;
  /// The same as an optional.
  [[nodiscard]] std::optional<std::string_view> text(field_id id) const noexcept {
    std::string_view view;
    if (!text(id, view)) return std::nullopt;
    return view;
  }

  /// Reads an address. @return false where absent, or no address.
  [[nodiscard]] bool address(field_id id, ip_address& out) const noexcept;
  /// The same without a search.
  [[nodiscard]] bool address(field_descriptor field, ip_address& out) const noexcept;
  /// The same as an optional.
  [[nodiscard]] std::optional<ip_address> address(field_id id) const noexcept {
    ip_address a;
    if (!address(id, a)) return std::nullopt;
    return a;
  }

  /// The payload of a known attribute: a view into the message. @return false where absent; always
  /// for MD5SIG, which holds keys, and PAD, which is filler.
  [[nodiscard]] bool payload(attribute_type type, bytes_view& out) const noexcept;
  /// The same as an optional.
  [[nodiscard]] std::optional<bytes_view> payload(attribute_type type) const noexcept {
    bytes_view view;
    if (!payload(type, view)) return std::nullopt;
    return view;
  }

  /// What a known attribute has that no field tells: the bytes behind its last known field, all of
  /// one that has no fields (LOCALS, PEERS, SK_BPF_STORAGES), all of ULP_INFO where something in it
  /// is unknown, too long, repeated or malformed. A view into the message. @return false where
  /// there is nothing of the kind, and as payload() does.
  [[nodiscard]] bool untold(attribute_type type, bytes_view& out) const noexcept;

  /// Whether a group is there at all; the header is, once something was decoded.
  [[nodiscard]] bool has(field_group group) const noexcept;

  /// Number of attributes of unknown type, in the order of the message, duplicates included.
  [[nodiscard]] std::size_t unknown_count() const noexcept;
  /// One of them: its type without flags, and a view of its payload. Walks the message.
  /// @return false from unknown_count() on.
  [[nodiscard]] bool unknown_at(std::size_t index, attribute& out) const noexcept;

  /// All snapshot_fault bits of the message.
  [[nodiscard]] std::uint32_t faults() const noexcept;
  /// Whether the message has that fault.
  [[nodiscard]] bool has(snapshot_fault fault) const noexcept {
    return (faults() & static_cast<std::uint32_t>(fault)) != 0;
  }
  /// Which attributes have a fault: bit N for type N, types up to 63.
  [[nodiscard]] std::uint64_t attributes_with(snapshot_fault fault) const noexcept;

  /// The message it was made of; empty bytes where it holds nothing.
  [[nodiscard]] message source() const noexcept;
  /// The layout given to decode().
  [[nodiscard]] info_layout layout() const noexcept;

 private:
  struct impl;
  impl* impl_ = nullptr;
};

// ---------------------------------------------------------------------------------------------
// Rows of a table

/// A column of a table of snapshots. There is one for each field, but: sets of bits are split into
/// a column for each bit, the layouts of tcp_info's last word share their columns, and states are
/// names. A handle to static data, as field_descriptor is.
class TCPINFO_API column_descriptor final {
 public:
  column_descriptor() noexcept = default;

  /// Whether it is of a column.
  [[nodiscard]] bool valid() const noexcept { return entry_ != nullptr; }
  /// Unique, in snake_case, with the unit; the JSON key too.
  [[nodiscard]] std::string_view name() const noexcept;
  /// What the cells hold. Numbers are unsigned; a boolean is 0 or 1 (true or false in JSON).
  [[nodiscard]] field_type type() const noexcept;
  /// What a number in the cells counts.
  [[nodiscard]] field_unit unit() const noexcept;
  /// First mainline kernel that sends what the column tells, as "4.19".
  [[nodiscard]] std::string_view first_kernel() const noexcept;
  /// One line of English.
  [[nodiscard]] std::string_view meaning() const noexcept;

 private:
  friend struct column_access;
  const void* entry_ = nullptr;
};

/// Number of columns.
[[nodiscard]] TCPINFO_API std::size_t column_count() noexcept;
/// The column number `index`, in the order of the fields. Of no column from column_count() on.
[[nodiscard]] TCPINFO_API column_descriptor column_at(std::size_t index) noexcept;

/// How rows are written. An absent field is an empty cell, and in JSON no member at all.
enum class row_format : std::uint8_t {
  csv = 0,   ///< RFC 4180; a text that is there and empty is ""
  tsv = 1,   ///< tab, newline, carriage return and backslash are `\t`, `\n`, `\r` and `\\`
  json = 2,  ///< members of an object, without the braces
};

/// What a row_writer is told once, by row_writer::prepare().
struct row_options {
  std::size_t size = sizeof(row_options);  ///< for later members; leave it
  row_format format = row_format::csv;     ///< of all its rows
  /// Write the numbers that stand for "never measured", "not set" and "unlimited". Without, such a
  /// field is as good as absent.
  bool keep_sentinels = false;
  std::uint8_t reserved[6] = {};  ///< leave it
};

/// Writes a text as a cell, or as a JSON string. Bytes that are not UTF-8 become U+FFFD.
/// @return errc::buffer_too_small; never where `out` has 6 bytes for each of the text's and 2 more.
/// errc::invalid_argument for an unknown format.
[[nodiscard]] TCPINFO_API std::error_code format_text_cell(row_format format, std::string_view text,
                                                           std::span<char> out,
                                                           std::size_t& written) noexcept;

/// Writes snapshots as rows of the columns it was prepared for. What there is to know about the
/// columns is worked out once, so that writing is one pass over the message. One thread at a time.
class TCPINFO_API row_writer final {
 public:
  row_writer() noexcept = default;
  ~row_writer();
  /// `other` is default-constructed afterwards: it has no columns.
  row_writer(row_writer&& other) noexcept;
  /// `other` has what this had.
  row_writer& operator=(row_writer&& other) noexcept;
  row_writer(const row_writer&) = delete;
  row_writer& operator=(const row_writer&) = delete;

  /// Sets the columns, in this order, in place of those before. Both arguments are copied.
  /// @return errc::invalid_argument for a column that is none, an unknown format, or options that
  /// this library does not know; errc::out_of_memory. Then the columns before stay.
  [[nodiscard]] std::error_code prepare(std::span<const column_descriptor> columns,
                                        const row_options& options = {}) noexcept;

  /// Room that write() wants for that snapshot.
  [[nodiscard]] std::size_t max_row_size(const snapshot& s) const noexcept;

  /// Writes the cells with their separators between them; no separator and no newline at the end.
  /// Allocates nothing. `written` is 0 on error.
  /// @return errc::buffer_too_small below max_row_size(s) bytes; errc::not_open before prepare().
  [[nodiscard]] std::error_code write(const snapshot& s, std::span<char> out,
                                      std::size_t& written) noexcept;

 private:
  struct impl;
  impl* impl_ = nullptr;
};

}  // namespace tcpinfo::inline v0

#endif
