// SPDX-License-Identifier: Apache-2.0
#include <tcpinfo/tcp.h>

#include <array>

namespace tcpinfo::inline v0 {
namespace {

template <std::size_t N>
constexpr std::string_view at_or_empty(const std::array<std::string_view, N>& names,
                                       std::size_t index) noexcept {
  return index < N ? names[index] : std::string_view{};
}

constexpr std::array<std::string_view, 14> kernel_states = {
    "",      "ESTABLISHED", "SYN_SENT", "SYN_RECV", "FIN_WAIT1", "FIN_WAIT2",    "TIME_WAIT",
    "CLOSE", "CLOSE_WAIT",  "LAST_ACK", "LISTEN",   "CLOSING",   "NEW_SYN_RECV", "BOUND_INACTIVE"};

// ss has no name of its own for the last two; these follow its manner.
constexpr std::array<std::string_view, 14> ss_states = {
    "",       "ESTAB",      "SYN-SENT", "SYN-RECV", "FIN-WAIT-1", "FIN-WAIT-2",   "TIME-WAIT",
    "UNCONN", "CLOSE-WAIT", "LAST-ACK", "LISTEN",   "CLOSING",    "NEW-SYN-RECV", "BOUND-INACTIVE"};

constexpr std::array<std::string_view, 5> ca_states = {"Open", "Disorder", "CWR", "Recovery",
                                                       "Loss"};

// By the numbers of field_unit.
constexpr std::array<std::string_view, 15> units = {
    "count", "bytes", "segments", "us",    "ms",     "bytes/s", "enum",   "flags",
    "bool",  "id",    "shift",    "1/256", "1/1024", "text",    "address"};

}  // namespace

std::string_view state_name(std::uint8_t state) noexcept {
  return at_or_empty(kernel_states, state);
}

std::string_view state_ss_name(std::uint8_t state) noexcept {
  return at_or_empty(ss_states, state);
}

std::string_view ca_state_name(std::uint8_t ca_state) noexcept {
  return at_or_empty(ca_states, ca_state);
}

std::string_view unit_name(field_unit unit) noexcept {
  return at_or_empty(units, static_cast<std::size_t>(unit));
}

}  // namespace tcpinfo::inline v0
