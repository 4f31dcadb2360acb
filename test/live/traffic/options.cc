// SPDX-License-Identifier: Apache-2.0
#include "traffic/options.h"

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <string_view>

#include "traffic/report.h"

namespace traffic {

const char* const usage =
    "usage: traffic short|hold|churn --truth FILE --v4 ADDRESS --v6 ADDRESS\n"
    "               [--receiver-ns PATH --sender-ns PATH] ...\n"
    "  ADDRESS is the receiver's; leave one out to use the other family only.\n"
    "short: --class NAME:LIFETIME_US:COUNT:THREADS:SLOTS   may be repeated; classes run together\n"
    "       --max-seconds 60    opens nothing more after this time\n"
    "hold:  --connections 100 --active 10   connections in all, of them sending\n"
    "       --gap-ms 10 --burst 200         each active one sends so many bytes so often\n"
    "       --seconds 5                     how long, counted from when all are open\n"
    "       --close-ms 1000                 closing is spread over this time\n"
    "churn: as hold, and\n"
    "       --rate 100                      so many end a second, and as many begin\n"
    "short, churn: --closings sender_fin,receiver_fin,sender_rst,receiver_close,receiver_rst\n"
    "prints `open` when all are open (hold, churn) and one line of statistics at the end\n";

namespace {

int64_t parse_number(std::string_view text, const char* what, int64_t low, int64_t high) {
  const std::string copy(text);
  char* end = nullptr;
  errno = 0;
  const int64_t value = std::strtoll(copy.c_str(), &end, 10);
  if (copy.empty() || *end != '\0' || errno != 0 || value < low || value > high)
    die("%s: bad number '%s'", what, copy.c_str());
  return value;
}

lifetime_class parse_class(std::string_view text) {
  std::vector<std::string_view> parts;
  for (;;) {
    const size_t colon = text.find(':');
    parts.push_back(text.substr(0, colon));
    if (colon == std::string_view::npos) break;
    text.remove_prefix(colon + 1);
  }
  if (parts.size() != 5) die("--class: want NAME:LIFETIME_US:COUNT:THREADS:SLOTS");
  lifetime_class result;
  result.name = std::string(parts[0]);
  result.lifetime_ns = parse_number(parts[1], "--class", 0, 60'000'000) * 1000;
  result.count = static_cast<uint64_t>(parse_number(parts[2], "--class", 1, 1'000'000));
  result.threads = static_cast<unsigned>(parse_number(parts[3], "--class", 1, 64));
  result.slots = static_cast<unsigned>(parse_number(parts[4], "--class", 1, 1000));
  return result;
}

std::vector<closing> parse_closings(std::string_view text) {
  std::vector<closing> result;
  for (;;) {
    const size_t comma = text.find(',');
    const std::string_view name = text.substr(0, comma);
    const auto found = std::find(closing_names.begin(), closing_names.end(), name);
    if (found == closing_names.end()) die("--closings: no '%s'", std::string(name).c_str());
    result.push_back(all_closings[static_cast<size_t>(found - closing_names.begin())]);
    if (comma == std::string_view::npos) return result;
    text.remove_prefix(comma + 1);
  }
}

}  // namespace

options parse_options(int argc, char** argv) {
  options result;
  for (int i = 2; i < argc; ++i) {
    const std::string_view name = argv[i];
    if (i + 1 >= argc) die("%s: value missing", argv[i]);
    const std::string value = argv[++i];
    const char* what = argv[i - 1];
    if (name == "--receiver-ns") {
      result.receiver.open(value);
      result.has_receiver = true;
    } else if (name == "--sender-ns") {
      result.sender.open(value);
      result.has_sender = true;
    } else if (name == "--v4") {
      result.v4 = value;
    } else if (name == "--v6") {
      result.v6 = value;
    } else if (name == "--truth") {
      result.truth_file = value;
    } else if (name == "--class") {
      result.classes.push_back(parse_class(value));
    } else if (name == "--max-seconds") {
      result.max_seconds = parse_number(value, what, 1, 3600);
    } else if (name == "--connections") {
      result.connections = static_cast<uint64_t>(parse_number(value, what, 1, 100'000));
    } else if (name == "--active") {
      result.active = static_cast<uint64_t>(parse_number(value, what, 0, 100'000));
    } else if (name == "--gap-ms") {
      result.gap_ms = parse_number(value, what, 1, 60'000);
    } else if (name == "--burst") {
      result.burst = static_cast<uint64_t>(parse_number(value, what, 1, 65'536));
    } else if (name == "--seconds") {
      result.seconds = parse_number(value, what, 0, 3600);
    } else if (name == "--close-ms") {
      result.close_ms = parse_number(value, what, 0, 60'000);
    } else if (name == "--rate") {
      result.rate = static_cast<uint64_t>(parse_number(value, what, 1, 10'000));
    } else if (name == "--closings") {
      result.closings = parse_closings(value);
    } else {
      die("unknown option %s", what);
    }
  }
  if (result.truth_file.empty()) die("--truth is missing");
  if (result.families().empty()) die("--v4 or --v6 is missing");
  if (result.has_receiver != result.has_sender) die("give both namespaces or none");
  return result;
}

}  // namespace traffic
