// SPDX-License-Identifier: Apache-2.0
//
// Archives and segments, read.
#include <tcpinfo/archive.h>
#include <tcpinfo/parse.h>
#include <tcpinfo/segment.h>
#include <tcpinfo/tcp.h>

#include <limits>
#include <string_view>
#include <utility>
#include <vector>

#include "c/field_info.h"
#include "c/open_handle.h"
#include "c/open_reader.h"
#include "c/result.h"
#include "c/structs.h"
#include "common/callback_scope.h"

using namespace tcpinfo;

namespace {

template <class Open>
int open_reader(tcpinfo_reader** out, const tcpinfo_reader_options* given, Open&& open) noexcept {
  tcpinfo_reader_options asked{};
  if (out == nullptr || !c_take_options(given, asked) || asked.reserved != 0)
    return TCPINFO_E_INVALID_ARGUMENT;
  archive_reader_options options;
  if (asked.max_line != 0) options.max_line = asked.max_line;
  if (asked.max_window_log != 0) options.max_window_log = asked.max_window_log;
  return c_open_handle(out,
                       [&](tcpinfo_reader& made) noexcept { return open(made.records, options); });
}

/// Whether the latest record is of another archive than the one before. A fault may have taken the
/// record that began it, so the name is compared, too.
bool enters_archive(const tcpinfo_reader& reader) noexcept {
  return reader.records.begins_archive() || reader.records.path() != reader.archive;
}

tcpinfo_record told(const tcpinfo_reader& reader) noexcept {
  const record& r = reader.latest;
  tcpinfo_record c{};
  c.size = sizeof c;
  c.time = to_c(r.time());
  if (r.has_idm()) c.message = to_c(r.view());
  c.ended = to_c(r.ended());
  c.carried = r.carried();
  c.thinned = r.thinned();
  if (r.poll() != no_poll) {
    c.poll = r.poll();
    c.flags |= TCPINFO_RECORD_HAS_POLL;
  }
  if (reader.records.from_damaged_frame()) c.flags |= TCPINFO_RECORD_DAMAGED;
  if (c_is_foreign(reader)) c.flags |= TCPINFO_RECORD_FOREIGN;
  if (reader.records.begins_archive()) c.flags |= TCPINFO_RECORD_BEGINS_ARCHIVE;
  if (reader.records.goes_on()) c.flags |= TCPINFO_RECORD_GOES_ON;
  c.layout = static_cast<std::uint32_t>(reader.layout);
  c.line = reader.records.line_number();
  if (r.has_metadata()) c.metadata = &reader.about.told();
  return c;
}

/// What tcpinfo_columns asks for, looked up once a call.
int fields_of(const tcpinfo_columns& columns, std::vector<field_descriptor>& out) {
  out.reserve(columns.field_count);
  for (std::size_t i = 0; i < columns.field_count; ++i) {
    out.push_back(describe(static_cast<field_id>(columns.fields[i])));
    if (const int refused = refusal(out.back(), read_as::number)) return refused;
  }
  return 0;
}

/// Writes row `row`, of what is decoded.
void put_row(const snapshot& decoded, const std::vector<field_descriptor>& fields,
             const tcpinfo_columns& columns, std::size_t row) noexcept {
  for (std::size_t i = 0; i < fields.size(); ++i) {
    std::uint64_t value = 0;
    bool is_there = decoded.value(fields[i], value);
    if (is_there && columns.keep_sentinels == 0 && fields[i].sentinel() == value) {
      is_there = false;
      value = 0;
    }
    const std::size_t cell = i * columns.rows + row;
    columns.values[cell] = value;
    columns.present[cell] = is_there ? 1 : 0;
  }
}

/// Rows until there is no more room, no more records, or a fault.
int read_rows(tcpinfo_reader& reader, const std::vector<field_descriptor>& fields,
              const tcpinfo_columns& columns, std::size_t& rows) noexcept {
  while (rows < columns.rows) {
    const int result = c_next_record(reader);
    if (result != 1) return result;
    if (!reader.latest.has_idm()) continue;
    if (c_is_foreign(reader)) return TCPINFO_E_FOREIGN_BYTE_ORDER;
    if (const std::error_code ec = reader.decoded.decode(reader.latest.view(), reader.layout))
      return c_result(ec);
    put_row(reader.decoded, fields, columns, rows);
    if (columns.times_ns != nullptr)
      columns.times_ns[rows] = reader.latest.time().unix_nanoseconds().value_or(
          std::numeric_limits<std::int64_t>::min());
    ++rows;
  }
  return 1;
}

}  // namespace

