// SPDX-License-Identifier: Apache-2.0
//
// What metadata says, kept as a C program gets it.
#ifndef TCPINFO_C_KEPT_METADATA_H
#define TCPINFO_C_KEPT_METADATA_H

#include <tcpinfo/archive.h>
#include <tcpinfo/c.h>

#include <array>
#include <cstddef>
#include <string>
#include <string_view>

#include "c/structs.h"

namespace tcpinfo::inline v0 {

/// One thread at a time. It is not copied: `told` points into it.
class kept_metadata {
 public:
  kept_metadata() = default;
  kept_metadata(const kept_metadata&) = delete;
  kept_metadata& operator=(const kept_metadata&) = delete;

  /// Keeps what is said in place of what was kept before. May throw std::bad_alloc: then nothing is
  /// said.
  void take(const metadata& said) {
    forget();  // what was told points to texts that go now, whether or not there is memory for more
    std::size_t used = 0;
    const auto keep = [&](std::string_view text) {
      std::string& kept = texts_[used++];
      kept = text;
      return text.empty() ? nullptr : kept.c_str();
    };
    tcpinfo_metadata told{};
    told.size = sizeof told;
    told.sequence = said.sequence;
    told.start_time = to_c(said.start_time);
    told.opened = to_c(said.opened);
    told.uuid = keep(said.uuid);
    told.host = keep(said.host);
    told.kernel = keep(said.kernel);
    told.collector = keep(said.collector);
    told.interval = keep(said.interval);
    told.run = keep(said.run);
    told.netns = keep(said.netns);
    told.byte_order = keep(said.byte_order.empty() ? std::string_view("little") : said.byte_order);
    told.policy = keep(said.policy);
    told.cgroup = keep(said.cgroup);
    told.owner = keep(said.owner);
    told.pid = keep(said.pid);
    told.comm = keep(said.comm);
    told.executable = keep(said.executable);
    told_ = told;
  }
  /// Nothing is said until take() is called again.
  void forget() noexcept { told_ = {}; }
  /// Texts end in NUL and are valid until take() is called again.
  [[nodiscard]] const tcpinfo_metadata& told() const noexcept { return told_; }

 private:
  std::array<std::string, 14> texts_;
  tcpinfo_metadata told_{};
};

}  // namespace tcpinfo::inline v0

#endif
