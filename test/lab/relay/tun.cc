// SPDX-License-Identifier: Apache-2.0
#include "relay/tun.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <system_error>

namespace relay {
namespace {

// The relay may not run for a while on a busy machine; what the kernel sends then waits here, and
// is not lost.
constexpr int device_queue = 20000;

void must(bool good, const std::string& what) {
  if (!good) throw std::system_error(errno, std::generic_category(), what);
}

// Closed at the end of its block.
struct closed_later {
  int fd;
  explicit closed_later(int number) : fd(number) {}
  ~closed_later() {
    if (fd >= 0) close(fd);
  }
  closed_later(const closed_later&) = delete;
  closed_later& operator=(const closed_later&) = delete;
};

ifreq named(const std::string& device) {
  ifreq request{};
  device.copy(request.ifr_name, IFNAMSIZ - 1);
  return request;
}

void set_address(int control, unsigned long command, const std::string& device,
                 const std::string& address) {
  sockaddr_in in{};
  in.sin_family = AF_INET;
  errno = EINVAL;
  must(inet_pton(AF_INET, address.c_str(), &in.sin_addr) == 1, address);
  ifreq request = named(device);
  std::memcpy(&request.ifr_addr, &in, sizeof in);
  must(ioctl(control, command, &request) == 0, device + ": " + address);
}

void set_number(int control, unsigned long command, const std::string& device, int number) {
  ifreq request = named(device);
  request.ifr_mtu = number;  // a union: ifr_qlen lies there as well
  must(ioctl(control, command, &request) == 0, device);
}

}  // namespace

tun::tun(const end_options& end, const std::string& device, uint64_t mtu) {
  const closed_later space(open(end.netns.c_str(), O_RDONLY | O_CLOEXEC));
  must(space.fd >= 0, end.netns);
  must(setns(space.fd, CLONE_NEWNET) == 0, end.netns);
  fd_ = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
  must(fd_ >= 0, "/dev/net/tun");
  try {
    ifreq request = named(device);
    request.ifr_flags = IFF_TUN | IFF_NO_PI;
    must(ioctl(fd_, TUNSETIFF, &request) == 0, device);
    const closed_later control(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    must(control.fd >= 0, "socket");
    set_number(control.fd, SIOCSIFMTU, device, static_cast<int>(mtu));
    set_number(control.fd, SIOCSIFTXQLEN, device, device_queue);
    set_address(control.fd, SIOCSIFADDR, device, end.address);
    set_address(control.fd, SIOCSIFNETMASK, device, "255.255.255.0");
    request = named(device);
    must(ioctl(control.fd, SIOCGIFFLAGS, &request) == 0, device);
    request.ifr_flags = static_cast<short>(request.ifr_flags | IFF_UP | IFF_RUNNING);
    must(ioctl(control.fd, SIOCSIFFLAGS, &request) == 0, device);
  } catch (...) {
    close(fd_);
    throw;
  }
}

tun::~tun() { close(fd_); }

bool tun::read(packet& bytes) {
  const ssize_t size = ::read(fd_, read_.data(), read_.size());
  if (size < 0) {
    must(errno == EAGAIN || errno == EINTR, "reading packets");
    return false;
  }
  bytes.assign(read_.begin(), read_.begin() + size);
  return true;
}

bool tun::write(const packet& bytes) {
  return ::write(fd_, bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size());
}

}  // namespace relay
