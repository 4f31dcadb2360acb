// SPDX-License-Identifier: Apache-2.0
//
// What happens at the end of a block: its streams are made and put together.
#include <algorithm>

#include "segment/block_encoder.h"
#include "segment/checksum.h"

namespace tcpinfo::inline v0::segment_format {
namespace {

template <class Streams>
byte_stream& of(Streams& streams, stream which) noexcept {
  return streams[static_cast<std::size_t>(which)];
}

std::uint64_t whole(std::int64_t n) noexcept { return static_cast<std::uint64_t>(n); }

}  // namespace

// Field by field, so that what is alike stands together. Where an archive does not have a field,
// nothing is written.
void block_encoder::put_archives() {
  byte_stream& to = of(streams_, stream::archives);
  const std::span all(archives_.data(), archive_count_);
  to.varint(all.size());
  for (archive& a : all) {
    const bool starts = (a.flags & has_start) != 0 && a.first_ns && *a.first_ns == a.start_ns;
    if (starts) a.flags = (a.flags & ~std::uint32_t{has_start}) | starts_with_first;
    to.varint(a.flags);
  }
  for (const archive& a : all) to.varint(a.records);
  for (const archive& a : all)
    if ((a.flags & has_metadata) != 0) to.varint(a.context);
  std::uint64_t before = 0;
  for (const archive& a : all)
    if ((a.flags & has_cookie) != 0) {
      to.folded(a.cookie - before);
      before = a.cookie;
    } else if ((a.flags & has_metadata) != 0) {
      to.varint(a.uuid);
    }
  for (const archive& a : all)
    if ((a.flags & has_metadata) != 0) to.varint(a.sequence);
  before = 0;
  for (const archive& a : all)
    if ((a.flags & has_start) != 0) {
      to.folded(whole(a.start_ns) - before);
      before = whole(a.start_ns);
    }
  for (const archive& a : all)
    if ((a.flags & has_opened) != 0) to.folded(whole(a.opened_ns) - whole(a.start_ns));
  before = 0;
  for (const archive& a : all)
    if ((a.flags & has_path) != 0) {
      to.varint(a.path);
    } else {
      to.folded(whole(a.day) - before);
      before = whole(a.day);
    }
}

void block_encoder::put_slots() {
  byte_stream& texts = of(streams_, stream::texts);
  if (!texts_.all().empty()) texts.varint(texts_.all().size());
  for (const std::string& text : texts_.all()) texts.varint(text.size());
  for (const std::string& text : texts_.all()) texts.add(std::as_bytes(std::span(text)));
  byte_stream& contexts = of(streams_, stream::contexts);
  if (!contexts_.empty()) {
    contexts.varint(contexts_.size());
    const bool all = std::any_of(contexts_.begin(), contexts_.end(),
                                 [](const auto& context) { return context.back() != 0; });
    const std::size_t written = all ? context_texts : usual_context_texts;
    contexts.varint(written);
    for (const auto& context : contexts_)
      for (std::size_t i = 0; i < written; ++i) contexts.varint(context[i]);
  }
  if (slots_.empty()) return;
  byte_stream& slots = of(streams_, stream::slots);
  slots.varint(slots_.size());
  for (auto s = slots_.begin() + 1; s != slots_.end(); ++s) {
    slots.varint(s->type);
    slots.varint(s->size);
  }
  byte_stream& shapes = of(streams_, stream::shapes);
  shapes.varint(shapes_.size());
  for (const auto& shape : shapes_) {
    shapes.varint(shape.size() - 1);  // the head is in each
    for (std::size_t i = 1; i < shape.size(); ++i) shapes.varint(shape[i]);
  }
}

// The first words that an archive has in a slot are held against the first of the archive before
// it; the cookie, which is known, against that.
void block_encoder::put_first(slot& s, const std::uint32_t* words, const archive& a) {
  std::uint32_t* const base = bases_.data() + s.base;
  if (s.words == head_words && &s == slots_.data() && (a.flags & has_cookie) != 0) {
    base[cookie_word] = static_cast<std::uint32_t>(a.cookie);
    base[cookie_word + 1] = static_cast<std::uint32_t>(a.cookie >> 32U);
  }
  for (std::uint32_t i = 0; i < s.words; ++i)
    if (words[i] != base[i]) columns_.change(s.first + i, s.rows, fold(words[i] - base[i]));
  std::copy_n(words, s.words, base);
}

void block_encoder::put_records() {
  byte_stream& heads = of(streams_, stream::heads);
  byte_stream& extras = of(streams_, stream::extras);
  byte_stream& sizes = of(streams_, stream::line_sizes);
  byte_stream& lines = of(streams_, stream::lines);
  byte_stream& thinned = of(streams_, stream::thinned);
  message_moments_.clear();
  std::uint32_t record = 0;
  std::uint32_t last_thinned = 0;
  for (std::size_t n = 0; n < archive_count_; ++n) {
    const archive& a = archives_[n];
    for (std::uint32_t entry = a.first; entry != 0; entry = log_[entry]) {
      const std::uint32_t* at = log_.data() + entry + 1;
      const std::uint32_t logged = *at++;
      const std::uint32_t head = logged & ~log_thinned;
      ++record;
      heads.varint(head);
      if (head == 0) {
        const std::uint32_t line = *at;
        const std::uint32_t begin = line == 0 ? 0 : line_ends_[line - 1];
        sizes.varint(line_ends_[line] - begin);
        lines.add(line_bytes_.all().subspan(begin, line_ends_[line] - begin));
        continue;
      }
      message_moments_.add(*at);
      const std::int64_t time_ns = moments_.all()[*at++].time_ns;
      if ((head & head_ended) != 0) {
        const std::uint64_t low = *at++;
        const std::uint64_t high = *at++;
        extras.folded((high << 32U | low) - whole(time_ns));
      }
      if ((head & head_carried) != 0) extras.varint(*at++);
      if ((logged & log_thinned) != 0) {
        thinned.varint(record - last_thinned);
        thinned.varint(*at++);
        last_thinned = record;
      }
      for (const std::uint16_t number : shapes_[(head >> head_shape_shift) - 1]) {
        slot& s = slots_[number];
        const std::uint32_t count = *at++;
        if ((count & first_of_slot) != 0) {
          put_first(s, at, a);
          at += s.words;
        } else {
          for (const std::uint32_t* const end = at + 2 * std::size_t{count}; at != end; at += 2)
            columns_.change(s.first + at[0], s.rows, at[1]);
        }
        ++s.rows;
      }
    }
  }
  moments_.put(message_moments_, of(streams_, stream::moments),
               of(streams_, stream::moment_numbers));
}

void block_encoder::put_columns() {
  for (const slot& s : slots_)
    columns_.put(s.first, s.words, s.rows, of(streams_, stream::columns),
                 of(streams_, stream::rows), of(streams_, stream::bits),
                 of(streams_, stream::deltas));
}

void block_encoder::assemble(block_span& about) {
  block_.clear();
  std::byte* const head = block_.room(head_size);
  std::fill_n(head, head_size, std::byte{0});
  block_.shrink(head_size);
  std::size_t count = 0;
  for (const byte_stream& s : streams_) count += s.empty() ? 0 : 1;
  block_.varint(count);
  for (std::size_t i = 0; i < streams_.size(); ++i)
    if (!streams_[i].empty()) {
      block_.varint(i);
      block_.varint(streams_[i].size());
    }
  for (const byte_stream& s : streams_) block_.add(s.all());

  about = {};
  about.records = records_;
  about.has_others = !line_ends_.empty();
  for (const moment& m : moments_.all()) {
    about.first_ns = std::min(about.first_ns, m.time_ns);
    about.last_ns = std::max(about.last_ns, m.time_ns);
  }
  for (std::size_t n = 0; n < archive_count_; ++n) {
    const archive& a = archives_[n];
    if (a.records == 0) continue;
    if ((a.flags & has_cookie) == 0) {
      about.has_others = true;
      continue;
    }
    about.lowest_cookie = std::min(about.lowest_cookie, a.cookie);
    about.highest_cookie = std::max(about.highest_cookie, a.cookie);
  }
}

byte_stream& block_encoder::encode(block_span& about) {
  for (byte_stream& s : streams_) s.clear();
  columns_.clear();
  bases_.clear();
  for (slot& s : slots_) {
    s.rows = 0;
    s.first = columns_.add(s.words);
    s.base = static_cast<std::uint32_t>(bases_.size());
    std::uint32_t* const zeros = bases_.room(s.words);
    std::fill_n(zeros, s.words, 0U);
    bases_.end_at(zeros + s.words);
  }
  put_archives();
  put_slots();
  put_records();
  put_columns();
  assemble(about);
  return block_;
}

}  // namespace tcpinfo::inline v0::segment_format
