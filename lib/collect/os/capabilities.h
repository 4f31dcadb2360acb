// SPDX-License-Identifier: Apache-2.0
#ifndef TCPINFO_COLLECT_OS_CAPABILITIES_H
#define TCPINFO_COLLECT_OS_CAPABILITIES_H

namespace tcpinfo::collect {

/// Those of capabilities(7) that are asked for, by the kernel's numbers.
enum class capability : unsigned {
  sys_admin = 21,
  sys_nice = 23,
  perfmon = 38,
  bpf = 39,
};

/// Puts into effect what is permitted only, as an executable file's capabilities without the
/// effective flag are (setcap cap_bpf=p): with the flag the program could not be started at all
/// where one of them is withheld. Of the calling thread, and so before there are others.
void raise_capabilities() noexcept;

/// Whether this process has it in effect. To be asked before a call that needs it: a service's
/// sandbox may punish the mere attempt.
[[nodiscard]] bool has_capability(capability which);

}  // namespace tcpinfo::collect

#endif
