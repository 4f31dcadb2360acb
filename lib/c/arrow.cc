// SPDX-License-Identifier: Apache-2.0
//
// Archives and segments as streams of Apache Arrow.
#include <cerrno>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "c/arrow_columns.h"
#include "c/open_reader.h"
#include "c/result.h"
#include "c/structs.h"

using namespace tcpinfo;

namespace {

constexpr std::size_t usual_batch = std::size_t{1} << 16U;
// An array ends above it. Offsets of texts are signed numbers of 32 bits.
constexpr std::size_t most_characters = std::size_t{1} << 30U;

/// What an ArrowArrayStream points to.
class arrow_stream {
 public:
  /// May throw.
  arrow_stream(const tcpinfo_arrow_options& asked, std::vector<arrow_column> columns)
      : asked_(asked), columns_(std::move(columns)) {
    if (asked_.rows == 0) asked_.rows = usual_batch;
  }
  ~arrow_stream() {
    tcpinfo_reader_close(reader_);
    if (reader_ != nullptr && asked_.on_release != nullptr) asked_.on_release(asked_.user);
  }
  arrow_stream(const arrow_stream&) = delete;
  arrow_stream& operator=(const arrow_stream&) = delete;

  void own(tcpinfo_reader* reader) noexcept { reader_ = reader; }
  [[nodiscard]] const std::vector<arrow_column>& columns() const noexcept { return columns_; }

  /// Rows until there are enough, no more records, or a fault. May throw. @return an errno.
  int next(ArrowArray& out) {
    std::size_t rows = 0;
    while (fault_ == 0 && !ended_ && rows < asked_.rows && !is_long()) {
      const int result = c_next_record(*reader_);
      ended_ = result == 0;
      if (ended_) break;
      int fault = result < 0 ? result : 0;
      if (fault == 0) {
        const auto row = take_row();
        if (row == 1) ++rows;
        if (row < 0) fault = row;
      }
      if (fault != 0 && !tell(fault)) fault_ = fault;
    }
    out = {};
    if (rows > 0) {
      take_arrow_rows(columns_, rows, out);
      return 0;
    }
    return fault_ == 0 ? 0 : fail(fault_);
  }

  /// Of a result below 0: keeps what last_error() says. @return the errno for it.
  int fail(int result) noexcept {
    fault_ = result;
    try {
      text_.resize(tcpinfo_error_text(result, nullptr, 0) + 1);
      tcpinfo_error_text(result, text_.data(), text_.size());
      text_.pop_back();
      const std::uint64_t line = tcpinfo_reader_line(reader_, nullptr, nullptr);
      if (line != 0) text_.insert(0, "line " + std::to_string(line) + ": ");
    } catch (...) {
      text_.clear();
    }
    if (result == TCPINFO_E_OUT_OF_MEMORY) return ENOMEM;
    return result > -c_errc_base ? -result : EIO;
  }
  [[nodiscard]] const char* last_error() const noexcept {
    if (fault_ == 0) return nullptr;
    return text_.empty() ? "out of memory" : text_.c_str();
  }

 private:
  /// @return 1; 0 for a record that is no row; a fault.
  int take_row() {
    const record& r = reader_->latest;
    if (!r.has_idm()) return r.has_metadata() ? 0 : TCPINFO_E_BAD_JSON;
    if (c_is_foreign(*reader_)) return TCPINFO_E_FOREIGN_BYTE_ORDER;
    if (const std::error_code ec = reader_->decoded.decode(r.view(), reader_->layout))
      return c_result(ec);
    for (arrow_column& c : columns_) c.push(*reader_, asked_.keep_sentinels != 0);
    return 1;
  }
  [[nodiscard]] bool is_long() const noexcept {
    for (const arrow_column& c : columns_)
      if (c.bytes() > most_characters) return true;
    return false;
  }
  /// @return whether to go on.
  [[nodiscard]] bool tell(int fault) const noexcept {
    return asked_.on_fault != nullptr &&
           asked_.on_fault(asked_.user, fault, tcpinfo_reader_line(reader_, nullptr, nullptr)) == 0;
  }

  tcpinfo_arrow_options asked_;
  std::vector<arrow_column> columns_;
  tcpinfo_reader* reader_ = nullptr;
  bool ended_ = false;
  int fault_ = 0;  // which ends it
  std::string text_;
};

arrow_stream& stream_of(ArrowArrayStream* stream) noexcept {
  return *static_cast<arrow_stream*>(stream->private_data);
}

int get_schema(ArrowArrayStream* stream, ArrowSchema* out) noexcept {
  try {
    make_arrow_schema(stream_of(stream).columns(), *out);
    return 0;
  } catch (...) {
    return ENOMEM;
  }
}

int get_next(ArrowArrayStream* stream, ArrowArray* out) noexcept {
  try {
    return stream_of(stream).next(*out);
  } catch (...) {
    *out = {};
    return stream_of(stream).fail(TCPINFO_E_OUT_OF_MEMORY);
  }
}

const char* get_last_error(ArrowArrayStream* stream) noexcept {
  return stream_of(stream).last_error();
}

void release_stream(ArrowArrayStream* stream) noexcept {
  delete &stream_of(stream);
  stream->release = nullptr;
}

/// May throw.
int columns_of(const tcpinfo_arrow_options& asked, std::vector<arrow_column>& out) {
  using kind = arrow_column::kind;
  const bool all = asked.field_count == 0;
  const std::size_t count = all ? field_count() : asked.field_count;
  out.reserve(count + 4);
  out.emplace_back(kind::uuid, "uuid");
  out.emplace_back(kind::time, "timestamp");
  out.emplace_back(kind::poll, "poll");
  out.emplace_back(kind::ended, "ended");
  for (std::size_t i = 0; i < count; ++i) {
    const field_descriptor field =
        all ? field_at(i) : describe(static_cast<field_id>(asked.fields[i]));
    if (!field.valid()) return TCPINFO_E_UNKNOWN_FIELD;
    out.emplace_back(kind::field, std::string(field.csv_name()), field);
  }
  return 0;
}

}  // namespace

extern "C" int tcpinfo_reader_arrow(tcpinfo_reader* reader, const tcpinfo_arrow_options* options,
                                    ArrowArrayStream* out) noexcept {
  tcpinfo_arrow_options asked{};
  if (reader == nullptr || out == nullptr || !c_take_options(options, asked) ||
      asked.reserved != 0 || (asked.field_count > 0 && asked.fields == nullptr))
    return TCPINFO_E_INVALID_ARGUMENT;
  if (reader->in_callback) return TCPINFO_E_BUSY;
  return c_guarded([&] {
    std::vector<arrow_column> columns;
    if (const int refused = columns_of(asked, columns)) return refused;
    auto stream = std::make_unique<arrow_stream>(asked, std::move(columns));
    stream->own(reader);
    *out = {get_schema, get_next, get_last_error, release_stream, stream.release()};
    return 0;
  });
}
