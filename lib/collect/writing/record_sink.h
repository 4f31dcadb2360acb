// SPDX-License-Identifier: Apache-2.0
//
// Where a writer's snapshots go: a layout of the output directory (--layout).
#ifndef TCPINFO_COLLECT_WRITING_RECORD_SINK_H
#define TCPINFO_COLLECT_WRITING_RECORD_SINK_H

#include <tcpinfo/bytes.h>

#include <cstdint>
#include <memory>
#include <system_error>

#include "collect/writing/question.h"
#include "collect/writing/snapshot_header.h"

namespace tcpinfo::collect {

class record_observer;
class waiting_memory;
struct writer_context;

/// Of the writer's thread, but for open(). What throws, throws std::bad_alloc: it can be called
/// again, and nothing is forgotten but what is counted.
class record_sink {
 public:
  record_sink() = default;
  virtual ~record_sink() = default;
  record_sink(const record_sink&) = delete;
  record_sink& operator=(const record_sink&) = delete;

  /// Once, before anything else.
  [[nodiscard]] virtual std::error_code open() = 0;
  /// The next snapshot out of the queue. May throw: the snapshot is lost then, and the caller
  /// counts it.
  virtual void take(const snapshot_header& header, bytes_view message, std::int64_t now_ns) = 0;
  /// Writes some of what is due. May throw.
  /// @return whether there is more to write at once
  [[nodiscard]] virtual bool write_portion(std::int64_t now_ns) = 0;
  /// Waiting snapshots take more than they may: writes them early, or gives up the oldest and
  /// counts them, better than to be killed for memory and lose all. May throw.
  virtual void keep_budget(std::int64_t now_ns) = 0;
  /// Says what there is of connections that somebody asks for. Only where there is a socket for
  /// questions (config::query_socket). May throw.
  virtual void answer(const wanted_flow& wanted, recent_answer& out, std::int64_t now_ns) = 0;
  /// When write_portion() has something to do at the earliest; `latest` at the latest.
  [[nodiscard]] virtual std::int64_t next_ns(std::int64_t latest) const noexcept = 0;
  /// At the end: writes all and hands every file over to the finalizer. May throw.
  virtual void finish() = 0;
  /// Where finish() threw: counts what waits as lost.
  virtual void give_up() noexcept = 0;
};

/// What a writer lends to its sink; all outlive it.
struct sink_context {
  const writer_context& shared;
  record_observer& observer;
  waiting_memory& memory;
  unsigned number = 0;  ///< of the writer, from 0
};

/// That of the layout that the settings name. Throws std::bad_alloc.
[[nodiscard]] std::unique_ptr<record_sink> make_record_sink(const sink_context& context);

}  // namespace tcpinfo::collect

#endif
