// SPDX-License-Identifier: Apache-2.0
//
/// @file
/// TCP as the kernel tells of it: states, and the fields of struct tcp_info read from the payload
/// of an INET_DIAG_INFO attribute. The payload is never laid over a system struct: kernels send
/// more, and less, than any header knows, so its length alone says which fields exist.
///
/// Everything here is a pure function of its arguments or of static tables unless it says
/// otherwise: any thread, no allocation. Names and texts handed out have static storage. Source of
/// places and meanings: <linux/tcp.h> and what kernels were seen to send.
#ifndef TCPINFO_TCP_H
#define TCPINFO_TCP_H

#include <cstddef>
#include <cstdint>
#include <iosfwd>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <version>
#ifdef __cpp_lib_format
#include <format>
#endif

#include <tcpinfo/export.h>
#include <tcpinfo/tcp_state.h>

namespace tcpinfo::inline v0 {

/// The kernel's name of a state: "ESTABLISHED", "CLOSE_WAIT". Empty for a number without one.
[[nodiscard]] TCPINFO_API std::string_view state_name(std::uint8_t state) noexcept;

/// The same of a state that has a name.
[[nodiscard]] inline std::string_view state_name(tcp_state state) noexcept {
  return state_name(static_cast<std::uint8_t>(state));
}

/// Writes the kernel's name to a stream, or the number where there is none. May throw what the
/// stream throws.
template <class Traits>
std::basic_ostream<char, Traits>& operator<<(std::basic_ostream<char, Traits>& to,
                                             tcp_state state) {
  const std::string_view name = state_name(state);
  return name.empty() ? to << static_cast<unsigned>(state) : to << name;
}

/// The name ss prints: "ESTAB", "CLOSE-WAIT", "UNCONN" for CLOSE. Empty for a number without one.
[[nodiscard]] TCPINFO_API std::string_view state_ss_name(std::uint8_t state) noexcept;

/// The same of a state that has a name.
[[nodiscard]] inline std::string_view state_ss_name(tcp_state state) noexcept {
  return state_ss_name(static_cast<std::uint8_t>(state));
}

/// Name of a congestion state (tcp_field::ca_state): "Open", "Disorder", "CWR", "Recovery", "Loss".
/// Empty for a number without one.
[[nodiscard]] TCPINFO_API std::string_view ca_state_name(std::uint8_t ca_state) noexcept;

/// What a field's number counts.
enum class field_unit : std::uint8_t {
  count = 0,             ///< events or things
  bytes = 1,             ///< of data or memory
  segments = 2,          ///< of TCP
  microseconds = 3,      ///< a time
  milliseconds = 4,      ///< a time
  bytes_per_second = 5,  ///< a rate
  enumeration = 6,       ///< a code; the field's meaning lists it
  flags = 7,             ///< a set of bits; the field's meaning lists them
  boolean = 8,           ///< 0 or 1
  identifier = 9,        ///< a number that only names something
  shift = 10,            ///< a power of two
  per_256 = 11,          ///< a ratio in 256ths
  per_1024 = 12,         ///< a ratio in 1024ths
  text = 13,             ///< no number: a text
  address = 14,          ///< no number: an IP address
};

/// Short name: "us", "bytes/s", "segments"; empty for a number without one.
[[nodiscard]] TCPINFO_API std::string_view unit_name(field_unit unit) noexcept;

/// How a field takes part in the question whether a connection has changed.
enum class change_rule : std::uint8_t {
  changes = 0,  ///< a new value is a change
  age = 1,      ///< time since something: moves at every look, never a change
  grows = 2,    ///< a clock that runs while a condition lasts: no change by itself
};

/// Which of the two layouts the word at byte 276 of tcp_info has. Its length is the same in both.
enum class info_layout : std::uint8_t {
  unknown = 0,  ///< only the word itself is read. As a field's layout: the field is in every layout
  a = 1,        ///< 6.18 and 6.19: two u16
  b = 2,        ///< 7.0 and later: bit fields of one u32
};

/// The layout by a kernel's release ("6.18.44-generic"): a for 6.18 and 6.19, b from 7.0. Unknown
/// for text that is no release and for earlier kernels: these have no such word, and one that has
/// it all the same had it backported, in a layout its number cannot tell.
[[nodiscard]] TCPINFO_API info_layout layout_of_kernel(std::string_view release) noexcept;

/// The layout of the kernel this process runs on: by its type information
/// (/sys/kernel/btf/vmlinux names the members of tcp_info) where readable, else by uname(2). Reads
/// a few MB of that file, so ask once and keep the answer. Any thread.
[[nodiscard]] TCPINFO_API info_layout running_kernel_layout() noexcept;

/// A field of tcp_info. The value is the bit where it begins (byte * 8 + shift), plus its layout <<
/// 16 for fields of one layout only: values never change and are not consecutive.
enum class tcp_field : std::uint32_t {
#define TCPINFO_TCP_FIELD(name, at, size, shift, bits, layout, ...) \
  name = (at)*8U + (shift) + (static_cast<std::uint32_t>(info_layout::layout) << 16U),
#include <tcpinfo/tcp_info_fields.def>
};

/// Bytes of tcp_info that this release of the library knows. Kernels may send fewer or more.
inline constexpr std::size_t tcp_info_known_size = 280;

/// Reads one field from the payload of an INET_DIAG_INFO attribute.
/// @param payload any length and alignment, host byte order; only looked at during the call
/// @param layout  of the kernel that made the payload
/// @param field   which one
/// @param out     its value
/// @return false, `out` untouched, where the field is absent: the payload ends before the field
/// does, the field belongs to another layout, or it is no field this library knows.
[[nodiscard]] TCPINFO_API bool read_tcp_field(std::span<const std::byte> payload,
                                              info_layout layout, tcp_field field,
                                              std::uint64_t& out) noexcept;

/// The same as an optional.
[[nodiscard]] inline std::optional<std::uint64_t> tcp_value(std::span<const std::byte> payload,
                                                            info_layout layout,
                                                            tcp_field field) noexcept {
  std::uint64_t value = 0;
  if (!read_tcp_field(payload, layout, field, value)) return std::nullopt;
  return value;
}

/// What is known about a field of tcp_info. A handle to static data: copy freely, any thread.
/// A default-made one is of no field: its texts are empty, its numbers 0.
class TCPINFO_API tcp_field_descriptor final {
 public:
  tcp_field_descriptor() noexcept = default;

