// SPDX-License-Identifier: Apache-2.0
//
// tcpinfo-dump verify: whether archives are whole and say what can be true.
#include <fmt/format.h>

#include <tcpinfo/tcp.h>
#include <array>
#include <iterator>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>

#include "common/sequences.h"
#include "offline/commands/commands.h"
#include "offline/flows/poll_log.h"
#include "offline/flows/summary_check.h"
#include "offline/inputs/file_names.h"
#include "offline/inputs/inputs.h"
#include "offline/text/times.h"
#include "text/escape.h"

namespace tcpinfo::offline {
namespace {

/// What only grows as long as a socket is not connected anew.
constexpr tcp_field checked_counters[] = {
    tcp_field::total_retrans,  tcp_field::bytes_acked,
    tcp_field::bytes_received, tcp_field::segs_out,
    tcp_field::segs_in,        tcp_field::data_segs_in,
    tcp_field::data_segs_out,  tcp_field::busy_time,
    tcp_field::rwnd_limited,   tcp_field::sndbuf_limited,
    tcp_field::delivered,      tcp_field::delivered_ce,
    tcp_field::bytes_sent,     tcp_field::bytes_retrans,
    tcp_field::dsack_dups,     tcp_field::reord_seen,
    tcp_field::rcv_ooopack,    tcp_field::rehash,
    tcp_field::total_rto,      tcp_field::total_rto_recoveries,
    tcp_field::total_rto_time,
};
constexpr std::size_t counter_count = std::size(checked_counters);

/// A counter may pass its width: then the step forward, counted around, is the shorter one.
bool went_back(std::uint64_t before, std::uint64_t now, unsigned bits) {
  if (now >= before) return false;
  if (bits >= 64) return true;
  const std::uint64_t range = std::uint64_t{1} << bits;
  return before - now <= range / 2;
}

/// What is told once a file, or once for each archive in a segment.
enum class told_once : std::uint8_t { cookie, no_time, opened };

/// Where one of a connection's archives is.
struct archive_place {
  std::string file;
  bool in_segment = false;
};

struct connection {
  std::map<std::uint64_t, archive_place> archives;  // by sequence
  // Of the latest record.
  std::optional<std::uint64_t> sequence;
  timestamp time;
  std::string run;
  std::uint64_t poll = no_poll;
  bool any = false;
  bool info = false;
  std::uint16_t sport = 0;
  std::uint16_t dport = 0;
  std::uint8_t state = 0;
  std::array<std::optional<std::uint64_t>, counter_count> counts;
};

class verifier {
 public:
  verifier(output& out, const verify_options& options)
      : out_(out), options_(options), summaries_(options.max_window_log) {}

  int run(const say& complain) {
    const walk_options all{.captures = true, .max_window_log = options_.max_window_log};
    input_walk walk(options_.paths, all, [this, &complain](const input_fault& f) {
      // What is passed over was not to be verified.
      if (f.note)
        complain(to_string(f));
      else
        find(f);
      return !out_.closed();
    });
    // Its faults are counted by the reader, which does not tell of all.
    input_reader reader(
        [this](const input_fault& f) {
          print(f);
          return !out_.closed();
        },
        {.captures = true,
         .max_window_log = options_.max_window_log,
         .all_faults = options_.verbose});
    reader_ = &reader;
    input_record r;
    std::string path;
    while (walk.next(path)) {
      for (bool any = reader.open(path); any; any = reader.open_next()) {
        begin_file();
        while (reader.next(r)) take(r);
        end_file();
      }
    }
    findings_ += reader.faults();
    holes();
    if (!options_.quiet) summary();
    return end_status(out_, findings_ != 0, complain);
  }

 private:
  void print(const input_fault& f) { out_.put(text::escaped(to_string(f)) + "\n"); }
  void find(const input_fault& f) {
    ++findings_;
    print(f);
  }
  void find(std::uint64_t line, std::string_view what) { reader_->tell(line, what); }

