// SPDX-License-Identifier: Apache-2.0
//
// Where the collector sends what it records: --publish URL. A plain value.
#ifndef TCPINFO_COLLECT_PUBLISH_URL_H
#define TCPINFO_COLLECT_PUBLISH_URL_H

#include <string>
#include <string_view>

namespace tcpinfo::collect {

enum class publish_by {
  file,   ///< whole segments, copied below a folder
  https,  ///< whole segments, by PUT
  nats,   ///< blocks, to a JetStream of NATS
  kafka,  ///< blocks, to a topic of Kafka
};

enum class publish_what {
  blocks,       ///< as they are; or whole segments
  connections,  ///< rows of JSON, made of the summaries in them
};

struct publish_url {
  publish_by how = publish_by::file;
  /// The URL without its parameters: logs, metrics and the cursor call the target so. It holds no
  /// secret.
  std::string name = {};
  std::string servers = {};  ///< host or host:port, several with commas; of https one. Else empty
  std::string path = {};     ///< a folder; the path of a URL; a subject; a topic
  std::string credentials = {};  ///< file; empty: none
  std::string ca = {};           ///< file of certificates to trust; "system"; empty: see tls
  bool tls = false;              ///< https always; others where there is a ca
  publish_what what = publish_what::blocks;
};

/// Whether it goes segment by segment, once these are complete, and not block by block.
[[nodiscard]] inline bool takes_segments(const publish_url& url) noexcept {
  return url.how == publish_by::file || url.how == publish_by::https;
}

/// Reads one of these:
///
///   file:/FOLDER
///   https://HOST[:PORT]/PATH[?ca=FILE][&credentials=FILE]
///   nats://HOST[:PORT][,…]/SUBJECT[?ca=FILE|system][&credentials=FILE]
///   kafka://HOST[:PORT][,…]/TOPIC[?ca=FILE|system][&credentials=FILE]
///
/// @return what is wrong, without the URL, which may hold a secret then; empty: nothing is. Throws
/// std::bad_alloc.
[[nodiscard]] std::string parse_publish_url(std::string_view text, publish_url& out);

}  // namespace tcpinfo::collect

#endif
