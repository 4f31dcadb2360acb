// SPDX-License-Identifier: Apache-2.0
#include "offline/commands/csv_worker.h"

#include <algorithm>
#include <cstring>

namespace tcpinfo::offline {
namespace {

reader_options how_to_read(const csv_options& options) {
  reader_options o;
  o.max_window_log = options.max_window_log;
  o.all_faults = options.verbose;
  return o;
}

// A row of Parquet is kept in some 200 bytes. So many are copied to a row group at once.
constexpr std::size_t batch_rows = 4096;
// Before its turn a worker keeps so many, and then waits.
constexpr std::size_t most_waiting_rows = 16 * batch_rows;
// No more of such texts as have no end to their length.
constexpr std::size_t most_waiting_text = std::size_t{32} << 20;

const std::vector<parquet::column_spec> no_columns;

}  // namespace

bool csv_shared::tell(const input_fault& f) {
  if (!f.note) lost = true;
  progress.say(to_string(f));
  return f.note || !options.strict;
}

csv_worker::csv_worker(csv_shared& shared)
    : shared_(shared),
      reader_([this](const input_fault& f) { return fault(f); }, how_to_read(shared.options)),
      rows_(shared.options.mlab ? make_mlab_rows() : make_table_rows(shared.options.table)),
      columns_(shared.options.table),
      namer_(shared.options.partition),
      batches_(shared.parquet != nullptr ? shared.parquet->columns() : no_columns),
      buffer_(std::make_unique_for_overwrite<char[]>(buffer_size)) {}

void csv_worker::run() {
  input_part part;
  while (!stopped_ && shared_.turns.take(part, number_)) {
    convert(part);
    const bool go_on = flush() && !reader_.stopped() && !stopped_;
    count();
    shared_.counts.bytes += part.passed_bytes;
    if (part.last) ++shared_.counts.files;
    bytes_told_ = 0;
    if (!go_on) {
      shared_.turns.stop();
      return;
    }
    if (!shared_.turns.wait(number_)) return;
    shared_.turns.done(number_);
  }
}

void csv_worker::convert(const input_part& part) {
  record_filter filter(shared_.options.filter);
  thinner thin(shared_.options.filter.every_ns);
  const auto emit = [this](const input_record& r) { row(r); };
  input_record r;
  for (bool any = reader_.open(part); any && !stopped_; any = reader_.open_next()) {
    while (!stopped_ && reader_.next(r)) {
      if (!r.has_message && !rows_->takes_metadata()) {
        if (r.says_nothing() && !reader_.tell(r.line, nothing_said)) stopped_ = true;
        continue;
      }
      if (filter.wants(r)) thin.push(r, emit);
    }
    if (!stopped_) thin.flush(emit);
  }
  shared_.counts.seen += filter.counts().seen;
  shared_.counts.passed += filter.counts().passed;
}

void csv_worker::row(const input_record& r) {
  if (stopped_) return;
  if (shared_.parquet != nullptr) return parquet_row(r);
  const std::size_t size = rows_->begin(r);
  if (capacity_ - used_ < size && !make_room(size)) return;
  char* const start = buffer_.get() + used_;
  used_ += static_cast<std::size_t>(rows_->write(r, start) - start);
  ++rows_done_;
  if (const std::string_view loss = rows_->loss(); !loss.empty())
    if (!reader_.tell(r.line, loss)) stopped_ = true;
}

void csv_worker::parquet_row(const input_record& r) {
  columns_.write(r, batches_.of(namer_.name_of(r.time, r.context->host)));
  ++rows_done_;
  ++batched_;
  batched_text_ += r.uuid().size();
  if (const std::string_view loss = columns_.loss(); !loss.empty())
    if (!reader_.tell(r.line, loss)) stopped_ = true;
  const bool many = batched_ >= most_waiting_rows || batched_text_ >= most_waiting_text;
  if (!many && batched_ % batch_rows != 0) return;
  count();
  if (many || shared_.turns.is_turn(number_)) static_cast<void>(flush());
}

// Writes what there is; or, where others come first, takes more memory, so that parts of one file
// are worked on at the same time.
bool csv_worker::make_room(std::size_t size) {
  const bool waits = capacity_ < most_waiting && !shared_.turns.is_turn(number_);
  if (!waits && !flush()) return false;
  count();
  if (!waits && capacity_ == buffer_size && size <= buffer_size) return true;
  const std::size_t wanted =
      waits ? std::max(2 * capacity_, used_ + size) : std::max(buffer_size, size);
  auto larger = std::make_unique_for_overwrite<char[]>(wanted);
  std::memcpy(larger.get(), buffer_.get(), used_);
  buffer_ = std::move(larger);
  capacity_ = wanted;
  return true;
}

// Lines on standard error come in the order of the files, too.
bool csv_worker::fault(const input_fault& f) {
  if (!shared_.turns.wait(number_)) {
    stopped_ = true;
    return false;
  }
  return shared_.tell(f);
}

bool csv_worker::flush() {
  if (batched_ != 0) {
    batched_ = batched_text_ = 0;
    const bool written = shared_.turns.wait(number_) && shared_.parquet->append(batches_);
    batches_.clear();
    if (!written) stopped_ = true;
    return written;
  }
  if (used_ == 0) return true;
  const std::size_t size = std::exchange(used_, 0);
  if (!shared_.turns.wait(number_) || !shared_.target.write({buffer_.get(), size})) {
    stopped_ = true;
    return false;
  }
  return true;
}

void csv_worker::count() {
  shared_.counts.rows += std::exchange(rows_done_, 0);
  const std::uint64_t bytes = reader_.bytes_read();
  shared_.counts.bytes += bytes - std::min(bytes, bytes_told_);
  bytes_told_ = bytes;
}

}  // namespace tcpinfo::offline
