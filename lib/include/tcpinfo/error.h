// SPDX-License-Identifier: Apache-2.0
//
/// @file
/// The library's own error codes. Faults of the system come as std::system_category() codes with
/// the errno of the call; faults of the data come as these. No exported function throws; for
/// programs that prefer exceptions there is throw_on_error().
#ifndef TCPINFO_ERROR_H
#define TCPINFO_ERROR_H

#include <cstdint>
#include <system_error>
#include <type_traits>

#include <tcpinfo/export.h>

namespace tcpinfo::inline v0 {

/// What can be wrong with data or with a request. Values are frozen; new ones are appended.
enum class errc : std::int32_t {
  ok = 0,                   ///< no error
  message_too_short = 1,    ///< fewer bytes than struct inet_diag_msg has (72)
  malformed_attribute = 2,  ///< an attribute's length is below 4 or runs past its container
  buffer_too_small = 3,     ///< the output span cannot hold the result
  dump_incomplete = 4,      ///< a dump ended without NLMSG_DONE, or with a bad message in it
  datagram_truncated = 5,   ///< a netlink datagram was larger than the receive buffer
  unexpected_reply = 6,     ///< the kernel answered something that is no answer to the request
  not_open = 7,             ///< the object was default-constructed, closed or moved from
  invalid_argument = 8,     ///< an argument is out of its documented range
  bad_json = 9,             ///< a line is not a JSON object, or a known key has the wrong type
  bad_base64 = 10,          ///< not standard padded base64 (RFC 4648 section 4)
  bad_timestamp = 11,       ///< not an RFC 3339 time
  bad_raw_idm = 12,         ///< RawIDM is not 72 bytes
  line_too_long = 13,       ///< a line exceeds the reader's limit
  truncated_frame = 14,     ///< the input ends inside a zstd frame
  corrupt_frame = 15,       ///< a zstd frame does not decode
  unterminated_line = 16,   ///< the last line has no newline: its writer was cut off
  bad_uuid = 17,            ///< a UUID or prefix that cannot be part of a file name
  out_of_memory = 18,       ///< an allocation failed
  filter_too_large = 19,    ///< more rules than the kernel has room for, of a kind it must judge
  window_too_large = 20,    ///< a zstd frame needs a larger window than the reader allows
  wrong_checksum = 21,      ///< a zstd frame decodes, but to something else than was written
  dictionary_needed = 22,   ///< a zstd frame was written with a dictionary, which none is read with
  stopped = 23,             ///< a callback answered iteration::stop
  busy = 24,                ///< called from its own callback, or in the middle of something else
  empty_request = 25,       ///< the request asks for nothing: no state, say
  bad_block = 26,           ///< a block of a segment that is none, or not what was written
  unknown_feature = 27,     ///< a block of a segment that only a later version reads
};

/// The category of errc. Static storage; any thread. Its invalid_argument, buffer_too_small,
/// out_of_memory and busy also equal the std::errc of that meaning.
[[nodiscard]] TCPINFO_API const std::error_category& error_category() noexcept;

/// Lets an errc stand where a std::error_code is wanted, and be compared with one. errc::ok is the
/// default error_code, which is what functions return.
[[nodiscard]] inline std::error_code make_error_code(errc e) noexcept {
  return e == errc::ok ? std::error_code() : std::error_code(static_cast<int>(e), error_category());
}

#if defined(__cpp_exceptions)
/// Throws std::system_error where `ec` is an error; its what() begins with `what`:
/// throw_on_error(socket.open(), "diag_socket::open").
/// Not there in a program that is built with -fno-exceptions.
inline void throw_on_error(const std::error_code& ec, const char* what = "libtcpinfo") {
  if (ec) throw std::system_error(ec, what);
}
#endif

}  // namespace tcpinfo::inline v0

template <>
struct std::is_error_code_enum<tcpinfo::errc> : std::true_type {};

#endif
