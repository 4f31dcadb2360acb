// SPDX-License-Identifier: Apache-2.0
//
// One decoded message.
#include <tcpinfo/parse.h>

#include <new>
#include <string_view>

#include "c/field_info.h"
#include "c/result.h"
#include "c/structs.h"

using namespace tcpinfo;

struct tcpinfo_snapshot {
  snapshot decoded;
};

namespace {

int read_number(const tcpinfo_snapshot* snapshot, const field_descriptor& field, bool sentinels,
                std::uint64_t* out) noexcept {
  if (snapshot == nullptr || out == nullptr) return TCPINFO_E_INVALID_ARGUMENT;
  if (const int refused = refusal(field, read_as::number)) return refused;
  std::uint64_t value = 0;
  if (!snapshot->decoded.value(field, value)) return 0;
  if (!sentinels && field.sentinel() == value) return 0;
  *out = value;
  return 1;
}

}  // namespace

extern "C" {

int tcpinfo_snapshot_new(tcpinfo_snapshot** out) noexcept {
  if (out == nullptr) return TCPINFO_E_INVALID_ARGUMENT;
  auto* const made = new (std::nothrow) tcpinfo_snapshot;
  if (made == nullptr) return TCPINFO_E_OUT_OF_MEMORY;
  *out = made;
  return 0;
}

void tcpinfo_snapshot_free(tcpinfo_snapshot* snapshot) noexcept { delete snapshot; }

int tcpinfo_snapshot_decode(tcpinfo_snapshot* snapshot, const tcpinfo_message* message,
                            uint32_t layout) noexcept {
  if (snapshot == nullptr || message == nullptr || layout > TCPINFO_LAYOUT_B)
    return TCPINFO_E_INVALID_ARGUMENT;
  return c_result(snapshot->decoded.decode(from_c(*message), static_cast<info_layout>(layout)));
}

int tcpinfo_snapshot_value(const tcpinfo_snapshot* snapshot, uint32_t field,
                           uint64_t* out) noexcept {
  return read_number(snapshot, describe(static_cast<field_id>(field)), true, out);
}

int tcpinfo_snapshot_measured(const tcpinfo_snapshot* snapshot, uint32_t field,
                              uint64_t* out) noexcept {
  return read_number(snapshot, describe(static_cast<field_id>(field)), false, out);
}

int tcpinfo_snapshot_value_of(const tcpinfo_snapshot* snapshot, const char* name,
                              uint64_t* out) noexcept {
  if (name == nullptr) return TCPINFO_E_INVALID_ARGUMENT;
  return read_number(snapshot, field_named(name), true, out);
}

int tcpinfo_snapshot_text(const tcpinfo_snapshot* snapshot, uint32_t field, const char** text,
                          size_t* size) noexcept {
  if (snapshot == nullptr || text == nullptr || size == nullptr) return TCPINFO_E_INVALID_ARGUMENT;
  const field_descriptor known = describe(static_cast<field_id>(field));
  if (const int refused = refusal(known, read_as::text)) return refused;
  std::string_view view;
  if (!snapshot->decoded.text(known, view)) return 0;
  *text = view.data();
  *size = view.size();
  return 1;
}

int tcpinfo_snapshot_address(const tcpinfo_snapshot* snapshot, uint32_t field,
                             tcpinfo_address* out) noexcept {
  if (snapshot == nullptr || out == nullptr) return TCPINFO_E_INVALID_ARGUMENT;
  const field_descriptor known = describe(static_cast<field_id>(field));
  if (const int refused = refusal(known, read_as::address)) return refused;
  ip_address address;
  if (!snapshot->decoded.address(known, address)) return 0;
  *out = to_c(address);
  return 1;
}

int tcpinfo_snapshot_has_group(const tcpinfo_snapshot* snapshot, uint32_t group) noexcept {
  if (snapshot == nullptr || group > UINT8_MAX) return TCPINFO_E_INVALID_ARGUMENT;
  return snapshot->decoded.has(static_cast<field_group>(group)) ? 1 : 0;
}

}  // extern "C"
