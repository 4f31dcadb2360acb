// SPDX-License-Identifier: Apache-2.0
#ifndef TCPINFO_COLLECT_OS_BPF_LOG_H
#define TCPINFO_COLLECT_OS_BPF_LOG_H

#include <bpf/libbpf.h>

#include <cstdarg>

namespace tcpinfo::collect {

/// What libbpf says goes nowhere: those who load programs say themselves what is wrong. Any thread.
inline void silence_libbpf() noexcept {
  // Once: it is a variable of the process, and older versions set it without a fence.
  [[maybe_unused]] static const auto before =
      libbpf_set_print([](libbpf_print_level, const char*, va_list) { return 0; });
}

}  // namespace tcpinfo::collect

#endif
