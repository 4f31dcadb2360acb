// SPDX-License-Identifier: Apache-2.0
#include "offline/commands/get_command.h"

#include <fmt/format.h>
#include <tcpinfo/segment.h>

#include <algorithm>
#include <memory>
#include <string_view>
#include <system_error>
#include <vector>

#include "offline/filters/ends_list.h"
#include "offline/filters/filters.h"
#include "offline/filters/passed_over.h"
#include "offline/inputs/inputs.h"

namespace tcpinfo::offline {
namespace {

class connection_getter {
 public:
  connection_getter(output& out, const get_options& options, const say& complain)
      : out_(out),
        options_(options),
        complain_(complain),
        filter_(filter_of(options)),
        reader_([this](const input_fault& f) { return hear(f); },
                {.captures = true,
                 .max_window_log = options.max_window_log,
                 .all_faults = options.verbose,
                 .repeats_metadata = true}) {
    if (const auto& ends = options.connection.ends)
      ends_.emplace(ends_list({{*ends, options.connection.text}}));
    if (options.print) printer_.emplace(*options.print);
  }

  int run() {
    input_walk named(options_.paths, files(), [this](const input_fault& f) { return hear(f); });
    part_walk walk(named, parts());
    input_part part;
    while (going_ && walk.next(part)) {
      for (bool any = reader_.open(part); any && going_; any = reader_.open_next()) read_open();
    }
    if (going_ && !found_) {
      out_.flush();
      complain_(fmt::format("no connection '{}' was found{}", options_.connection.text,
                            limits_times() ? " in the times asked for" : ""));
      trouble_ = true;
    }
    return end_status(out_, trouble_, complain_);
  }

 private:
  static filter_options filter_of(const get_options& options) {
    filter_options f;
    if (const std::string& uuid = options.connection.uuid; !uuid.empty()) f.uuids = {uuid};
    f.since = options.since;
    f.until = options.until;
    return f;
  }

  [[nodiscard]] bool limits_times() const { return options_.since || options_.until; }

  // What is not opened: the name, the folder and the times say that nothing in it is wanted.
  [[nodiscard]] walk_options files() const {
    walk_options walk{.captures = true, .max_window_log = options_.max_window_log};
    walk.wants = [judge = passed_over(filter_.options())](const walk_entry& e) mutable {
      return e.is_folder ? !judge.covers_folder(e.path, e.modified_ns)
                         : !judge.covers(e.path, e.modified_ns);
    };
    return walk;
  }

  // Of a segment that has an index, the blocks alone that may hold what is wanted.
  [[nodiscard]] part_options parts() const {
    filter_options times;
    times.since = options_.since;
    times.until = options_.until;
    part_options parts = wanted_parts(times);
    parts.wanted.cookie = options_.connection.cookie;
    return parts;
  }

  void read_open() {
    while (going_ && reader_.next(record_)) take(record_);
    end_archive();
  }

  bool hear(const input_fault& f) {
    if (!f.note) trouble_ = true;
    out_.flush();  // on a terminal both come in order
    complain_(to_string(f));
    return true;
  }

  void take(const input_record& r) {
    if (r.context != context_) {
      end_archive();
      context_ = r.context;
    }
    if (r.has_message) return take_message(r);
    if (r.is_metadata)
      take_metadata(r);
    else if (found_here_ || names_archive())
      tell_untold(r);
  }

  // Where an archive goes on, its metadata is needed again only where another one's was printed
  // since, or its beginning is not wanted or not there.
  void take_metadata(const input_record& r) {
    latest_metadata_ = line_of(r);
    if (!r.goes_on || latest_metadata_ != printed_metadata_) waiting_ += latest_metadata_;
  }

  void put_waiting() {
    if (!waiting_.empty()) printed_metadata_ = latest_metadata_;
    put(waiting_);
    waiting_.clear();
  }

  void take_message(const input_record& r) {
    if (!filter_.wants(r)) return;
    if (ends_ && !ends_->wants(r)) return;
    found_ = found_here_ = true;
    if (!printer_) {
      put_waiting();
      put(line_of(r));
      return;
    }
    if (!printer_->print(out_.buffer(),
                         {r.uuid(), r.context->sequence, r.time, r.poll, r.context->opened, r.ended,
                          r.carried, r.thinned},
                         r.m, r.context->layout))
      reader_.tell(r.line, cut_in_a_field);
    going_ = out_.written();
  }

  // A line that has a time and nothing else belongs to the archive all the same.
  void tell_untold(const input_record& r) {
    reader_.tell(r.line, nothing_said);
    if (!printer_) waiting_ += line_of(r);
  }

  /// Whether the archive is known to be the connection's before a record of a message was seen.
  [[nodiscard]] bool names_archive() const {
    return !ends_ && context_->source == uuid_source::metadata &&
           filter_.options().uuids.holds_uuid(context_->uuid);
  }

  // An archive of the connection without any record of it is a part of it, too, unless its times
  // leave open whether it is wanted.
  void end_archive() {
    if (context_ != nullptr && !waiting_.empty() &&
        (found_here_ || (!limits_times() && names_archive()))) {
      found_ = true;
      put_waiting();
    }
    waiting_.clear();
    found_here_ = false;
    context_ = nullptr;
  }

  void put(std::string_view text) {
    if (!printer_ && !text.empty()) going_ = out_.put(text);
  }

  // As a collector writes it: a line that was read is the same byte for byte.
  std::string_view line_of(const input_record& r) {
    std::size_t size = 0;
    std::error_code ec;
    if (r.parsed != nullptr) {
      line_.resize(max_record_size(*r.parsed));
      ec = encode_record(line_, size, *r.parsed);
    } else {
      line_.resize(max_record_size(r.m));
      ec = encode_record(line_, size, r.time, r.m, r.extras());
    }
    if (ec) reader_.tell(r.line, ec.message());
    return std::string_view(line_).substr(0, size);
  }

  output& out_;
  const get_options& options_;
  const say& complain_;
  record_filter filter_;
  std::optional<ends_filter> ends_;
  std::optional<snapshot_printer> printer_;
  input_reader reader_;
  input_record record_;
  context_pointer context_;
  std::string waiting_;  // lines of the archive that are printed with the next record, if any
  std::string latest_metadata_;   // the line that was read last
  std::string printed_metadata_;  // of whose archive the last printed lines are
  std::string line_;
  bool found_here_ = false;  // in the archive that context_ is of
  bool found_ = false;
  bool trouble_ = false;
  bool going_ = true;
};

}  // namespace

int get_connection(output& out, const get_options& options, const say& complain) {
  return connection_getter(out, options, complain).run();
}

}  // namespace tcpinfo::offline