  /// Whether it is of a field.
  [[nodiscard]] bool valid() const noexcept { return entry_ != nullptr; }
  /// The field. Of none it is 0, which is also tcp_field::state: ask valid() first.
  [[nodiscard]] tcp_field id() const noexcept;
  /// The kernel's name without tcpi_.
  [[nodiscard]] std::string_view name() const noexcept;
  /// Name of the CSV column and JSON key, with the unit.
  [[nodiscard]] std::string_view csv_name() const noexcept;
  /// What its number counts.
  [[nodiscard]] field_unit unit() const noexcept;
  /// First mainline kernel that has the field, as "4.19".
  [[nodiscard]] std::string_view first_kernel() const noexcept;
  /// One line of English.
  [[nodiscard]] std::string_view meaning() const noexcept;
  /// Byte offset in tcp_info of the word that holds the field.
  [[nodiscard]] std::size_t offset() const noexcept;
  /// Bytes of that word: the field is present where offset() + size() <= length.
  [[nodiscard]] std::size_t size() const noexcept;
  /// Lowest bit of the field in that word, as on little-endian machines.
  [[nodiscard]] unsigned bit_shift() const noexcept;
  /// Width of the field.
  [[nodiscard]] unsigned bits() const noexcept;
  /// Its part in the question whether a connection has changed.
  [[nodiscard]] change_rule rule() const noexcept;
  /// info_layout::unknown where the field is in every layout.
  [[nodiscard]] info_layout layout() const noexcept;
  /// Whether one value stands for "never measured", "not set" or "unlimited", and which.
  [[nodiscard]] bool sentinel(std::uint64_t& out) const noexcept;
  /// The same as an optional.
  [[nodiscard]] std::optional<std::uint64_t> sentinel() const noexcept {
    std::uint64_t value = 0;
    if (!sentinel(value)) return std::nullopt;
    return value;
  }

 private:
  friend struct tcp_field_access;
  const void* entry_ = nullptr;
};

/// Number of fields known.
[[nodiscard]] TCPINFO_API std::size_t tcp_field_count() noexcept;
/// The field number `index` in the order of their places. Of no field from tcp_field_count() on.
[[nodiscard]] TCPINFO_API tcp_field_descriptor tcp_field_at(std::size_t index) noexcept;
/// The descriptor of a field. Of no field for a number that is none.
[[nodiscard]] TCPINFO_API tcp_field_descriptor describe(tcp_field field) noexcept;

}  // namespace tcpinfo::inline v0

#ifdef __cpp_lib_format
/// The kernel's name of a state ("ESTABLISHED"), or its number where it has none. Takes the format
/// of a text.
template <>
struct std::formatter<tcpinfo::tcp_state> : std::formatter<std::string_view> {
  /// For std::format.
  template <class Context>
  auto format(tcpinfo::tcp_state state, Context& context) const {
    const std::string_view name = state_name(state);
    if (!name.empty()) return std::formatter<std::string_view>::format(name, context);
    const auto number = std::to_string(static_cast<unsigned>(state));
    return std::formatter<std::string_view>::format(number, context);
  }
};
#endif

#endif
