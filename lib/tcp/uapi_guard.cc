// SPDX-License-Identifier: Apache-2.0
//
// Holds the table against the build host's <linux/tcp.h>, as far as that knows the fields. The only
// place that includes it: it clashes with <netinet/tcp.h>, which libnl's headers pull in.
#include <linux/tcp.h>

#include <cstddef>
#include <cstring>

#include "tcp/field_entry.h"

namespace tcpinfo::inline v0 {
namespace {

// A member the header has not, and a bit field (whose address cannot be taken), agrees by
// definition; so do fields of one layout, which come below. Each check is a template, so that what
// does not apply is never looked up.
#define TCPINFO_TCP_FIELD(name, at, size_, shift, bits, layout, ...)                              \
  template <class T>                                                                              \
  constexpr bool name##_agrees() {                                                                \
    if constexpr (info_layout::layout == info_layout::unknown && requires { &T::tcpi_##name; }) { \
      return offsetof(T, tcpi_##name) == (at) && sizeof(T::tcpi_##name) == (size_) &&             \
             (bits) == (size_)*8;                                                                 \
    } else {                                                                                      \
      return true;                                                                                \
    }                                                                                             \
  }                                                                                               \
  static_assert(name##_agrees<::tcp_info>(), #name " is elsewhere in <linux/tcp.h>");
#include <tcpinfo/tcp_info_fields.def>

template <class T>
constexpr bool layout_a_agrees() {
  if constexpr (requires { &T::tcpi_accecn_fail_mode; }) {
    return offsetof(T, tcpi_accecn_fail_mode) == 276 && sizeof(T::tcpi_accecn_fail_mode) == 2 &&
           offsetof(T, tcpi_accecn_opt_seen) == 278 && sizeof(T::tcpi_accecn_opt_seen) == 2;
  } else {
    return true;
  }
}
static_assert(layout_a_agrees<::tcp_info>(), "layout a differs from <linux/tcp.h>");

// A check of nothing would pass too: some member must be seen.
static_assert(requires(::tcp_info t) { &::tcp_info::tcpi_rtt; });
static_assert(offsetof(::tcp_info, tcpi_rtt) == 68);

bool reads_as(const void* info, std::size_t size, info_layout layout, tcp_field field,
              std::uint64_t expected) noexcept {
  std::uint64_t value = ~std::uint64_t{0};
  return read_tcp_field({static_cast<const std::byte*>(info), size}, layout, field, value) &&
         value == expected;
}

template <class T>
bool agree() noexcept {
  bool ok = true;
  T t;
  if constexpr (requires { t.tcpi_snd_wscale; }) {
    std::memset(&t, 0, sizeof t);
    t.tcpi_snd_wscale = 0x5;
    t.tcpi_rcv_wscale = 0xe;
    ok = ok && reads_as(&t, sizeof t, info_layout::unknown, tcp_field::snd_wscale, 0x5) &&
         reads_as(&t, sizeof t, info_layout::unknown, tcp_field::rcv_wscale, 0xe);
  }
  if constexpr (requires { t.tcpi_fastopen_client_fail; }) {
    std::memset(&t, 0, sizeof t);
    t.tcpi_fastopen_client_fail = 2;
    ok = ok && reads_as(&t, sizeof t, info_layout::unknown, tcp_field::fastopen_client_fail, 2) &&
         reads_as(&t, sizeof t, info_layout::unknown, tcp_field::delivery_rate_app_limited, 0);
    t.tcpi_delivery_rate_app_limited = 1;
    ok = ok && reads_as(&t, sizeof t, info_layout::unknown, tcp_field::fastopen_client_fail, 2) &&
         reads_as(&t, sizeof t, info_layout::unknown, tcp_field::delivery_rate_app_limited, 1);
  }
  if constexpr (requires { t.tcpi_ecn_mode; }) {
    std::memset(&t, 0, sizeof t);
    t.tcpi_ecn_mode = 1;
    t.tcpi_accecn_opt_seen = 2;
    t.tcpi_accecn_fail_mode = 9;
    t.tcpi_options2 = 0xabcdef;
    ok = ok && reads_as(&t, sizeof t, info_layout::b, tcp_field::ecn_mode, 1) &&
         reads_as(&t, sizeof t, info_layout::b, tcp_field::accecn_opt_seen, 2) &&
         reads_as(&t, sizeof t, info_layout::b, tcp_field::accecn_fail_mode, 9) &&
         reads_as(&t, sizeof t, info_layout::b, tcp_field::options2, 0xabcdef);
  }
  return ok;
}

}  // namespace

bool uapi_bit_fields_agree() noexcept { return agree<::tcp_info>(); }

}  // namespace tcpinfo::inline v0
