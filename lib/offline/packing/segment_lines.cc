// SPDX-License-Identifier: Apache-2.0
#include "offline/packing/segment_lines.h"

#include <span>
#include <utility>

#include "offline/inputs/stream_fault.h"

namespace tcpinfo::offline {

segment_lines::segment_lines(std::int32_t max_window_log) {
  options_.max_window_log = max_window_log;
}

std::error_code segment_lines::open(int fd) {
  held_ = false;
  first_line_.clear();
  return reader_.open_fd(fd, options_);
}

std::string segment_lines::describe(const std::error_code& ec) const {
  return describe_fault(ec, reader_.window_needed(), reader_.dictionary_needed(),
                        options_.max_window_log);
}

std::error_code segment_lines::next(segment_line& out, bool& more) {
  out = {};
  more = true;
  if (!std::exchange(held_, false)) {
    if (const std::error_code ec = reader_.next(record_, more)) return ec;
    if (!more) return {};
    if (record_.first != 0) {
      const segment_archive& archive = reader_.archive();
      first_line_.clear();
      if (archive.about != nullptr) {
        first_line_.resize(max_metadata_size(*archive.about));
        std::size_t size = 0;
        const std::error_code ec = encode_metadata(first_line_, size, *archive.about);
        first_line_.resize(size);
        if (ec) return ec;
      }
      out.begins = true;
      out.goes_on = archive.goes_on != 0;
      if (!out.goes_on && !first_line_.empty()) {
        held_ = true;
        out.path = archive.path;
        out.text = first_line_;
        return {};
      }
    }
  }
  return give(out);
}

std::error_code segment_lines::give(segment_line& out) {
  out.path = reader_.archive().path;
  out.text = record_.line;
  if (record_.m.bytes.empty()) return {};
  const std::size_t most = max_record_size(record_.m);
  if (text_.size() < most) text_.resize(most);
  std::size_t size = 0;
  const std::error_code ec =
      encoder_.encode(text_, size, record_.time, record_.m, extras_of(record_));
  out.text = std::string_view(text_).substr(0, size);
  return ec;
}

}  // namespace tcpinfo::offline
