// SPDX-License-Identifier: Apache-2.0
#include "c/arrow_columns.h"

#include <array>
#include <cstring>
#include <limits>
#include <memory>
#include <new>
#include <utility>

#include "common/utf8.h"

namespace tcpinfo::inline v0 {
namespace {

// What an ArrowArray or ArrowSchema points to, as long as it is not released. Children may be moved
// out of their parent, so each has its own.
struct array_memory {
  std::vector<std::uint8_t> valid;
  std::vector<std::uint8_t> values;
  std::vector<std::int32_t> offsets;
  std::array<const void*, 3> buffers{};
  std::vector<ArrowArray> children;
  std::vector<ArrowArray*> pointers;
};
struct schema_memory {
  std::string name;
  std::vector<ArrowSchema> children;
  std::vector<ArrowSchema*> pointers;
};

template <class Memory, class Struct>
void release(Struct* s) noexcept {
  for (std::int64_t i = 0; i < s->n_children; ++i)
    if (s->children[i]->release != nullptr) s->children[i]->release(s->children[i]);
  delete static_cast<Memory*>(s->private_data);
  s->release = nullptr;
}

// The struct owns it from here on.
template <class Memory, class Struct>
void own(Struct& s, std::unique_ptr<Memory> memory) noexcept {
  for (Struct& child : memory->children) memory->pointers.push_back(&child);  // there is room
  s.n_children = static_cast<std::int64_t>(memory->children.size());
  s.children = memory->pointers.data();
  s.release = release<Memory, Struct>;
  s.private_data = memory.release();
}

// Releases those that are there, where making the others failed.
template <class Memory>
struct children_guard {
  explicit children_guard(Memory& memory) : memory_(&memory) {}
  ~children_guard() {
    if (memory_ == nullptr) return;
    for (auto& child : memory_->children)
      if (child.release != nullptr) child.release(&child);
  }
  children_guard(const children_guard&) = delete;
  children_guard& operator=(const children_guard&) = delete;
  void done() { memory_ = nullptr; }

