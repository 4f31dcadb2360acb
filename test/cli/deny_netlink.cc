// SPDX-License-Identifier: Apache-2.0
//
// Runs a program for which the kernel refuses every NETLINK_SOCK_DIAG socket: the nearest thing to
// a kernel without inet_diag, or without the permission to use it, that a test can arrange.
//
// usage: deny_netlink eperm|unsupported PROGRAM [ARGUMENT...]
// Exit status 77 where no filter can be installed; otherwise the program's.

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/netlink.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <string_view>

namespace {

constexpr int kSkip = 77;
constexpr uint16_t kSockDiag = 4;  // NETLINK_SOCK_DIAG; older headers name it NETLINK_INET_DIAG

#if defined(__x86_64__)
constexpr uint32_t kArchitecture = AUDIT_ARCH_X86_64;
#elif defined(__aarch64__)
constexpr uint32_t kArchitecture = AUDIT_ARCH_AARCH64;
#elif defined(__riscv) && __riscv_xlen == 64
constexpr uint32_t kArchitecture = AUDIT_ARCH_RISCV64;
#else
constexpr uint32_t kArchitecture = 0;
#endif

sock_filter load(size_t offset) {
  return BPF_STMT(BPF_LD | BPF_W | BPF_ABS, static_cast<uint32_t>(offset));
}

// Goes on when the loaded word equals `value`, else jumps over `otherwise` instructions.
sock_filter unless_equal(uint32_t value, uint8_t otherwise) {
  return BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, 0, otherwise);
}

sock_filter answer(uint32_t value) { return BPF_STMT(BPF_RET | BPF_K, value); }

// The low half of a system call argument: arguments are 64 bits, an int fills the low 32 (little
// endian machines only, as the list of architectures above).
size_t argument(size_t n) { return offsetof(seccomp_data, args) + n * sizeof(uint64_t); }

bool install(int error) {
  std::array program = {
      load(offsetof(seccomp_data, arch)),
      unless_equal(kArchitecture, 7),
      load(offsetof(seccomp_data, nr)),
      unless_equal(SYS_socket, 5),
      load(argument(0)),
      unless_equal(AF_NETLINK, 3),
      load(argument(2)),
      unless_equal(kSockDiag, 1),
      answer(SECCOMP_RET_ERRNO | (static_cast<uint32_t>(error) & SECCOMP_RET_DATA)),
      answer(SECCOMP_RET_ALLOW),
  };
  sock_fprog filter{};
  filter.len = static_cast<uint16_t>(program.size());
  filter.filter = program.data();
  return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
         prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) {
    std::fputs("usage: deny_netlink eperm|unsupported PROGRAM [ARGUMENT...]\n", stderr);
    return 2;
  }
  const int error = std::string_view(argv[1]) == "eperm" ? EPERM : EPROTONOSUPPORT;
  if (kArchitecture == 0 || !install(error)) {
    std::fprintf(stderr, "deny_netlink: no filter here: %s\n", std::strerror(errno));
    return kSkip;
  }
  execv(argv[2], argv + 2);
  std::perror(argv[2]);
  return 126;
}