namespace tcpinfo::inline v0 {

int c_next_record(tcpinfo_reader& reader) noexcept {
  bool more = false;
  const std::error_code ec = reader.records.next(reader.latest, more);
  if (!more) return c_result(ec);
  if (ec) return c_result(ec);
  const bool enters = enters_archive(reader);
  if (!enters && !reader.latest.has_metadata()) return 1;
  return c_guarded([&] {
    if (enters) {
      reader.archive = reader.records.path();
      reader.layout = info_layout::unknown;
      reader.about.forget();
    }
    metadata said;
    if (reader.latest.get_metadata(said)) {
      reader.layout = layout_of_kernel(said.kernel);
      reader.about.take(said);
    }
    return 1;
  });
}

}  // namespace tcpinfo::inline v0

extern "C" {

int tcpinfo_reader_open_path(tcpinfo_reader** out, const char* path,
                             const tcpinfo_reader_options* given) noexcept {
  if (path == nullptr) return TCPINFO_E_INVALID_ARGUMENT;
  return open_reader(out, given,
                     [&](record_reader& r, const archive_reader_options& options) noexcept {
                       return r.open_path(path, options);
                     });
}

int tcpinfo_reader_open_fd(tcpinfo_reader** out, int descriptor,
                           const tcpinfo_reader_options* given) noexcept {
  if (descriptor < 0) return TCPINFO_E_INVALID_ARGUMENT;
  return open_reader(out, given,
                     [&](record_reader& r, const archive_reader_options& options) noexcept {
                       return r.open_fd(descriptor, options);
                     });
}

int tcpinfo_reader_open_memory(tcpinfo_reader** out, const void* bytes, size_t size,
                               const tcpinfo_reader_options* given) noexcept {
  if (bytes == nullptr && size > 0) return TCPINFO_E_INVALID_ARGUMENT;
  return open_reader(out, given,
                     [&](record_reader& r, const archive_reader_options& options) noexcept {
                       return r.open_memory({static_cast<const std::byte*>(bytes), size}, options);
                     });
}

void tcpinfo_reader_close(tcpinfo_reader* reader) noexcept { delete reader; }

int tcpinfo_reader_next(tcpinfo_reader* reader, tcpinfo_record* out) noexcept {
  if (reader == nullptr || !c_fillable(out)) return TCPINFO_E_INVALID_ARGUMENT;
  if (reader->in_callback) return TCPINFO_E_BUSY;
  const int result = c_next_record(*reader);
  if (result == 1) c_fill(*out, told(*reader));
  return result;
}

int tcpinfo_reader_each(tcpinfo_reader* reader, tcpinfo_record_callback callback,
                        void* user) noexcept {
  if (reader == nullptr || callback == nullptr) return TCPINFO_E_INVALID_ARGUMENT;
  if (reader->in_callback) return TCPINFO_E_BUSY;
  const callback_scope scope(reader->in_callback);
  for (;;) {
    const int result = c_next_record(*reader);
    if (result == 0) return 0;
    tcpinfo_record c{};
    if (result == 1) c = told(*reader);
    if (callback(user, result, result == 1 ? &c : nullptr) != 0) return TCPINFO_E_STOPPED;
  }
}

int tcpinfo_reader_columns(tcpinfo_reader* reader, const tcpinfo_columns* columns,
                           size_t* read) noexcept {
  tcpinfo_columns asked{};
  if (reader == nullptr || read == nullptr || !c_take(columns, asked) || asked.rows == 0 ||
      asked.reserved != 0 ||
      (asked.field_count > 0 &&
       (asked.fields == nullptr || asked.values == nullptr || asked.present == nullptr)))
    return TCPINFO_E_INVALID_ARGUMENT;
  if (reader->in_callback) return TCPINFO_E_BUSY;
  return c_guarded([&] {
    std::vector<field_descriptor> fields;
    if (const int refused = fields_of(asked, fields)) return refused;
    std::size_t rows = 0;
    const int result = read_rows(*reader, fields, asked, rows);
    *read = rows;
    return result;
  });
}

uint64_t tcpinfo_reader_line(const tcpinfo_reader* reader, const char** text,
                             size_t* size) noexcept {
  if (reader == nullptr) return 0;
  const std::string_view line = reader->records.line();
  if (text != nullptr) *text = line.data();
  if (size != nullptr) *size = line.size();
  return reader->records.line_number();
}

int tcpinfo_reader_is_segment(const tcpinfo_reader* reader) noexcept {
  return reader != nullptr && reader->records.is_segment() ? 1 : 0;
}

const char* tcpinfo_reader_archive(const tcpinfo_reader* reader) noexcept {
  return reader == nullptr || reader->archive.empty() ? nullptr : reader->archive.c_str();
}

uint64_t tcpinfo_reader_missing(const tcpinfo_reader* reader) noexcept {
  return reader == nullptr ? 0 : reader->records.missing_records();
}

}  // extern "C"
