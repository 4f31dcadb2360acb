// SPDX-License-Identifier: Apache-2.0
//
// What is asked before BPF programs are loaded.
#ifndef TCPINFO_COLLECT_OS_BPF_ACCESS_H
#define TCPINFO_COLLECT_OS_BPF_ACCESS_H

#include <bpf/btf.h>
#include <bpf/libbpf.h>

#include <memory>
#include <string>
#include <string_view>

#include "collect/os/bpf_log.h"
#include "collect/os/capabilities.h"
#include "common/message_of.h"

namespace tcpinfo::collect {

struct btf_deleter {
  void operator()(btf* types) const noexcept { btf__free(types); }
};

/// The type information of the running kernel. Null, and `why`, where this process may load no
/// programs, or the kernel has none. Silences libbpf.
[[nodiscard]] inline std::unique_ptr<btf, btf_deleter> find_kernel_types(std::string& why) {
  if (!has_capability(capability::sys_admin) &&
      !(has_capability(capability::bpf) && has_capability(capability::perfmon))) {
    why = "it takes CAP_BPF and CAP_PERFMON";
    return nullptr;
  }
  silence_libbpf();
  std::unique_ptr<btf, btf_deleter> types(btf__load_vmlinux_btf());
  if (types == nullptr) why = "this kernel has no type information (/sys/kernel/btf/vmlinux)";
  return types;
}

/// Whether the running kernel, of this type information, has the tracepoint of a program of the
/// section tp_btf.
[[nodiscard]] inline bool has_tracepoint(const btf* kernel, const bpf_program* program) {
  constexpr std::string_view prefix = "tp_btf/";
  const std::string_view section = bpf_program__section_name(program);
  if (!section.starts_with(prefix)) return false;
  const std::string type = "btf_trace_" + std::string(section.substr(prefix.size()));
  return btf__find_by_name_kind(kernel, type.c_str(), BTF_KIND_TYPEDEF) > 0;
}

}  // namespace tcpinfo::collect

#endif
