// SPDX-License-Identifier: Apache-2.0
#include "collect/writing/frame_text.h"

#include <algorithm>
#include <limits>

#include "collect/writing/record_parts.h"

namespace tcpinfo::collect {

void frame_text::put_metadata(const flow_log& flow, std::string_view uuid) {
  const metadata m = metadata_of(flow, uuid, who_);
  text_.resize(std::max(text_.size(), max_metadata_size(m)));
  std::size_t written = 0;
  // It cannot fail: the buffer suffices, and only times out of a clock come here.
  (void)encode_metadata(text_, written, m);
  size_ = written;
}

std::error_code frame_text::put(const snapshot_header& header, bytes_view bytes,
                                encode_notes& notes) {
  const message m{bytes};
  const record_extras extras = extras_of(header);
  const auto time = timestamp::from_unix_nanoseconds(header.time_ns);
  std::size_t written = 0;
  std::error_code ec =
      lines_.encode(std::span(text_).subspan(size_), written, time, m, extras, &notes);
  if (ec == errc::buffer_too_small) {
    // Once or twice: the buffer stays.
    text_.resize(std::max(size_ + max_record_size(m), 2 * text_.size()));
    ec = lines_.encode(std::span(text_).subspan(size_), written, time, m, extras, &notes);
  }
  size_ += written;
  return ec;
}

frame_text::portion frame_text::encode(const flow_log& flow, std::string_view uuid) {
  size_ = 0;
  if (flow.file_size == 0) put_metadata(flow, uuid);
  portion taken;
  taken.from_waiting =
      flow.waiting.for_oldest(full_frame_bytes, [&](const snapshot_header& header, bytes_view m) {
        if (put(header, m, taken.notes)) ++taken.refused;
      });
  return taken;
}

void frame_text::encode_latest(const flow_log& flow, std::string_view uuid, std::size_t most) {
  size_ = 0;
  put_metadata(flow, uuid);
  std::size_t earlier = flow.waiting_records - std::min<std::size_t>(flow.waiting_records, most);
  encode_notes notes;
  (void)flow.waiting.for_oldest(std::numeric_limits<std::size_t>::max(),
                                [&](const snapshot_header& header, bytes_view m) {
                                  if (earlier > 0)
                                    --earlier;
                                  else
                                    // One that cannot be encoded is not in the file either.
                                    (void)put(header, m, notes);
                                });
}

}  // namespace tcpinfo::collect
