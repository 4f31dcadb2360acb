// SPDX-License-Identifier: Apache-2.0
#include "segment/archive_tables.h"

#include <algorithm>
#include <span>

#include "common/hexadecimal.h"
#include "segment/kept_time.h"
#include "segment/varint.h"

namespace tcpinfo::inline v0::segment_format {
namespace {

std::int64_t opened_of(const archive_entry& e, std::int64_t start_ns) noexcept {
  return static_cast<std::int64_t>(static_cast<std::uint64_t>(start_ns) +
                                   static_cast<std::uint64_t>(e.opened_ns));
}

// Of the archives, of which neighbours have often the same number.
template <class Put>
void take_alike(taker& from, std::span<archive_entry> entries, std::uint64_t most,
                Put put) noexcept {
  taker in = from;  // stays in registers
  for (auto e = entries.begin(); e != entries.end();) {
    const std::uint64_t number = in.varint(most);
    put(*e++, number);
    const auto left = static_cast<std::uint32_t>(entries.end() - e);
    const std::uint32_t alike =
        number < 0x80 ? in.equal_bytes(static_cast<std::uint32_t>(number), left) : 0;
    for (const auto end = e + alike; e != end; ++e) put(*e, number);
  }
  from = in;
}

// Of the archives that have the flag, each as the difference to the one before.
template <class Number>
void take_differences(taker& from, std::span<archive_entry> entries, std::uint32_t flag,
                      Number archive_entry::*to) noexcept {
  taker in = from;  // stays in registers
  std::uint64_t number = 0;
  for (archive_entry& e : entries)
    if (e.has(flag)) {
      number += in.unfolded();
      e.*to = static_cast<Number>(number);
    }
  from = in;
}

// Where it starts with its first record the times are known only then.
bool has_kept_times(const archive_entry& e) noexcept {
  return e.has(starts_with_first) ||
         (is_kept_time(e.start_ns) &&
          (!e.has(has_opened) || is_kept_time(opened_of(e, e.start_ns))));
}

}  // namespace

bool archive_tables::read_texts(bytes_view texts) {
  texts_.clear();
  text_bytes_.assign(texts.begin(), texts.end());
  if (texts.empty()) return true;
  taker in(text_bytes_);
  const std::uint64_t count = in.varint(max_texts);
  taker sizes = in;
  for (std::uint64_t i = 0; i < count && in.ok(); ++i) (void)in.varint(max_text);
  for (std::uint64_t i = 0; i < count && in.ok(); ++i) {
    const bytes_view text = in.bytes(sizes.varint());
    texts_.emplace_back(reinterpret_cast<const char*>(text.data()), text.size());
  }
  return in.ok();
}

bool archive_tables::read_contexts(bytes_view contexts) {
  contexts_.clear();
  if (contexts.empty()) return true;
  taker in(contexts);
  const std::uint64_t count = in.varint(max_contexts);
  // A later version may know more texts; those behind ours are passed over.
  const std::uint64_t written = in.varint(max_context_texts);
  // Each has a byte at least for each of its texts.
  if (!in.ok() || count * std::max<std::uint64_t>(written, 1) > in.left()) return false;
  contexts_.assign(count, {});
  for (context& c : contexts_)
    for (std::uint64_t i = 0; i < written; ++i) {
      const std::uint64_t number = in.varint(texts_.size());
      if (i < c.size()) c[i] = static_cast<std::uint32_t>(number);
    }
  return in.ok();
}

bool archive_tables::read_entries(bytes_view archives, std::uint32_t records) {
  taker in(archives);
  entries_.assign(in.varint(std::min(max_archives, in.left())), {});
  std::uint32_t any = 0;    // flags that one has
  std::uint32_t all = ~0U;  // that each has
  take_alike(in, entries_, 0xffff'ffff, [&](archive_entry& e, std::uint64_t flags) {
    e.flags = static_cast<std::uint32_t>(flags);
    any |= e.flags;
    all &= e.flags;
  });
  // Of a field that all have: the first one that is not 0, which they are already.
  const auto behind_zeros = [&](std::uint32_t flag) {
    const auto count = static_cast<std::uint32_t>(entries_.size());
    return (all & flag) == 0 ? 0 : in.equal_bytes(0, count);
  };
  std::uint64_t total = 0;
  take_alike(in, entries_, records, [&](archive_entry& e, std::uint64_t count) {
    total += e.records = static_cast<std::uint32_t>(count);
  });
  if (total != records) return false;
  bool good = true;
  const auto take = [&](std::uint32_t& to, std::size_t count) {
    const std::uint64_t number = in.short_varint();
    good = good && number < count;
    to = good ? static_cast<std::uint32_t>(number) : 0;
  };
  if ((any & has_metadata) != 0 && contexts_.empty()) return false;
  for (archive_entry& e : std::span(entries_).subspan(behind_zeros(has_metadata)))
    if (e.has(has_metadata)) take(e.context, contexts_.size());
  if (!good || !in.ok()) return false;
  const auto fits = [&](const context& c) { return text(c[0]).size() <= max_uuid_prefix_size; };
  const bool all_fit = std::all_of(contexts_.begin(), contexts_.end(), fits);
  if (all_fit && (all & has_cookie) != 0 && (all & has_metadata) != 0) {
    take_differences(in, entries_, has_cookie, &archive_entry::cookie);
  } else {
    std::uint64_t before = 0;
    for (archive_entry& e : entries_)
      if (e.has(has_cookie)) {
        good = good && e.has(has_metadata) && fits(contexts_[e.context]);
        before = e.cookie = before + in.unfolded();
      } else if (e.has(has_metadata)) {
        take(e.uuid, texts_.size());
      }
  }
  for (archive_entry& e : std::span(entries_).subspan(behind_zeros(has_metadata)))
    if (e.has(has_metadata)) e.sequence = in.short_varint();
  if ((any & has_start) != 0) take_differences(in, entries_, has_start, &archive_entry::start_ns);
  if ((any & has_opened) != 0)
    for (archive_entry& e : entries_)
      if (e.has(has_opened)) e.opened_ns = static_cast<std::int64_t>(in.unfolded());
  std::uint64_t day = 0;
  if ((any & has_path) == 0)
    take_alike(in, entries_, ~std::uint64_t{0}, [&](archive_entry& e, std::uint64_t folded) {
      e.day = static_cast<std::int64_t>(day += unfold(folded));
    });
  else
    for (archive_entry& e : entries_)
      if (e.has(has_path)) {
        take(e.path, texts_.size());
        good = good && texts_[e.path].find('\0') == std::string_view::npos;
      } else {
        e.day = static_cast<std::int64_t>(day += in.unfolded());
      }
  return good && in.ok() && std::all_of(entries_.begin(), entries_.end(), has_kept_times);
}

