// SPDX-License-Identifier: Apache-2.0
#include "offline/commands/parquet_output.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <filesystem>
#include <iterator>
#include <system_error>

#include "common/message_of.h"
#include "offline/packing/folders.h"
#include "text/values.h"
#include "text/write_all.h"

namespace tcpinfo::offline {
namespace {

// Of all row groups that are being filled. Above it the largest is written before it is full.
constexpr std::size_t most_memory = std::size_t{256} << 20U;
// To add that up takes a look at each column of each file.
constexpr std::size_t rows_between_looks = 4096;

constexpr std::string_view not_whole_yet = ".part";

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

// Opens what becomes the file at `path`. @return an errno: EEXIST where that is there (rows of an
// earlier run, which may be others: nothing tells whether these are to go), EBUSY where another
// program is writing it.
int open_part(const std::string& path, descriptor& out) {
  struct stat there {};
  if (lstat(path.c_str(), &there) == 0) return EEXIST;
  out.reset(::open((path + std::string(not_whole_yet)).c_str(),
                   O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666));
  if (!out) return errno;
  // Who writes it has it locked until it has its name. Not every file system has locks.
  if (flock(out.get(), LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) return EBUSY;
  // It may have got its name meanwhile.
  if (lstat(path.c_str(), &there) == 0) return EEXIST;
  return ftruncate(out.get(), 0) == 0 ? 0 : errno;
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
    : columns_(parquet_columns(table)),
      options_(parquet_options(table)),
      name_(std::string(table.name) + ".parquet"),
      target_(target),
      folder_(std::move(folder)) {}

parquet_output::~parquet_output() {
  for (const auto& [name, p] : parts_)
    if (!p.path.empty()) unlink((p.path + std::string(not_whole_yet)).c_str());
}

bool parquet_output::fail(const std::string& path, int error) {
  if (error_.empty()) error_ = fmt::format("{}: {}", path, message_of(error));
  return false;
}

parquet_output::part* parquet_output::open(const std::string& partition) {
  if (const auto found = parts_.find(partition); found != parts_.end()) return &found->second;
  part made;
  if (folder_.empty()) {
    made.writer = std::make_unique<parquet::file_writer>(
        columns_, options_, [this](std::string_view bytes) { return target_.write(bytes); });
    return &parts_.emplace(partition, std::move(made)).first->second;
  }
  const std::filesystem::path folder = std::filesystem::path(folder_) / partition;
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) {
    static_cast<void>(fail(folder, error.value()));
    return nullptr;
  }
  made.path = folder / name_;
  if (const int failed = open_part(made.path, made.file)) {
    static_cast<void>(fail(made.path, failed));
    return nullptr;
  }
  part& p = parts_.emplace(partition, std::move(made)).first->second;
  p.writer = std::make_unique<parquet::file_writer>(
      columns_, options_, [this, &p](std::string_view bytes) {
        const int failed = text::write_all(p.file.get(), bytes);
        return failed == 0 || fail(p.path, failed);
      });
  return &p;
}

bool parquet_output::append(partitioned_rows& rows) {
  for (auto& [name, batch] : rows.all()) {
    if (batch.empty() || batch[0].rows() == 0) continue;
    part* const p = open(name);
    if (p == nullptr || !p->writer->append(batch)) return false;
    unseen_rows_ += batch[0].rows();
  }
  if (parts_.size() < 2 || unseen_rows_ < rows_between_looks) return true;
  unseen_rows_ = 0;
  return stay_small();
}

bool parquet_output::stay_small() {
  for (;;) {
    std::size_t all = 0;
    part* largest = nullptr;
    std::size_t most = 0;
    for (auto& [name, p] : parts_) {
      const std::size_t size = p.writer->memory();
      all += size;
      if (size <= most) continue;
      most = size;
      largest = &p;
    }
    if (all <= most_memory) return true;
    // It has none afterwards.
    if (!largest->writer->flush()) return false;
  }
}

bool parquet_output::finish() {
  if (!error_.empty()) return false;
  // A table without rows has a footer, too.
  if (folder_.empty() && open({}) == nullptr) return false;
  for (auto& [name, p] : parts_) {
    if (!p.writer->finish()) return false;
    p.writer.reset();
    if (!folder_.empty() && fsync(p.file.get()) != 0) return fail(p.path, errno);
  }
  if (folder_.empty()) return true;
  // None has its name before all are whole.
  for (auto& [name, p] : parts_) {
    const std::string before = p.path + std::string(not_whole_yet);
    if (const int failed = rename_to_new(AT_FDCWD, before, AT_FDCWD, p.path))
      return fail(p.path, failed);
    p.path.clear();
  }
  return true;
}

}  // namespace tcpinfo::offline
