// SPDX-License-Identifier: Apache-2.0
#include "offline/tables/table_rows.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <new>

#include "common/decimal.h"
#include "offline/tables/mlab_csv.h"

namespace tcpinfo::offline {
namespace {

// JSON: a key of a record's column, its value and what is around them.
constexpr std::size_t max_record_cell = 64 + std::max(max_moment_size, max_part_names_size);

// Columns of a snapshot that stand side by side, or one of a record.
struct column_run {
  table_source source = table_source::snapshot;
  std::vector<column_descriptor> columns;
  row_writer writer;
  std::size_t room = 0;  // that the present record wants
};

class table_rows final : public row_maker {
 public:
  explicit table_rows(const table_options& options)
      : format_(options.format),
        time_(options.time),
        separator_(options.format == row_format::tsv ? '\t' : ',') {
    for (const table_column& c : options.columns) {
      const bool snapshot = c.source == table_source::snapshot;
      if (runs_.empty() || !snapshot || runs_.back().source != table_source::snapshot) {
        runs_.emplace_back();
        runs_.back().source = c.source;
      }
      if (snapshot) runs_.back().columns.push_back(c.field);
      decodes_ = decodes_ || snapshot;
    }
    row_options row;
    row.format = options.format;
    row.keep_sentinels = options.keep_sentinels;
    for (column_run& s : runs_)
      if (s.writer.prepare(s.columns, row)) throw std::bad_alloc();
  }

  [[nodiscard]] bool takes_metadata() const override { return false; }

  [[nodiscard]] std::size_t begin(const input_record& r) override {
    loss_.clear();
    if (decodes_) decode(r);
    take_uuid(r);
    std::size_t size = 4;
    for (column_run& s : runs_) {
      s.room = s.source == table_source::snapshot ? s.writer.max_row_size(snapshot_)
                                                  : max_record_cell + uuid_.size();
      size += s.room + 1;
    }
    return size;
  }

  [[nodiscard]] char* write(const input_record& r, char* to) override {
    const bool json = format_ == row_format::json;
    if (json) *to++ = '{';
    char* const first = to;
    for (column_run& s : runs_) {
      char* const start = to;
      to = s.source == table_source::snapshot ? write_snapshot(s, to) : write_record(s, r, to);
      // In JSON what is absent has no place.
      if (!json || to != start) *to++ = separator_;
    }
    if (to != first) --to;
    if (json) *to++ = '}';
    *to++ = '\n';
    return to;
  }

  [[nodiscard]] std::string_view loss() const override { return loss_; }

 private:
  void decode(const input_record& r) {
    if (snapshot_.decode(r.m, r.context->layout)) throw std::bad_alloc();
    if (!snapshot_.has(snapshot_fault::partial_field)) return;
    const auto types = snapshot_.attributes_with(snapshot_fault::partial_field);
    const auto group = static_cast<field_group>(std::countr_zero(types));
    loss_ = fmt::format("attribute {} ends inside a field", group_name(group));
  }

  void take_uuid(const input_record& r) {
    const std::string_view uuid = r.uuid();
    if (uuid == raw_uuid_ && !uuid_.empty()) return;
    raw_uuid_ = uuid;
    uuid_.resize(6 * uuid.size() + 2);
    std::size_t n = 0;
    // The room is what it asks for.
    static_cast<void>(format_text_cell(format_, uuid, uuid_, n));
    uuid_.resize(n);
  }

  char* write_snapshot(column_run& s, char* to) {
    std::size_t n = 0;
    static_cast<void>(s.writer.write(snapshot_, {to, s.room}, n));
    return to + n;
  }

  static char* put(char* to, std::string_view text) {
    std::memcpy(to, text.data(), text.size());
    return to + text.size();
  }

  char* key(char* to, std::string_view text) {
    return format_ == row_format::json ? put(to, text) : to;
  }

  char* write_record(const column_run& s, const input_record& r, char* to) {
    switch (s.source) {
      case table_source::uuid:
        return put(key(to, "\"uuid\":"), uuid_);
      case table_source::sequence:
        if (!r.context->sequence) return to;
        return write_decimal(key(to, "\"sequence\":"), *r.context->sequence);
      case table_source::poll:
        if (r.poll == no_poll) return to;
        return write_decimal(key(to, "\"poll\":"), r.poll);
      case table_source::timestamp:
        return write_time("\"timestamp\":", r.time, to);
      case table_source::opened:
        return write_opened(r.context->opened, to);
      case table_source::ended:
        return write_time("\"ended\":", r.ended, to);
      case table_source::carried:
        return write_carried(r.carried, to);
      case table_source::thinned:
        if (r.thinned == 0) return to;
        return write_decimal(key(to, "\"thinned\":"), std::uint64_t{r.thinned});
      case table_source::snapshot:
        break;
    }
    return to;
  }

  // Names with spaces between them, which need no escape in any format.
  char* write_carried(std::uint32_t carried, char* to) {
    if (carried == 0) return to;
    const bool json = format_ == row_format::json;
    to = key(to, "\"carried\":");
    if (json) *to++ = '"';
    to = put(to, part_names(carried, ' '));
    if (json) *to++ = '"';
    return to;
  }

  // The same in all records of a connection.
  char* write_opened(const timestamp& t, char* to) {
    if (t != opened_) {
      opened_ = t;
      opened_size_ =
          static_cast<std::size_t>(write_time("\"opened\":", t, opened_text_) - opened_text_);
    }
    return put(to, {opened_text_, opened_size_});
  }

  char* write_time(std::string_view name, const timestamp& t, char* to) {
    if (t.is_zero()) return to;
    to = key(to, name);
    const bool quoted = format_ == row_format::json && time_ != time_style::epoch;
    if (quoted) *to++ = '"';
    to += format_moment(t, time_, {to, max_moment_size});
    if (quoted) *to++ = '"';
    return to;
  }

  row_format format_;
  time_style time_;
  char separator_;
  bool decodes_ = false;
  std::vector<column_run> runs_;
  snapshot snapshot_;
  std::string raw_uuid_;
  std::string uuid_;  // as a cell
  std::string loss_;
  timestamp opened_;
  char opened_text_[max_moment_size + 16] = {};  // with its key and quotes
  std::size_t opened_size_ = 0;
};

class mlab_rows final : public row_maker {
 public:
  [[nodiscard]] bool takes_metadata() const override { return true; }
  [[nodiscard]] std::size_t begin(const input_record& r) override {
    return mlab_csv::max_row_size(r);
  }
  [[nodiscard]] char* write(const input_record& r, char* to) override { return rows_.write(r, to); }

 private:
  mlab_csv rows_;
};

}  // namespace

std::string table_header(const table_options& options) {
  std::string line;
  if (options.format == row_format::json) return line;
  for (const table_column& c : options.columns) {
    if (!line.empty()) line += options.format == row_format::tsv ? '\t' : ',';
    line += c.name();
  }
  return line + '\n';
}

std::unique_ptr<row_maker> make_table_rows(const table_options& options) {
  return std::make_unique<table_rows>(options);
}

std::unique_ptr<row_maker> make_mlab_rows() { return std::make_unique<mlab_rows>(); }

}  // namespace tcpinfo::offline
