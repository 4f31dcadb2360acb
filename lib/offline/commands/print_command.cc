// SPDX-License-Identifier: Apache-2.0
#include "offline/commands/print_command.h"

#include <fmt/format.h>
#include <array>
#include <atomic>
#include <iterator>
#include <new>
#include <utility>

#include "offline/commands/commands.h"
#include "offline/filters/filters.h"
#include "offline/filters/passed_over.h"
#include "offline/filters/unmet.h"
#include "offline/inputs/inputs.h"
#include "offline/text/untold.h"
#include "text/escape.h"

namespace tcpinfo::offline {
namespace {

// Behind the members that fields have: bytes that none tells, and what is odd about the message.
void append_untold(std::string& to, const snapshot& s) {
  const auto member = [&to](std::string_view name, std::string_view value) {
    if (to.back() != '{' && to.back() != ',') to += ',';
    fmt::format_to(std::back_inserter(to), "\"{}\":\"{}\"", name, value);
  };
  for (const untold_bytes& u : untold_in(s)) member(u.name, in_hex(u.bytes));
  std::string faults;
  for (const auto& [name, fault] : shown_faults)
    if (s.has(fault)) faults.append(faults.empty() ? "" : " ").append(name);
  if (!faults.empty()) member("faults", faults);
}

}  // namespace

snapshot_printer::snapshot_printer(snapshot_print_options options) : options_(std::move(options)) {
  if (options_.format != snapshot_format::json) return;
  std::vector<column_descriptor> columns;
  for (std::size_t i = 0; i < column_count(); ++i) columns.push_back(column_at(i));
  row_options row;
  row.format = row_format::json;
  if (const auto ec = row_.prepare(columns, row)) throw std::system_error(ec);
}

bool snapshot_printer::print(std::string& to, const snapshot_label& label, const message& m,
                             info_layout layout) {
  if (decoded_.decode(m, layout)) return true;  // too short: its reader refused it already
  if (options_.format == snapshot_format::json)
    print_json(to, label);
  else
    print_text(to, label);
  return !decoded_.has(snapshot_fault::partial_field);
}

std::string snapshot_printer::key_of(const snapshot_label& label, const message& m) {
  return fmt::format("{}/{:x}", label.uuid, m.cookie());
}

void snapshot_printer::forget(const snapshot_label& label, const message& m) {
  if (!previous_.empty()) previous_.erase(key_of(label, m));
}

void snapshot_printer::forget_others() {
  std::erase_if(previous_, [](const auto& entry) { return !entry.second.seen; });
  for (auto& [key, k] : previous_) k.seen = false;
}

void snapshot_printer::append_label(std::string& to, const snapshot_label& label) const {
  std::array<char, max_moment_size> time;
  const std::size_t length =
      label.time.is_zero() ? 0 : format_moment(label.time, options_.time, time);
  if (length == 0 && label.uuid.empty()) return;
  if (options_.colour) to += "\x1b[36m";
  to.append(time.data(), length);
  if (!label.uuid.empty()) {
    if (length != 0) to += ' ';
    text::append_escaped(to, label.uuid);
  }
  if (label.sequence) fmt::format_to(std::back_inserter(to), " sequence:{}", *label.sequence);
  if (label.poll != no_poll) fmt::format_to(std::back_inserter(to), " poll:{}", label.poll);
  const auto moment = [&](std::string_view name, const timestamp& t) {
    if (t.is_zero()) return;
    fmt::format_to(std::back_inserter(to), " {}:{}", name,
                   std::string_view(time.data(), format_moment(t, options_.time, time)));
  };
  moment("ended", label.ended);
  if (label.carried != 0)
    fmt::format_to(std::back_inserter(to), " carried:{}", part_names(label.carried, ','));
  if (label.thinned != 0) fmt::format_to(std::back_inserter(to), " thinned:{}", label.thinned);
  if (options_.colour) to += "\x1b[0m";
  to += '\n';
}

void snapshot_printer::print_text(std::string& to, const snapshot_label& label) {
  describe(decoded_, options_.text, text_);
  if (!options_.changes) {
    append_label(to, label);
    append_block(to, text_, options_.colour);
    return;
  }
  const message m = decoded_.source();
  const auto [it, is_new] = previous_.try_emplace(key_of(label, m));
  kept& k = it->second;
  if (is_new) {
    append_label(to, label);
    append_block(to, text_, options_.colour);
  } else {
    message old;
    if (!message::from(k.bytes, old) && !before_.decode(old, k.layout))
      describe(before_, options_.text, text_before_);
    const std::size_t start = to.size();
    append_label(to, label);
    if (!append_changes(to, text_before_, text_, options_.colour)) to.resize(start);
  }
  k.bytes.assign(m.bytes.begin(), m.bytes.end());
  k.layout = decoded_.layout();
  k.seen = true;
}

void snapshot_printer::print_json(std::string& to, const snapshot_label& label) {
  to += '{';
  if (!label.uuid.empty()) {
    to += "\"uuid\":";
    append_json_string(to, label.uuid);
    to += ',';
  }
  if (label.sequence) fmt::format_to(std::back_inserter(to), "\"sequence\":{},", *label.sequence);
  const auto moment = [&](std::string_view name, const timestamp& t) {
    if (t.is_zero()) return;
    std::array<char, max_moment_size> time;
    const std::size_t length = format_moment(t, options_.time, time);
    const std::string_view quote = options_.time == time_style::epoch ? "" : "\"";
    fmt::format_to(std::back_inserter(to), "\"{}\":{}{}{},", name, quote,
                   std::string_view(time.data(), length), quote);
  };
  moment("timestamp", label.time);
  if (label.poll != no_poll) fmt::format_to(std::back_inserter(to), "\"poll\":{},", label.poll);
  moment("opened", label.opened);
  moment("ended", label.ended);
  if (label.carried != 0)
    fmt::format_to(std::back_inserter(to), "\"carried\":\"{}\",", part_names(label.carried, ' '));
  if (label.thinned != 0) fmt::format_to(std::back_inserter(to), "\"thinned\":{},", label.thinned);
  cells_.resize(row_.max_row_size(decoded_));
  std::size_t written = 0;
  if (const auto ec = row_.write(decoded_, cells_, written)) throw std::system_error(ec);
  to.append(cells_.data(), written);
  append_untold(to, decoded_);
  if (to.back() == ',') to.pop_back();  // a snapshot without any member
  to += "}\n";
}

int print_files(output& out, const print_options& options, const say& complain) {
  bool trouble = false;
  const auto on_fault = [&](const input_fault& f) {
    if (!f.note) trouble = true;
    out.flush();  // on a terminal both come in order
    complain(to_string(f));
    return true;
  };
  std::atomic<bool> unread{false};
  walk_options wanted = wanted_files(options.filter, true, &unread);
  wanted.max_window_log = options.max_window_log;
  input_walk files(options.paths, wanted, on_fault);
  part_walk walk(files, wanted_parts(options.filter, &unread));
  input_reader reader(
      on_fault,
      {.captures = true, .max_window_log = options.max_window_log, .all_faults = options.verbose});
  record_filter filter(options.filter);
  thinner thin(options.filter.every_ns);
  snapshot_printer printer(options.print);
  input_record r;
  input_part part;
  bool going = true;
  const auto emit = [&](const input_record& kept) {
    if (kept.says_nothing()) reader.tell(kept.line, nothing_said);
    if (!kept.has_message) return;
    if (!printer.print(out.buffer(),
                       {kept.uuid(), kept.context->sequence, kept.time, kept.poll,
                        kept.context->opened, kept.ended, kept.carried, kept.thinned},
                       kept.m, kept.context->layout))
      reader.tell(kept.line, cut_in_a_field);
    going = out.written();
  };
  while (going && walk.next(part)) {
    for (bool any = reader.open(part); any && going; any = reader.open_next()) {
      while (going && reader.next(r)) {
        if (filter.wants(r)) thin.push(r, emit);
      }
      thin.flush(emit);
    }
  }
  if (going && out.flush() && tell_unmet_or_none(options.filter, filter.counts(), unread, complain))
    trouble = true;
  return end_status(out, trouble, complain);
}

}  // namespace tcpinfo::offline
