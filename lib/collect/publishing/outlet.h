// SPDX-License-Identifier: Apache-2.0
//
// The way to a target: a protocol. It sends what it is given and waits until that is acknowledged;
// what is sent, in which order, and what happens after a fault, the publisher knows.
#ifndef TCPINFO_COLLECT_PUBLISHING_OUTLET_H
#define TCPINFO_COLLECT_PUBLISHING_OUTLET_H

#include <tcpinfo/bytes.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace tcpinfo::collect {

/// Blocks of one stream, one after the other; or rows that were made of them.
struct block_batch {
  struct block {
    std::string id;  ///< HOST/START-RUN/WRITER/SEGMENT/BLOCK-CHECKSUM: of these bytes and no others
    std::size_t at = 0;  ///< in `bytes`
    std::size_t size = 0;
    std::string key = {};  ///< of a row, whose id is UUID/HOST/START-RUN/WRITER/SEGMENT/BLOCK/N
  };
  std::string key;  ///< HOST/START-RUN/WRITER: what has the same one stays in order
  std::vector<block> blocks;
  std::vector<std::byte> bytes;

  [[nodiscard]] const std::string& key_of(const block& one) const noexcept {
    return one.key.empty() ? key : one.key;
  }
  [[nodiscard]] bytes_view bytes_of(const block& one) const noexcept {
    return bytes_view(bytes).subspan(one.at, one.size);
  }
};

/// A complete segment.
struct whole_segment {
  std::string path;  ///< where it lies
  std::string name;  ///< below the output directory: YYYY/MM/DD/….tcpseg.zst
  std::string id;    ///< HOST/START-RUN/WRITER/SEGMENT
  int descriptor = -1;
  std::uint64_t size = 0;
};

struct send_result {
  bool all = false;              ///< is acknowledged, on what the target calls stable
  std::uint64_t duplicates = 0;  ///< that the target said it had
  /// Of the batch's blocks those that it refuses for their size, whenever they come. Where all
  /// others are acknowledged, all is.
  std::vector<std::size_t> too_large = {};
  std::string fault = {};   ///< where not all is: why. No secret is in it
  bool unreadable = false;  ///< that is one of the disk here, where the segment lies
};

/// Asked while an outlet waits: whether it may go on waiting. Any thread.
using may_wait = std::function<bool()>;

/// Used by one thread; it may have threads of its own. Throws std::bad_alloc.
class outlet {
 public:
  outlet() = default;
  virtual ~outlet() = default;
  outlet(const outlet&) = delete;
  outlet& operator=(const outlet&) = delete;

  /// One of the two is called, as takes_segments() says of its URL.
  [[nodiscard]] virtual send_result send_blocks(const block_batch& batch, const may_wait& may) = 0;
  [[nodiscard]] virtual send_result send_segment(const whole_segment& segment,
                                                 const may_wait& may) = 0;
};

/// Those that take blocks, and those that take segments.
class block_outlet : public outlet {
 public:
  [[nodiscard]] send_result send_segment(const whole_segment&, const may_wait&) final {
    return {.fault = "no blocks"};
  }
};
class segment_outlet : public outlet {
 public:
  [[nodiscard]] send_result send_blocks(const block_batch&, const may_wait&) final {
    return {.fault = "no segment"};
  }
};

}  // namespace tcpinfo::collect

#endif