 private:
  Memory* memory_;
};

struct arrow_type {
  const char* format;
  unsigned bits;
};
constexpr arrow_type arrow_text = {"u", 0};
// Of a column of texts: offsets are signed numbers of 32 bits. Arrays end long before; it is only a
// text of more than 1 GiB, of a reader that takes such lines (max_line), that comes here.
constexpr std::size_t most_text_bytes = std::numeric_limits<std::int32_t>::max();

arrow_type type_of(field_type type) noexcept {
  switch (type) {
    case field_type::u8:
      return {"C", 8};
    case field_type::u16:
      return {"S", 16};
    case field_type::u32:
      return {"I", 32};
    case field_type::u64:
      return {"L", 64};
    case field_type::boolean:
      return {"b", 1};
    case field_type::text:
    case field_type::address:
      break;
  }
  return arrow_text;
}

void put_schema(ArrowSchema& out, const char* format, std::unique_ptr<schema_memory> memory) {
  out = {};
  out.format = format;
  out.name = memory->name.c_str();
  out.flags = memory->children.empty() ? ARROW_FLAG_NULLABLE : 0;
  own(out, std::move(memory));
}

}  // namespace

arrow_column::arrow_column(kind what, std::string name, field_descriptor field)
    : what_(what), name_(std::move(name)), field_(field) {
  const arrow_type type = what == kind::uuid    ? arrow_text
                          : what == kind::poll  ? arrow_type{"L", 64}
                          : what == kind::field ? type_of(field.type())
                                                : arrow_type{"tsn:", 64};
  format_ = type.format;
  bits_ = type.bits;
}

void arrow_column::count(bool is_there) {
  if (rows_ % 8 == 0) valid_.push_back(0);
  if (is_there)
    valid_.back() = static_cast<std::uint8_t>(valid_.back() | 1U << rows_ % 8);
  else
    ++nulls_;
  ++rows_;
}

void arrow_column::push_value(std::uint64_t value) {
  const auto append = [this](auto number) {
    const std::size_t at = values_.size();
    values_.resize(at + sizeof number);
    std::memcpy(values_.data() + at, &number, sizeof number);
  };
  switch (bits_) {
    case 1:
      if (rows_ % 8 == 0) values_.push_back(0);
      if (value != 0) values_.back() = static_cast<std::uint8_t>(values_.back() | 1U << rows_ % 8);
      break;
    case 8:
      values_.push_back(static_cast<std::uint8_t>(value));
      break;
    case 16:
      append(static_cast<std::uint16_t>(value));
      break;
    case 32:
      append(static_cast<std::uint32_t>(value));
      break;
    default:
      append(value);
  }
}

// Arrow's texts are UTF-8. Each byte that is not becomes U+FFFD.
void arrow_column::push_text(std::string_view text) {
  while (!text.empty()) {
    const std::size_t size = utf8_sequence(text);
    const std::string_view good = size == 0 ? "\xef\xbf\xbd" : text.substr(0, size);
    if (good.size() > most_text_bytes - values_.size()) throw std::bad_alloc();
    values_.insert(values_.end(), good.begin(), good.end());
    text.remove_prefix(size == 0 ? 1 : size);
  }
}

void arrow_column::push_null() {
  if (bits_ != 0) push_value(0);
  count(false);
}

void arrow_column::push_field(const snapshot& decoded, bool keep_sentinels) {
  if (bits_ != 0) {
    std::uint64_t value = 0;
    if (!decoded.value(field_, value) || (!keep_sentinels && field_.sentinel() == value))
      return push_null();
    push_value(value);
    return count(true);
  }
  std::string_view text;
  std::array<char, 64> room{};
  if (field_.type() == field_type::address) {
    ip_address address;
    if (!decoded.address(field_, address)) return push_null();
    text = {room.data(), format_ip_address(address, room)};
  } else if (!decoded.text(field_, text)) {
    return push_null();
  }
  push_text(text);
  count(true);
}

void arrow_column::push(const tcpinfo_reader& reader, bool keep_sentinels) {
  if (bits_ == 0) offsets_.push_back(static_cast<std::int32_t>(values_.size()));
  const auto push_time = [this](const timestamp& t) {
    const auto ns = t.is_zero() ? std::nullopt : t.unix_nanoseconds();
    if (!ns) return push_null();
    push_value(static_cast<std::uint64_t>(*ns));
    count(true);
  };
  switch (what_) {
    case kind::uuid:
      if (reader.about.told().uuid == nullptr) return push_null();
      push_text(reader.about.told().uuid);
      return count(true);
    case kind::time:
      return push_time(reader.latest.time());
    case kind::ended:
      return push_time(reader.latest.ended());
    case kind::poll:
      if (reader.latest.poll() == no_poll) return push_null();
      push_value(reader.latest.poll());
      return count(true);
    case kind::field:
      return push_field(reader.decoded, keep_sentinels);
  }
}

void arrow_column::take(ArrowArray& out) {
  auto memory = std::make_unique<array_memory>();
  if (bits_ == 0) offsets_.push_back(static_cast<std::int32_t>(values_.size()));
  memory->valid = std::exchange(valid_, {});
  memory->values = std::exchange(values_, {});
  memory->offsets = std::exchange(offsets_, {});
  memory->values.reserve(1);  // an address, though nothing is there
  out = {};
  out.length = static_cast<std::int64_t>(std::exchange(rows_, 0));
  out.null_count = static_cast<std::int64_t>(std::exchange(nulls_, 0));
  // Nothing says that all are there.
  memory->buffers[0] = out.null_count == 0 ? nullptr : memory->valid.data();
  memory->buffers[1] = memory->values.data();
  out.n_buffers = 2;
  if (bits_ == 0) {
    memory->buffers[2] = memory->values.data();
    memory->buffers[1] = memory->offsets.data();
    out.n_buffers = 3;
  }
  out.buffers = memory->buffers.data();
  own(out, std::move(memory));
}

void make_arrow_schema(const std::vector<arrow_column>& columns, ArrowSchema& out) {
  auto memory = std::make_unique<schema_memory>();
  children_guard guard(*memory);
  memory->pointers.reserve(columns.size());
  memory->children.resize(columns.size());
  for (std::size_t i = 0; i < columns.size(); ++i) {
    auto child = std::make_unique<schema_memory>();
    child->name = columns[i].name();
    put_schema(memory->children[i], columns[i].format(), std::move(child));
  }
  guard.done();
  put_schema(out, "+s", std::move(memory));
}

void take_arrow_rows(std::vector<arrow_column>& columns, std::size_t rows, ArrowArray& out) {
  auto memory = std::make_unique<array_memory>();
  children_guard guard(*memory);
  memory->pointers.reserve(columns.size());
  memory->children.resize(columns.size());
  for (std::size_t i = 0; i < columns.size(); ++i) columns[i].take(memory->children[i]);
  guard.done();
  out = {};
  out.length = static_cast<std::int64_t>(rows);
  out.n_buffers = 1;  // none of the structs themselves is null
  out.buffers = memory->buffers.data();
  own(out, std::move(memory));
}

}  // namespace tcpinfo::inline v0
