// SPDX-License-Identifier: Apache-2.0
//
// Errors in words, the version, and what is known of a message or a socket without a handle.
#include <tcpinfo/inetdiag.h>
#include <tcpinfo/tcp.h>
#include <tcpinfo/version.h>

#include <string>
#include <string_view>

#include "c/result.h"
#include "c/structs.h"

using namespace tcpinfo;

namespace {

std::string text_of(int result) {
  switch (result) {
    case TCPINFO_E_UNKNOWN_FIELD:
      return "no such field";
    case TCPINFO_E_WRONG_TYPE:
      return "field of another type";
    case TCPINFO_E_FOREIGN_BYTE_ORDER:
      return "recorded on a machine of the other byte order";
    default:
      break;
  }
  if (result >= 0) return "success";
  if (result <= -c_errc_base) return error_category().message(-(result + c_errc_base));
  return std::system_category().message(-result);
}

/// NUL-terminated and cut.
std::size_t put(std::string_view text, char* out, std::size_t size) noexcept {
  if (out != nullptr && size > 0) {
    // copy() and not memcpy, which must not get the missing address of an empty view.
    out[text.copy(out, size - 1)] = '\0';
  }
  return text.size();
}

}  // namespace

extern "C" {

size_t tcpinfo_error_text(int result, char* text, size_t size) noexcept {
  try {
    return put(text_of(result), text, size);
  } catch (...) {
    return put("out of memory", text, size);
  }
}

const char* tcpinfo_version() noexcept { return version_string().data(); }

uint32_t tcpinfo_version_number() noexcept { return TCPINFO_VERSION_NUMBER; }

int tcpinfo_message_id(const tcpinfo_message* message, tcpinfo_socket_id* out) noexcept {
  if (message == nullptr || out == nullptr) return TCPINFO_E_INVALID_ARGUMENT;
  tcpinfo::message m;
  if (const std::error_code ec = message::from(from_c(*message).bytes, m)) return c_result(ec);
  *out = to_c(m.id());
  return 0;
}

int tcpinfo_socket_id_of(int descriptor, tcpinfo_socket_id* out) noexcept {
  if (out == nullptr) return TCPINFO_E_INVALID_ARGUMENT;
  socket_id id;
  if (const std::error_code ec = socket_id_of(descriptor, id)) return c_result(ec);
  *out = to_c(id);
  return 0;
}

size_t tcpinfo_id_text(const tcpinfo_socket_id* id, char* text, size_t size) noexcept {
  if (id == nullptr) return put({}, text, size);
  try {
    return put(to_string(from_c(*id)), text, size);
  } catch (...) {
    return put("out of memory", text, size);
  }
}

uint32_t tcpinfo_message_state(const tcpinfo_message* message) noexcept {
  if (message == nullptr) return 0;
  tcpinfo::message m;
  if (message::from(from_c(*message).bytes, m)) return 0;
  return static_cast<std::uint32_t>(m.state());
}

const char* tcpinfo_state_name(uint32_t state) noexcept {
  const std::string_view name =
      state <= UINT8_MAX ? state_name(static_cast<std::uint8_t>(state)) : std::string_view();
  return name.empty() ? "" : name.data();
}

uint32_t tcpinfo_kernel_layout() noexcept {
  return static_cast<std::uint32_t>(running_kernel_layout());
}

}  // extern "C"
