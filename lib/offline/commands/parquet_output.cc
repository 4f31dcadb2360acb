// SPDX-License-Identifier: Apache-2.0
#include "offline/commands/parquet_output.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <iterator>
#include <utility>
#include <vector>

#include "text/values.h"

namespace tcpinfo::offline {
namespace {

// Of all row groups that are being filled. Above it the largest are written before they are full.
constexpr std::size_t most_memory = std::size_t{256} << 20U;
// To add that up takes a look at each column of each file.
constexpr std::size_t rows_between_looks = 4096;

constexpr std::string_view key_names[] = {"date", "hour", "host"};

// With "host=" before it no more than file names may have. Hosts have 64 characters at most: what
// is longer is none, and must not keep all others from being written.
constexpr std::size_t longest_host = 250;

void append_host(std::string& to, std::string_view host) {
  const std::size_t most = to.size() + longest_host;
  for (const char c : host) {
    const bool plain = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
                       c == '-' || c == '_' || c == '.';
    if (to.size() + (plain ? 1 : 3) > most) return;
    if (plain)
      to += c;
    else
      fmt::format_to(std::back_inserter(to), "%{:02X}", static_cast<unsigned char>(c));
  }
}

std::int64_t hour_of(const timestamp& t) {
  constexpr std::int64_t hour = 3600;
  return t.seconds >= 0 ? t.seconds / hour : (t.seconds - hour + 1) / hour;
}

std::string date_of(std::int64_t hour) {
  const std::chrono::year_month_day day(
      std::chrono::sys_days(std::chrono::floor<std::chrono::days>(std::chrono::hours(hour))));
  return fmt::format("{:04}-{:02}-{:02}", static_cast<int>(day.year()),
                     static_cast<unsigned>(day.month()), static_cast<unsigned>(day.day()));
}

}  // namespace

std::string parse_partition(std::string_view list, partition_keys& out) {
  return text::each_item(list, [&](std::string_view item) -> std::string {
    const auto* const at = std::find(std::begin(key_names), std::end(key_names), item);
    if (at == std::end(key_names)) return fmt::format("'{}' is none of date, hour, host", item);
    const auto key = static_cast<partition_key>(at - std::begin(key_names));
    if (std::find(out.begin(), out.end(), key) != out.end()) return fmt::format("{} twice", item);
    out.push_back(key);
    return {};
  });
}

const std::string& partition_namer::name_of(const timestamp& time, std::string_view host) {
  if (keys_.empty()) return name_;
  const std::int64_t hour = time.is_zero() ? INT64_MAX : hour_of(time);
  if (hour == hour_ && host == host_) return name_;
  hour_ = hour;
  host_ = host;
  name_.clear();
  for (const partition_key key : keys_) {
    if (!name_.empty()) name_ += '/';
    name_ += key_names[static_cast<std::size_t>(key)];
    name_ += '=';
    const bool known = key == partition_key::host ? !host.empty() : !time.is_zero();
    if (!known)
      name_ += "__HIVE_DEFAULT_PARTITION__";
    else if (key == partition_key::host)
      append_host(name_, host);
    else if (key == partition_key::date)
      name_ += date_of(hour);
    else
      name_ += fmt::format("{:02}", (hour % 24 + 24) % 24);
  }
  return name_;
}

parquet::row_batch& partitioned_rows::of(const std::string& partition) {
  if (latest_ != nullptr && partition == latest_name_) return *latest_;
  const auto [at, is_new] = batches_.try_emplace(partition);
  if (is_new) at->second = parquet::file_writer::make_batch(columns_);
  latest_ = &at->second;
  latest_name_ = partition;
  return *latest_;
}

void partitioned_rows::clear() {
  // Of an hour that has passed nothing more comes, as a rule.
  constexpr std::size_t most_kept = 16;
  if (batches_.size() > most_kept) {
    batches_.clear();
    latest_ = nullptr;
    return;
  }
  for (auto& [name, batch] : batches_)
    for (parquet::column_values& c : batch) c.clear();
}

parquet_output::parquet_output(const table_description& table, csv_target& target,
                               std::string folder)
    : columns_(parquet_columns(table)), options_(parquet_options(table)), target_(target) {
  if (!folder.empty()) files_.emplace(std::move(folder), std::string(table.name) + ".parquet");
}

parquet_output::part* parquet_output::open(const std::string& partition) {
  if (const auto found = parts_.find(partition); found != parts_.end()) return &found->second;
  partition_files::file* file = nullptr;
  if (files_) {
    file = files_->make(partition);
    if (file == nullptr) return nullptr;
  }
  const auto write = [this, file](std::string_view bytes) {
    return file != nullptr ? files_->write(*file, bytes) : target_.write(bytes);
  };
  return &parts_.emplace(partition, part{file, parquet::file_writer(columns_, options_, write)})
              .first->second;
}

bool parquet_output::append(partitioned_rows& rows) {
  for (auto& [name, batch] : rows.all()) {
    if (batch.empty() || batch[0].rows() == 0) continue;
    part* const p = open(name);
    if (p == nullptr || !p->writer.append(batch)) return false;
    unseen_rows_ += batch[0].rows();
  }
  if (parts_.size() < 2 || unseen_rows_ < rows_between_looks) return true;
  unseen_rows_ = 0;
  return stay_small();
}

// A look at all of many parts takes its time: not after each of them.
bool parquet_output::stay_small() {
  std::vector<std::pair<std::size_t, part*>> sizes;
  std::size_t all = 0;
  for (auto& [name, p] : parts_) {
    all += sizes.emplace_back(p.writer.memory(), &p).first;
  }
  if (all <= most_memory) return true;
  std::sort(sizes.begin(), sizes.end(),
            [](const auto& a, const auto& b) { return a.first > b.first; });
  for (const auto& [size, p] : sizes) {
    if (all <= most_memory / 2) break;
    if (!p->writer.flush()) return false;
    all -= size;
  }
  return true;
}

bool parquet_output::finish() {
  if (!error().empty()) return false;
  // A table without rows has a footer, too.
  if (!files_ && open({}) == nullptr) return false;
  // Each gives its memory back.
  while (!parts_.empty()) {
    const auto first = parts_.begin();
    if (!first->second.writer.finish()) return false;
    if (files_ && !files_->sync(*first->second.file)) return false;
    parts_.erase(first);
  }
  // None has its name before all are whole.
  return !files_ || files_->give_names();
}

}  // namespace tcpinfo::offline
