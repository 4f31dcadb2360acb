// SPDX-License-Identifier: Apache-2.0
#include "segment/archive_directory.h"

#include <algorithm>

#include <tcpinfo/error.h>

#include "common/known_part.h"
#include "segment/kept_time.h"
#include "segment/varint.h"

namespace tcpinfo::inline v0::segment_format {
namespace {

std::array<std::string_view, context_texts - 1> common_texts(const metadata& m) noexcept {
  return {m.host,   m.kernel, m.collector, m.interval, m.run,  m.netns,     m.byte_order,
          m.policy, m.cgroup, m.owner,     m.pid,      m.comm, m.executable};
}

bool is_path(std::string_view path) noexcept {
  return path.size() <= max_text && path.find('\0') == path.npos;
}

}  // namespace

void archive_directory::clear() noexcept {
  texts_.clear();
  contexts_.clear();
  context_numbers_.clear();
  groups_.clear();
}

std::size_t archive_directory::memory_bytes() const noexcept {
  // A text has a string and an entry of a table of its own.
  constexpr std::size_t text_bytes = 96;
  // And so has a context.
  constexpr std::size_t entry_bytes = sizeof(context) + 32;
  return texts_.bytes() + text_bytes * texts_.all().size() +
         contexts_.capacity() * sizeof(context) +
         entry_bytes * (context_numbers_.size() + groups_.size()) + block_texts_.memory_bytes() +
         block_contexts_.memory_bytes();
}

std::error_code archive_directory::set_about(const metadata& about, archive_entry& e) {
  metadata m;
  if (const auto ec = read_known(about, m)) return ec;
  if (m.uuid.size() > max_text) return errc::invalid_argument;
  for (const std::string_view text : common_texts(m))
    if (text.size() > max_text) return errc::invalid_argument;
  if (!m.start_time.is_zero() || m.start_time.utc_offset_seconds != 0) {
    if (!to_kept_time(m.start_time, e.start_ns)) return errc::bad_timestamp;
    e.flags |= has_start;
  }
  if (!m.opened.is_zero()) {
    if (!to_kept_time(m.opened, e.opened_ns)) return errc::bad_timestamp;
    e.flags |= has_opened;
  } else if (m.opened.utc_offset_seconds != 0) {
    return errc::bad_timestamp;
  }
  e.flags |= has_metadata;
  e.sequence = m.sequence;

  std::string_view prefix;
  char text[max_uuid_size];
  if (!parse_uuid_cookie(m.uuid, e.cookie) && m.uuid.size() <= max_uuid_size) {
    prefix = m.uuid.substr(0, m.uuid.size() - 17);
    const std::size_t size = format_uuid(prefix, e.cookie, text);
    if (std::string_view(text, size) == m.uuid) e.flags |= has_cookie;
  }
  context about_it{};
  if (e.has(has_cookie))
    about_it[0] = texts_.number_of(prefix) + 1;
  else
    e.uuid = texts_.number_of(m.uuid);
  std::size_t i = 1;
  for (const std::string_view common : common_texts(m))
    about_it[i++] = common.empty() ? 0 : texts_.number_of(common) + 1;
  e.context = number_of(about_it);
  std::fill(about_it.begin() + owner_texts, about_it.end(), 0U);
  e.group = groups_.try_emplace(about_it, static_cast<std::uint32_t>(groups_.size())).first->second;
  return {};
}

// Those of one collector have one or a few; where owners are told, one for each process.
std::uint32_t archive_directory::number_of(const context& wanted) {
  if (!contexts_.empty() && contexts_.back() == wanted)
    return static_cast<std::uint32_t>(contexts_.size()) - 1;
  const auto [found, is_new] =
      context_numbers_.try_emplace(wanted, static_cast<std::uint32_t>(contexts_.size()));
  if (!is_new) return found->second;
  try {
    contexts_.push_back(wanted);
  } catch (...) {
    context_numbers_.erase(found);
    throw;
  }
  return found->second;
}

// A path that can be made of what else is said needs no text.
void archive_directory::set_path(std::string_view path, std::string_view uuid, archive_entry& e) {
  if (path.size() > 11 && e.has(has_metadata)) {
    char day[] = "YYYY-MM-DDT00:00:00Z";
    std::copy_n(path.begin(), 10, day);
    const bool separated = day[4] == '/' && day[7] == '/';
    day[4] = day[7] = '-';
    timestamp date;
    char made[max_archive_path_size];
    if (separated && !parse_timestamp(day, date)) {
      const std::size_t size = format_archive_path(date, uuid, e.sequence, made, nullptr);
      if (std::string_view(made, size) == path) {
        e.day = date.seconds / seconds_a_day;
        return;
      }
    }
  }
  e.flags |= has_path;
  e.path = texts_.number_of(path);
}

std::error_code archive_directory::describe(const segment_archive& given, archive_entry& entry) {
  segment_archive known;
  if (const auto ec = read_known(given, known)) return ec;
  if (known.reserved != 0 || known.goes_on > 1 || !is_path(known.path))
    return errc::invalid_argument;
  entry = {};
  if (known.goes_on != 0) entry.flags |= goes_on;
  if (known.about != nullptr)
    if (const auto ec = set_about(*known.about, entry)) return ec;
  set_path(known.path, known.about == nullptr ? std::string_view() : known.about->uuid, entry);
  return {};
}

// Field by field, so that what is alike stands together. Where an archive does not have a field,
// nothing is written.
void archive_directory::put(std::span<const archive_entry* const> entries, byte_stream& texts,
                            byte_stream& contexts, byte_stream& to) {
  block_texts_.restart(texts_.all().size());
  block_contexts_.restart(contexts_.size());
  to.varint(entries.size());
  for (const archive_entry* e : entries) to.varint(e->flags);
  for (const archive_entry* e : entries) to.varint(e->records);
  for (const archive_entry* e : entries)
    if (e->has(has_metadata)) to.varint(block_contexts_.number_of(e->context));
  // Of contexts with texts the first texts of the block.
  if (const auto used = block_contexts_.used(); !used.empty()) {
    contexts.varint(used.size());
    // Those that none has are left out at the end.
    std::size_t written = usual_context_texts;
    for (const std::uint32_t n : used)
      for (std::size_t i = written; i < context_texts; ++i)
        if (contexts_[n][i] != 0) written = i + 1;
    contexts.varint(written);
    for (const std::uint32_t n : used)
      for (std::size_t i = 0; i < written; ++i) {
        const std::uint32_t text = contexts_[n][i];
        contexts.varint(text == 0 ? 0 : block_texts_.number_of(text - 1) + 1);
      }
  }
  std::uint64_t before = 0;
  for (const archive_entry* e : entries)
    if (e->has(has_cookie)) {
      to.folded(e->cookie - before);
      before = e->cookie;
    } else if (e->has(has_metadata)) {
      to.varint(block_texts_.number_of(e->uuid));
    }
  for (const archive_entry* e : entries)
    if (e->has(has_metadata)) to.varint(e->sequence);
  before = 0;
  for (const archive_entry* e : entries)
    if (e->has(has_start)) {
      to.folded(whole(e->start_ns) - before);
      before = whole(e->start_ns);
    }
  for (const archive_entry* e : entries)
    if (e->has(has_opened)) to.folded(whole(e->opened_ns) - whole(e->start_ns));
  before = 0;
  for (const archive_entry* e : entries)
    if (e->has(has_path)) {
      to.varint(block_texts_.number_of(e->path));
    } else {
      to.folded(whole(e->day) - before);
      before = whole(e->day);
    }
  const auto used = block_texts_.used();
  if (!used.empty()) texts.varint(used.size());
  for (const std::uint32_t n : used) texts.varint(texts_.all()[n].size());
  for (const std::uint32_t n : used) texts.add(std::as_bytes(std::span(texts_.all()[n])));
}

}  // namespace tcpinfo::inline v0::segment_format
