// SPDX-License-Identifier: Apache-2.0
//
// Summaries and columns of segments.
#include <tcpinfo/segment.h>

#include <string>
#include <vector>

#include "c/kept_metadata.h"
#include "c/open_handle.h"
#include "c/result.h"
#include "c/structs.h"

using namespace tcpinfo;

static_assert(TCPINFO_SEGMENT_HEAD == segment_head);
static_assert(TCPINFO_NO_POLL == no_poll);

struct tcpinfo_segment {
  segment_reader reader;
  kept_metadata about;
  std::string archive;
  bool has_latest = false;  ///< the latest call gave a summary or columns
  // What the latest summary or columns point to.
  std::vector<tcpinfo_summary_value> values;
  std::vector<tcpinfo_summary_bucket> rtts;
  std::string congestion_control;
  std::vector<std::int64_t> times_ns;
  std::vector<std::uint64_t> polls;
};

namespace {

template <class Open>
int open_segment(tcpinfo_segment** out, const tcpinfo_reader_options* given, Open&& open) noexcept {
  tcpinfo_reader_options asked{};
  if (out == nullptr || !c_take_options(given, asked) || asked.reserved != 0)
    return TCPINFO_E_INVALID_ARGUMENT;
  segment_reader_options options;
  if (asked.max_window_log != 0) options.max_window_log = asked.max_window_log;
  return c_open_handle(out,
                       [&](tcpinfo_segment& made) noexcept { return open(made.reader, options); });
}

template <class T>
const T* pointer_to(const std::vector<T>& all) noexcept {
  return all.empty() ? nullptr : all.data();
}

/// Keeps what the reader has told, for as long as the caller may look at it. May throw.
tcpinfo_summary keep(tcpinfo_segment& segment, const segment_summary& read) {
  segment.archive = segment.reader.archive().path;
  segment.values.clear();
  for (const summary_value& v : read.values) segment.values.push_back({v.field, 0, v.value});
  segment.rtts.clear();
  for (const summary_bucket& b : read.rtts) segment.rtts.push_back({b.lowest, b.highest, b.count});
  segment.congestion_control = read.congestion_control;
  tcpinfo_summary c{};
  c.size = sizeof c;
  c.values = pointer_to(segment.values);
  c.value_count = segment.values.size();
  c.rtts = pointer_to(segment.rtts);
  c.rtt_count = segment.rtts.size();
  if (!segment.congestion_control.empty())
    c.congestion_control = segment.congestion_control.c_str();
  c.goes_on = segment.reader.archive().goes_on;
  return c;
}

/// The same of columns.
tcpinfo_segment_columns keep(tcpinfo_segment& segment, const segment_columns& read) {
  segment.archive = segment.reader.archive().path;
  segment.times_ns.clear();
  segment.polls.clear();
  for (const segment_moment& m : read.moments) {
    segment.times_ns.push_back(m.time_ns);
    segment.polls.push_back(m.poll);
  }
  tcpinfo_segment_columns c{};
  c.size = sizeof c;
  c.rows = read.moments.size();
  if (c.rows > 0) c.column_count = read.values.size() / c.rows;
  c.times_ns = pointer_to(segment.times_ns);
  c.polls = pointer_to(segment.polls);
  if (!read.values.empty()) c.values = read.values.data();
  if (!read.present.empty()) c.present = read.present.data();
  c.lines = read.lines;
  c.goes_on = segment.reader.archive().goes_on;
  return c;
}

/// Reads what `next` reads, and fills `out` with it.
template <class Read, class Told>
int step(tcpinfo_segment* segment, Told* out,
         std::error_code (segment_reader::*next)(Read&, bool&) noexcept) noexcept {
  if (segment == nullptr || !c_fillable(out)) return TCPINFO_E_INVALID_ARGUMENT;
  segment->has_latest = false;
  Read read;
  bool more = false;
  const std::error_code ec = (segment->reader.*next)(read, more);
  if (ec || !more) return c_result(ec);
  return c_guarded([&] {
    c_fill(*out, keep(*segment, read));
    segment->has_latest = true;
    return 1;
  });
}

}  // namespace

extern "C" {

int tcpinfo_segment_open_path(tcpinfo_segment** out, const char* path,
                              const tcpinfo_reader_options* given) noexcept {
  if (path == nullptr) return TCPINFO_E_INVALID_ARGUMENT;
  return open_segment(out, given,
                      [&](segment_reader& r, const segment_reader_options& options) noexcept {
                        return r.open_path(path, options);
                      });
}

int tcpinfo_segment_open_fd(tcpinfo_segment** out, int descriptor,
                            const tcpinfo_reader_options* given) noexcept {
  if (descriptor < 0) return TCPINFO_E_INVALID_ARGUMENT;
  return open_segment(out, given,
                      [&](segment_reader& r, const segment_reader_options& options) noexcept {
                        return r.open_fd(descriptor, options);
                      });
}

int tcpinfo_segment_open_memory(tcpinfo_segment** out, const void* bytes, size_t size,
                                const tcpinfo_reader_options* given) noexcept {
  if (bytes == nullptr && size > 0) return TCPINFO_E_INVALID_ARGUMENT;
  return open_segment(out, given,
                      [&](segment_reader& r, const segment_reader_options& options) noexcept {
                        return r.open_memory({static_cast<const std::byte*>(bytes), size}, options);
                      });
}

void tcpinfo_segment_close(tcpinfo_segment* segment) noexcept { delete segment; }

int tcpinfo_segment_next_summary(tcpinfo_segment* segment, tcpinfo_summary* out) noexcept {
  return step(segment, out, &segment_reader::next_summary);
}

int tcpinfo_segment_want_columns(tcpinfo_segment* segment, const tcpinfo_segment_column* columns,
                                 size_t count) noexcept {
  if (segment == nullptr || (columns == nullptr && count > 0)) return TCPINFO_E_INVALID_ARGUMENT;
  return c_guarded([&] {
    std::vector<segment_column> wanted;
    for (std::size_t i = 0; i < count; ++i)
      wanted.push_back({columns[i].attribute, columns[i].offset, columns[i].width});
    return c_result(segment->reader.want_columns(wanted));
  });
}

int tcpinfo_segment_next_columns(tcpinfo_segment* segment, tcpinfo_segment_columns* out) noexcept {
  return step(segment, out, &segment_reader::next_columns);
}

const char* tcpinfo_segment_archive(const tcpinfo_segment* segment) noexcept {
  const bool has_name = segment != nullptr && segment->has_latest && !segment->archive.empty();
  return has_name ? segment->archive.c_str() : nullptr;
}

int tcpinfo_segment_metadata(tcpinfo_segment* segment, tcpinfo_metadata* out) noexcept {
  if (segment == nullptr || !c_fillable(out)) return TCPINFO_E_INVALID_ARGUMENT;
  // What the reader said before is gone when it has read on.
  const metadata* const said = segment->has_latest ? segment->reader.archive().about : nullptr;
  if (said == nullptr) return 0;
  return c_guarded([&] {
    segment->about.take(*said);
    c_fill(*out, segment->about.told());
    return 1;
  });
}

uint64_t tcpinfo_segment_records(const tcpinfo_segment* segment) noexcept {
  return segment == nullptr ? 0 : segment->reader.record_number();
}

uint64_t tcpinfo_segment_missing(const tcpinfo_segment* segment) noexcept {
  return segment == nullptr ? 0 : segment->reader.missing_records();
}

}  // extern "C"
