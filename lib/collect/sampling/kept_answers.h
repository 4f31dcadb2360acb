// SPDX-License-Identifier: Apache-2.0
//
// Memory in which a program in the kernel keeps the answers to point queries.
#ifndef TCPINFO_COLLECT_SAMPLING_KEPT_ANSWERS_H
#define TCPINFO_COLLECT_SAMPLING_KEPT_ANSWERS_H

#include <tcpinfo/internal/answer_area.h>

#include <cstdint>
#include <memory>
#include <string>

namespace tcpinfo::collect {

/// For one diag_socket, which must end before it.
class kept_answers {
 public:
  kept_answers() = default;
  virtual ~kept_answers() = default;
  kept_answers(const kept_answers&) = delete;
  kept_answers& operator=(const kept_answers&) = delete;

  [[nodiscard]] virtual answer_area area() const noexcept = 0;
};

/// Loads the program; null where this kernel, these privileges or this build do not allow it, and
/// `why` says which.
/// @param room bytes behind which no answer begins; at most those of a whole batch, 64 KiB
[[nodiscard]] std::unique_ptr<kept_answers> make_kept_answers(std::string& why,
                                                              std::uint32_t room = 64 * 1024);

}  // namespace tcpinfo::collect

#endif