  void begin_file() {
    path_ = reader_->file();
    summaries_.begin(path_);
    ++files_;
    archive_.clear();
    goes_on_ = in_segment_ = false;
    told_.clear();
    begin_archive(reader_->name());
    const name_parts parts = take_apart(base_name(reader_->name()));
    if (parts.partial && (named_ || parts.segment)) ++partial_;
  }

  void end_file() {
    if (reader_->is_capture()) return;
    end_archive();
    if (!reader_->stopped()) summaries_.end([this](std::string_view what) { find(0, what); });
  }

  // Of a file, or one of a segment.
  void begin_archive(const std::string& name) {
    metadata_records_ = 0;
    records_in_archive_ = 0;
    connection_ = nullptr;
    context_ = nullptr;
    named_ = !parse_archive_name(name, name_);
    name_uuid_ = named_ ? std::string(name_.uuid) : std::string();
  }

  void end_archive() {
    if (reader_->stopped() || goes_on_ || metadata_records_ != 0 || records_in_archive_ == 0)
      return;
    if (in_segment_)
      find(first_record_, fmt::format("no metadata record in '{}'", archive_));
    else
      find(1, "no metadata record");
  }

  // Of a segment: another archive, or one that goes on.
  void begin_archive(const input_record& r) {
    end_archive();
    in_segment_ = true;
    archive_ = r.context->archive;
    goes_on_ = r.goes_on;
    first_record_ = r.line;
    begin_archive(archive_);
    if (!goes_on_) {
      ++archives_;
      return;
    }
    // Its records before, the metadata record first among them, were seen or are in another file.
    metadata_records_ = r.context->source == uuid_source::metadata ? 1 : 0;
    records_in_archive_ = 1;
    enter(r);
    check_sequence(r);
  }

  // Whether to tell of it now.
  [[nodiscard]] bool is_first(told_once what) { return told_.emplace(archive_, what).second; }

  void take(const input_record& r) {
    if (r.begins_archive) begin_archive(r);
    if (context_ != r.context) enter(r);
    if (r.is_metadata) metadata_record(r);
    summaries_.take(r);
    if (!r.has_message) {
      if (r.says_nothing()) find(r.line, nothing_said);
      return;
    }
    ++records_;
    ++records_in_archive_;
    choose_connection(r);
    if (r.of_capture) return;  // nothing to hold it against
    if (metadata_records_ == 0 && records_in_archive_ == 1 && context_->sequence) check_sequence(r);
    check_uuid(r);
    check_times(r);
    check_counters(r);
    check_end(r);
    connection& c = *connection_;
    c.any = true;
    c.sport = r.m.sport();
    c.dport = r.m.dport();
    c.state = static_cast<std::uint8_t>(r.m.state());
  }

  void enter(const input_record& r) {
    context_ = r.context;
    connection_ = nullptr;
    if (!context_->run.empty()) {
      run_ = polls_.run_number(context_->poller());
      runs_.insert(context_->run);
    }
    choose_connection(r);
  }

  void choose_connection(const input_record& r) {
    const bool one_a_file = context_->source == uuid_source::metadata;
    if (one_a_file ? connection_ == nullptr : r.has_message)
      connection_ = &connections_[r.connection_key()];
  }

  void metadata_record(const input_record& r) {
    ++metadata_records_;
    const bool concatenated = path_ == stdin_path;  // many files one after the other
    if (metadata_records_ > 1 && !concatenated)
      find(r.line, "a second metadata record");
    else if (records_in_archive_ != 0 && !concatenated)
      find(r.line, "the metadata record is not the first");
    if (context_->source != uuid_source::metadata)
      find(r.line, "the metadata record names no UUID");
    else if (named_ && context_->uuid != name_uuid_)
      find(r.line,
           fmt::format("the UUID is {}, by {} name {}", context_->uuid, whose_name(), name_uuid_));
    if (named_ && context_->sequence != name_.sequence)
      find(r.line, fmt::format("the sequence number is {}, by {} name {}",
                               context_->sequence.value_or(0), whose_name(), name_.sequence));
    check_sequence(r);
  }

