// SPDX-License-Identifier: Apache-2.0
//
// What is told of something lost or unreadable.
#ifndef TCPINFO_OFFLINE_INPUTS_FAULT_H
#define TCPINFO_OFFLINE_INPUTS_FAULT_H

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>

namespace tcpinfo::offline {

/// The name of standard input on the command line, and in messages.
inline constexpr std::string_view stdin_path = "-";

/// Something lost or unreadable. The views are valid during the call only.
struct input_fault {
  std::string_view file;   ///< as it was named, or found in a directory; "-" is standard input
  std::uint64_t line = 0;  ///< from 1; 0 where the file as a whole is meant
  std::string_view what;
  bool of_record = false;  ///< `line` is the number of a record in a segment
  bool note = false;       ///< nothing is lost by it, or it was counted already
};

/// Hears of faults, at once and in the order of the input.
/// @return false to stop reading (--strict): the reader then behaves as at the end of all.
using fault_callback = std::function<bool(const input_fault&)>;

/// Tells the first ten faults of a kind in one file, and of the rest how many there are. Two are of
/// one kind where they differ in numbers alone.
class fault_limit {
 public:
  /// `all`: tell each one.
  explicit fault_limit(bool all) : all_(all) {}

  /// @return whether to tell this one.
  [[nodiscard]] bool tells(std::string_view what);
  /// At the end of the file: calls `tell(text)` for each kind of which some were not told.
  template <class F>
  void end(F&& tell) {
    for (const auto& [kind, k] : kinds_)
      if (k.count > told_of_a_kind) tell(rest_of(k.count - told_of_a_kind, k.first));
    kinds_.clear();
  }

 private:
  static constexpr std::uint64_t told_of_a_kind = 10;
  struct seen {
    std::uint64_t count = 0;
    std::string first;
  };
  [[nodiscard]] static std::string rest_of(std::uint64_t more, std::string_view first);

  bool all_;
  std::map<std::string, seen> kinds_;
};

/// "file:line: what", or "file: record N: what" of a segment, without the number where there is
/// none: what a fault prints on stderr.
[[nodiscard]] std::string to_string(const input_fault& f);

}  // namespace tcpinfo::offline

#endif