bool archive_tables::read(const read_streams& streams, std::uint32_t records) {
  forget();  // its views are of the block before
  return read_texts(of(streams, stream::texts)) && read_contexts(of(streams, stream::contexts)) &&
         read_entries(of(streams, stream::archives), records);
}

inline bool archive_tables::choose_times(const archive_entry& e,
                                         std::optional<std::int64_t> first_ns) {
  metadata_.start_time = metadata_.opened = {};
  std::int64_t start_ns = e.start_ns;
  if (e.has(starts_with_first) && first_ns) start_ns = *first_ns;
  if (!is_kept_time(start_ns)) return false;
  if (e.has(starts_with_first) || e.has(has_start))
    metadata_.start_time = timestamp::from_unix_nanoseconds(start_ns);
  if (e.has(has_opened)) {
    const std::int64_t opened_ns = opened_of(e, start_ns);
    if (!is_kept_time(opened_ns)) return false;
    metadata_.opened = timestamp::from_unix_nanoseconds(opened_ns);
  }
  return true;
}

inline void archive_tables::choose_names(const archive_entry& e) {
  metadata_.sequence = e.sequence;
  if (!made_names_.hold(e)) {
    make_names(e);
    return;
  }
  // What is written is not read again here: of what was just written in smaller pieces the
  // processor would wait for the whole.
  const auto low = static_cast<std::uint32_t>(e.cookie);
  (void)write_hexadecimal(uuid_.data() + uuid_.size() - cookie_digits / 2, low);
  if (made_path_.size != 0)
    (void)write_hexadecimal(path_.data() + made_path_.digits_at + cookie_digits / 2, low);
}

void archive_tables::make_names(const archive_entry& e) {
  const context& c = contexts_[e.context];
  made_path_ = {};
  made_names_ = {};  // until there is room for them
  if (e.has(has_cookie)) {
    const std::string_view prefix = text(c[0]);
    uuid_.resize(prefix.size() + 1 + cookie_digits);
    (void)format_uuid(prefix, e.cookie, uuid_);
    metadata_.uuid = uuid_;
  } else {
    metadata_.uuid = texts_[e.uuid];
  }
  made_names_ = {e.context, e.has(has_cookie), e.cookie};
  metadata_.host = text(c[1]);
  metadata_.kernel = text(c[2]);
  metadata_.collector = text(c[3]);
  metadata_.interval = text(c[4]);
  metadata_.run = text(c[5]);
  metadata_.netns = text(c[6]);
  metadata_.byte_order = text(c[7]);
  metadata_.policy = text(c[8]);
  metadata_.cgroup = text(c[9]);
  metadata_.owner = text(c[10]);
  metadata_.pid = text(c[11]);
  metadata_.comm = text(c[12]);
  metadata_.executable = text(c[13]);
}

// Of an archive whose path is not kept as a text; behind choose_names().
inline void archive_tables::choose_path(const archive_entry& e) {
  if (!made_path_.holds(e)) make_path(e);
  about_.path = std::string_view(path_).substr(0, made_path_.size);
  if (!made_names_.any) made_path_ = {};
}

void archive_tables::make_path(const archive_entry& e) {
  // Wrong days make no path.
  constexpr std::int64_t far = 4'000'000;
  path_.resize(max_archive_path_size);  // once: it stays so
  const timestamp date{std::clamp(e.day, -far, far) * seconds_a_day, 0, 0};
  std::size_t directory = 0;
  made_path_.size = format_archive_path(date, metadata_.uuid, e.sequence, path_, &directory);
  made_path_.digits_at = directory + 1 + metadata_.uuid.size() - cookie_digits;
  made_path_.day = e.day;
  made_path_.sequence = e.sequence;
}

bool archive_tables::choose(std::size_t number, std::optional<std::int64_t> first_ns) {
  const archive_entry& e = entries_[number];
  about_ = {};
  about_.goes_on = e.has(goes_on) ? 1 : 0;
  if (!e.has(has_metadata)) {
    forget_names();
  } else {
    if (!choose_times(e, first_ns)) return false;
    choose_names(e);
    about_.about = &metadata_;
  }
  if (e.has(has_path))
    about_.path = texts_[e.path];
  else
    choose_path(e);
  return true;
}

}  // namespace tcpinfo::inline v0::segment_format