  [[nodiscard]] std::string_view whose_name() const {
    return in_segment_ ? "the archive's" : "the file's";
  }

  void check_sequence(const input_record& r) {
    // Metadata without a UUID do not say whose sequence it is.
    if (!context_->sequence || connection_ == nullptr) return;
    connection& c = *connection_;
    const std::uint64_t sequence = *context_->sequence;
    const auto [it, is_new] = c.archives.try_emplace(sequence, archive_place{path_, in_segment_});
    if (is_new && goes_on_) ++archives_;
    const bool elsewhere = it->second.file != path_ || it->second.in_segment != in_segment_;
    if (!is_new && !goes_on_ && elsewhere)
      find(r.line, fmt::format("sequence number {} of this connection is in {} too", sequence,
                               it->second.file));
    else if (!is_new && !goes_on_ && in_segment_ && metadata_records_ < 2)
      find(r.line, fmt::format("sequence number {} of this connection begins twice", sequence));
    // What came before counts only where this archive is the next one, or goes on.
    if (goes_on_ && c.sequence == sequence) return;
    if (c.sequence && *c.sequence + 1 != sequence) {
      auto archives = std::move(c.archives);
      c = connection();
      c.archives = std::move(archives);
    }
    c.sequence = sequence;
  }

  void check_uuid(const input_record& r) {
    std::uint64_t cookie = 0;
    if (context_->source == uuid_source::cookie || parse_uuid_cookie(context_->uuid, cookie))
      return;
    if (cookie == r.m.cookie() || !is_first(told_once::cookie)) return;
    find(r.line,
         fmt::format("a record of another connection: its cookie is {:016X}, the UUID's {:016X}",
                     r.m.cookie(), cookie));
  }

  void check_times(const input_record& r) {
    connection& c = *connection_;
    if (!r.time.is_zero()) {
      if (!c.time.is_zero() && compare(r.time, c.time) < 0)
        find(r.line,
             fmt::format("time goes back by {}", span_text(nanoseconds_between(c.time, r.time))));
      c.time = r.time;
    } else if (is_first(told_once::no_time)) {
      find(r.line, "a record without a time (told once a file)");
    }
    if (r.poll == no_poll) return;
    if (!context_->run.empty()) polls_.see(run_, r.poll);
    if (c.poll != no_poll && c.run == context_->run && r.poll <= c.poll)
      find(r.line, r.poll == c.poll ? fmt::format("a second record of poll {}", r.poll)
                                    : fmt::format("poll {} after poll {}", r.poll, c.poll));
    if (c.poll != no_poll && c.run != context_->run) ++gaps_;
    c.poll = r.poll;
    c.run = context_->run;
  }

  // What only a final record says, and of itself only.
  void check_end(const input_record& r) {
    const bool end = r.m.state() == static_cast<std::uint8_t>(tcp_state::close);
    if (!end && (r.carried != 0 || !r.ended.is_zero()))
      find(r.line, "Ended and Carried are for a connection's final record only");
    if (!r.ended.is_zero() && !r.time.is_zero() && compare(r.ended, r.time) > 0)
      find(r.line, fmt::format("it ended {} after its final record",
                               span_text(nanoseconds_between(r.ended, r.time))));
    const timestamp& opened = context_->opened;
    const timestamp& last = r.ended.is_zero() ? r.time : r.ended;
    if (!opened.is_zero() && !last.is_zero() && compare(opened, last) > 0 &&
        is_first(told_once::opened)) {
      find(r.line, fmt::format("{} {} before it was opened (told once a file)",
                               end ? "it ended" : "a record from",
                               span_text(nanoseconds_between(opened, last))));
    }
    std::uint32_t absent = r.carried & ~ends_bit;
    for (const attribute& a : r.m.attributes()) absent &= ~attribute_bit(a.type);
    if (absent != 0)
      find(r.line, fmt::format("Carried names what is not there: {}", part_names(absent, ',')));
    const connection& c = *connection_;
    if ((r.carried & ends_bit) != 0 && c.any && (c.sport != r.m.sport() || c.dport != r.m.dport()))
      find(r.line, "Carried says ID, and the record before has other ports");
  }

