// SPDX-License-Identifier: Apache-2.0
#include "offline/packing/same_text.h"

#include <sys/stat.h>
#include <tcpinfo/bytes.h>
#include <tcpinfo/zstd.h>

#include <algorithm>
#include <cstddef>
#include <span>
#include <vector>

#include "offline/inputs/window_limit.h"

namespace tcpinfo::offline {
namespace {

constexpr std::size_t piece_size = std::size_t{64} << 10;

class text_stream {
 public:
  explicit text_stream(int fd) : buffer_(piece_size) {
    stream_options options;
    options.max_window_log = usual_window_log;
    struct stat st {};
    good_ = fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && !stream_.open_fd(fd, options);
  }
  // What is here and not taken; empty at the end, or where the rest cannot be read.
  bytes_view rest() {
    while (good_ && rest_.empty() && !ended_) {
      std::size_t n = 0;
      good_ = !stream_.read(buffer_, n);
      rest_ = bytes_view(buffer_).first(n);
      ended_ = n == 0;
    }
    return rest_;
  }
  void take(std::size_t n) { rest_ = rest_.subspan(n); }
  [[nodiscard]] bool good() const { return good_; }

 private:
  stream_reader stream_;
  std::vector<std::byte> buffer_;
  bytes_view rest_;
  bool good_ = false;
  bool ended_ = false;
};

}  // namespace

bool have_same_text(int one, int other) {
  text_stream a(one);
  text_stream b(other);
  for (;;) {
    const bytes_view from_a = a.rest();
    const bytes_view from_b = b.rest();
    if (!a.good() || !b.good()) return false;
    const std::size_t n = std::min(from_a.size(), from_b.size());
    if (n == 0) return from_a.empty() && from_b.empty();
    if (!std::equal(from_a.begin(), from_a.begin() + static_cast<std::ptrdiff_t>(n),
                    from_b.begin()))
      return false;
    a.take(n);
    b.take(n);
  }
}

}  // namespace tcpinfo::offline
