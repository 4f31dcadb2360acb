// SPDX-License-Identifier: Apache-2.0
#include "collect/writing/anonymizer.h"

#include <algorithm>
#include <cstring>

namespace tcpinfo::collect {
namespace {

ip_address address_at(const std::byte* bytes, address_family family) noexcept {
  ip_address address;
  address.family = family;
  std::memcpy(address.bytes.data(), bytes, family == address_family::ipv4 ? 4 : 16);
  return address;
}

}  // namespace

std::error_code anonymizer::open() {
  if (by_ == anonymize_by::none) return {};
  if (const auto ec = system_.watch_addresses(watch_)) return ec;
  (void)watch_->changed();
  return watch_->read(own_);
}

void anonymizer::read_own() noexcept {
  read_ns_ = system_.monotonic_ns();
  const auto ec = watch_->read(own_);
  if (!ec) return;
  // Too much is anonymized rather than too little: an address we had may be somebody else's by now.
  own_.clear();
  limit_.log(system_.monotonic_ns(), event::addresses_unknown, {.error = ec},
             "cannot read this machine's addresses: they are anonymized, too, until that works");
}

bool anonymizer::is_own(const ip_address& address) const noexcept {
  const ip_address wanted = address.unmapped();
  return std::find(own_.begin(), own_.end(), wanted) != own_.end();
}

void anonymizer::apply_to(std::byte* bytes, address_family family) const noexcept {
  const ip_address address = address_at(bytes, family);
  if (is_own(address)) return;
  if (family == address_family::ipv4)
    bytes[3] = std::byte{0};
  else if (address.is_v4_mapped())
    bytes[15] = std::byte{0};
  else
    std::memset(bytes + 6, 0, 10);
  // 2002:IPv4::/48 is the 6to4 network of an IPv4 address (RFC 3056), which the 48 bits show whole.
  const bool is_6to4 =
      family == address_family::ipv6 && bytes[0] == std::byte{0x20} && bytes[1] == std::byte{0x02};
  if (is_6to4) bytes[5] = std::byte{0};
}

void anonymizer::apply(std::span<std::byte> message) noexcept {
  if (by_ == anonymize_by::none) return;
  const auto family = static_cast<address_family>(message[0]);
  const std::lock_guard lock(mutex_);
  // Looked up each time: an address that has gone elsewhere is somebody else's.
  if (watch_->changed()) read_own();
  // Of a new IPv6 address the kernel may tell some milliseconds after it can be used. One that we
  // gave up is asked for in vain, now and then.
  constexpr std::int64_t pause_ns = 10'000'000;
  if (!is_own(address_at(message.data() + wire::src_at, family)) &&
      system_.monotonic_ns() - read_ns_ >= pause_ns)
    read_own();
  apply_to(message.data() + wire::src_at, family);
  apply_to(message.data() + wire::dst_at, family);
}

}  // namespace tcpinfo::collect