  void check_counters(const input_record& r) {
    if (decoded_.decode(r.m, context_->layout)) return;
    if (decoded_.has(snapshot_fault::malformed_tail))
      find(r.line, "attributes end in a malformed one");
    if (decoded_.has(snapshot_fault::partial_field)) find(r.line, cut_in_a_field);
    connection& c = *connection_;
    // The same socket connected anew counts anew. An aborted one has no remote port at its end.
    const bool anew = c.any && r.m.state() != static_cast<std::uint8_t>(tcp_state::close) &&
                      (c.sport != r.m.sport() || c.dport != r.m.dport() ||
                       c.state == static_cast<std::uint8_t>(tcp_state::close));
    if (anew) c.counts = {};
    if (!decoded_.has(field_group::info)) return;
    for (std::size_t i = 0; i < counter_count; ++i) {
      const auto now = decoded_.value(checked_counters[i]);
      if (!now) continue;
      std::optional<std::uint64_t>& before = c.counts[i];
      const tcp_field_descriptor d = tcpinfo::describe(checked_counters[i]);
      if (before && went_back(*before, *now, d.bits()))
        find(r.line, fmt::format("{} goes back from {} to {}", d.csv_name(), *before, *now));
      before = now;
    }
  }

  void holes() {
    for (const auto& [uuid, c] : connections_) {
      bool any = false;
      std::uint64_t last = 0;
      for (const auto& [sequence, place] : c.archives) {
        const std::uint64_t missing = any ? missing_between(last, sequence) : 0;
        if (missing > 0) {
          gaps_ += missing;
          // The name of a segment does not tell the connection.
          const std::string of = place.in_segment ? " of " + uuid : std::string();
          find({place.file, place.in_segment ? 0U : 1U,
                fmt::format("sequence number {}{} follows {}: {} missing", sequence, of, last,
                            missing)});
        }
        any = true;
        last = sequence;
      }
    }
  }

  void summary() {
    std::string text =
        fmt::format("{} files, {} connections, {} records", files_, connections_.size(), records_);
    if (archives_ != 0) text += fmt::format(", {} archives in segments", archives_);
    if (partial_ != 0) text += fmt::format(", {} files not complete (.part)", partial_);
    if (!runs_.empty()) text += fmt::format(", {} runs, {} polls", runs_.size(), polls_.seen());
    // A poll in which nothing changed anywhere leaves no record either.
    if (const std::uint64_t silent = polls_.silent(); silent != 0)
      text += fmt::format(", {} polls without a record (nothing changed, or missed)", silent);
    text += fmt::format(", {} gaps, {} findings\n", gaps_, findings_);
    out_.put(text);
  }

  output& out_;
  const verify_options& options_;
  input_reader* reader_ = nullptr;

  std::string path_;
  archive_name name_;
  std::string name_uuid_;
  bool named_ = false;
  std::set<std::pair<std::string, told_once>> told_;
  std::string archive_;  // its path in the segment
  bool in_segment_ = false;
  bool goes_on_ = false;
  std::uint64_t first_record_ = 0;  // of the archive in the segment
  std::uint64_t metadata_records_ = 0;
  std::uint64_t records_in_archive_ = 0;
  std::shared_ptr<const input_context> context_;
  connection* connection_ = nullptr;
  std::set<std::string> runs_;
  std::uint32_t run_ = 0;

  snapshot decoded_;
  summary_check summaries_;
  poll_log polls_;
  std::map<std::string, connection> connections_;
  std::uint64_t files_ = 0;
  std::uint64_t partial_ = 0;
  std::uint64_t archives_ = 0;  // in segments
  std::uint64_t records_ = 0;
  std::uint64_t gaps_ = 0;
  std::uint64_t findings_ = 0;
};

}  // namespace

int verify_files(output& out, const verify_options& options, const say& complain) {
  return verifier(out, options).run(complain);
}

}  // namespace tcpinfo::offline
