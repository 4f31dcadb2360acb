// SPDX-License-Identifier: Apache-2.0
#include <tcpinfo/error.h>
#include <tcpinfo/version.h>

#include <string>

namespace tcpinfo::inline v0 {
namespace {

class category_impl final : public std::error_category {
 public:
  const char* name() const noexcept override { return "tcpinfo"; }

  std::string message(int value) const override {
    switch (static_cast<errc>(value)) {
      case errc::ok:
        return "success";
      case errc::message_too_short:
        return "message shorter than struct inet_diag_msg";
      case errc::malformed_attribute:
        return "attribute length out of bounds";
      case errc::buffer_too_small:
        return "output buffer too small";
      case errc::dump_incomplete:
        return "dump incomplete";
      case errc::datagram_truncated:
        return "netlink datagram truncated";
      case errc::unexpected_reply:
        return "unexpected netlink reply";
      case errc::not_open:
        return "object is not open";
      case errc::invalid_argument:
        return "invalid argument";
      case errc::bad_json:
        return "not a JSON record";
      case errc::bad_base64:
        return "bad base64";
      case errc::bad_timestamp:
        return "bad timestamp";
      case errc::bad_raw_idm:
        return "RawIDM is not 72 bytes";
      case errc::line_too_long:
        return "line too long";
      case errc::truncated_frame:
        return "input ends inside a zstd frame";
      case errc::corrupt_frame:
        return "corrupt zstd frame";
      case errc::unterminated_line:
        return "last line is cut off";
      case errc::bad_uuid:
        return "not usable as a UUID";
      case errc::out_of_memory:
        return "out of memory";
      case errc::filter_too_large:
        return "filter program too large";
      case errc::window_too_large:
        return "zstd frame needs a larger window than allowed";
      case errc::wrong_checksum:
        return "wrong checksum of a zstd frame: its records are not to be trusted";
      case errc::dictionary_needed:
        return "zstd frame needs a dictionary";
      case errc::stopped:
        return "stopped by the callback";
      case errc::busy:
        return "in use: called from a callback of its own, or while a dump goes on";
      case errc::empty_request:
        return "the request asks for nothing";
      case errc::bad_block:
        return "damaged block of a segment: its records are lost";
      case errc::unknown_feature:
        return "a block of a segment that only a later version reads";
    }
    return "unknown error " + std::to_string(value);
  }

  std::error_condition default_error_condition(int value) const noexcept override {
    switch (static_cast<errc>(value)) {
      case errc::invalid_argument:
        return std::errc::invalid_argument;
      case errc::buffer_too_small:
        return std::errc::no_buffer_space;
      case errc::out_of_memory:
        return std::errc::not_enough_memory;
      case errc::busy:
        return std::errc::device_or_resource_busy;
      default:
        return {value, *this};
    }
  }
};

}  // namespace

const std::error_category& error_category() noexcept {
  static const category_impl instance;
  return instance;
}

std::string_view version_string() noexcept {
#define TCPINFO_TEXT2(x) #x
#define TCPINFO_TEXT(x) TCPINFO_TEXT2(x)
  return TCPINFO_TEXT(TCPINFO_VERSION_MAJOR) "." TCPINFO_TEXT(
      TCPINFO_VERSION_MINOR) "." TCPINFO_TEXT(TCPINFO_VERSION_PATCH);
}

}  // namespace tcpinfo::inline v0
